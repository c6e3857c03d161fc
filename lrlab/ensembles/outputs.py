"""Tables of outputs: the checks they pass, and the probabilities they stand for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import scipy.special

KINDS = ("logits", "probabilities")
SUM_TOLERANCE = 1e-3  # what float16 loses in rounding the numbers of a row that sums to 1


def checked_members(members: Iterable[np.ndarray], kind: str) -> Iterator[np.ndarray]:
    """Check the members one after the other, and yield each as the array it is."""
    shape = None
    check = checked_probabilities if kind == "probabilities" else checked_table
    for i, member in enumerate(members):
        array = np.asarray(member)
        check(f"members[{i}]", array)
        if shape not in (None, array.shape):
            raise ValueError(
                f"members[{i}] must have the first member's shape {shape}, received {array.shape}"
            )
        shape = array.shape
        yield array
    if shape is None:
        raise ValueError("members must be one or more, received none")


def as_probabilities(member: np.ndarray, kind: str) -> np.ndarray:
    """Return a checked member's probabilities in float64; each row sums to 1."""
    rows = member.astype(np.float64)
    if kind == "logits":
        return scipy.special.softmax(rows, axis=1)
    return rows / rows.sum(axis=1, keepdims=True)


def checked_table(name: str, values: np.ndarray) -> np.ndarray:
    """Return a table of numbers, a row an example, after a check that they fit into float32."""
    array = np.asarray(values)
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{name} must be an array of real numbers, received {array.dtype}")
    if array.ndim != 2 or array.shape[0] < 1 or array.shape[1] < 2:
        raise ValueError(
            f"{name} must have shape (examples, classes) with an example and two classes or more, "
            f"received {array.shape}"
        )
    fits = np.abs(array) <= np.finfo(np.float32).max  # NaN is not
    if not fits.all():
        raise ValueError(f"{name} must be finite in float32, received {array[~fits][0]}")
    return array


def checked_probabilities(name: str, values: np.ndarray) -> np.ndarray:
    """Return probabilities in float64; rows that sum to 1 but for rounding sum to 1 afterwards."""
    array = checked_table(name, values).astype(np.float64)
    if (array < 0).any():
        raise ValueError(f"{name} must be at least 0, received {array[array < 0][0]}")
    sums = array.sum(axis=1, keepdims=True)
    wrong = np.abs(sums - 1) > SUM_TOLERANCE
    if wrong.any():
        raise ValueError(
            f"{name} must have rows that sum to 1 within {SUM_TOLERANCE}, "
            f"received a row of sum {sums[wrong][0]}"
        )
    return array / sums


def checked_classes(name: str, values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return the numbers of classes, one for each row of a table of that shape, as int64."""
    array = np.asarray(values)
    examples, classes = shape
    if array.dtype.kind not in "iu" or array.shape != (examples,):
        raise ValueError(
            f"{name} must be integers of shape ({examples},), "
            f"received {array.dtype} of shape {array.shape}"
        )
    wrong = (array < 0) | (array >= classes)
    if wrong.any():
        raise ValueError(f"{name} must be in 0 to {classes - 1}, received {array[wrong][0]}")
    return array.astype(np.int64)

"""How good a classifier's probabilities are: accuracy, log-loss and calibration.

Probabilities have shape ``(examples, classes)``, one row an example; labels are the numbers of the
right classes, counted from 0.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lrlab.utils import checks

SUM_TOLERANCE = 1e-3  # what float16 loses in rounding the numbers of a row that sums to 1


class Scores(NamedTuple):
    """Three scores on one set of examples.

    Args:
        accuracy: The share of examples whose predicted class is right, in [0, 1].
        log_loss: Mean of -log of the right class's probability, in nats, at least 0.
        calibration_error: Expected calibration error, in [0, 1].
    """

    accuracy: float
    log_loss: float
    calibration_error: float


def score(
    probabilities: np.ndarray,
    labels: np.ndarray,
    *,
    classes: np.ndarray | None = None,
    bins: int = 15,
) -> Scores:
    r"""Score probabilities p of N examples, whose right classes are y, in three ways.

    The log-loss is :math:`-\frac1N\sum_n \log p_{n,y_n}`, infinite if a right class was given 0:
    nothing is clipped.

    The confidence of an example is the probability of its predicted class. By it the examples are
    put into M bins of equal width, :math:`B_m = (\frac{m-1}{M}, \frac{m}{M}]`, and the expected
    calibration error is the mean gap between how sure and how right the predictions of a bin are,

    .. math:: \sum_m \frac{|B_m|}{N} \left| \mathrm{accuracy}(B_m) - \mathrm{confidence}(B_m)
        \right|

    with the mean confidence of a bin. Empty bins add nothing; a confidence of 0 is in the first.

    Args:
        probabilities: Shape ``(examples, classes)``; rows sum to 1 but for rounding (0.001) and
            are divided by their sum.
        labels: The right classes, shape ``(examples,)``.
        classes: The predicted classes, shape ``(examples,)``; by default the most probable class
            of each row, the first of several.
        bins: Number M of bins, at least 1.

    Raises:
        ValueError: The probabilities, labels, classes or bins break a rule, or shapes do not fit.

    Example:
        Of two examples at confidence 0.75 one is right, and the one at 1 is right.

        >>> scores = score([[0.75, 0.25], [0.75, 0.25], [0, 1]], [0, 1, 1], bins=4)
        >>> [round(value, 4) for value in scores]
        [0.6667, 0.558, 0.1667]

    References:
        Guo, Pleiss, Sun, Weinberger 2017, arXiv:1706.04599, eq. 3.
    """
    rows = checked_probabilities("probabilities", probabilities)
    labels = checked_classes("labels", labels, rows.shape)
    predicted = rows.argmax(axis=1)
    if classes is not None:
        predicted = checked_classes("classes", classes, rows.shape)
    bins = checks.count("bins", bins)
    right = predicted == labels
    confidence = rows[np.arange(len(rows)), predicted]
    return Scores(
        accuracy=float(right.mean()),
        log_loss=_log_loss(rows[np.arange(len(rows)), labels]),
        calibration_error=_calibration_error(confidence, right, bins),
    )


def softmax(logits: np.ndarray) -> np.ndarray:
    r"""Turn logits into probabilities along the last axis, in float64.

    :math:`p_c = e^{z_c} / \sum_j e^{z_j}`.

    Args:
        logits: Finite numbers, shape ``(..., classes)``.

    Returns:
        Probabilities of the same shape.

    Example:
        >>> softmax(np.log([[1, 3], [2, 2]])).round(4).tolist()
        [[0.25, 0.75], [0.5, 0.5]]
    """
    logits = np.asarray(logits, dtype=np.float64)
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def checked_table(name: str, values: np.ndarray) -> np.ndarray:
    """A number for each example and class, finite also in float32, as the array it is."""
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
    """Probabilities as a float64 array of which every row is divided by its sum, 1 but rounding."""
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
    """One class for each row of a table of that shape, as an int64 array."""
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


def _log_loss(given: np.ndarray) -> float:
    """The loss of the probabilities that the right classes were given."""
    with np.errstate(divide="ignore"):  # log 0 is meant
        return float(0.0 - np.log(given).mean())  # a perfect loss is 0.0 and not -0.0


def _calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int) -> float:
    # Edges are rounded quotients, so that a confidence of 0.3 is on the edge 3/10, not beside it.
    index = np.searchsorted(np.arange(1, bins) / bins, confidence, side="left")
    gaps = np.bincount(index, weights=right - confidence)
    return float(np.abs(gaps).sum() / len(confidence))

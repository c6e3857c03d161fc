"""What a network says about images, and how good that is."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
from keras import ops

from lrlab.keras.snapshots import load_snapshot
from lrlab.training import SnapshotError, snapshot_paths
from lrlab.utils import checks

EVALUATION_BATCH = 2_000  # images; bounds the memory that evaluation takes


def to_floats(images: np.ndarray) -> np.ndarray:
    """Scale pixels from 0 … 255 to [−1, 1].

    Args:
        images: uint8, shape ``(N, height, width, channels)``.

    Returns:
        float32, of the same shape.

    Example:
        >>> to_floats(np.array([[[[0]], [[255]]]], np.uint8)).ravel()
        array([-1.,  1.], dtype=float32)
    """
    pixels = images.astype(np.float32)
    pixels -= 127.5
    pixels /= 127.5
    return pixels


def check_outputs(model: keras.Model, image: np.ndarray, classes: int) -> None:
    """Refuse labels past the last output: a cryptic error on a CPU, a loss of NaN on a GPU.

    Args:
        model: The network; it is built if it was not.
        image: One image, shape ``(1, height, width, channels)``.
        classes: Number of classes.

    Raises:
        ValueError: The model has fewer outputs than classes.
    """
    shape = tuple(model(image, training=False).shape)
    if len(shape) != 2 or shape[1] < classes:
        raise ValueError(
            f"model must give logits of shape (N, {classes}) for this data set, gives (N, "
            + ", ".join(map(str, shape[1:]))
            + ")"
        )


def member_logits(
    folder: Path | str, images: np.ndarray, *, batch_size: int = EVALUATION_BATCH
) -> Iterator[np.ndarray]:
    """Give the outputs of one snapshot after the other, with one model at a time in memory.

    Args:
        folder: The folder of a run's snapshots.
        images: Float images ``(N, height, width, channels)`` as the models take them, see
            `lrlab.keras.to_floats`; N is at least 1.
        batch_size: Images that a model is given at once; bounds the memory that this takes.

    Returns:
        An iterator of float32 arrays of shape ``(N, classes)``, for `lrlab.ensembles.Ensemble`.

    Raises:
        ValueError: An argument breaks its rule.
        SnapshotError: There are no snapshots. When its turn comes: a snapshot cannot be loaded,
            takes images of another shape, or has other classes than the first.
    """
    checks.count("batch_size", batch_size)
    if not len(images):
        raise ValueError("images must be one or more, received none")
    return _each_logits(snapshot_paths(folder, ".keras"), images, batch_size)


def _each_logits(
    paths: tuple[Path, ...], images: np.ndarray, batch_size: int
) -> Iterator[np.ndarray]:
    classes = None
    for path in paths:
        outputs = _logits(path, images, batch_size)
        if classes not in (None, outputs.shape[1]):
            raise SnapshotError(
                f"{path} has {outputs.shape[1]} classes and {paths[0]} has {classes}, so they are "
                "no members of one ensemble"
            )
        classes = outputs.shape[1]
        gc.collect()  # the model holds references to itself
        yield outputs


def _logits(path: Path, images: np.ndarray, batch_size: int) -> np.ndarray:
    model = load_snapshot(path)
    takes = getattr(model, "input_shape", None)  # a subclassed model does not say
    if takes is not None and not _admits(takes[1:], images.shape[1:]):
        raise SnapshotError(
            f"{path} takes images of shape {takes[1:]}, received images of shape {images.shape[1:]}"
        )
    # Called batch by batch: predict() would trace a new function for every member.
    starts = range(0, len(images), batch_size)
    outputs = [model(images[start : start + batch_size], training=False) for start in starts]
    logits = np.concatenate([ops.convert_to_numpy(output) for output in outputs])
    if logits.ndim != 2:
        raise SnapshotError(
            f"{path} must give logits of shape (N, classes), gives shape {logits.shape}"
        )
    return logits


def _admits(takes: tuple[int | None, ...], shape: tuple[int, ...]) -> bool:
    """Whether a model's input, with None for any length, admits a shape."""
    return len(takes) == len(shape) and all(
        length in (None, own) for length, own in zip(takes, shape, strict=True)
    )

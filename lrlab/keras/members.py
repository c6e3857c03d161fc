"""The snapshots of one run as members of an ensemble."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from keras import ops

from lrlab import checks
from lrlab.keras.snapshots import load_snapshot
from lrlab.keras.training import EVALUATION_BATCH
from lrlab.snapshot_folder import SnapshotError, snapshot_paths


def member_logits(
    folder: Path | str, images: np.ndarray, *, batch_size: int = EVALUATION_BATCH
) -> Iterator[np.ndarray]:
    """Give the outputs of one snapshot after the other, with one model at a time in memory.

    Args:
        folder: The folder of a run's snapshots.
        images: Float images ``(N, height, width, channels)`` as the models take them, see
            `lrlab.keras.training.to_floats`; N is at least 1.
        batch_size: Images that a model is given at once; bounds the memory that this takes.

    Returns:
        An iterator of float32 arrays of shape ``(N, classes)``, for `lrlab.ensemble.Ensemble`.

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

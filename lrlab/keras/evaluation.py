"""What a network says about images, and how good that is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import keras
import numpy as np
from keras import ops

from lrlab.data import Dataset, as_floats
from lrlab.keras.snapshot_files import load_snapshot
from lrlab.training import Evaluation

EVALUATION_BATCH = 2_000  # images; bounds the memory that evaluation takes


def evaluate(model: keras.Model, dataset: Dataset) -> Evaluation:
    """Return the loss and the accuracy of a classifier on the test images.

    Args:
        model: The network; it is called in inference mode.
        dataset: Whose test images are classified.
    """
    outputs, labels = logits(model, dataset.x_test), dataset.y_test
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, outputs)
    return Evaluation(float(loss), float(np.mean(outputs.argmax(axis=1) == labels)))


def logits(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Return a network's outputs for many images, batch by batch.

    Args:
        model: The network; it is called in inference mode.
        images: uint8, shape ``(N, height, width, channels)``, as in a `Dataset`; N is at least 1.

    Returns:
        float32 array of shape ``(N, classes)``.

    Raises:
        ValueError: There is no image, or they are no uint8.
    """
    if not len(images):
        raise ValueError("images must be one or more, received none")
    # Called batch by batch: predict() would trace a new function for every network.
    starts = range(0, len(images), EVALUATION_BATCH)
    parts = (as_floats(images[start : start + EVALUATION_BATCH]) for start in starts)
    return np.concatenate([ops.convert_to_numpy(model(part, training=False)) for part in parts])


def member_logits(
    paths: Iterable[Path | str], model: keras.Model, images: np.ndarray
) -> Iterator[np.ndarray]:
    """Give the outputs of one snapshot after the other.

    One network serves them all, so that one member's weights are in memory at a time.

    Args:
        paths: The snapshots, see `lrlab.training.snapshot_paths`.
        model: A network of their layers; its weights are overwritten.
        images: uint8, shape ``(N, height, width, channels)``, as in a `Dataset`.

    Yields:
        float32 arrays of shape ``(N, classes)``, for `lrlab.ensembles.Ensemble`.

    Raises:
        SnapshotError: A snapshot cannot be used, when its turn comes.
    """
    for path in paths:
        yield logits(load_snapshot(path, model), images)


def check_outputs(model: keras.Model, image: np.ndarray, classes: int) -> None:
    """Refuse labels past the last output: a cryptic error on a CPU, a loss of NaN on a GPU.

    Args:
        model: The network; it is built if it was not.
        image: One float image, shape ``(1, height, width, channels)``.
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

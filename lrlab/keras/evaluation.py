"""What a network says about images or sequences, and how good that is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import keras
import numpy as np
from keras import ops

from lrlab.data import Dataset, as_inputs
from lrlab.keras.snapshot_files import load_snapshot
from lrlab.training import Evaluation, check_logits

EVALUATION_BATCH = 2_000  # images; bounds the memory that evaluation takes


def evaluate(model: keras.Model, dataset: Dataset) -> Evaluation:
    """Return the loss and the accuracy of a classifier on the test images, or of a language model.

    Args:
        model: The network; it is called in inference mode.
        dataset: Whose test images are classified, or whose test sequences are predicted.
    """
    outputs, labels = logits(model, dataset.x_test), dataset.y_test
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, outputs)
    return Evaluation(float(loss), float(np.mean(outputs.argmax(axis=-1) == labels)))


def logits(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Return a network's outputs for many images or sequences, batch by batch.

    Args:
        model: The network; it is called in inference mode.
        images: uint8, shape ``(N, height, width, channels)`` or ``(N, length)``, as in a `Dataset`;
            N is at least 1.

    Returns:
        float32 array of shape ``(N, classes)`` or ``(N, length, classes)``.

    Raises:
        ValueError: There is no image, or they are no uint8.
    """
    if not len(images):
        raise ValueError("images must be one or more, received none")
    # Called batch by batch: predict() would trace a new function for every network.
    starts = range(0, len(images), EVALUATION_BATCH)
    parts = (as_inputs(images[start : start + EVALUATION_BATCH]) for start in starts)
    return np.concatenate([ops.convert_to_numpy(model(part, training=False)) for part in parts])


def check_outputs(model: keras.Model, dataset: Dataset) -> None:
    """Refuse a model that does not suit the labels, see `lrlab.training.check_logits`.

    Args:
        model: The network; it is called in inference mode.
        dataset: Images or sequences, and labels.

    Raises:
        ValueError: The model gives no logits, or has fewer outputs than classes.
    """
    length = dataset.image_shape[0] if dataset.sequential else None
    # Zeros: a model of too few symbols is not to stumble over one that it does not know.
    example = np.zeros_like(as_inputs(dataset.x_test[:1]))
    check_logits(model(example, training=False), dataset.classes, length)


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

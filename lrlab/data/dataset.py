"""A data set in memory: images, labels, and the hash that tells which ones they are."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Images and labels to train on and to test on.

    Args:
        name: Name under which it was loaded.
        x_train: Training images, uint8 array of shape ``(N, H, W, C)``, 0 to 255.
        y_train: Training labels, int64 array of shape ``(N,)``, counted from 0.
        x_test: Test images, as ``x_train``.
        y_test: Test labels, as ``y_train``.
        class_names: Name of each class, in the order of the labels.
        source: Where it came from: ``"LRLAB_DATA"``, ``"embedded"``, ``"cache"`` or
            ``"download"``.

    Example:
        >>> from lrlab.data import load
        >>> digits = load("digits", limit=1000)
        >>> digits.x_train.shape, digits.classes, digits.image_shape
        ((1000, 8, 8, 1), 10, (8, 8, 1))
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    class_names: tuple[str, ...]
    source: str

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an image."""
        return self.x_train.shape[1:]

    @cached_property
    def fingerprint(self) -> str:
        """Short hash of the four arrays, which tells the records which data a run saw."""
        return fingerprint(self.x_train, self.y_train, self.x_test, self.y_test)

    def __repr__(self) -> str:
        return (
            f"<Dataset {self.name}: {len(self.x_train)} training and {len(self.x_test)} test "
            f"images of shape {self.image_shape}, {self.classes} classes>"
        )


class DataError(RuntimeError):
    """A data set cannot be had; the message names the file and the remedy."""


def fingerprint(
    x_train: np.ndarray, y_train: np.ndarray, x_test: np.ndarray, y_test: np.ndarray
) -> str:
    """Identify a data set by its content.

    Args:
        x_train: Training images.
        y_train: Training labels.
        x_test: Test images.
        y_test: Test labels.

    Returns:
        The first 16 hexadecimal digits of the SHA-256 over type, shape and bytes of the four
        arrays. Another encoding of the same images, or another order, gives another fingerprint.

    Example:
        >>> x, y = np.zeros((2, 1, 1, 1), np.uint8), np.array([0, 1], np.int64)
        >>> fingerprint(x, y, x, y)
        '105afd6a3e437f10'
    """
    digest = hashlib.sha256()
    for array in (x_train, y_train, x_test, y_test):
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()[:16]

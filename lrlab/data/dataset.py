"""A data set in memory: its images and labels, and what is asked of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from lrlab.utils import checks


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
        source: Where it came from: ``"LRLAB_DATA"``, ``"embedded"`` in lrlab or scikit-learn,
            ``"cache"`` or ``"download"``.

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
        """Short hash of the four arrays, by which a record says which data its run saw."""
        return fingerprint(self.x_train, self.y_train, self.x_test, self.y_test)

    def hold_out(self, size: int) -> tuple[Dataset, Dataset]:
        """Keep the last training images from training, to decide something on them.

        What is tuned on the test images looks better on them than on any others. Tune on the
        held-out images instead, and use the test images once, at the end.

        Args:
            size: Number of images to hold out, at least 1 and less than all.

        Returns:
            Two data sets. Both have the training images that are left. The first keeps the test
            images; the second has the held-out images in their place. The arrays are views.

        Raises:
            ValueError: ``size`` is not an integer in this range.

        Example:
            >>> from lrlab.data import load
            >>> load("digits").hold_out(497)[1]
            <Dataset digits: 1000 training and 497 test images of shape (8, 8, 1), 10 classes>
        """
        left = len(self.x_train) - checks.count("size", size)
        if left < 1:
            raise ValueError(
                f"size must be less than the {len(self.x_train)} training images, received {size}"
            )
        rest = replace(self, x_train=self.x_train[:left], y_train=self.y_train[:left])
        return rest, replace(rest, x_test=self.x_train[left:], y_test=self.y_train[left:])

    def __repr__(self) -> str:
        return (
            f"<Dataset {self.name}: {len(self.x_train)} training and {len(self.x_test)} test "
            f"images of shape {self.image_shape}, {self.classes} classes>"
        )


class DataError(RuntimeError):
    """A data set cannot be loaded; the message names the file and the remedy."""


def as_floats(images: np.ndarray) -> np.ndarray:
    """Scale pixels from 0 to 255 to the range [-1, 1] that the networks take.

    Args:
        images: uint8 array of any shape.

    Returns:
        ``(images - 127.5) / 127.5``, a float32 array of the same shape.

    Raises:
        ValueError: The images are not uint8, so they may be scaled already.

    Example:
        >>> as_floats(np.array([0, 51, 255], np.uint8))
        array([-1. , -0.6,  1. ], dtype=float32)
    """
    if images.dtype != np.uint8:
        raise ValueError(f"images must be uint8, 0 to 255, received {images.dtype}")
    pixels = images.astype(np.float32)
    pixels -= 127.5  # in place: a whole data set is hundreds of megabytes
    pixels /= 127.5
    return pixels


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
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]

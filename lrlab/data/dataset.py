"""A data set in memory: its images or sequences, their labels, and what is asked of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from lrlab.utils import checks


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Images and labels to train on and to test on, or sequences and the symbols that follow.

    Args:
        name: Name under which it was loaded.
        x_train: Training images, uint8 array of shape ``(N, H, W, C)``, 0 to 255; or sequences of
            symbols, uint8 array of shape ``(N, L)``, counted from 0.
        y_train: Training labels, int64 array of shape ``(N,)``, counted from 0; of sequences one
            for each symbol, shape ``(N, L)``.
        x_test: Test images or sequences, as ``x_train``.
        y_test: Test labels, as ``y_train``.
        class_names: Name of each class, in the order of the labels.
        source: Where it came from: ``"LRLAB_DATA"``, ``"embedded"`` in lrlab or scikit-learn,
            ``"cache"`` or ``"download"``.
        per_epoch: How many training examples an epoch takes, None for all. Of more than that, each
            epoch takes the next ones, and begins anew when too few are left. Fewer are taken
            several times: so an epoch of descent on all of them can have many updates.

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
    per_epoch: int | None = None

    def __post_init__(self) -> None:
        checks.optional(checks.count)("per_epoch", self.per_epoch)

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Height, width and channels of an image; the length of a sequence."""
        return self.x_train.shape[1:]

    @property
    def sequential(self) -> bool:
        """Whether its examples are sequences and no images."""
        return self.x_train.ndim == 2

    @property
    def epoch_size(self) -> int:
        """How many training examples an epoch takes, each as often as it is taken."""
        return self.per_epoch or len(self.x_train)

    def passes(self, epoch: int) -> list[range]:
        """Return the numbers of the training examples that an epoch takes, counted from 0.

        Each pass is shuffled by itself.

        Example:
            >>> from lrlab.data import load
            >>> blobs = load("blobs")
            >>> replace(blobs, per_epoch=200).passes(1), replace(blobs, per_epoch=900).passes(1)
            ([range(200, 400)], [range(0, 500), range(0, 400)])
        """
        size, there = self.epoch_size, len(self.x_train)
        if size <= there:
            start = epoch % (there // size) * size
            return [range(start, start + size)]
        return [range(min(there, size - taken)) for taken in range(0, size, there)]

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
        whole = self.per_epoch is not None and left < self.per_epoch <= len(self.x_train)
        rest = replace(
            self,
            x_train=self.x_train[:left],
            y_train=self.y_train[:left],
            per_epoch=None if whole else self.per_epoch,  # what is left, rather than some twice
        )
        return rest, replace(rest, x_test=self.x_train[left:], y_test=self.y_train[left:])

    def __repr__(self) -> str:
        sizes = f"{len(self.x_train)} training and {len(self.x_test)} test"
        what = f"images of shape {self.image_shape}, {self.classes} classes"
        if self.sequential:
            what = f"sequences of {self.image_shape[0]} symbols out of {self.classes}"
        taken = f", {self.per_epoch} in an epoch" if self.per_epoch else ""
        return f"<Dataset {self.name}: {sizes} {what}{taken}>"


class DataError(RuntimeError):
    """A data set cannot be loaded; the message names the file and the remedy."""


def as_inputs(examples: np.ndarray) -> np.ndarray:
    """Turn the examples of a data set into what a network takes.

    Args:
        examples: Images, uint8 of shape ``(N, H, W, C)``, or sequences, uint8 of shape ``(N, L)``.

    Returns:
        Scaled pixels, see `as_floats`; or the symbols' numbers, int32.

    Example:
        >>> as_inputs(np.array([[3, 0, 2]], np.uint8))
        array([[3, 0, 2]], dtype=int32)
    """
    return examples.astype(np.int32) if examples.ndim == 2 else as_floats(examples)


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

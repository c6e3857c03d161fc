"""Batches in an order that a resumed run meets again."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np

from lrlab.utils import checks


class ShuffledBatches(keras.utils.PyDataset):
    """Batches of images for ``fit``, in an order drawn from the seed and the number of the epoch.

    Keras' own shuffling draws from a generator whose state nobody saves, so a resumed run would
    meet the images in another order than an uninterrupted one. Here the order of an epoch depends
    on nothing that came before it. Every epoch meets each image once; the last batch holds the
    rest. ``fit`` needs ``shuffle=False``, or Keras would shuffle the batches on top.

    For a model under a ``tf.distribute`` strategy Keras begins one epoch more than it trains,
    before the first one: epoch e then has the order of epoch e + 1, in a resumed run as well.

    Args:
        images: Whatever the model takes, one entry of the first axis an image.
        labels: One entry an image.
        passes: The images that an epoch, by its number, takes, all epochs as many; each range of
            them is shuffled by itself. None for all images once.
        batch_size: Images in a batch, a positive integer.
        seed: Seed of the order, an integer of at least 0.
        initial_epoch: Number of the first epoch, the same as in ``fit``.

    Raises:
        ValueError: An argument breaks its rule. During an epoch: the batches are not taken in
            turn (wrapped by the backend in an error of its own).

    Example:
        >>> numbers = np.arange(4)
        >>> batches = ShuffledBatches(numbers, numbers, batch_size=3, seed=1, initial_epoch=7)
        >>> batches.on_epoch_begin()  # as Keras does
        >>> [images.tolist() for images, labels in batches]
        [[3, 1, 2], [0]]
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        *,
        passes: Callable[[int], list[range]] | None = None,
        batch_size: int = 128,
        seed: int = 0,
        initial_epoch: int = 0,
    ):
        super().__init__()
        if len(images) != len(labels) or not len(images):
            raise ValueError(
                f"labels must be as many as the images, one or more, received {len(labels)} for "
                f"{len(images)} images"
            )
        self._images, self._labels = images, labels
        self._batch_size = checks.count("batch_size", batch_size)
        self._seed = checks.whole("seed", seed)
        self._epoch = checks.whole("initial_epoch", initial_epoch)
        self._passes = passes or (lambda epoch: [range(len(images))])
        self._order = np.concatenate(self._passes(self._epoch))
        self._next: int | None = None  # outside of an epoch Keras may look at any batch

    def __len__(self) -> int:
        """How many batches an epoch has."""
        return -(-len(self._order) // self._batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the images and labels of a batch."""
        if not 0 <= index < len(self):  # how a loop over batches learns that there are no more
            raise IndexError(f"index must be in [0, {len(self)}), received {index}")
        if self._next is not None:
            if index != self._next:
                raise ValueError(
                    "shuffle must be False in fit, since ShuffledBatches are shuffled already, "
                    f"received a request for batch {index} in the place of {self._next}"
                )
            self._next += 1
        chosen = self._order[index * self._batch_size :][: self._batch_size]
        return self._images[chosen], self._labels[chosen]

    def on_epoch_begin(self) -> None:
        """Draw the order of the next epoch."""
        generator = np.random.default_rng((self._seed, self._epoch))
        parts = [generator.permutation(part) for part in self._passes(self._epoch)]
        self._order = np.concatenate(parts)
        self._epoch += 1
        self._next = 0

    def on_epoch_end(self) -> None:
        """Let Keras look at any batch again."""
        self._next = None

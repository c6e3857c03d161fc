"""The class behind every landscape: it checks the points and says what a landscape can do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lrlab.utils import Value, checks

MOST_WEIGHTS = 10_000  # of a landscape, whose parts are arrays of that many rows


@dataclass(frozen=True)
class Landscape(Value):
    """What `descend` and the plots ask of a loss.

    A subclass is a `Value` that stores `dimension` and `minimum` and defines ``_loss`` and
    ``_grad``, which receive points of shape ``(..., d)``.

    Attributes:
        dimension: The number d of weights.
        minimum: The point of the lowest loss, shape ``(d,)``.
    """

    dimension: int = field(init=False, repr=False, compare=False)
    minimum: np.ndarray = field(init=False, repr=False, compare=False)

    def loss(self, w: Any) -> float | np.ndarray:
        """Return the loss at ``w``, shape ``(..., d)``: a float, or an array of shape ``(...)``.

        Raises:
            ValueError: The last axis of ``w`` has not the length d.
        """
        loss = self._loss(self._points(w))
        return loss if loss.ndim else float(loss)

    def grad(self, w: Any) -> np.ndarray:
        """Return the gradient at ``w``, of the same shape ``(..., d)``.

        Raises:
            ValueError: The last axis of ``w`` has not the length d.
        """
        return self._grad(self._points(w))

    def sample_grad(self, w: Any, rng: np.random.Generator | None = None) -> np.ndarray:
        """Return the gradient that a training step would see; here the exact one.

        Args:
            w: Points of shape ``(..., d)``.
            rng: Where noise comes from, in a landscape that has some; `Noisy` is one.
        """
        return self.grad(w)

    def _points(self, w: Any) -> np.ndarray:
        rule = f"an array of shape (..., {self.dimension})"
        points = checks.array("w", w, rule)
        if points.shape[-1:] != (self.dimension,):
            raise ValueError(f"w must be {rule}, received one of shape {points.shape}")
        return points

    def _loss(self, w: np.ndarray) -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__} must define _loss(w)")

    def _grad(self, w: np.ndarray) -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__} must define _grad(w)")


def symmetric(first: np.ndarray, mixed: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return matrices of shape ``(..., 2, 2)`` from their entries, three arrays."""
    return np.stack([np.stack([first, mixed], -1), np.stack([mixed, second], -1)], -2)

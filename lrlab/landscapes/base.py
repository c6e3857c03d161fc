"""The class behind every landscape: it checks the points and says what a landscape can do."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from lrlab.utils import checks


class Landscape:
    """What `descend` and the plots ask of a loss; subclasses define `_loss` and `_grad`.

    A landscape is immutable. ``dimension`` is the number d of weights, ``minimum`` the point of
    the lowest loss, shape ``(d,)``.
    """

    dimension: int
    minimum: np.ndarray

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
        points = np.asarray(w, dtype=np.float64)
        if points.shape[-1:] != (self.dimension,):
            rule = f"w must be an array of shape (..., {self.dimension})"
            raise ValueError(f"{rule}, received one of shape {points.shape}")
        return points

    def _loss(self, w: np.ndarray) -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__} must define _loss(w)")

    def _grad(self, w: np.ndarray) -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__} must define _grad(w)")


class _Positive:
    """For dataclasses: every parameter is a positive number."""

    def __post_init__(self) -> None:
        for name in [item.name for item in fields(self)]:
            # A frozen dataclass takes values only this way.
            object.__setattr__(self, name, checks.positive(name, getattr(self, name)))


def _symmetric(first: np.ndarray, mixed: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Matrices of shape ``(..., 2, 2)`` from their entries."""
    return np.stack([np.stack([first, mixed], -1), np.stack([mixed, second], -1)], -2)

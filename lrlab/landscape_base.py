"""The class behind every landscape: it checks the points and says what a landscape can do."""

from __future__ import annotations

from typing import Any

import numpy as np


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

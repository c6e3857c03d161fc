"""A narrow valley that bends."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any

import numpy as np

from lrlab.landscapes.base import Landscape, symmetric
from lrlab.utils import checks


@dataclass(frozen=True)
class Rosenbrock(Landscape):
    r"""A narrow valley that bends: :math:`(a - x)^2 + b\,(y - x^2)^2`.

    The floor follows the parabola :math:`y = x^2`. Descent falls into the valley quickly. Along the
    floor the slope is small, and its direction turns all the time. At the minimum the Hessian has
    the determinant 4b and, with the default parameters, a condition number of 2508.

    Args:
        a: Where along x the minimum lies, positive.
        b: How steep the walls are, positive.

    Attributes:
        minimum: The point (a, a²), shape ``(2,)``; the loss there is 0.

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> valley = Rosenbrock()
        >>> valley.loss([-1.0, 2.0]), valley.minimum
        (104.0, array([1., 1.]))
        >>> round(float(np.linalg.cond(valley.hessian(valley.minimum))))
        2508

    References:
        Rosenbrock 1960, doi:10.1093/comjnl/3.3.175.
    """

    a: Annotated[float, checks.positive] = 1.0
    _: KW_ONLY
    b: Annotated[float, checks.positive] = 100.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._store("dimension", 2)
        self._store("minimum", np.array([self.a, self.a * self.a]))

    def hessian(self, w: Any) -> np.ndarray:
        """Return the second derivatives at ``w``, shape ``(..., 2, 2)``.

        Raises:
            ValueError: The last axis of ``w`` has not the length 2.
        """
        x, y = np.moveaxis(self._points(w), -1, 0)
        along = 2 + 4 * self.b * (3 * x * x - y)
        mixed = -4 * self.b * x
        return symmetric(along, mixed, np.full_like(x, 2 * self.b))

    def _loss(self, w: np.ndarray) -> np.ndarray:
        x, y = np.moveaxis(w, -1, 0)
        return (self.a - x) ** 2 + self.b * (y - x * x) ** 2

    def _grad(self, w: np.ndarray) -> np.ndarray:
        x, y = np.moveaxis(w, -1, 0)
        climb = 2 * self.b * (y - x * x)
        return np.stack([2 * (x - self.a) - 2 * x * climb, climb], axis=-1)

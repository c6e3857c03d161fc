"""A flat plateau with a cliff around its minimum."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any

import numpy as np

from lrlab.landscapes.base import Landscape
from lrlab.utils import checks


@dataclass(frozen=True)
class Cliff(Landscape):
    r"""One weight, a nearly flat plateau, and a cliff around the minimum in its middle.

    :math:`f(w) = h\,(1 - e^{-w^2 / 2\delta^2}) + \frac{b}{2}w^2`. Several δ from the minimum at 0
    the exponential is gone: the plateau is a bowl of the small curvature b. At the minimum the
    curvature is :math:`h/\delta^2 + b`. In between, at about :math:`\pm\delta`, the wall has its
    greatest slope, about :math:`h/(\delta\sqrt{e})`.

    Descent stays at the minimum only at a rate below `divergence_lr`, and such a rate is slow on
    the plateau. Momentum is quicker there, but it reaches the cliff with the speed that it has
    gathered.

    Args:
        height: How far h the plateau lies above the minimum, positive.
        width: Half width δ of the hole, positive.
        flat: Curvature b of the plateau, positive.

    Attributes:
        minimum: The origin, shape ``(1,)``. The loss there is 0; the slope is 0 nowhere else.

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> cliff = Cliff()
        >>> cliff.grad([[2.0], [0.2]]).round(3).tolist(), cliff.curvature(cliff.minimum)
        ([[0.02], [3.035]], array([25.01]))

    References:
        Pascanu, Mikolov, Bengio 2013, arXiv:1211.5063, section 2.3, on cliffs and their walls.
    """

    height: Annotated[float, checks.positive] = 1.0
    _: KW_ONLY
    width: Annotated[float, checks.positive] = 0.2
    flat: Annotated[float, checks.positive] = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        self._store("dimension", 1)
        self._store("minimum", np.zeros(1))

    @property
    def divergence_lr(self) -> float:
        """The rate 2 / (h/δ² + b). From this rate on plain descent does not stay at the minimum."""
        return 2 / (self._sharpness + self.flat)

    def curvature(self, w: Any) -> np.ndarray:
        r"""Return the second derivative at ``w``, of the same shape ``(..., 1)``.

        :math:`\frac{h}{\delta^2}\bigl(1 - \frac{w^2}{\delta^2}\bigr) e^{-w^2/2\delta^2} + b`,
        negative where the plateau bends over the edge.

        Raises:
            ValueError: The last axis of ``w`` has not the length 1.
        """
        w = self._points(w)
        squares = (w / self.width) ** 2
        return self._sharpness * (1 - squares) * np.exp(-squares / 2) + self.flat

    @property
    def _sharpness(self) -> float:
        return self.height / self.width**2

    def _loss(self, w: np.ndarray) -> np.ndarray:
        hole = -self.height * np.expm1(-((w / self.width) ** 2) / 2)
        return (hole + self.flat / 2 * w**2)[..., 0]

    def _grad(self, w: np.ndarray) -> np.ndarray:
        return (self._sharpness * np.exp(-((w / self.width) ** 2) / 2) + self.flat) * w

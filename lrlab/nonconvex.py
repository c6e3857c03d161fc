r"""Landscapes whose curvature changes from place to place: a bent valley, a saddle, a cliff.

They are imported from `lrlab.landscapes`, together with all others.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, fields
from typing import Any

import numpy as np

from lrlab import checks
from lrlab.landscape_base import Landscape


class _Positive:
    """For dataclasses: every parameter is a positive number."""

    def __post_init__(self) -> None:
        for name in [item.name for item in fields(self)]:
            # A frozen dataclass takes values only this way.
            object.__setattr__(self, name, checks.positive(name, getattr(self, name)))


@dataclass(frozen=True)
class Rosenbrock(_Positive, Landscape):
    r"""A narrow valley that bends: :math:`(a - x)^2 + b\,(y - x^2)^2`.

    The floor follows the parabola :math:`y = x^2`. To fall into it is easy; along it the slope is
    small, and its direction turns all the time. At the minimum the Hessian has the
    determinant 4b and, with the default parameters, a condition number of 2508.

    Args:
        a: Where along x the minimum lies, positive.
        b: How steep the walls are, positive.

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> valley = Rosenbrock()
        >>> valley.loss([-1.0, 2.0]), valley.minimum
        (104.0, array([1., 1.]))
        >>> np.linalg.cond(valley.hessian(valley.minimum)).round()
        np.float64(2508.0)

    References:
        Rosenbrock 1960, doi:10.1093/comjnl/3.3.175.
    """

    a: float = 1.0
    _: KW_ONLY
    b: float = 100.0

    dimension = 2

    @property
    def minimum(self) -> np.ndarray:
        """The point (a, a²), shape ``(2,)``; the loss there is 0."""
        return np.array([self.a, self.a * self.a])

    def hessian(self, w: Any) -> np.ndarray:
        """Return the second derivatives at ``w``, shape ``(..., 2, 2)``.

        Raises:
            ValueError: The last axis of ``w`` has not the length 2.
        """
        x, y = np.moveaxis(self._points(w), -1, 0)
        along = 2 + 4 * self.b * (3 * x * x - y)
        mixed = -4 * self.b * x
        return _symmetric(along, mixed, np.full_like(x, 2 * self.b))

    def _loss(self, w: np.ndarray) -> np.ndarray:
        x, y = np.moveaxis(w, -1, 0)
        return (self.a - x) ** 2 + self.b * (y - x * x) ** 2

    def _grad(self, w: np.ndarray) -> np.ndarray:
        x, y = np.moveaxis(w, -1, 0)
        climb = 2 * self.b * (y - x * x)
        return np.stack([2 * (x - self.a) - 2 * x * climb, climb], axis=-1)


@dataclass(frozen=True)
class Saddle(_Positive, Landscape):
    r"""A pass between two minima: :math:`\frac{\lambda}{2}x^2 + \frac{\nu}{4s^2}(y^2 - s^2)^2`.

    At the origin the slope is 0 and the Hessian has the eigenvalues λ along x and −ν along y: the
    loss rises one way and falls off the other, on both sides, to minima at :math:`(0, \pm s)` of
    loss 0. A descent that starts near the x axis comes close to the saddle first. There a step
    multiplies x by :math:`1 - \eta\lambda` and y by :math:`1 + \eta\nu`, so to leave takes long.
    With momentum y grows by the factor ``heavy_ball.spectral_radius(-nu, lr, momentum)``.

    Args:
        rise: Curvature λ of the axis that rises from the saddle, positive.
        fall: ν, how sharply the other axis curves down at the saddle, positive; at the minima it
            curves up by 2ν.
        distance: How far s each minimum lies from the saddle, positive.

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> pass_ = Saddle(fall=0.5, distance=2)
        >>> pass_.grad([0.0, 0.0]), pass_.hessian([0.0, 0.0]).diagonal()
        (array([0., 0.]), array([ 1. , -0.5]))
        >>> pass_.minima
        array([[ 0.,  2.],
               [ 0., -2.]])

    References:
        Dauphin, Pascanu, Gulcehre, Cho, Ganguli, Bengio 2014, arXiv:1406.2572, on saddles as what
        slows the training of networks.
    """

    rise: float = 1.0
    _: KW_ONLY
    fall: float = 0.1
    distance: float = 1.0

    dimension = 2

    @property
    def minimum(self) -> np.ndarray:
        """The first of the `minima`, (0, s), shape ``(2,)``."""
        return self.minima[0]

    @property
    def minima(self) -> np.ndarray:
        """Both minima, one a row, shape ``(2, 2)``; they are equally low."""
        return np.array([[0, self.distance], [0, -self.distance]])

    def hessian(self, w: Any) -> np.ndarray:
        """Return the second derivatives at ``w``, shape ``(..., 2, 2)``.

        Raises:
            ValueError: The last axis of ``w`` has not the length 2.
        """
        x, y = np.moveaxis(self._points(w), -1, 0)
        down = self.fall * (3 * (y / self.distance) ** 2 - 1)
        return _symmetric(np.full_like(x, self.rise), np.zeros_like(x), down)

    def _loss(self, w: np.ndarray) -> np.ndarray:
        x, y = np.moveaxis(w, -1, 0)
        lift = self.fall / 4 * self.distance**2
        return self.rise / 2 * x**2 + lift * ((y / self.distance) ** 2 - 1) ** 2

    def _grad(self, w: np.ndarray) -> np.ndarray:
        x, y = np.moveaxis(w, -1, 0)
        slope = self.fall * (y * (y / self.distance) ** 2 - y)
        return np.stack([self.rise * x, slope], axis=-1)


@dataclass(frozen=True)
class Cliff(_Positive, Landscape):
    r"""One weight, a nearly flat plateau, and a cliff around the minimum in its middle.

    :math:`f(w) = h\,(1 - e^{-w^2 / 2\delta^2}) + \frac{b}{2}w^2`. Several δ from the minimum at 0
    the exponential is gone: the plateau is a bowl of the small curvature b. At the minimum the
    curvature is :math:`h/\delta^2 + b`. In between, at about :math:`\pm\delta`, the wall has its
    greatest slope, about :math:`h/(\delta\sqrt{e})`.

    To stay at the minimum, descent needs a rate below `divergence_lr`, which on the plateau is
    slow. Momentum is quicker there, but arrives at the cliff with the speed that it has gathered.

    Args:
        height: How far h the plateau lies above the minimum, positive.
        width: Half width δ of the hole, positive.
        flat: Curvature b of the plateau, positive.

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> cliff = Cliff()
        >>> cliff.grad([[2.0], [0.2]]).round(3).tolist(), cliff.curvature(cliff.minimum)
        ([[0.02], [3.035]], array([25.01]))

    References:
        Pascanu, Mikolov, Bengio 2013, arXiv:1211.5063, section 2.3, on cliffs and their walls.
    """

    height: float = 1.0
    _: KW_ONLY
    width: float = 0.2
    flat: float = 0.01

    dimension = 1

    @property
    def minimum(self) -> np.ndarray:
        """The origin, shape ``(1,)``; the loss there is 0, and nowhere else is the slope."""
        return np.zeros(1)

    @property
    def divergence_lr(self) -> float:
        """The rate 2 / (h/δ² + b), from which on plain descent does not stay at the minimum."""
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


def _symmetric(first: np.ndarray, mixed: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Matrices of shape ``(..., 2, 2)`` from their entries."""
    return np.stack([np.stack([first, mixed], -1), np.stack([mixed, second], -1)], -2)

"""A saddle between two minima."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import Annotated, Any

import numpy as np

from lrlab.landscapes.base import Landscape, symmetric
from lrlab.utils import checks


@dataclass(frozen=True)
class Saddle(Landscape):
    r"""A pass between two minima: :math:`\frac{\lambda}{2}x^2 + \frac{\nu}{4s^2}(y^2 - s^2)^2`.

    At the origin the slope is 0 and the Hessian has the eigenvalues λ along x and −ν along y: the
    loss rises one way and falls off the other, on both sides, to minima at :math:`(0, \pm s)` of
    loss 0. A descent that starts near the x axis comes close to the saddle first. There a step
    multiplies x by :math:`1 - \eta\lambda` and y by :math:`1 + \eta\nu`, so leaving takes long.
    With momentum y grows by the factor ``lrlab.theory.spectral_radius(-nu, lr, momentum)``.

    Args:
        rise: Curvature λ of the axis that rises from the saddle, positive.
        fall: ν, how sharply the other axis curves down at the saddle, positive; at the minima it
            curves up by 2ν.
        distance: How far s each minimum lies from the saddle, positive.

    Attributes:
        minima: Both minima, one a row, shape ``(2, 2)``; they are equally low.
        minimum: The first of them, (0, s), shape ``(2,)``.

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
        Dauphin, Pascanu, Gulcehre, Cho, Ganguli, Bengio 2014, arXiv:1406.2572, which
        blames saddles for the slow training of networks.
    """

    rise: Annotated[float, checks.positive] = 1.0
    _: KW_ONLY
    fall: Annotated[float, checks.positive] = 0.1
    distance: Annotated[float, checks.positive] = 1.0
    minima: np.ndarray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._store("dimension", 2)
        self._store("minima", np.array([[0, self.distance], [0, -self.distance]]))
        self._store("minimum", self.minima[0])

    def hessian(self, w: Any) -> np.ndarray:
        """Return the second derivatives at ``w``, shape ``(..., 2, 2)``.

        Raises:
            ValueError: The last axis of ``w`` has not the length 2.
        """
        x, y = np.moveaxis(self._points(w), -1, 0)
        down = self.fall * (3 * (y / self.distance) ** 2 - 1)
        return symmetric(np.full_like(x, self.rise), np.zeros_like(x), down)

    def _loss(self, w: np.ndarray) -> np.ndarray:
        x, y = np.moveaxis(w, -1, 0)
        lift = self.fall / 4 * self.distance**2
        return self.rise / 2 * x**2 + lift * ((y / self.distance) ** 2 - 1) ** 2

    def _grad(self, w: np.ndarray) -> np.ndarray:
        x, y = np.moveaxis(w, -1, 0)
        slope = self.fall * (y * (y / self.distance) ** 2 - y)
        return np.stack([self.rise * x, slope], axis=-1)

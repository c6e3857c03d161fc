"""Two valleys, one sharp and one flat."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import Annotated, Any

import numpy as np

from lrlab.landscapes.base import Landscape
from lrlab.utils import checks


@dataclass(frozen=True)
class DoubleWell(Landscape):
    r"""One weight, two minima: a sharp one, and a flat one that lies lower.

    Two parabolas, joined smoothly by following whichever is lower:
    :math:`f(w) = -\log(e^{-p(w)} + e^{-q(w)})` with the narrow
    :math:`p(w) = h + \frac{a}{2}(w + \frac{s}{2})^2` and the wide
    :math:`q(w) = \frac{b}{2}(w - \frac{s}{2})^2`. Where one is clearly the lower, f is that
    parabola; far away on either side it is the wide one. So a descent at a rate too large for the
    sharp valley leaves it and can still settle in the flat one. The joining moves the minima a
    little off :math:`\pm s/2`; their true places are computed.

    A descent that starts in the sharp valley never leaves it at a rate below 2 / a. At a rate just
    above, the weight swings from wall to wall of that valley without end. With the default
    parameters it leaves from 1.2 times 2 / a on and, from nearly every start, settles in the flat
    valley.

    Args:
        sharp: Curvature a of the narrow parabola, positive.
        flat: Curvature b of the wide parabola, positive.
        separation: Distance s between the centres of the parabolas, positive.
        height: How far h the narrow parabola's floor lies above the wide one's, at least 0.

    Attributes:
        sharp_minimum: Bottom of the sharp valley, shape ``(1,)``.
        barrier: The maximum between the valleys, shape ``(1,)``: left of it leads to the sharp one.
        flat_minimum: Bottom of the flat valley, shape ``(1,)``.
        minimum: The lower of the two, shape ``(1,)``.

    Raises:
        ValueError: A parameter breaks its rule, or there are not two minima, the left one sharper.

    Example:
        >>> well = DoubleWell()
        >>> well.sharp_minimum.round(3), well.barrier.round(3), well.flat_minimum.round(3)
        (array([-2.]), array([-1.239]), array([2.]))
        >>> (2 / well.curvature(well.sharp_minimum)).round(3)
        array([0.1])

    References:
        Hochreiter, Schmidhuber 1997, doi:10.1162/neco.1997.9.1.1, on flat and sharp minima.
    """

    sharp: Annotated[float, checks.positive] = 20.0
    _: KW_ONLY
    flat: Annotated[float, checks.positive] = 1.0
    separation: Annotated[float, checks.positive] = 4.0
    height: Annotated[float, checks.non_negative] = 1.0
    sharp_minimum: np.ndarray = field(init=False, repr=False, compare=False)
    barrier: np.ndarray = field(init=False, repr=False, compare=False)
    flat_minimum: np.ndarray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._store("dimension", 1)
        with np.errstate(over="ignore", invalid="ignore"):  # and then there are no two minima
            places = self._level()
        for name, place in zip(("sharp_minimum", "barrier", "flat_minimum"), places, strict=True):
            self._store(name, place)
        self._store("minimum", min(self.sharp_minimum, self.flat_minimum, key=self.loss))

    def curvature(self, w: Any) -> np.ndarray:
        r"""Return the second derivative at ``w``, of the same shape ``(..., 1)``.

        With ρ the weight :math:`e^{-p} / (e^{-p} + e^{-q})` of the narrow parabola it is
        :math:`\rho a + (1 - \rho) b - \rho (1 - \rho)(p' - q')^2`, negative at the barrier.

        Raises:
            ValueError: The last axis of ``w`` has not the length 1.
        """
        share, narrow_slope, wide_slope = self._slopes(self._points(w))
        mean = share * self.sharp + (1 - share) * self.flat
        return mean - share * (1 - share) * (narrow_slope - wide_slope) ** 2

    def _loss(self, w: np.ndarray) -> np.ndarray:
        narrow, wide = self._parabolas(w)
        return -np.logaddexp(-narrow, -wide)[..., 0]

    def _grad(self, w: np.ndarray) -> np.ndarray:
        share, narrow_slope, wide_slope = self._slopes(w)
        return share * narrow_slope + (1 - share) * wide_slope

    def _parabolas(self, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        half = self.separation / 2
        narrow = self.height + self.sharp / 2 * (w + half) ** 2
        return narrow, self.flat / 2 * (w - half) ** 2

    def _slopes(self, w: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        narrow, wide = self._parabolas(w)
        share = np.exp(-np.logaddexp(0, narrow - wide))  # 1 / (1 + e^(p - q)), never overflowing
        half = self.separation / 2
        return share, self.sharp * (w + half), self.flat * (w - half)

    def _level(self) -> list[np.ndarray]:
        """The three places where the slope is 0, from left to right."""
        # The slope is negative left of both centres and positive right of them.
        reach = self.separation * 0.51
        w = np.linspace(-reach, reach, 20_001)[:, np.newaxis]
        rising = self._grad(w) > 0
        changes = np.flatnonzero(rising[1:] != rising[:-1])
        places = [self._bisect(w[i], w[i + 1]) for i in changes]
        if len(places) != 3 or not self.curvature(places[0]) > self.curvature(places[2]):
            rule = "separation must leave two minima, the left one sharper"
            raise ValueError(f"{rule}, received {self.separation} in {self}")
        return places

    def _bisect(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Halve the interval in which the slope changes its sign, until no float lies inside."""
        rising = self._grad(low) > 0
        while low < (middle := (low + high) / 2) < high:
            low, high = (low, middle) if (self._grad(middle) > 0) != rising else (middle, high)
        return low

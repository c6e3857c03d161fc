"""How much several seeds say: intervals for a mean and for one more run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import stdtrit

from lrlab.utils import checks


class Interval(NamedTuple):
    """A mean with the bounds around it, in the unit of the values."""

    mean: float
    low: float
    high: float

    def __contains__(self, value: Any) -> bool:
        return bool(self.low <= value <= self.high)

    def format(self, digits: int) -> str:
        """Return ``mean [low, high]`` with that many decimals, and no minus before a zero."""
        return f"{self.mean:z.{digits}f} [{self.low:z.{digits}f}, {self.high:z.{digits}f}]"


def mean_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    r"""Interval for the mean that further seeds would approach.

    :math:`\bar x \pm t_{n-1} s/\sqrt{n}` with Student's t, for values that are roughly normal.

    Args:
        values: One result a seed, two or more.
        level: Confidence, in (0, 1).

    Raises:
        ValueError: There are fewer than two values, one is not finite, or the level is out of
            range.

    Example:
        >>> mean_interval([0.89, 0.90, 0.91]).format(3)
        '0.900 [0.875, 0.925]'
    """
    return _around_mean(values, level, lambda n: 1 / n)


def prediction_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    r"""Interval for the result of one more seed.

    :math:`\bar x \pm t_{n-1} s\sqrt{1 + 1/n}` with Student's t. A single run that somebody
    reports is compared with this one, not with the interval for the mean.

    Args:
        values: One result a seed, two or more.
        level: Confidence, in (0, 1).

    Raises:
        ValueError: There are fewer than two values, one is not finite, or the level is out of
            range.

    Example:
        >>> prediction_interval([0.89, 0.90, 0.91]).format(3)
        '0.900 [0.850, 0.950]'
    """
    return _around_mean(values, level, lambda n: 1 + 1 / n)


def _around_mean(values: Sequence[float], level: float, share: Callable[[int], float]) -> Interval:
    level = checks.fraction("level", level)
    array = several(values)
    n = len(array)
    reach = stdtrit(n - 1, (1 + level) / 2) * array.std(ddof=1) * share(n) ** 0.5
    return Interval(float(array.mean()), float(array.mean() - reach), float(array.mean() + reach))


def several(values: Sequence[float]) -> np.ndarray:
    """Return two or more finite numbers as an array, or refuse them."""
    array = checks.array("values", values, rule := "two or more finite numbers")
    if array.ndim != 1 or len(array) < 2 or not np.isfinite(array).all():
        raise ValueError(f"values must be {rule}, received {checks.shown(values)}")
    return array

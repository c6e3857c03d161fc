"""The class behind every schedule: called with a time, compared by value, stored as a dict."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, overload

import numpy as np

from lrlab.utils import Value, checks

# The types of parameters. Each carries the check that its values have to pass.
#: A learning rate, a finite number of at least 0.
Rate = Annotated[float, checks.rate]
Duration = Annotated[float, checks.duration]
Factor = Annotated[float, checks.factor]
Positive = Annotated[float, checks.positive]
AtLeastOne = Annotated[float, checks.at_least_one]
Fraction = Annotated[float, checks.fraction]
Moments = Annotated[Sequence[float], checks.increasing]


@dataclass(frozen=True)
class Schedule(Value, ABC):
    """What every schedule can do; subclasses are frozen dataclasses that define `_rates`.

    Subclasses are immutable, compare and hash by value, and are known by their class name to
    `from_config`. Of the parameters, the first may be given by position, the others by name.
    A parameter annotated as `Rate`, `Duration`, … is checked when the schedule is made.

    Example:
        >>> @dataclass(frozen=True)
        ... class Halving(Schedule):
        ...     lr: Rate
        ...
        ...     def _rates(self, t):
        ...         return self.lr * 0.5**t
        >>> Halving(0.8)(np.array([0, 1, 2]))
        array([0.8, 0.4, 0.2])
        >>> Halving(-1)
        Traceback (most recent call last):
        ...
        ValueError: lr must be a finite real number of at least 0, received -1
    """

    @overload
    def __call__(self, t: float) -> float: ...

    @overload
    def __call__(self, t: np.ndarray | Sequence[Any]) -> np.ndarray: ...

    def __call__(self, t: Any) -> float | np.ndarray:
        """Return the learning rate in force at time ``t``.

        Args:
            t: Moments in epochs, at least 0: one number or an array of any shape.

        Returns:
            A float for a number; for an array, a float64 array of the same shape.

        Raises:
            ValueError: ``t`` is negative, infinite, NaN, or not a real number; or the rate there is
                beyond the range of floats.
        """
        times = checks.times(t)
        # One moment is computed as an array of one: NumPy's scalars take other code than its
        # arrays, and may round the last bit of a power another way.
        with np.errstate(all="ignore"):  # what is not finite in the end is refused below
            rates = np.asarray(self._rates(times.ravel()), dtype=np.float64).reshape(times.shape)
        if not (finite := np.isfinite(rates)).all():
            raise ValueError(
                f"{type(self).__name__} must give finite rates, received {rates[~finite][0]} "
                f"at t = {times[~finite][0]}"
            )
        return rates if isinstance(t, np.ndarray) or times.ndim else float(rates)

    @abstractmethod
    def _rates(self, t: np.ndarray) -> np.ndarray:
        """Return the rates at the moments ``t``, a checked float64 array of one dimension."""

    def ends(self, epochs: int) -> tuple[int, ...]:
        """Return after how many epochs each complete cycle ends; only `CyclicCosine` has cycles.

        Args:
            epochs: Length of the run, a positive integer.

        Raises:
            ValueError: The schedule has no cycles.
        """
        raise ValueError(f"schedule must be a CyclicCosine to have cycles, received {self!r}")


#: Relative slack when a moment is compared with a boundary. A moment such as 0.3 divided by a
#: period such as 0.1 gives 2.9999999999999996, and 4.1 on the clock of a schedule that began at 4
#: is 0.09999999999999964; without the slack the next period would begin one step late. It covers
#: such rounding many times over and is far shorter than any step of a training run.
SLACK = 1 + 1e-10


_LARGEST = np.finfo(np.float64).max


def whole_periods(t: np.ndarray, period: float) -> np.ndarray:
    """Return how many whole periods have passed at the moments ``t``, a finite number."""
    return np.floor(np.minimum(t / period * SLACK, _LARGEST))


def part_of_period(t: np.ndarray, period: float) -> np.ndarray:
    """Return which part of the running period is over, in [0, 1]; 0 where floats cannot tell."""
    periods = np.minimum(t / period, _LARGEST)
    return np.clip(periods - whole_periods(t, period), 0, 1)


def moments_reached(t: np.ndarray, moments: Sequence[float]) -> np.ndarray:
    """Return how many of the increasing ``moments`` lie at or before ``t``."""
    return np.searchsorted(moments, t * SLACK, side="right")


def between(start: float, end: float, weight: np.ndarray) -> np.ndarray:
    """Return ``end`` at weight 0, ``start`` at weight 1, both of them exactly."""
    return start * weight + end * (1 - weight)


def cosine_weight(progress: np.ndarray) -> np.ndarray:
    """Return a weight that falls from 1 to 0 along half a cosine while ``progress`` rises to 1."""
    return (1 + np.cos(np.pi * np.clip(progress, 0, 1))) / 2

"""Schedules made of schedules: a warm-up in front, one after another, scaled.

Example:
    >>> from lrlab.schedules import Constant, CosineDecay, ExponentialDecay
    >>> warmup(CosineDecay(0.1, total_epochs=25), 5)(np.array([0, 2.5, 5, 17.5, 30]))
    array([0.  , 0.05, 0.1 , 0.05, 0.  ])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Annotated

import numpy as np

from lrlab.schedules.base import Duration, Moments, Positive, Rate, Schedule, moments_reached
from lrlab.utils import checks, instance

_schedule = instance(Schedule, words="a schedule of lrlab")


def _schedules(name: str, values: Sequence[Schedule]) -> tuple[Schedule, ...]:
    if not isinstance(values, Sequence) or len(values) < 2:
        raise ValueError(f"{name} must be a sequence of two or more, received {values!r}")
    return tuple(_schedule(f"{name}[{i}]", value) for i, value in enumerate(values))


Piece = Annotated[Schedule, _schedule]
Pieces = Annotated[Sequence[Schedule], _schedules]


@dataclass(frozen=True)
class Warmup(Schedule):
    """A linear ramp, then a schedule on its own clock; built by `warmup`."""

    schedule: Piece
    _: KW_ONLY
    epochs: Duration
    begin_lr: Rate = 0.0

    def _rates(self, t: np.ndarray) -> np.ndarray:
        # One call gives the rates after the ramp and, last, the rate that the ramp leads up to.
        rates = self.schedule(np.append(np.maximum(t - self.epochs, 0), 0.0))
        ramp = self.begin_lr + (rates[-1] - self.begin_lr) * np.minimum(t / self.epochs, 1)
        return np.where(t < self.epochs, ramp, rates[:-1])


def warmup(schedule: Schedule, epochs: float, begin_lr: float = 0.0) -> Schedule:
    r"""Ramp linearly up to a schedule's first rate, then run the schedule on its own clock.

    For t < w the rate is :math:`b + (s(0) - b)\,t/w`; from t = w on it is :math:`s(t - w)`.

    Two conventions are in use. The ramp may reach the peak in epoch w, as here with ``epochs=w``,
    or already in epoch w − 1 with the rates :math:`s(0)(e + 1)/w`: that one is
    ``warmup(schedule, w - 1, begin_lr=schedule(0) / w)``.

    Args:
        schedule: What follows the ramp.
        epochs: Length w of the ramp, at least 0; 0 gives the schedule itself.
        begin_lr: Rate b at t = 0, at least 0.

    Returns:
        The composed schedule.

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> from lrlab.schedules import Constant
        >>> ramp = warmup(Constant(0.1), 4, begin_lr=0.02)
        >>> [round(ramp(e), 4) for e in range(6)]
        [0.02, 0.04, 0.06, 0.08, 0.1, 0.1]
    """
    if checks.number("epochs", epochs, "of at least 0", lambda x: x >= 0) == 0:
        checks.rate("begin_lr", begin_lr)
        return _schedule("schedule", schedule)
    return Warmup(schedule, epochs=epochs, begin_lr=begin_lr)


@dataclass(frozen=True)
class Joined(Schedule):
    """Schedules one after another, each on its own clock; built by `join`."""

    schedules: Pieces
    _: KW_ONLY
    at: Moments

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.at) != len(self.schedules) - 1:
            raise ValueError(
                "at must name one moment fewer than there are schedules "
                f"({len(self.schedules)}), received {self.at!r}"
            )

    def _rates(self, t: np.ndarray) -> np.ndarray:
        piece = moments_reached(t, self.at)
        local = np.maximum(t - np.concatenate([[0.0], self.at])[piece], 0)
        rates = np.empty(t.shape)
        for index, schedule in enumerate(self.schedules):
            rates[piece == index] = schedule(local[piece == index])
        return rates


def join(schedules: Sequence[Schedule], at: Sequence[float]) -> Schedule:
    r"""Run schedules one after another, each on its own clock.

    With moments :math:`a_1 < a_2 < \dots` piece i is in force for
    :math:`a_i \le t < a_{i+1}` and gives :math:`s_i(t - a_i)`, where :math:`a_0 = 0`.

    Args:
        schedules: Two or more pieces.
        at: Epochs at which each piece but the first takes over, positive and increasing.

    Returns:
        The composed schedule.

    Raises:
        ValueError: A piece is no schedule, or the moments do not fit the pieces.

    Example:
        >>> from lrlab.schedules import Constant, ExponentialDecay
        >>> hold = join([Constant(0.001), ExponentialDecay(0.001, gamma=np.exp(-0.1))], at=[10])
        >>> hold(np.array([0, 9, 10, 20])).round(6)
        array([0.001   , 0.001   , 0.001   , 0.000368])
    """
    return Joined(schedules, at=at)


@dataclass(frozen=True)
class Scaled(Schedule):
    """A schedule times a constant; built by `scale`."""

    schedule: Piece
    _: KW_ONLY
    factor: Positive

    def _rates(self, t: np.ndarray) -> np.ndarray:
        return self.factor * self.schedule(t)


def scale(schedule: Schedule, factor: float) -> Schedule:
    """Multiply a schedule by a constant.

    Args:
        schedule: What is scaled.
        factor: The constant, positive; above 1 is allowed.

    Returns:
        The scaled schedule.

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> from lrlab.schedules import InverseSqrtDecay
        >>> scale(InverseSqrtDecay(0.1), 3)(8)
        0.1
    """
    return Scaled(schedule, factor=factor)

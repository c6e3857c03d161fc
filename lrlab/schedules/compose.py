"""Schedules made of schedules: a warm-up in front, one after another, multiplied, held.

Example:
    >>> from lrlab.schedules import Constant, CosineDecay, ExponentialDecay
    >>> warmup(CosineDecay(0.1, total_epochs=25), 5)(np.array([0, 2.5, 5, 17.5, 30]))
    array([0.  , 0.05, 0.1 , 0.05, 0.  ])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, fields
from typing import Annotated

import numpy as np

from lrlab.schedules.base import (
    Duration,
    Moments,
    Positive,
    Rate,
    Schedule,
    moments_reached,
    whole_periods,
)
from lrlab.utils import checks, instance

# How many schedules a schedule may be made of. Python gives up where calls are nested a few times
# deeper, and one that doubles itself again and again would never come to an end.
DEEPEST, MOST = 100, 10_000

_schedule = instance(Schedule, words="a schedule of lrlab")
_clock = checks.one_of("own", "common")


def _factor(name: str, value: float | Schedule) -> float | Schedule:
    if isinstance(value, Schedule):
        return value
    return checks.number(name, value, "greater than 0 or a schedule of lrlab", lambda x: x > 0)


def _schedules(name: str, values: Sequence[Schedule]) -> tuple[Schedule, ...]:
    rule = "a sequence of two or more"
    if len(pieces := checks.sequence(name, values, rule, most=MOST)) < 2:
        raise ValueError(f"{name} must be {rule}, received {checks.shown(values)}")
    return tuple(_schedule(f"{name}[{i}]", piece) for i, piece in enumerate(pieces))


Piece = Annotated[Schedule, _schedule]
Clock = Annotated[str, _clock]
Pieces = Annotated[Sequence[Schedule], _schedules]


@dataclass(frozen=True)
class Composed(Schedule):
    """A schedule made of others, which may be composed themselves, down to some depth."""

    def __post_init__(self) -> None:
        super().__post_init__()
        values = [getattr(self, field.name) for field in fields(self)]
        items = [item for value in values for item in (value if type(value) is tuple else [value])]
        nested = [getattr(item, "_nesting", (1, 1)) for item in items if isinstance(item, Schedule)]
        depth = 1 + max(depth for depth, _ in nested)
        count = 1 + sum(count for _, count in nested)
        if depth > DEEPEST or count > MOST:
            raise ValueError(
                f"a schedule must be made of at most {MOST} schedules, {DEEPEST} deep, "
                f"received {count}, {depth} deep"
            )
        self._store("_nesting", (depth, count))


@dataclass(frozen=True)
class Warmup(Composed):
    """A ramp, then a schedule on its own clock; built by `warmup`."""

    schedule: Piece
    _: KW_ONLY
    epochs: Duration
    begin_lr: Rate = 0.0
    power: Positive = 1.0
    clock: Clock = "own"

    def _rates(self, t: np.ndarray) -> np.ndarray:
        # On its own clock the schedule stands at its first rate while the ramp leads up to that.
        rates = self.schedule(t if self.clock == "common" else np.maximum(t - self.epochs, 0))
        share = np.minimum(t / self.epochs, 1) ** self.power
        return np.where(t < self.epochs, self.begin_lr + (rates - self.begin_lr) * share, rates)


def warmup(
    schedule: Schedule,
    epochs: float,
    begin_lr: float = 0.0,
    *,
    power: float = 1.0,
    clock: str = "own",
) -> Schedule:
    r"""Ramp up to a schedule's first rate, then run the schedule on its own clock.

    For t < w the rate is :math:`b + (s(0) - b)\,(t/w)^p`; from t = w on it is :math:`s(t - w)`.

    Two conventions are in use. The ramp may reach the peak in epoch w, as here with ``epochs=w``,
    or already in epoch w − 1 with the rates :math:`s(0)(e + 1)/w`: that one is
    ``warmup(schedule, w - 1, begin_lr=schedule(0) / w)``.

    On the common clock the schedule runs from t = 0 on, and the ramp leads up to what it has become
    (YOLOv5): :math:`b + (s(t) - b)\,(t/w)^p`, and from t = w on :math:`s(t)`. The ramp may also
    lead to one rate, such as s(0) (timm, DeiT) or s(w) (detectron2's ``LRMultiplier``), or multiply
    the schedule (detectron2's ``WarmupCosineLR``, MMCV, torch's ``ChainedScheduler``)::

        join([warmup(Constant(top), w, begin_lr=b), schedule], at=[w], clock="common")
        scale(schedule, warmup(Constant(1), w, begin_lr=b))

    Args:
        schedule: What follows the ramp.
        epochs: Length w of the ramp, at least 0; 0 gives the schedule itself.
        begin_lr: Rate b at t = 0, at least 0.
        power: Exponent p of the ramp, positive: 1 for a line, above 1 for a slow start.
        clock: ``"own"`` or ``"common"``.

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
        checks.positive("power", power)
        _clock("clock", clock)
        return _schedule("schedule", schedule)
    return Warmup(schedule, epochs=epochs, begin_lr=begin_lr, power=power, clock=clock)


@dataclass(frozen=True)
class Joined(Composed):
    """Schedules one after another; built by `join`."""

    schedules: Pieces
    _: KW_ONLY
    at: Moments
    clock: Clock = "own"

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.at) != len(self.schedules) - 1:
            raise ValueError(
                "at must name one moment fewer than there are schedules "
                f"({len(self.schedules)}), received {self.at!r}"
            )

    def _rates(self, t: np.ndarray) -> np.ndarray:
        piece = moments_reached(t, self.at)
        if self.clock == "own":
            t = np.maximum(t - np.concatenate([[0.0], self.at])[piece], 0)
        rates = np.empty(t.shape)
        for index in np.unique(piece):  # a piece that is not in force is not asked
            rates[piece == index] = self.schedules[index](t[piece == index])
        return rates


def join(schedules: Sequence[Schedule], at: Sequence[float], *, clock: str = "own") -> Schedule:
    r"""Run schedules one after another.

    With moments :math:`a_1 < a_2 < \dots` piece i is in force for :math:`a_i \le t < a_{i+1}`,
    where :math:`a_0 = 0`. On clocks of their own, each piece begins with its first rate,
    :math:`s_i(t - a_i)`; on the common clock it gives :math:`s_i(t)`, as if it had run from 0 on.

    Args:
        schedules: Two or more pieces.
        at: Epochs at which each piece but the first takes over, positive and increasing.
        clock: ``"own"`` or ``"common"``.

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
    return Joined(schedules, at=at, clock=clock)


@dataclass(frozen=True)
class Scaled(Composed):
    """A schedule times a factor, which may be a schedule; built by `scale`."""

    schedule: Piece
    _: KW_ONLY
    factor: Annotated[float | Schedule, _factor]

    def _rates(self, t: np.ndarray) -> np.ndarray:
        factor = self.factor(t) if isinstance(self.factor, Schedule) else self.factor
        return factor * self.schedule(t)


def scale(schedule: Schedule, factor: float | Schedule) -> Schedule:
    r"""Multiply a schedule: the rate is :math:`f\,s(t)`, or :math:`f(t)\,s(t)`.

    A factor that changes keeps the schedule's clock. So a ramp multiplies a schedule that has begun
    (``scale(schedule, warmup(Constant(1), 5, begin_lr=0.001))``). torch's ``ChainedScheduler`` is
    one schedule times the others, whose first rate is 1, where each only multiplies: a cosine with
    ``eta_min`` and the cyclic ones do not.

    Args:
        schedule: What is multiplied.
        factor: A number greater than 0, or a schedule whose values are factors.

    Returns:
        The product.

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> from lrlab.schedules import Constant, InverseSqrtDecay, StepDecay
        >>> scale(InverseSqrtDecay(0.1), 3)(8)
        0.1
        >>> cuts = StepDecay(0.5, gamma=0.5, step_epochs=2)
        >>> scale(cuts, warmup(Constant(1), 4))(np.arange(6))
        array([0.    , 0.125 , 0.125 , 0.1875, 0.125 , 0.125 ])
    """
    return Scaled(schedule, factor=factor)


@dataclass(frozen=True)
class Held(Composed):
    """A schedule in a staircase; built by `hold`."""

    schedule: Piece
    _: KW_ONLY
    step_epochs: Duration

    def _rates(self, t: np.ndarray) -> np.ndarray:
        steps = whole_periods(t, self.step_epochs) * self.step_epochs
        return self.schedule(np.where(np.isfinite(steps), steps, t))


def hold(schedule: Schedule, step_epochs: float) -> Schedule:
    r"""Change a schedule's rate at regular intervals only: :math:`s(\lfloor t/h \rfloor\,h)`.

    So ``staircase=True`` of Keras' ``ExponentialDecay`` and ``InverseTimeDecay`` is
    ``hold(schedule, decay_steps)``, and a schedule that goes by epochs while a ramp goes by steps,
    as in MMCV and YOLOv5, is ``hold(schedule, 1)``.

    Args:
        schedule: What is held.
        step_epochs: Epochs h between changes, positive.

    Returns:
        The staircase.

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> from lrlab.schedules import LinearDecay
        >>> hold(LinearDecay(1, total_epochs=4), 2)(np.array([0, 1.9, 2, 3, 4]))
        array([1. , 1. , 0.5, 0.5, 0. ])
    """
    return Held(schedule, step_epochs=step_epochs)

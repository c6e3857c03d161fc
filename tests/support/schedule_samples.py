"""Every schedule of lrlab: what draws it, a sample of it, and its rates once more.

The strategies draw compositions of compositions, too. Durations come in two kinds. On a grid of
1/32 epoch, sums and differences of moments are exact, so that an oracle in exact arithmetic and the
code agree about which side of a boundary a moment lies on. Free durations are any floats, for the
properties that have to hold whatever the rounding.

The oracle, `rate`, is written another way than lrlab: one moment at a time, in plain Python, with
loops over cuts and cycles where lrlab has closed forms, branches where it has minima and clips,
exact fractions where it divides, cos² where it has cos.
"""

from __future__ import annotations

import math
from fractions import Fraction

from hypothesis import strategies as st

from lrlab import schedules as s
from lrlab.schedules import Joined, Scaled, Warmup, join, scale, warmup
from tests.support.strategies import factors, free_durations, rates


def moments(durations: st.SearchStrategy, count: int) -> st.SearchStrategy:
    """Increasing moments."""
    distinct = st.lists(durations, min_size=count, max_size=count, unique_by=float)
    return distinct.map(sorted)


def simple_schedules(durations: st.SearchStrategy) -> dict[type, st.SearchStrategy]:
    """For each class the strategy that draws its schedules."""
    lr, final_lr = rates, rates
    return {
        s.Constant: st.builds(s.Constant, lr),
        s.StepDecay: st.builds(s.StepDecay, lr, gamma=factors, step_epochs=durations),
        s.MultiStepDecay: st.builds(
            s.MultiStepDecay,
            lr,
            gamma=factors,
            milestones=st.integers(1, 5).flatmap(lambda count: moments(durations, count)),
        ),
        s.ExponentialDecay: st.builds(s.ExponentialDecay, lr, gamma=factors),
        s.PolynomialDecay: st.builds(
            s.PolynomialDecay,
            lr,
            total_epochs=durations,
            power=st.floats(0.1, 8),
            final_lr=final_lr,
        ),
        s.LinearDecay: st.builds(s.LinearDecay, lr, total_epochs=durations, final_lr=final_lr),
        s.CosineDecay: st.builds(s.CosineDecay, lr, total_epochs=durations, final_lr=final_lr),
        s.CyclicCosine: st.builds(
            s.CyclicCosine,
            lr,
            cycle_epochs=durations,
            cycle_mult=st.sampled_from([1, 1.25, 1.5, 2, 3]),
            final_lr=final_lr,
        ),
        s.InverseSqrtDecay: st.builds(s.InverseSqrtDecay, lr),
        s.Recurrence: st.builds(s.Recurrence, st.floats(0, 3), rule=st.just("sin"))
        | st.builds(
            s.Recurrence,
            st.floats(0, 0.99) | st.just(1.0),  # a rounded rate next to 1 may never fall
            rule=st.just("power"),
            exponent=st.floats(1, 2),
        ),
        s.OneCycle: st.builds(
            s.OneCycle,
            lr,
            total_epochs=durations,
            warmup_fraction=st.floats(0.05, 0.95),
            initial_div=st.floats(1, 100),
            final_div=st.floats(1, 1e5),
            shape=st.sampled_from(["cosine", "linear"]),
        )
        | st.builds(
            s.OneCycle,
            lr,
            total_epochs=durations,
            warmup_fraction=st.floats(0.05, 0.45),
            initial_div=st.floats(1, 100),
            shape=st.sampled_from(["cosine", "linear"]),
            three_phase=st.just(True),
        ),
        s.WarmupStableDecay: st.builds(
            s.WarmupStableDecay,
            lr,
            warmup_epochs=durations,
            stable_epochs=durations,
            decay_epochs=durations,
            final_lr=final_lr,
            shape=st.sampled_from(["linear", "1-sqrt"]),
        ),
    }


def any_schedule(
    durations: st.SearchStrategy = free_durations, without: tuple[type, ...] = ()
) -> st.SearchStrategy:
    """Any schedule: of one of the classes, or warmed up, joined and scaled, several levels deep."""
    simple = [one for cls, one in simple_schedules(durations).items() if cls not in without]

    def composed(inner: st.SearchStrategy) -> st.SearchStrategy:
        joined = st.integers(2, 3).flatmap(
            lambda count: st.builds(
                join,
                st.lists(inner, min_size=count, max_size=count),
                at=moments(durations, count - 1),
            )
        )
        warmed_up = st.builds(warmup, inner, durations, begin_lr=rates)
        return joined | warmed_up | st.builds(scale, inner, st.floats(0.1, 10))

    return st.recursive(st.one_of(simple), composed, max_leaves=4)


# One schedule of each class as class: {parameter: (its value, another value)}. The first parameter
# is the one that may be given by position.
_NAP = s.Constant(0.1)
_STEPS = s.StepDecay(0.5, gamma=0.5, step_epochs=2)
SAMPLES = {
    s.Constant: {"lr": (0.1, 0.2)},
    s.StepDecay: {"lr": (0.1, 0.2), "gamma": (0.5, 0.25), "step_epochs": (3, 4)},
    s.MultiStepDecay: {"lr": (0.1, 0.2), "gamma": (0.5, 0.25), "milestones": ((2, 5), (2, 6))},
    s.ExponentialDecay: {"lr": (0.1, 0.2), "gamma": (0.9, 0.8)},
    s.PolynomialDecay: {
        "lr": (0.1, 0.2),
        "total_epochs": (8, 9),
        "power": (2, 3),
        "final_lr": (0.01, 0.02),
    },
    s.LinearDecay: {"lr": (0.1, 0.2), "total_epochs": (8, 9), "final_lr": (0.01, 0.02)},
    s.CosineDecay: {"lr": (0.1, 0.2), "total_epochs": (8, 9), "final_lr": (0.01, 0.02)},
    s.CyclicCosine: {
        "lr": (0.1, 0.2),
        "cycle_epochs": (2, 2.5),
        "cycle_mult": (1, 2),
        "final_lr": (0.01, 0.02),
    },
    s.InverseSqrtDecay: {"lr": (0.1, 0.2)},
    s.Recurrence: {"lr": (0.1, 0.2), "rule": ("power", "sin"), "exponent": (1.0001, 1.01)},
    s.OneCycle: {
        "max_lr": (0.1, 0.2),
        "total_epochs": (8, 9),
        "warmup_fraction": (0.25, 0.5),
        "initial_div": (25, 10),
        "final_div": (1e4, 10),
        "shape": ("cosine", "linear"),
        "three_phase": (False, True),
    },
    s.WarmupStableDecay: {
        "lr": (0.1, 0.2),
        "warmup_epochs": (2, 3),
        "stable_epochs": (3, 4),
        "decay_epochs": (3, 4),
        "final_lr": (0.01, 0.02),
        "shape": ("linear", "1-sqrt"),
    },
    Warmup: {"schedule": (_STEPS, _NAP), "epochs": (3, 2.5), "begin_lr": (0.01, 0.02)},
    Joined: {"schedules": ((_NAP, _STEPS), (_STEPS, _NAP)), "at": ((3,), (4,))},
    Scaled: {"schedule": (_STEPS, _NAP), "factor": (2, 3)},
}


def sample(cls: type, **changes: object) -> s.Schedule:
    """The schedule of SAMPLES of that class, with some parameters changed."""
    first, *others = ({name: values[0] for name, values in SAMPLES[cls].items()} | changes).items()
    return cls(first[1], **dict(others))


# --- the rates once more ---


def rate(schedule: s.Schedule, t: float) -> float:
    """The rate of ``schedule`` at time ``t``."""
    return _RATES[type(schedule)](schedule, Fraction(t))


def lowest_and_highest(schedule: s.Schedule) -> tuple[float, float]:
    """Between which rates a schedule runs, read off its parameters."""
    match schedule:
        case s.Constant(lr=lr):
            return lr, lr
        case s.PolynomialDecay() | s.LinearDecay() | s.CosineDecay() | s.CyclicCosine():
            return min(schedule.lr, schedule.final_lr), max(schedule.lr, schedule.final_lr)
        case s.OneCycle(max_lr=max_lr):
            return max_lr / schedule.initial_div / schedule.final_div, max_lr
        case s.WarmupStableDecay(lr=lr, final_lr=final_lr):
            return 0.0, max(lr, final_lr)
        case Scaled(schedule=inner, factor=factor):
            return tuple(factor * bound for bound in lowest_and_highest(inner))
        case Warmup(schedule=inner, begin_lr=begin_lr):
            low, high = lowest_and_highest(inner)
            return min(low, begin_lr), max(high, begin_lr)
        case Joined(schedules=pieces):
            lows, highs = zip(*map(lowest_and_highest, pieces), strict=True)
            return min(lows), max(highs)
        case _:  # everything else falls from lr towards 0
            return 0.0, schedule.lr


def steps_between(schedule: s.Schedule, times: list[float]) -> tuple[float, float]:
    """The change of the rate, and how large an error of rounding may be."""
    first, last = (schedule(t) for t in times)
    return last - first, 1e-14 * lowest_and_highest(schedule)[1]


def _mix(high: float, low: float, share: float) -> float:
    return low + (high - low) * share


def _half_cosine(high: float, low: float, progress: Fraction) -> float:
    return _mix(high, low, math.cos(math.pi * progress / 2) ** 2)


def _step(x: s.StepDecay, t: Fraction) -> float:
    lr, boundary = x.lr, Fraction(x.step_epochs)
    while boundary <= t:
        lr, boundary = lr * x.gamma, boundary + Fraction(x.step_epochs)
    return lr


def _multistep(x: s.MultiStepDecay, t: Fraction) -> float:
    lr = x.lr
    for milestone in x.milestones:
        if t >= milestone:
            lr *= x.gamma
    return lr


def _polynomial(x: s.PolynomialDecay, t: Fraction) -> float:
    left = 1 - t / Fraction(x.total_epochs)
    return x.final_lr if left <= 0 else _mix(x.lr, x.final_lr, math.pow(left, x.power))


def _linear(x: s.LinearDecay, t: Fraction) -> float:
    done = t / Fraction(x.total_epochs)
    return x.final_lr if done >= 1 else x.lr - (x.lr - x.final_lr) * float(done)


def _cosine(x: s.CosineDecay, t: Fraction) -> float:
    done = t / Fraction(x.total_epochs)
    return x.final_lr if done >= 1 else _half_cosine(x.lr, x.final_lr, done)


def _cyclic(x: s.CyclicCosine, t: Fraction) -> float:
    length = Fraction(x.cycle_epochs)
    while t >= length:
        t, length = t - length, length * Fraction(x.cycle_mult)
    return _half_cosine(x.lr, x.final_lr, t / length)


def _recurrence(x: s.Recurrence, t: Fraction) -> float:
    lr = x.lr
    for _ in range(math.floor(t)):
        lr = math.sin(lr) if x.rule == "sin" else lr**x.exponent
    return lr


def _one_cycle(x: s.OneCycle, t: Fraction) -> float:
    first = x.max_lr / x.initial_div
    last = first / x.final_div
    total = Fraction(x.total_epochs)
    peak = total * Fraction(x.warmup_fraction)
    way = _half_cosine if x.shape == "cosine" else lambda a, b, u: _mix(a, b, 1 - float(u))
    if t < peak:
        return way(x.max_lr, first, 1 - t / peak)
    if x.three_phase and t < 2 * peak:
        return way(x.max_lr, first, (t - peak) / peak)
    if t < total:
        top, begin = (first, 2 * peak) if x.three_phase else (x.max_lr, peak)
        return way(top, last, (t - begin) / (total - begin))
    return last


def _trapezoid(x: s.WarmupStableDecay, t: Fraction) -> float:
    if t < x.warmup_epochs:
        return x.lr * float(t / Fraction(x.warmup_epochs))
    t -= Fraction(x.warmup_epochs) + Fraction(x.stable_epochs)
    if t < 0:
        return x.lr
    if t >= x.decay_epochs:
        return x.final_lr
    done = float(t / Fraction(x.decay_epochs))
    return _mix(x.lr, x.final_lr, 1 - (done if x.shape == "linear" else math.sqrt(done)))


def _warmup(x: Warmup, t: Fraction) -> float:
    if t < x.epochs:
        return _mix(rate(x.schedule, 0), x.begin_lr, float(t / Fraction(x.epochs)))
    return rate(x.schedule, t - Fraction(x.epochs))


def _joined(x: Joined, t: Fraction) -> float:
    running, start = x.schedules[0], Fraction(0)
    for schedule, moment in zip(x.schedules[1:], x.at, strict=True):
        if t >= moment:
            running, start = schedule, Fraction(moment)
    return rate(running, t - start)


_RATES = {
    s.Constant: lambda x, t: x.lr,
    s.StepDecay: _step,
    s.MultiStepDecay: _multistep,
    s.ExponentialDecay: lambda x, t: x.lr * math.exp(t * math.log(x.gamma)),
    s.PolynomialDecay: _polynomial,
    s.LinearDecay: _linear,
    s.CosineDecay: _cosine,
    s.CyclicCosine: _cyclic,
    s.InverseSqrtDecay: lambda x, t: x.lr * math.exp(-math.log1p(t) / 2),
    s.Recurrence: _recurrence,
    s.OneCycle: _one_cycle,
    s.WarmupStableDecay: _trapezoid,
    Warmup: _warmup,
    Joined: _joined,
    Scaled: lambda x, t: x.factor * rate(x.schedule, t),
}

"""The rates of every schedule once more, written another way than in lrlab.

One moment at a time, in plain Python: loops over cuts and cycles where lrlab has closed forms,
branches where it has minima and clips, exact fractions where it divides, cos² where it has cos.
"""

from __future__ import annotations

import math
from fractions import Fraction

from lrlab import schedules as s
from lrlab.schedules import Joined, Scaled, Warmup


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
    total = Fraction(x.total_epochs)
    peak = total * Fraction(x.warmup_fraction)
    if t < peak:
        return _half_cosine(x.max_lr, first, 1 - t / peak)
    if t < total:
        return _half_cosine(x.max_lr, first / x.final_div, (t - peak) / (total - peak))
    return first / x.final_div


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

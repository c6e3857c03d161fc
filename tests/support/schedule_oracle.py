"""The rates of every schedule once more, written another way than in lrlab.

One moment at a time, in plain Python, with loops over cuts and cycles where lrlab has closed forms,
branches where it has minima and clips, exact fractions where it divides, cos² where it has cos.
"""

from __future__ import annotations

import math
from fractions import Fraction

from lrlab import schedules as s
from lrlab.schedules import Held, Joined, Scaled, Warmup


def rate(schedule: s.Schedule, t: float) -> float:
    """The rate of ``schedule`` at time ``t``."""
    return _RATES[type(schedule)](schedule, Fraction(t))


def lowest_and_highest(schedule: s.Schedule) -> tuple[float, float]:
    """Between which rates a schedule runs, read off its parameters."""
    match schedule:
        case s.Constant(lr=lr):
            return lr, lr
        case s.Triangular(lr=lr, max_lr=max_lr):
            return min(lr, max_lr), max(lr, max_lr)
        case s.OneCycle(max_lr=max_lr):
            return max_lr / schedule.initial_div / schedule.final_div, max_lr
        case s.WarmupStableDecay(lr=lr, final_lr=final_lr):
            return 0.0, max(lr, final_lr)
        case Scaled(schedule=inner, factor=factor):
            by = lowest_and_highest(factor) if isinstance(factor, s.Schedule) else [factor] * 2
            return tuple(map(math.prod, zip(by, lowest_and_highest(inner), strict=True)))
        case Held(schedule=inner):
            return lowest_and_highest(inner)
        case Warmup(schedule=inner, begin_lr=begin_lr):
            low, high = lowest_and_highest(inner)
            return min(low, begin_lr), max(high, begin_lr)
        case Joined(schedules=pieces):
            lows, highs = zip(*map(lowest_and_highest, pieces), strict=True)
            return min(lows), max(highs)
        case _:  # everything else runs from lr to final_lr, or falls towards 0
            ends = schedule.lr, getattr(schedule, "final_lr", 0.0)
            return min(ends), max(ends)


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


def _geometric(x: s.Geometric, t: Fraction) -> float:
    done = min(t / Fraction(x.total_epochs), 1)
    return math.exp(float(1 - done) * math.log(x.lr) + float(done) * math.log(x.final_lr))


def _inverse_time(x: s.InverseTimeDecay, t: Fraction) -> float:
    grown = float(1 + Fraction(x.rate) * t)
    return _mix(x.lr, x.final_lr, math.exp(-x.power * math.log(grown)))


def _triangular(x: s.Triangular, t: Fraction) -> float:
    up = Fraction(x.up_epochs)
    down = up if x.down_epochs is None else Fraction(x.down_epochs)
    share, rest = x.gamma**t, t
    while rest >= up + down:
        share, rest = share * x.cycle_gamma, rest - up - down
    height = rest / up if rest < up else (up + down - rest) / down
    return x.lr + (x.max_lr - x.lr) * float(height) * share


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
    began = 0 if x.clock == "common" else Fraction(x.epochs)
    target = rate(x.schedule, max(t - began, 0))
    if t >= x.epochs:
        return target
    return _mix(target, x.begin_lr, math.pow(t / Fraction(x.epochs), x.power))


def _joined(x: Joined, t: Fraction) -> float:
    running, start = x.schedules[0], Fraction(0)
    for schedule, moment in zip(x.schedules[1:], x.at, strict=True):
        if t >= moment:
            running, start = schedule, Fraction(moment)
    return rate(running, t - start if x.clock == "own" else t)


def _scaled(x: Scaled, t: Fraction) -> float:
    by = rate(x.factor, t) if isinstance(x.factor, s.Schedule) else x.factor
    return by * rate(x.schedule, t)


def _held(x: Held, t: Fraction) -> float:
    return rate(x.schedule, t - t % Fraction(x.step_epochs))


_RATES = {
    s.Constant: lambda x, t: x.lr,
    s.StepDecay: _step,
    s.MultiStepDecay: _multistep,
    s.ExponentialDecay: lambda x, t: x.lr * math.exp(t * math.log(x.gamma)),
    s.PolynomialDecay: _polynomial,
    s.LinearDecay: _linear,
    s.CosineDecay: _cosine,
    s.CyclicCosine: _cyclic,
    s.Geometric: _geometric,
    s.InverseTimeDecay: _inverse_time,
    s.InverseSqrtDecay: lambda x, t: _mix(
        x.lr, x.final_lr, math.exp(-math.log1p(t / Fraction(x.timescale_epochs)) / 2)
    ),
    s.Triangular: _triangular,
    s.Recurrence: _recurrence,
    s.OneCycle: _one_cycle,
    s.WarmupStableDecay: _trapezoid,
    Warmup: _warmup,
    Joined: _joined,
    Scaled: _scaled,
    Held: _held,
}

"""What claims are decided by without seeds: descents on landscapes, and the theory of bowls."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from lrlab.claims.evidence import Values, less, noisy_bowl
from lrlab.landscapes import DoubleWell, Quadratic, descend
from lrlab.optimizers import SGD, Adam, Momentum, Optimizer, RMSProp
from lrlab.schedules import Constant, ExponentialDecay, InverseSqrtDecay, Schedule
from lrlab.statistics import Pairs
from lrlab.theory import best_constant_lr, best_tuning, convergence_factor, noise_floor

BOWL = Quadratic((1.0, 10.0))
WELL_STARTS = 200
WALKERS = 20  # on the noisy bowl; as many as there are seeds of D2


@cache  # here and below: several trials ask for the same descent, which takes a while
def leave(lr: float, *, beyond: float | None = None) -> float:
    """The share of starts in the sharp valley of a double well that a descent at a rate leaves.

    Args:
        lr: The rate.
        beyond: Another rate, whose share is subtracted.
    """
    if beyond is not None:
        return leave(lr) - leave(beyond)
    well = DoubleWell()
    low, top = 2 * well.sharp_minimum - well.barrier, well.barrier
    starts = np.linspace(low, top, WELL_STARTS + 2)[1:-1]
    path = descend(well, SGD(), Constant(lr), starts, 500)
    return float((path.w[-1] > top).mean())


def floor_ratio(large: float, small: float) -> float:
    """How many decades the noise floor of a rate lies above that of another, on the noisy bowl."""
    first, second = (float(noise_floor(noisy_bowl(), lr)) for lr in (large, small))
    return math.log10(first / second)


def time_ratio(small: float, large: float) -> float:
    """How many times the steps of a large rate a small one takes on a bowl, in decades."""
    factors = convergence_factor(BOWL, np.array([small, large]))
    slow, fast = -1 / np.log(factors)
    return math.log10(slow / fast)


def growth(beyond: float) -> float:
    """How many decades the distance on a bowl grows in 100 steps at so many times the border."""
    return 100 * math.log10(float(convergence_factor(BOWL, beyond * 2 / 10)))


def steps(condition: float, *, momentum: bool) -> float:
    """The steps in which a bowl of a condition number comes nearer by a factor e, at best."""
    bowl = Quadratic((1.0, condition))
    if momentum:
        return -1 / math.log(best_tuning(bowl).factor)
    return -1 / math.log(float(convergence_factor(bowl, best_constant_lr(bowl))))


def exponent(*, momentum: bool) -> float:
    """The power of the condition number with which the best steps grow, from 100 to 10,000."""
    counts = steps(1e4, momentum=momentum), steps(1e2, momentum=momentum)
    return math.log10(counts[0] / counts[1]) / 2


def analytic_excess() -> float:
    """How many decades more steps the computed best rate takes than the best of a fine grid."""
    grid = np.linspace(0.01, 0.199, 2_000)
    best = float(np.min(convergence_factor(BOWL, grid)))
    ours = float(convergence_factor(BOWL, best_constant_lr(BOWL)))
    return math.log10(math.log(best) / math.log(ours))


def heavy_ball_gain(*, long_run: bool) -> float:
    """How many times as far momentum 0.9 comes down a small steady slope, in decades.

    Args:
        long_run: Whether the rates are compared that have the same long-run effect.
    """
    lr = 1.0
    without = _slid(SGD(), 10 * lr if long_run else lr)
    return math.log10(_slid(Momentum(momentum=0.9), lr) / without)


@cache
def _slid(optimizer: Optimizer, lr: float) -> float:
    """How far an optimizer comes down a small steady slope in 2,000 steps."""
    return 1 - float(descend(Quadratic((1e-6,)), optimizer, Constant(lr), [1.0], 2_000).w[-1, 0])


def floors(*, long_run: bool) -> float:
    """How far momentum 0.9 lowers the noise floor at a small rate, in decades."""
    rate = 0.01
    without = float(noise_floor(noisy_bowl(), rate))
    heavy = float(noise_floor(noisy_bowl(), rate * (0.1 if long_run else 1.0), 0.9))
    return math.log10(without / heavy)


@cache
def noisy_end(schedule: Schedule) -> Values:
    """The logarithm of each walker's mean loss over the last 200 of 2,000 steps, in decades."""
    bowl = noisy_bowl()
    starts = np.full((WALKERS, 2), 4.0)
    path = descend(bowl, SGD(), schedule, starts, 2_000, seed=0)
    ends = np.mean(bowl.loss(path.w[-200:]), axis=0)
    return dict(enumerate(np.log10(ends).tolist()))


CONSTANT, SLOW, FAST = Constant(0.15), InverseSqrtDecay(0.15), ExponentialDecay(0.15, gamma=0.5)


def bounces_without(ours: Schedule, other: Schedule) -> Pairs:
    """How many decades higher one schedule ends than another, walker by walker."""
    return less(noisy_end(ours), noisy_end(other))


def halved_in_every_step() -> float:
    """How many decades lower the loss on a bowl ends than with the constant rate, in 50 steps."""
    halved, constant = (descend(BOWL, SGD(), one, [4, 4], 50).loss[-1] for one in (FAST, CONSTANT))
    return math.log10(float(constant / halved))


def decayed(schedule: Schedule) -> float:
    """The part of its first rate that a recurrence has lost after 25 epochs."""
    return 1 - float(schedule(25)) / float(schedule(0))


def adam_less_rmsprop() -> float:
    """The largest difference between Adam without a mean, and RMSProp, over 200 steps."""
    adam = Adam(beta1=0.0, beta2=0.99, bias_correction=False)
    paths = [descend(BOWL, rule, Constant(0.01), [4, 4], 200) for rule in (adam, RMSProp(rho=0.99))]
    return float(np.abs(paths[0].w - paths[1].w).max())

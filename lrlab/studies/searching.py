"""Ways to search for a rate, tried on recorded runs: what each finds, and what it spends.

A search trains at some rates and keeps the one with the lowest loss on held-out examples. Where all
rates of a fine grid are on record, a search of some of them needs no further run.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from lrlab.training import History, RangeTest

#: For each rate of a grid the loss on held-out examples after each epoch, of one seed.
Curves = Mapping[float, Sequence[float]]

RULES: dict[str, str] = {
    "steepest": "steepest",
    "minimum / 10": "minimum_tenth",
    "valley": "valley",
}


class Search(NamedTuple):
    """What a search found.

    Args:
        lr: The rate that it chose; NaN if none was left.
        loss: The loss there after the last epoch; infinite if none was left.
        epochs: What all trials together spent, in epochs.
        times_best: The loss over the lowest one of the grid.
    """

    lr: float
    loss: float
    epochs: float
    times_best: float


def trials(curves: Curves, lrs: Iterable[float], *, spent: float = 0) -> Search:
    """Return what whole runs at some rates find.

    Each rate counts as the nearest of the grid. A rate outside, more than half a step of the grid
    below the first or above the last, has no record: it spends its epochs and finds nothing.

    Args:
        curves: The recorded runs.
        lrs: The rates that are tried.
        spent: Epochs that were spent before, for a range test.

    Example:
        >>> curves = {0.01: [2, 1.5], 0.1: [1, 0.5], 1: [3, 3]}
        >>> trials(curves, [0.02, 0.2])
        Search(lr=0.1, loss=0.5, epochs=4, times_best=1.0)
    """
    longest = max(map(len, curves.values()))
    losses, epochs = {}, spent
    for lr in lrs:
        nearest = _nearest(curves, lr)
        epochs += longest if nearest is None else len(curves[nearest])
        if nearest is not None:
            losses[nearest] = _last(curves[nearest])
    return _found(curves, losses, epochs)


def halving(curves: Curves, lrs: Iterable[float]) -> Search:
    """Return what successive halving of runs at some rates finds.

    After epochs 1, 2, 4 and so on the worse half of the runs ends; of an odd number one more goes
    on. A run that goes on does so at the rates that its schedule planned for all epochs.

    Args:
        curves: The recorded runs.
        lrs: The rates that are tried, of the grid.

    Example:
        >>> curves = {0.01: [2, 1.5], 0.1: [1, 0.5], 1: [3, 3]}
        >>> halving(curves, curves)  # one run ends after an epoch
        Search(lr=0.1, loss=0.5, epochs=5, times_best=1.0)
    """
    left, done, epochs = list(lrs), 0, 0
    longest = max(map(len, curves.values()))
    while left and done < longest:
        until = min(max(1, 2 * done), longest)
        epochs += sum(min(until, len(curves[lr])) - min(done, len(curves[lr])) for lr in left)
        done = until
        if done < longest:
            left.sort(key=lambda lr: _after(curves[lr], done))
            left = [lr for lr in left[: -(-len(left) // 2)] if _after(curves[lr], done) < math.inf]
    return _found(curves, {lr: _last(curves[lr]) for lr in left}, epochs)


def searches(
    runs: Iterable[History], tests: Mapping[int, RangeTest]
) -> dict[str, dict[int, list[Search]]]:
    """Return what several ways to search find on a recorded fine grid.

    "grid by 10" and "grid by 3" are every fourth and every second rate of a grid by factors of
    about 1.8, "halving" is successive halving of the latter. Where such a grid begins is chance, so
    each beginning is tried. "steepest + 3" is a range test, and then whole runs at what its rule
    suggests, a third of it and three times it; so the others. A rule without a suggestion finds
    nothing.

    Args:
        runs: The runs of the fine grid, evaluated on held-out examples, of several seeds.
        tests: A range test for each seed.

    Returns:
        For each way and seed what was found, a search for each beginning.
    """
    found: dict[str, dict[int, list[Search]]] = {}
    for seed, (curves, steps) in _by_seed(runs).items():
        ways = _grids(curves) | _tested(curves, tests[seed], steps)
        for way, of_seed in ways.items():
            found.setdefault(way, {})[seed] = of_seed
    return found


def _grids(curves: Curves) -> dict[str, list[Search]]:
    lrs = sorted(curves)
    by_three = [lrs[first::2] for first in range(2)]
    return {
        "grid by 10": [trials(curves, lrs[first::4]) for first in range(4)],
        "grid by 3": [trials(curves, some) for some in by_three],
        "halving": [halving(curves, some) for some in by_three],
    }


def _tested(curves: Curves, test: RangeTest, steps_per_epoch: int) -> dict[str, list[Search]]:
    spent, suggested = len(test.lr) / steps_per_epoch, test.suggestions()
    ways = {}
    for name, rule in RULES.items():
        lr = suggested[rule]
        around = [] if lr is None else [lr / 10**0.5, lr, lr * 10**0.5]
        ways[f"{name} + 3"] = [trials(curves, around, spent=spent)]
    return ways


def _by_seed(runs: Iterable[History]) -> dict[int, tuple[dict[float, list[float]], int]]:
    found: dict[int, tuple[dict[float, list[float]], int]] = {}
    for run in runs:
        curves, _ = found.setdefault(run.recipe.seed, ({}, run.steps_per_epoch))
        curves[_peak(run)] = run.test_loss
    return found


def _peak(run: History) -> float:
    """The highest rate that a run asks for, to three digits as a grid has it."""
    n = run.steps_per_epoch
    return float(f"{run.schedule(np.arange(run.recipe.epochs * n) / n).max():.3g}")


def _nearest(curves: Curves, lr: float) -> float | None:
    lrs = sorted(curves)
    if lr < lrs[0] * (lrs[0] / lrs[1]) ** 0.5 or lr > lrs[-1] * (lrs[-1] / lrs[-2]) ** 0.5:
        return None
    return min(lrs, key=lambda other: abs(math.log(other / lr)))


def _after(curve: Sequence[float], epochs: int) -> float:
    return _last(curve[:epochs]) if len(curve) >= epochs else math.inf


def _last(curve: Sequence[float]) -> float:
    return curve[-1] if math.isfinite(curve[-1]) else math.inf


def _found(curves: Curves, losses: Mapping[float, float], epochs: float) -> Search:
    whole = {lr: loss for lr, loss in losses.items() if loss < math.inf}
    lr = min(whole, key=lambda lr: whole[lr], default=math.nan)
    loss = whole.get(lr, math.inf)
    return Search(lr, loss, epochs, loss / min(map(_last, curves.values())))

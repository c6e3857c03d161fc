"""Read a sensitivity analysis: where the rates that work begin and end.

Results are losses of shape ``(len(lrs), seeds)``, one row a rate; a run that diverged has NaN or an
infinity there.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lrlab.utils import checks


def left_edge(lrs: Sequence[float], losses: Sequence[Sequence[float]], level: float) -> float:
    """Return the rate below the best one at which the mean loss over seeds reaches a level.

    Between two rates of the grid the loss is interpolated along a line in the rate's logarithm.
    Towards a rate at which a seed diverged there is nothing to interpolate, and it is the next one.

    Args:
        lrs: The rates, positive, in any order.
        losses: Shape ``(len(lrs), seeds)``.
        level: The loss that is asked for.

    Raises:
        ValueError: The shapes do not fit, or the loss is at no rate below the level, or at none
            below the best rate above it.

    Example:
        >>> round(left_edge([0.001, 0.01, 0.1, 1], [[2.3], [1.3], [0.3], [2.3]], level=0.8), 4)
        0.0316
    """
    rates, table = _sorted(lrs, losses, level)
    mean = np.where(np.isfinite(table), table, np.inf).mean(axis=1)
    if not mean.min() < level:
        raise ValueError(f"level must lie above some mean loss, received {level!r}")
    best = int(np.argmin(mean))
    worse = np.flatnonzero(mean[:best] >= level)
    if not len(worse):
        raise ValueError(f"level must be reached left of the best rate, received {level!r}")
    above = worse[-1]  # the next rate is below the level
    share = (level - mean[above + 1]) / (mean[above] - mean[above + 1])
    return float(rates[above + 1] * (rates[above] / rates[above + 1]) ** share)


def left_edges(lrs: Sequence[float], losses: Sequence[Sequence[float]], level: float) -> np.ndarray:
    """Return the `left_edge` of each seed by itself, shape ``(seeds,)``.

    Args:
        lrs: The rates, positive, in any order.
        losses: Shape ``(len(lrs), seeds)``.
        level: The loss that is asked for.

    Raises:
        ValueError: The shapes do not fit, or the loss of a seed is at no rate below the level, or
            at none below the best rate above it.

    Example:
        >>> losses = [[2.3, 2.3], [1.3, 0.3], [0.3, 0.2]]
        >>> left_edges([0.001, 0.01, 0.1], losses, level=1.3).round(4)
        array([0.01  , 0.0032])
    """
    rates, table = _sorted(lrs, losses, level)
    seeds = table.T[:, :, np.newaxis].tolist()  # a table of one column for each
    return np.array([left_edge(rates.tolist(), seed, level) for seed in seeds])


def right_edge(lrs: Sequence[float], losses: Sequence[Sequence[float]], level: float) -> float:
    """Return the largest rate up to which, from the best one on, every seed is below a level.

    It is a rate of the grid: where the seeds disagree, there is nothing to interpolate.

    Args:
        lrs: The rates, positive, in any order.
        losses: Shape ``(len(lrs), seeds)``.
        level: The loss that counts as having learned.

    Raises:
        ValueError: The shapes do not fit, or no rate has every seed below the level.

    Example:
        >>> right_edge([0.1, 0.2, 0.4], [[0.5, 0.6], [0.7, 0.8], [0.7, 2.3]], level=1.5)
        0.2
    """
    rates, table = _sorted(lrs, losses, level)
    works = np.all(table < level, axis=1)  # NaN is not below anything
    if not works.any():
        raise ValueError(f"level must lie above every seed's loss at some rate, received {level!r}")
    best = int(np.argmin(np.where(works, table.mean(axis=1), np.inf)))
    fails = np.flatnonzero(~works[best:])
    return float(rates[best + fails[0] - 1] if len(fails) else rates[-1])


def decades(lrs: Sequence[float], losses: Sequence[Sequence[float]], level: float) -> np.ndarray:
    """Return for each seed how wide the range of rates around its best one is that keep a level.

    The width is the decimal logarithm of the quotient of the two rates at which the seed's loss
    reaches the level, each interpolated along a line in the rate's logarithm. Towards a run that
    diverged there is nothing to interpolate, and the range ends at the last rate of the grid before
    it. A seed that is nowhere below the level has a width of 0.

    Args:
        lrs: The rates, positive, in any order.
        losses: Shape ``(len(lrs), seeds)``.
        level: The loss that is asked for.

    Returns:
        An array of shape ``(seeds,)``, in decades.

    Raises:
        ValueError: The shapes do not fit, or a seed's loss stays below the level up to an end of
            the grid, which then does not show how wide the range is.

    Example:
        >>> decades([0.001, 0.01, 0.1, 1], [[2.3], [1.3], [0.3], [2.3]], level=1.3).round(2)
        array([1.5])
    """
    rates, table = _sorted(lrs, losses, level)
    logs, table = np.log10(rates), np.where(np.isfinite(table), table, np.inf)
    return np.array([_width(logs, seed, level) for seed in table.T])


def _width(logs: np.ndarray, losses: np.ndarray, level: float) -> float:
    best = int(np.argmin(losses))
    if not losses[best] < level:
        return 0.0
    right = _reach(logs[best:], losses[best:], level)
    left = _reach(-logs[best::-1], losses[best::-1], level)
    return right + left


def _reach(logs: np.ndarray, losses: np.ndarray, level: float) -> float:
    """How far from the first rate the loss reaches the level, in decades."""
    above = np.flatnonzero(losses >= level)
    if not len(above):
        raise ValueError(
            f"level must be reached on both sides of the best rate, received {level!r}"
        )
    first = above[0]
    rise = losses[first] - losses[first - 1]  # infinite towards a run that diverged
    share = (level - losses[first - 1]) / rise
    return float(logs[first - 1] - logs[0] + share * (logs[first] - logs[first - 1]))


def _sorted(
    lrs: Sequence[float], losses: Sequence[Sequence[float]], level: float
) -> tuple[np.ndarray, np.ndarray]:
    checks.number("level", level, "of either sign", lambda x: True)
    return by_rate(lrs, losses)


def by_rate(
    lrs: Sequence[float], losses: Sequence[Sequence[float]]
) -> tuple[np.ndarray, np.ndarray]:
    """Return rates and losses, a row for each rate, in the order of the rates."""
    items = checks.sequence("lrs", lrs, "a sequence of rates")
    rates = np.array([checks.positive(f"lrs[{i}]", lr) for i, lr in enumerate(items)])
    table = checks.array("losses", losses, "an array of numbers")
    if table.ndim != 2 or len(table) != len(rates) or table.size == 0:
        raise ValueError(f"losses must have shape ({len(rates)}, seeds), received {table.shape}")
    order = np.argsort(rates)
    return rates[order], table[order]

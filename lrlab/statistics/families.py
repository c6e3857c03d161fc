"""Several claims judged together: how sure each has to be, so that all are as sure as one alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import stdtr

from lrlab.statistics.intervals import Interval, several
from lrlab.statistics.pairs import Pairs
from lrlab.utils import checks


def p_value(values: Sequence[float], center: float) -> float:
    r"""Return how likely a mean as far from a number would be by chance, on either side.

    Student's t-test: twice the probability that :math:`t_{n-1}` exceeds
    :math:`|\bar x - c|\sqrt n / s`. It is below 1 − level exactly where `mean_interval` of that
    level leaves the number c out.

    Args:
        values: One result a seed, two or more.
        center: The number c.

    Returns:
        A number in [0, 1], which is 1 for a mean of c and 0 for values that are all the same
        and another number.

    Raises:
        ValueError: A value or the center is not finite, or there are fewer than two.

    Example:
        >>> round(p_value([1, 2, 3], center=0), 4)
        0.0742
    """
    array = several(values)
    distance = abs(array.mean() - checks.number("center", center, "of either sign", lambda _: True))
    if distance == 0:
        return 1.0
    error = array.std(ddof=1) / len(array) ** 0.5
    return float(2 * stdtr(len(array) - 1, -distance / error)) if error else 0.0


def holm(p_values: Sequence[float], level: float = 0.95) -> list[float]:
    r"""Return the level at which each interval of a family is to be taken.

    If m claims are each judged by a 95 % interval, the chance that at least one is judged wrongly
    may be as large as m times 5 %. Bonferroni takes 1 − 5 %/m for each. Holm does so for the
    smallest p-value alone; the next one gets 1 − 5 %/(m − 1), and so on to 95 % for the largest,
    and the chance of any error stays within 5 %.

    A claim whose p-value is not small enough at its place is not decided, and then none with a
    larger one is, whatever its own interval says: all of them are given the level of that first
    one.

    Args:
        p_values: One for each claim, see `p_value`.
        level: Confidence of a claim that stands alone, in (0, 1).

    Returns:
        The levels, in the order of the p-values.

    Raises:
        ValueError: A p-value is not in [0, 1], or the level is out of range.

    Example:
        >>> [round(level, 4) for level in holm([0.01, 0.04, 0.001])]
        [0.975, 0.95, 0.9833]
        >>> [round(level, 4) for level in holm([0.03, 0.04, 0.001])]
        [0.975, 0.975, 0.9833]

    References:
        Holm 1979, Scandinavian Journal of Statistics 6, 65-70.
    """
    alpha = 1 - checks.fraction("level", level)
    array = checks.array("p_values", p_values, rule := "numbers in [0, 1]")
    if array.ndim != 1 or not ((array >= 0) & (array <= 1)).all():
        raise ValueError(f"p_values must be {rule}, received {checks.shown(p_values)}")
    levels = np.empty(len(array))
    allowed, stopped = alpha, False
    for rank, place in enumerate(np.argsort(array, kind="stable")):
        if not stopped:
            allowed = alpha / (len(array) - rank)
            stopped = array[place] > allowed
        levels[place] = 1 - allowed
    return levels.tolist()


def family(effects: Mapping[Any, tuple[Pairs, float]], level: float = 0.95) -> dict[Any, Interval]:
    """Return the interval of each effect that is needed to judge all of them together.

    Args:
        effects: Each with the number that it is held against: its margin, or of two margins the
            nearer one. Leave out what does not scatter: its interval has no width.
        level: Confidence that none is judged wrongly, in (0, 1).

    Returns:
        For each effect the interval at its level, see `holm`.

    Raises:
        ValueError: An effect has fewer than two differences, a margin is not finite, or the level
            is out of range.

    Example:
        >>> small, large = Pairs({0: 0.1, 1: 0.5, 2: 0.3}, 0), Pairs({0: 2.1, 1: 2.5, 2: 2.3}, 0)
        >>> found = family({"small": (small, 0), "large": (large, 0)})
        >>> {name: interval.format(2) for name, interval in found.items()}
        {'small': '0.30 [-0.20, 0.80]', 'large': '2.30 [1.58, 3.02]'}
    """
    p_values = [p_value(list(one.differences.values()), margin) for one, margin in effects.values()]
    levels = zip(effects.items(), holm(p_values, level), strict=True)
    return {name: one.interval(own) for (name, (one, _)), own in levels}

"""Several ways beside the one that was best in the trials: who is worse, and who is as good."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from lrlab.statistics.families import family
from lrlab.statistics.intervals import Interval
from lrlab.statistics.pairs import Pairs
from lrlab.utils import checks


class Standing(NamedTuple):
    """How far a way is behind the reference.

    Args:
        behind: Mean and 95 % interval, paired by seed; negative where it is ahead.
        family: The interval that all ways together need, see `family`.
        word: ``"worse"``, ``"as good"`` or ``"open"``.
    """

    behind: Interval
    family: Interval
    word: str


def standings(behind: Mapping[str, Pairs], margin: float) -> dict[str, Standing]:
    """Return for each way whether it is worse than a reference, or as good as it.

    It is worse if its interval, at the level that all ways together need, lies above 0. If not, it
    is as good if that lies below the margin, and open otherwise.

    Args:
        behind: For each way its differences from the reference, two seeds or more, positive where
            it is worse.
        margin: The smallest difference that matters, greater than 0.

    Raises:
        ValueError: The margin breaks its rule, or a way has fewer than two differences.

    Example:
        >>> line, steps = Pairs({0: 0.1, 1: -0.2, 2: 0.1}, 0), Pairs({0: 2.1, 1: 1.9}, 0)
        >>> {name: one.word for name, one in standings({"line": line, "steps": steps}, 1).items()}
        {'line': 'as good', 'steps': 'open'}
    """
    margin = checks.positive("margin", margin)
    alone = {name: pairs.interval() for name, pairs in behind.items()}
    # Both 0 and the margin decide: the nearer one is what an interval is held against.
    held = {
        name: (pairs, 0.0 if 2 * alone[name].mean < margin else margin)
        for name, pairs in behind.items()
    }
    together = family(held)
    return {
        name: Standing(alone[name], together[name], _word(together[name], margin))
        for name in behind
    }


def _word(interval: Interval, margin: float) -> str:
    if interval.low > 0:
        return "worse"
    return "as good" if interval.high < margin else "open"

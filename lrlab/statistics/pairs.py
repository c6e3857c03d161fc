"""Differences between two ways of training that were run with the same seeds."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import numpy as np

from lrlab.statistics.intervals import Interval, mean_interval
from lrlab.utils import checks


@dataclass(frozen=True)
class Pairs:
    """What `paired` found.

    Attributes:
        differences: The difference of each seed that both sides have.
        lost: How many seeds give no difference, because one side lacks the seed or has a value
            there that is not finite, such as the loss of a run that diverged.
    """

    differences: dict[Hashable, float]
    lost: int

    def interval(self, level: float = 0.95) -> Interval:
        """Return the `mean_interval` of the differences.

        Args:
            level: Confidence, in (0, 1).

        Raises:
            ValueError: There are fewer than two differences, or the level is out of range.
        """
        return mean_interval(list(self.differences.values()), level)


def paired(first: Mapping[Hashable, float], second: Mapping[Hashable, float]) -> Pairs:
    """Return ``first - second``, seed by seed.

    Two runs with the same seed start from the same weights and see the same batches. What these
    have in common cancels in the difference, so the interval is narrower than that of two means.

    Args:
        first: A result for each seed: a mapping, or a pandas Series whose index is the seed.
        second: The results to subtract.

    Raises:
        ValueError: A seed occurs twice, or a value is no number.

    Example:
        >>> adam, sgd = {0: 0.90, 1: 0.92, 2: 0.91}, {0: 0.88, 1: 0.91, 2: 0.89, 3: 0.90}
        >>> pairs = paired(adam, sgd)
        >>> pairs.interval().format(3), pairs.lost
        ('0.017 [0.002, 0.031]', 1)
    """
    ours, theirs = _finite("first", first), _finite("second", second)
    differences = {seed: ours[seed] - theirs[seed] for seed in ours if seed in theirs}
    return Pairs(differences, len({*first.keys(), *second.keys()}) - len(differences))


def _finite(name: str, results: Mapping[Hashable, float]) -> dict[Hashable, float]:
    if len(set(results.keys())) < len(results):
        raise ValueError(f"{name} must hold one value a seed, received {list(results.keys())}")
    values = {
        seed: checks.array(f"{name}[{seed!r}]", value, "a number")
        for seed, value in results.items()
    }
    for seed, value in values.items():
        if value.ndim:
            raise ValueError(f"{name}[{seed!r}] must be one number, received {value.size}")
    return {seed: float(value) for seed, value in values.items() if np.isfinite(value)}

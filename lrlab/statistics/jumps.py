"""Batches whose loss jumps out of a training curve."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lrlab.utils import checks


def spikes(losses: Sequence[float], *, above: float = 0.5, window: int = 50) -> np.ndarray:
    """Return the updates whose loss lies more than so much above the median of those before.

    Args:
        losses: The loss of each update's batch, in nats.
        above: How far above the median, greater than 0.
        window: How many updates before it the median is of. The first so many updates are never
            spikes.

    Returns:
        Numbers of the updates, counted from 0, increasing. A loss that is not finite is a spike.

    Raises:
        ValueError: An argument breaks its rule.

    Example:
        >>> spikes([2, 2, 2, 2.1, 3, 2], window=3)
        array([4])
    """
    above, window = checks.positive("above", above), checks.count("window", window)
    values = np.asarray(losses, dtype=float)
    if values.ndim != 1:
        raise ValueError(f"losses must be one list of numbers, received shape {values.shape}")
    if len(values) <= window:
        return np.empty(0, dtype=int)
    before = np.lib.stride_tricks.sliding_window_view(values[:-1], window)
    usual = np.median(np.where(np.isfinite(before), before, np.inf), axis=1)
    return window + np.flatnonzero(~(values[window:] <= usual + above))

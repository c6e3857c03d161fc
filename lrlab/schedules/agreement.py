"""Compares a framework's rates with those of a schedule, as parts of the schedule's peak."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lrlab.schedules.base import Schedule
from lrlab.utils import checks


def relative_difference(rates: np.ndarray, others: np.ndarray) -> float:
    """Return the largest difference of two rate sequences, divided by the first one's peak.

    Where all rates of the first are 0, the difference is not divided.

    Args:
        rates: The reference, shape ``(steps,)``.
        others: What is compared with it, the same shape.

    Raises:
        ValueError: The shapes differ.
    """
    rates, others = np.asarray(rates, np.float64), np.asarray(others, np.float64)
    if rates.shape != others.shape:
        raise ValueError(f"others must have the shape {rates.shape}, received {others.shape}")
    return float(np.max(np.abs(rates - others)) / (np.max(rates) or 1.0))


def deviation(schedule: Schedule, rates: Sequence[float] | np.ndarray, *, n: int = 1) -> float:
    """Return the largest difference between rates and a schedule, as a part of its highest rate.

    Args:
        schedule: The reference.
        rates: What was used in steps 0, 1, 2, …
        n: Steps in an epoch: step k is at time k / n.

    Example:
        >>> from lrlab import LinearDecay
        >>> deviation(LinearDecay(0.5, total_epochs=2), [0.5, 0.375, 0.25, 0.0], n=2)
        0.25
    """
    moments = np.arange(len(rates)) / checks.count("n", n)
    return relative_difference(schedule(moments), np.asarray(rates))

"""Compares a framework's rates with those of a schedule, as parts of the schedule's peak."""

from __future__ import annotations

import numpy as np

from lrlab.schedules.base import Schedule
from lrlab.utils import FRAMEWORKS


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


def compare(
    schedule: Schedule, *, pytorch: np.ndarray | None = None, keras: np.ndarray | None = None
) -> str:
    """Say of each framework whether its rates in epochs 0, 1, 2, … are the schedule's.

    Args:
        schedule: The reference.
        pytorch: PyTorch's rates, one an epoch; None to leave PyTorch out.
        keras: Keras' rates, one an epoch; None to leave Keras out.

    Returns:
        A line for each framework.

    Example:
        >>> from lrlab import ExponentialDecay
        >>> print(compare(ExponentialDecay(0.1, gamma=0.5), pytorch=np.array([0.1, 0.05, 0.025])))
        torch: 3 epochs, equal within 1e-12 of the peak
    """
    lines = []
    for name, rates in (("pytorch", pytorch), ("keras", keras)):
        if rates is None:
            continue
        package, tolerance = FRAMEWORKS[name].package, FRAMEWORKS[name].tolerance
        epochs = len(rates)
        off = relative_difference(schedule(np.arange(epochs)), rates)
        verdict = "equal within" if off <= tolerance else f"DIFFERENT by {off:.1e}, not"
        lines.append(f"{package}: {epochs} epochs, {verdict} {tolerance:.0e} of the peak")
    return "\n".join(lines)

r"""The plane of rate and momentum: a descent at each of thousands of pairs, and what it did.

`plane` measures. What theory says about the same plane is in `lrlab.theory.momentum`.

Example:
    >>> from lrlab.landscapes import Quadratic
    >>> grid = plane(Quadratic([1, 25]), lrs=[0.004, 0.05, 0.11, 0.2], momenta=[0, 0.45, 0.8])
    >>> for row in grid.phase.tolist():
    ...     print(*row)
    slow slow divergent divergent
    slow slow fast divergent
    slow swinging swinging divergent
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lrlab.landscapes import Quadratic
from lrlab.theory.momentum import best_tuning
from lrlab.utils import checks

#: What a descent can do. `plane` tells it from the steps.
PHASES = ("slow", "fast", "swinging", "divergent")

STRIDE = 4  # steps from one measurement of the distance to the next
ROUNDING = 1e-9  # a slope up to this one counts as 0, which it is at a rate of 0


@dataclass(frozen=True, eq=False)
class Plane:
    """Descents at m momenta and n rates.

    Attributes:
        bowl: What was descended.
        lrs: The rates, shape ``(n,)``.
        momenta: The momenta, shape ``(m,)``.
        nesterov: Whether the steps looked ahead.
        factor: By what factor a step multiplied the distance in the long run, shape ``(m, n)``.
        phase: One of `PHASES` each, shape ``(m, n)``.
    """

    bowl: Quadratic
    lrs: np.ndarray
    momenta: np.ndarray
    nesterov: bool
    factor: np.ndarray
    phase: np.ndarray


def plane(
    bowl: Quadratic,
    lrs: Sequence[float],
    momenta: Sequence[float],
    *,
    steps: int = 1_000,
    nesterov: bool = False,
    patience: float = 2.0,
) -> Plane:
    r"""Descend a bowl from rest at :math:`u_i = 1` on every axis, at every rate and momentum.

    The factor is :math:`e^s`, with s the slope of the line through the logarithm of the distance
    in the second half of the steps. The length of a step counts as a part of the distance.
    Otherwise an oscillation that passes the minimum would look like an arrival. The phases are

    - "divergent": the factor is above 1, by more than rounding;
    - "fast": to shrink the distance by any given factor, the descent needs at most ``patience``
      times the steps that the best rate and momentum need;
    - "swinging": neither, and the coordinate that is largest in the end changed its side in the
      second half of the steps;
    - "slow": the rest, where that coordinate creeps towards 0 from one side.

    Args:
        bowl: The quadratic.
        lrs: Rates η, at least 0, one or more.
        momenta: Momenta β, in [0, 1), one or more.
        steps: How many steps, at least 10.
        nesterov: Whether to look ahead.
        patience: How much slower than the best is still fast, at least 1.

    Returns:
        The measured factors and phases.

    Raises:
        ValueError: An argument breaks its rule.
    """
    if not isinstance(bowl, Quadratic):
        raise ValueError(f"bowl must be a Quadratic, received {checks.shown(bowl)}")
    if checks.count("steps", steps) < 10:
        raise ValueError(f"steps must be an integer of at least 10, received {steps}")
    patience = checks.at_least_one("patience", patience)
    lrs, momenta = (
        checks.sequence(name, values, "a sequence of numbers")
        for name, values in (("lrs", lrs), ("momenta", momenta))
    )
    rates = np.array([checks.rate(f"lrs[{i}]", lr) for i, lr in enumerate(lrs)])
    betas = np.array([checks.decay_rate(f"momenta[{i}]", m) for i, m in enumerate(momenta)])
    if not len(rates) or not len(betas):
        raise ValueError("lrs and momenta must hold one value or more")
    best = best_tuning(bowl, nesterov=checks.flag("nesterov", nesterov)).factor
    slope, crossed = _descents(bowl, rates, betas[:, np.newaxis], steps, nesterov)
    # ln(1000) / -slope steps shrink the distance by a thousand, and so for every other factor.
    fast = -patience * slope >= (-math.log(best) if best else math.inf)
    slow, quick, swinging, divergent = PHASES
    phase = np.select([slope > ROUNDING, fast, crossed], [divergent, quick, swinging], slow)
    return Plane(bowl, rates, betas, nesterov, np.exp(slope), phase)


def _descents(
    bowl: Quadratic, lr: np.ndarray, momentum: np.ndarray, steps: int, nesterov: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Slope of the distance's logarithm, and whether the largest coordinate changed its side."""
    eigenvalues = np.array(bowl.eigenvalues).reshape(-1, 1, 1)  # axes of the bowl come first
    shape = (len(eigenvalues), *np.broadcast_shapes(lr.shape, momentum.shape))
    u, velocity, crossed = np.ones(shape), np.zeros(shape), np.zeros(shape, dtype=bool)
    log_size, slope = np.zeros(shape[1:]), np.zeros(shape[1:])
    half = steps // 2
    measured = np.arange(half, steps, STRIDE)
    # The slope of the least-squares line is a weighted sum of its values.
    weights = dict(zip(measured.tolist(), measured - measured.mean(), strict=True))
    # What is negligible beside the largest coordinate may become 0.
    with np.errstate(under="ignore"):
        for k in range(steps):
            grad = eigenvalues * u
            velocity *= momentum
            velocity += grad
            move = lr * (grad + momentum * velocity if nesterov else velocity)
            before, u = u, u - move
            if k >= half:
                crossed |= (u < 0) != (before < 0)
            if k % STRIDE == half % STRIDE:
                amplitude = np.sum(u * u + move * move, axis=0)
                # The update is linear: scaled to size 1, nothing overflows, and no path is bent.
                size = np.sqrt(np.where(amplitude > 0, amplitude, 1))
                u, velocity = u / size, velocity / size
                log_size += np.log(size)
                if k >= half:
                    slope += weights[k] * log_size
    largest = np.argmax(np.hypot(u, move), axis=0)
    slope /= np.sum(np.square(list(weights.values())))
    return slope, np.take_along_axis(crossed, largest[np.newaxis], axis=0)[0]

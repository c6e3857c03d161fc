r"""Run an optimizer down a landscape, and measure how it went.

Example:
    >>> from lrlab.landscapes import Quadratic
    >>> from lrlab.schedules import Constant
    >>> from lrlab.optimizers import SGD
    >>> from lrlab.theory import convergence_factor
    >>> valley = Quadratic([1, 9])
    >>> good = descend(valley, SGD(), Constant(0.2), start=[1, 1], steps=50)
    >>> good.diverged, round(good.factor(), 4), convergence_factor(valley, 0.2)
    (False, 0.8, 0.8)
    >>> bad = descend(valley, SGD(), Constant(0.3), start=[1, 1], steps=10_000)
    >>> bad.stopped
    'diverged after 668 steps: the loss is inf'
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from lrlab.landscapes.base import Landscape
from lrlab.optimizers import Optimizer
from lrlab.schedules import Schedule
from lrlab.utils import checks, instance


@dataclass(frozen=True, eq=False)
class Trajectory:
    """The path of a descent of n steps, from one starting point or from several at once.

    Attributes:
        w: The points, from the start on, shape ``(n + 1, ..., d)``, as the optimizer is evaluated.
        loss: The loss at each of them, without noise, shape ``(n + 1, ...)``.
        lr: The rate of each step, shape ``(n,)``: ``lr[k]`` leads from ``w[k]`` to ``w[k + 1]``.
        minimum: The landscape's minimum, shape ``(d,)``.
        stopped: Why the descent ended before its time, or an empty text. If it did, the last
            point is the one that broke the bounds.
    """

    w: np.ndarray
    loss: np.ndarray
    lr: np.ndarray
    minimum: np.ndarray
    stopped: str = ""

    @property
    def steps(self) -> int:
        """How many steps were made."""
        return len(self.lr)

    @property
    def diverged(self) -> bool:
        """Whether the loss passed ``max_loss`` or a number was no longer finite."""
        return bool(self.stopped)

    @property
    def distance(self) -> np.ndarray:
        """Euclidean distance of each point to the minimum, shape ``(n + 1, ...)``."""
        # Unlike a sum of squares, hypot loses neither 1e-200 nor 1e200.
        with np.errstate(all="ignore"):
            return np.hypot.reduce(self.w - self.minimum, axis=-1)

    def factor(self) -> float | np.ndarray:
        r"""Return by what factor the distance to the minimum changed in a step, in the long run.

        The geometric mean of :math:`D_{k+1}/D_k` over the second half of the steps, D the
        distance: below 1 the path approaches the minimum, above 1 it leaves it. In the first half
        the directions that shrink faster die out. Steps count until D is first infinite, or too
        small to be known well: 1e-290, and 1e-13 of the minimum's own distance to the origin.

        Returns:
            A float for one starting point, an array of shape ``(...)`` for several; NaN for a
            path without a step, and for one that starts in the minimum.
        """
        floor = max(1e-290, 1e-13 * math.hypot(*self.minimum))
        paths = np.moveaxis(self.distance, 0, -1)
        factors = [_factor(path, floor) for path in paths.reshape(-1, self.steps + 1)]
        return np.reshape(factors, paths.shape[:-1]) if paths.ndim > 1 else factors[0]


def _factor(distance: np.ndarray, floor: float) -> float:
    known = (distance > floor) & np.isfinite(distance)
    end = len(known) if known.all() else int(np.argmin(known))  # the first that is not known
    if not known[0] or len(known) == 1:
        return math.nan
    last = max(end - 1, 1)  # a path that leaves the known range at once has one step to show
    first = last // 2
    with np.errstate(divide="ignore"):  # a distance of 0: its logarithm is -inf, the factor 0
        growth = np.log(distance[last]) - np.log(distance[first])
    return float(np.exp(growth / (last - first)))


def descend(
    landscape: Landscape,
    optimizer: Optimizer,
    schedule: Schedule,
    start: Any,
    steps: int,
    *,
    steps_per_epoch: int = 1,
    seed: int | None = None,
    max_loss: float | None = None,
) -> Trajectory:
    r"""Follow an optimizer down a landscape.

    Step k uses the gradient at :math:`w_k` and the rate :math:`\eta(k/n)`, with n the steps of an
    epoch; where an optimizer is evaluated elsewhere, the path shows the points of that. The descent
    ends early when it has diverged: as soon as a number overflows, or the loss passes a bound.
    NumPy's warnings about that are silenced; `Trajectory.stopped` says it.

    Args:
        landscape: What to descend.
        optimizer: How, such as `lrlab.optimizers.SGD`.
        schedule: The learning rate, a function of time in epochs.
        start: Where to begin, shape ``(d,)``; or ``(..., d)``, several starts that run side by
            side and end together, at the first of them to diverge.
        steps: How many steps, at least 1.
        steps_per_epoch: How many of them make an epoch of the schedule's clock.
        seed: Seed of the gradient noise; a noisy landscape needs one.
        max_loss: The loss beyond which the descent has diverged; without it only an overflow ends
            the run.

    Returns:
        The path.

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> from lrlab import ExponentialDecay
        >>> from lrlab.landscapes import Quadratic
        >>> from lrlab.optimizers import SGD
        >>> halving = ExponentialDecay(0.5, gamma=0.5)
        >>> path = descend(Quadratic([1]), SGD(), halving, [8], 4, steps_per_epoch=2)
        >>> path.w[:, 0].round(2), path.lr.round(3)
        (array([8.  , 4.  , 2.59, 1.94, 1.6 ]), array([0.5  , 0.354, 0.25 , 0.177]))
    """
    instance(Landscape, words="a Landscape")("landscape", landscape)
    instance(Schedule, words="a schedule of lrlab")("schedule", schedule)
    steps = checks.count("steps", steps)
    per_epoch = checks.count("steps_per_epoch", steps_per_epoch)
    times = np.arange(steps) / checks.positive("steps_per_epoch", per_epoch)
    rng = None if seed is None else np.random.default_rng(checks.whole("seed", seed))
    bound = math.inf if max_loss is None else checks.positive("max_loss", max_loss)
    rule = f"finite numbers in shape (..., {landscape.dimension})"
    w = checks.array("start", start, rule)
    if w.shape[-1:] != (landscape.dimension,) or not np.isfinite(w).all():
        raise ValueError(f"start must be {rule}, received {checks.shown(start)}")

    rates = schedule(times)
    with np.errstate(all="ignore"):
        points, losses = [w], [landscape.loss(w)]
        state, stopped = optimizer.start(w), _stopped(0, w, losses[0], bound)
        for k, lr in enumerate(rates.tolist()):
            if stopped:
                break
            w, state = optimizer.step(w, landscape.sample_grad(w, rng), state, lr)
            points.append(optimizer.evaluated(w, state))
            losses.append(landscape.loss(points[-1]))
            stopped = _stopped(k + 1, points[-1], losses[-1], bound)
    path, loss, lr = np.array(points), np.array(losses), rates[: len(points) - 1]
    return Trajectory(path, loss, lr, landscape.minimum, stopped)


def _stopped(steps: int, w: np.ndarray, loss: Any, bound: float) -> str:
    highest = loss if isinstance(loss, float) else loss.max()  # NaN if any is
    if not math.isfinite(highest):
        return f"diverged after {steps} steps: the loss is {highest}"
    if not np.isfinite(w).all():
        return f"diverged after {steps} steps: a weight is {w[~np.isfinite(w)][0]}"
    if highest > bound:
        return f"diverged after {steps} steps: the loss {highest:.3g} exceeds {bound:g}"
    return ""

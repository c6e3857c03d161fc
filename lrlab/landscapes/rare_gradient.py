r"""A problem on which Adam does not converge: one rare large gradient against many small ones.

Example:
    >>> from lrlab.schedules import InverseSqrtDecay
    >>> from lrlab.optimizers import Adam
    >>> problem = RareGradient(3)
    >>> forgetful = Adam(beta1=0, beta2=problem.forgetting)
    >>> play(problem, forgetful, InverseSqrtDecay(0.5), 3_000).w[[0, 9, -1]].round(2)
    array([0.  , 0.25, 1.  ])
    >>> longer = Adam(beta1=0, beta2=0.999)
    >>> play(problem, longer, InverseSqrtDecay(0.5), 3_000).w[[0, 9, -1]].round(2)
    array([ 0.  , -0.4 , -0.99])
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated

import numpy as np

from lrlab.optimizers import Optimizer
from lrlab.schedules import Schedule
from lrlab.utils import Value, checks


@dataclass(frozen=True)
class RareGradient(Value):
    r"""One weight in [−1, 1]; its loss is a line that falls, and every p-th step one that rises.

    In step k, counted from 0, the loss is :math:`Cw` where k is a multiple of p and :math:`-w`
    elsewhere. With C above p − 1 the sum of a period, :math:`(C - p + 1)\,w`, rises, so that −1
    is the best weight and 1 the worst.

    Args:
        large: The rare gradient C, greater than ``period`` − 1.
        period: Steps p from one large gradient to the next, an integer of at least 2.

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> problem = RareGradient(3)
        >>> [problem.gradient(k) for k in range(5)]
        [3.0, -1.0, -1.0, 3.0, -1.0]

    References:
        Reddi, Kale, Kumar 2018, arXiv:1904.09237, theorem 1, where p is 3.
    """

    large: float
    _: KW_ONLY
    period: Annotated[int, checks.count] = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.period < 2:
            raise ValueError(f"period must be at least 2, received {self.period}")
        rule, least = "greater than period - 1", self.period - 1
        self._store("large", checks.number("large", self.large, rule, lambda c: c > least))

    @property
    def forgetting(self) -> float:
        """The β₂ at which the theorem shows that Adam without momentum fails, 1/(1 + C²)."""
        return 1 / (1 + self.large**2)

    def gradient(self, step: int) -> float:
        """Return the gradient in a step, an integer of at least 0; it is the same at any weight."""
        return -1.0 if checks.whole("step", step) % self.period else self.large


@dataclass(frozen=True, eq=False)
class Game:
    """What came of `play`, over n steps.

    Attributes:
        w: The weight, from the start on, shape ``(n + 1,)``.
        gradients: The gradient of each step, shape ``(n,)``.
    """

    w: np.ndarray
    gradients: np.ndarray

    @property
    def regret(self) -> np.ndarray:
        """Average loss of the steps so far minus that of the best fixed weight, shape ``(n,)``.

        The best one is −1 or 1, whichever has the lower sum over all n steps. Learning means that
        this tends to 0.
        """
        losses = self.gradients * self.w[:-1]
        best = -np.sign(self.gradients.sum())
        return np.cumsum(losses - best * self.gradients) / np.arange(1, len(losses) + 1)


def play(
    problem: RareGradient,
    optimizer: Optimizer,
    schedule: Schedule,
    steps: int,
    *,
    start: float = 0.0,
) -> Game:
    """Follow an optimizer; a weight that leaves [−1, 1] is put back to the end that it passed.

    Args:
        problem: Where the gradients come from.
        optimizer: How to use them.
        schedule: The rate; an epoch is a step here, since there is no data to pass through.
        steps: How many steps, a positive integer.
        start: The first weight, in [−1, 1].

    Raises:
        ValueError: An argument breaks its rule.
    """
    steps = checks.count("steps", steps)
    weight = checks.number("start", start, "in [-1, 1]", lambda w: -1 <= w <= 1)
    w = np.array(weight)
    path, state = [w], optimizer.start(w)
    gradients = np.array([problem.gradient(k) for k in range(steps)])
    for gradient, lr in zip(gradients, schedule(np.arange(steps)).tolist(), strict=True):
        w, state = optimizer.step(w, gradient, state, lr)
        w = np.clip(w, -1, 1)
        path.append(w)
    return Game(np.array(path), gradients)

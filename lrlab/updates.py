r"""Update rules as pure functions: what an optimiser does with a gradient and a rate.

A rule is an immutable set of hyperparameters. ``state = rule.start(w)`` gives what it has to
remember, ``w, state = rule.step(w, grad, state, lr)`` one update; nothing is changed in place,
so any step can be repeated and any path branched.

Example:
    >>> rule = SGD()
    >>> w = np.array([1.0, -2.0])
    >>> state = rule.start(w)
    >>> w, state = rule.step(w, 2 * w, state, lr=0.25)
    >>> w
    array([ 0.5, -1. ])
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, Protocol

import numpy as np

from lrlab import checks


class Rule(Protocol):
    """What `lrlab.descent.descend` asks of an update rule."""

    def start(self, w: np.ndarray) -> Any:
        """Return the state before the first step from ``w``, weights of any shape."""

    def step(
        self, w: np.ndarray, grad: np.ndarray, state: Any, lr: float
    ) -> tuple[np.ndarray, Any]:
        """Return the weights and the state after one step at the rate ``lr``.

        ``grad`` has the shape of ``w``; neither array is changed.
        """


@dataclass(frozen=True)
class SGD:
    r"""Plain gradient descent: :math:`w \leftarrow w - \eta\,(g + \lambda w)`.

    It remembers nothing: its state is an empty tuple. The gradient g may be exact or that of a
    mini-batch. Weight decay λ adds the gradient of :math:`\frac{\lambda}{2}\lVert w\rVert^2`, as
    in torch's ``SGD``; the pull on the weights then grows and shrinks with the rate.

    Args:
        weight_decay: Coefficient λ, at least 0.

    Raises:
        ValueError: The weight decay breaks its rule; in ``step``, the rate is not a finite number
            of at least 0 or the gradient has another shape than the weights.

    Example:
        >>> rule = SGD(weight_decay=0.5)
        >>> w, state = rule.step(np.array([2.0]), np.array([3.0]), rule.start([2.0]), lr=0.1)
        >>> w, state
        (array([1.6]), ())

    References:
        Robbins, Monro 1951, doi:10.1214/aoms/1177729586.
    """

    _: KW_ONLY
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        decay = checks.number("weight_decay", self.weight_decay, "of at least 0", lambda x: x >= 0)
        object.__setattr__(self, "weight_decay", decay)

    def start(self, w: Any) -> tuple[()]:
        """Return the empty state."""
        return ()

    def step(self, w: Any, grad: Any, state: tuple[()], lr: float) -> tuple[np.ndarray, tuple[()]]:
        """Return the weights after one step, of the same shape, and the empty state."""
        w, grad, lr = _step_arguments(w, grad, lr)
        return w - lr * (grad + self.weight_decay * w), state


def _step_arguments(w: Any, grad: Any, lr: Any) -> tuple[np.ndarray, np.ndarray, float]:
    w, grad = np.asarray(w, dtype=np.float64), np.asarray(grad, dtype=np.float64)
    if grad.shape != w.shape:
        rule = f"grad must have the shape of w, {w.shape}"
        raise ValueError(f"{rule}, received one of shape {grad.shape}")
    return w, grad, checks.rate("lr", lr)

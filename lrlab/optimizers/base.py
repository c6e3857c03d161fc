"""What update rules share: the protocol, the check of parameters, memory and weight decay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any, ClassVar, Protocol

import numpy as np

from lrlab.utils import checks

CONVENTIONS = ("pytorch", "keras")

# What each parameter has to be, whichever rule has it.
CHECKS: dict[str, Callable[[str, Any], Any]] = {
    **dict.fromkeys(["momentum", "dampening", "rho", "beta1", "beta2"], checks.decay_rate),
    **dict.fromkeys(["nesterov", "centered", "amsgrad", "bias_correction"], checks.flag),
    **dict.fromkeys(["weight_decay", "initial_accumulator"], checks.non_negative),
    "eps": checks.positive,
    "convention": partial(checks.choice, options=CONVENTIONS),
}


class Rule(Protocol):
    """What `lrlab.landscapes.descend` asks of an update rule."""

    def start(self, w: np.ndarray) -> Any:
        """Return the state before the first step from ``w``, weights of any shape."""

    def step(
        self, w: np.ndarray, grad: np.ndarray, state: Any, lr: float
    ) -> tuple[np.ndarray, Any]:
        """Return the weights and the state after one step at the rate ``lr``.

        ``grad`` has the shape of ``w``; neither array is changed.
        """


@dataclass(frozen=True, eq=False)
class RuleState:
    """What a rule remembers between two steps; its ``start`` and ``step`` make it.

    Attributes:
        rule: The rule that it belongs to. ``dataclasses.replace(state, rule=other)`` goes on with
            other hyperparameters.
        shape: The shape of the weights, and of every array of the state.
    """

    rule: Rule = field(repr=False)
    shape: tuple[int, ...] = field(repr=False)


class RememberingRule:
    r"""What every rule with a memory can do; subclasses are frozen dataclasses.

    They have the fields ``weight_decay`` and ``convention``, and define `start` and `_update`. A
    field left None takes the default of its convention. Weight decay λ is coupled, adding λw to
    the gradient, or decoupled, :math:`w \leftarrow w - \eta\lambda w` before the update, which then
    knows nothing of it.
    """

    weight_decay: float
    convention: str
    _defaults: ClassVar[dict[str, dict[str, float]]] = {}

    def __post_init__(self) -> None:
        convention = CHECKS["convention"]("convention", self.convention)
        defaults = self._defaults.get(convention, {})
        for name in [item.name for item in fields(self)]:
            value = getattr(self, name)
            value = defaults.get(name) if value is None else value
            # A frozen dataclass takes values only this way.
            object.__setattr__(self, name, CHECKS[name](name, value))

    @property
    def decoupled(self) -> bool:
        """Whether weight decay stays out of the gradient, as it does in all Keras optimisers."""
        return self.convention == "keras"

    def start(self, w: Any) -> RuleState:
        """Return the state before the first step from ``w``, weights of any shape."""
        raise NotImplementedError(f"{type(self).__name__} must define start(w)")

    def step(self, w: Any, grad: Any, state: RuleState, lr: float) -> tuple[np.ndarray, RuleState]:
        """Return the weights after one step, of the same shape, and the state after it.

        Args:
            w: Weights of any shape.
            grad: The gradient there, of the same shape.
            state: The state before the step.
            lr: Rate η of this step, at least 0.

        Raises:
            ValueError: The rate, a shape or the state does not fit.
        """
        w, grad, lr = step_arguments(w, grad, lr)
        if not isinstance(state, RuleState) or state.rule != self:
            theirs = getattr(state, "rule", state)
            raise ValueError(f"state must be one of {self!r}, received one of {theirs!r}")
        if w.shape != state.shape:
            rule = f"w must have the shape that the state started with, {state.shape}"
            raise ValueError(f"{rule}, received one of shape {w.shape}")
        # What a moving average forgets ends in numbers too small for a float, and may become 0.
        with np.errstate(under="ignore"):
            if self.decoupled:
                w = w - lr * self.weight_decay * w
            else:
                grad = grad + self.weight_decay * w
            update, state = self._update(grad, state, lr)
            return w - update, state

    def _update(self, grad: np.ndarray, state: Any, lr: float) -> tuple[np.ndarray, RuleState]:
        """What to subtract from the weights, and the state after the step."""
        raise NotImplementedError(f"{type(self).__name__} must define _update(grad, state, lr)")


def step_arguments(w: Any, grad: Any, lr: Any) -> tuple[np.ndarray, np.ndarray, float]:
    """Weights and gradient as float64 arrays of one shape, and the rate, checked."""
    w, grad = np.asarray(w, dtype=np.float64), np.asarray(grad, dtype=np.float64)
    if grad.shape != w.shape:
        rule = f"grad must have the shape of w, {w.shape}"
        raise ValueError(f"{rule}, received one of shape {grad.shape}")
    return w, grad, checks.rate("lr", lr)


def decayed(average: np.ndarray, value: np.ndarray, rate: float) -> np.ndarray:
    """The moving average after one more value: ``rate`` of it stays, the rest is the value."""
    return rate * average + (1 - rate) * value


def rooted(v: np.ndarray, eps: float, convention: str) -> np.ndarray:
    """The root of squares v, with ε where the convention has it: outside in torch."""
    return np.sqrt(v + eps) if convention == "keras" else np.sqrt(v) + eps

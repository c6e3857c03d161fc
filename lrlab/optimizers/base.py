"""What all optimizers share: the checks of their parameters, their memory and weight decay."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

import numpy as np

from lrlab.utils import FRAMEWORKS, Value, checks

# The types of parameters. Each carries the check that its values have to pass.
DecayRate = Annotated[float, checks.decay_rate]
Fraction = Annotated[float, checks.fraction]
NonNegative = Annotated[float, checks.non_negative]
Positive = Annotated[float, checks.positive]
Flag = Annotated[bool, checks.flag]
Convention = Annotated[str, checks.one_of(*FRAMEWORKS)]

BY_CONVENTION: Any = None  # a parameter that is left out takes the default of its convention


@dataclass(frozen=True, eq=False)
class OptimizerState:
    """What an optimizer remembers between two steps; its ``start`` and ``step`` make it.

    Attributes:
        optimizer: The optimizer that it belongs to. ``dataclasses.replace(state, optimizer=other)``
            goes on with other hyperparameters.
        shape: The shape of the weights, and of every array of the state.
    """

    optimizer: Optimizer = field(repr=False)
    shape: tuple[int, ...] = field(repr=False)


class Optimizer(Value, ABC):
    r"""What every optimizer can do; subclasses are frozen dataclasses.

    A subclass has the field ``weight_decay``, defines `_update`, and, if it remembers more than the
    shape of the weights, `start`. If the frameworks differ, it has the field ``convention``, too,
    and the parameters that are left None take the convention's values from ``_defaults``. Weight
    decay λ is coupled, adding λw to the gradient, or decoupled,
    :math:`w \leftarrow w - \eta\lambda w` before the update, which then knows nothing of it.
    """

    weight_decay: float
    convention: str
    _defaults: ClassVar[dict[str, dict[str, Any]]] = {}

    def __post_init__(self) -> None:
        if self._defaults:
            convention = checks.choice("convention", self.convention, tuple(FRAMEWORKS))
            for name, value in self._defaults[convention].items():
                if getattr(self, name) is None:
                    self._store(name, value)
        super().__post_init__()

    @property
    def decoupled(self) -> bool:
        """Whether weight decay stays out of the gradient, as it does in all Keras optimizers."""
        return self.convention == "keras"

    def start(self, w: Any) -> OptimizerState:
        """Return the state before the first step from ``w``, weights of any shape."""
        return OptimizerState(self, np.shape(w))

    def step(
        self, w: Any, grad: Any, state: OptimizerState, lr: float
    ) -> tuple[np.ndarray, OptimizerState]:
        """Return the weights after one step, of the same shape, and the state after it.

        Args:
            w: Weights of any shape.
            grad: The gradient there, of the same shape.
            state: The state before the step.
            lr: Rate η of this step, at least 0.

        Raises:
            ValueError: The rate, a shape or the state does not fit.
        """
        w = checks.array("w", w, "a number or an array of numbers")
        grad = checks.array("grad", grad, "a number or an array of numbers")
        if grad.shape != w.shape:
            rule = f"grad must have the shape of w, {w.shape}"
            raise ValueError(f"{rule}, received one of shape {grad.shape}")
        lr = checks.rate("lr", lr)
        theirs: Any = state.optimizer if isinstance(state, OptimizerState) else None
        # The same object nearly always: to compare all parameters at every step is slow.
        if theirs is not self and theirs != self:
            theirs = getattr(state, "optimizer", state)
            rule = f"state must be one of {self!r}"
            raise ValueError(f"{rule}, received one of {checks.shown(theirs)}")
        if w.shape != state.shape:
            rule = f"w must have the shape that the state started with, {state.shape}"
            raise ValueError(f"{rule}, received one of shape {w.shape}")
        # What a moving average forgets ends in numbers too small for a float, and may become 0.
        with np.errstate(under="ignore"):
            return self._moved(w, grad, state, lr)

    def evaluated(self, w: np.ndarray, state: OptimizerState) -> np.ndarray:
        """Return the weights at which to evaluate the model: ``w`` itself, unless overridden.

        Args:
            w: The weights after a step.
            state: The state after it.
        """
        return w

    def _moved(
        self, w: np.ndarray, grad: np.ndarray, state: Any, lr: float
    ) -> tuple[np.ndarray, OptimizerState]:
        """Return the weights and the state after the step; what was given has been checked."""
        if self.decoupled:
            w = w - lr * self.weight_decay * w
        else:
            grad = grad + self.weight_decay * w
        update, state = self._update(grad, state, lr)
        return w - update, state

    @abstractmethod
    def _update(self, grad: np.ndarray, state: Any, lr: float) -> tuple[np.ndarray, OptimizerState]:
        """Return what to subtract from the weights, and the state after the step."""


def decayed(average: np.ndarray, value: np.ndarray, rate: float) -> np.ndarray:
    """Return the moving average after one more value, where ``rate`` is the share that stays."""
    return rate * average + (1 - rate) * value


def rooted(v: np.ndarray, eps: float, convention: str) -> np.ndarray:
    """Return the root of squares v, with ε where the convention has it: outside in torch."""
    return np.sqrt(v + eps) if convention == "keras" else np.sqrt(v) + eps

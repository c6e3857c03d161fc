"""Lion: steps of one length, in the direction of a sign."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from typing import Any

import numpy as np

from lrlab.optimizers.base import (
    DecayRate,
    Fraction,
    NonNegative,
    Optimizer,
    OptimizerState,
    decayed,
)


@dataclass(frozen=True, eq=False)
class LionState(OptimizerState):
    """What `Lion` remembers.

    Attributes:
        m: Moving average of the gradients, of the shape of the weights.
    """

    m: np.ndarray


@dataclass(frozen=True)
class Lion(Optimizer):
    r"""Every weight moves by the rate, in the direction that the gradients agree on.

    Elementwise, and with :math:`m_0 = 0`, step t is

    .. math::
        w &\leftarrow w - \eta\,\bigl(\operatorname{sign}(\beta_1 m_{t-1} + (1-\beta_1) g_t)
        + \lambda w\bigr), \\
        m_t &= \beta_2 m_{t-1} + (1-\beta_2) g_t.

    The present gradient has the part :math:`1-\beta_1` in the direction, and a smaller one,
    :math:`1-\beta_2`, in what is remembered. A step is as long as the rate whatever the gradient's
    size, as Adam's are under a gradient that stays the same; under noise Adam's are shorter, and so
    the paper advises a rate 3 to 10 times smaller than AdamW's, and a weight decay as many times
    larger, since a weight loses :math:`\eta\lambda` of itself. A weight whose gradients have all
    been 0 stays.

    Args:
        beta1: Part β₁ of the memory in the direction, in (0, 1).
        beta2: Decay rate β₂ of the memory, in [0, 1).
        weight_decay: Coefficient λ, at least 0: decoupled.

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> optimizer = Lion(weight_decay=0.5)
        >>> w, state = optimizer.step([1.0, 1.0], [0.01, -9.0], optimizer.start([1.0, 1.0]), lr=0.1)
        >>> w, state.m.round(4)
        (array([0.85, 1.05]), array([ 0.0001, -0.09  ]))

    References:
        Chen et al. 2023, arXiv:2302.06675, algorithm 2. Keras 3.15,
        ``keras/src/optimizers/lion.py``.
    """

    _: KW_ONLY
    beta1: Fraction = 0.9
    beta2: DecayRate = 0.99
    weight_decay: NonNegative = 0.0

    @property
    def decoupled(self) -> bool:
        """Always, as a sign would forget the size of weight decay."""
        return True

    def start(self, w: Any) -> LionState:
        """Return the state before the first step from ``w``, weights of any shape."""
        shape = np.shape(w)
        return LionState(self, shape, np.zeros(shape))

    def _update(self, grad: np.ndarray, state: Any, lr: float) -> tuple[np.ndarray, LionState]:
        direction = np.sign(decayed(state.m, grad, self.beta1))
        return lr * direction, replace(state, m=decayed(state.m, grad, self.beta2))

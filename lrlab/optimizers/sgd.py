"""Gradient descent, plain and with momentum."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from typing import Any

import numpy as np

from lrlab.optimizers.base import (
    Convention,
    DecayRate,
    Flag,
    NonNegative,
    Optimizer,
    OptimizerState,
)


@dataclass(frozen=True)
class SGD(Optimizer):
    r"""Plain gradient descent: :math:`w \leftarrow w - \eta\,(g + \lambda w)`.

    It remembers nothing but the shape of the weights. The gradient g may be exact or that of a
    mini-batch. Weight decay λ adds the gradient of :math:`\frac{\lambda}{2}\lVert w\rVert^2`, as
    in torch's ``SGD``; the pull on the weights then grows and shrinks with the rate. Keras takes
    :math:`\eta\lambda w` off the weights first, which without a memory comes to the same.

    Args:
        weight_decay: Coefficient λ, at least 0.

    Raises:
        ValueError: The weight decay breaks its rule.

    Example:
        >>> optimizer = SGD(weight_decay=0.5)
        >>> w, state = optimizer.step([2.0], [3.0], optimizer.start([2.0]), lr=0.1)
        >>> w
        array([1.6])

    References:
        Robbins, Monro 1951, doi:10.1214/aoms/1177729586.
    """

    _: KW_ONLY
    weight_decay: NonNegative = 0.0

    @property
    def decoupled(self) -> bool:
        """Never, as the two ways are the same where nothing is remembered."""
        return False

    def _update(
        self, grad: np.ndarray, state: OptimizerState, lr: float
    ) -> tuple[np.ndarray, OptimizerState]:
        return lr * grad, state


@dataclass(frozen=True, eq=False)
class MomentumState(OptimizerState):
    """What `Momentum` remembers.

    Attributes:
        velocity: The velocity v, of the shape of the weights; 0 before the first step.
        steps: Steps made.
    """

    velocity: np.ndarray
    steps: int = 0


@dataclass(frozen=True)
class Momentum(Optimizer):
    r"""Gradient descent with a velocity: Polyak's heavy ball, or Nesterov's variant of it.

    With momentum β, dampening τ and :math:`v_0 = 0`, step t of torch is

    .. math::
        v_1 &= g_1, \qquad v_t = \beta v_{t-1} + (1-\tau)\,g_t \quad (t > 1), \\
        w &\leftarrow w - \eta_t v_t \quad\text{(heavy ball)}, \qquad
        w \leftarrow w - \eta_t (g_t + \beta v_t) \quad\text{(Nesterov)},

    and that of Keras, which has no dampening and folds the rate into the velocity,

    .. math::
        v_t &= \beta v_{t-1} - \eta_t g_t, \\
        w &\leftarrow w + v_t \quad\text{(heavy ball)}, \qquad
        w \leftarrow w + \beta v_t - \eta_t g_t \quad\text{(Nesterov)}.

    At a constant rate both give the same weights. After a cut, torch's whole velocity counts at the
    new rate at once, while in Keras the old gradients keep the rate of their time: the weights
    differ by :math:`\sum_t \sum_{s \le t} \beta^{t-s} (\eta_s - \eta_t)\,g_s` under the heavy
    ball. Keras' is Polyak's own update at any rate, :math:`-\eta_t g_t + \beta (w_t - w_{t-1})`;
    torch's multiplies the last term by :math:`\eta_t/\eta_{t-1}`. The Nesterov variant works on the
    point that Sutskever et al. look ahead to; with Keras' velocity it equals theirs at any rate.

    Args:
        momentum: Momentum β, in [0, 1). With 0, the frameworks' own default, it is `SGD`. In the
            long run a lasting gradient moves the weights as at a rate of η/(1 − β).
        dampening: Dampening τ, in [0, 1); belongs to ``"pytorch"`` alone. With τ = β the velocity
            is a moving average; torch exempts the first gradient.
        nesterov: Whether to look ahead; asks for a momentum above 0 and no dampening.
        weight_decay: Coefficient λ, at least 0: coupled in torch, decoupled in Keras.
        convention: ``"pytorch"`` for ``torch.optim.SGD``, ``"keras"`` for
            ``keras.optimizers.SGD``.

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> optimizer = Momentum(momentum=0.5)
        >>> w, state = np.array([1.0]), optimizer.start([1.0])
        >>> for lr in (0.1, 0.1, 0.01):
        ...     w, state = optimizer.step(w, np.array([1.0]), state, lr)
        >>> w.round(4), state.velocity
        (array([0.7325]), array([1.75]))

    References:
        Polyak 1964, doi:10.1016/0041-5553(64)90137-5; Nesterov 1983, Doklady Akademii Nauk SSSR
        269, 543–547, whose β grows with t; Sutskever, Martens, Dahl, Hinton 2013, PMLR 28(3),
        1139–1147, eq. 1–4. PyTorch 2.13, ``torch/optim/sgd.py``; Keras 3.15,
        ``keras/src/optimizers/sgd.py``.
    """

    _: KW_ONLY
    momentum: DecayRate = 0.9
    dampening: DecayRate = 0.0
    nesterov: Flag = False
    weight_decay: NonNegative = 0.0
    convention: Convention = "pytorch"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dampening and self.convention == "keras":
            rule = "dampening belongs to convention 'pytorch' alone"
            raise ValueError(f"{rule}, received {self.dampening!r}")
        if self.dampening and not self.momentum:
            rule = "dampening must be 0 where momentum is 0, since torch then ignores it"
            raise ValueError(f"{rule}, received {self.dampening!r}")
        if self.nesterov and (self.dampening or not self.momentum):
            rule = "nesterov must be False unless momentum is above 0 and dampening 0"
            raise ValueError(f"{rule}, received True, {self.momentum!r} and {self.dampening!r}")

    def start(self, w: Any) -> MomentumState:
        """Return the state before the first step from ``w``, weights of any shape."""
        shape = np.shape(w)
        return MomentumState(self, shape, np.zeros(shape))

    def _update(
        self, grad: np.ndarray, state: MomentumState, lr: float
    ) -> tuple[np.ndarray, MomentumState]:
        if self.convention == "keras":
            velocity = self.momentum * state.velocity - lr * grad
            update = lr * grad - self.momentum * velocity if self.nesterov else -velocity
        else:
            share = 1 - self.dampening if state.steps else 1.0
            velocity = self.momentum * state.velocity + share * grad
            update = lr * (grad + self.momentum * velocity if self.nesterov else velocity)
        return update, replace(state, velocity=velocity, steps=state.steps + 1)

"""Optimizers that divide each weight's gradient by a measure of its own past size."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, ClassVar

import numpy as np

from lrlab.optimizers.base import (
    BY_CONVENTION,
    Convention,
    DecayRate,
    Flag,
    NonNegative,
    Optimizer,
    OptimizerState,
    Positive,
    decayed,
    rooted,
)


@dataclass(frozen=True, eq=False)
class AdaGradState(OptimizerState):
    """What `AdaGrad` remembers.

    Attributes:
        v: The sum of squared gradients so far, of the shape of the weights.
    """

    v: np.ndarray


@dataclass(frozen=True)
class AdaGrad(Optimizer):
    r"""A rate for each weight that falls with all the gradients it has seen.

    With :math:`v_t = v_{t-1} + g_t^2`, elementwise, a step is

    .. math::
        w \leftarrow w - \eta\,\frac{g_t}{\sqrt{v_t} + \epsilon}
        \quad\text{(pytorch)},\qquad
        w \leftarrow w - \eta\,\frac{g_t}{\sqrt{v_t + \epsilon}}
        \quad\text{(keras)}.

    Under gradients that stay as large as they are, the rate of a weight thus falls as
    :math:`1/\sqrt{t}`. An initial accumulator :math:`v_0` above 0, as in Keras, makes the first
    steps smaller. Torch's ``lr_decay`` is not offered, since it is a schedule.

    Args:
        eps: Constant ε, greater than 0, or the first gradient of 0 would be divided by 0; by
            default 1e-10, Keras' 1e-7. Inside the root it acts like its own root outside.
        initial_accumulator: Start :math:`v_0` of the sum, at least 0; by default 0, Keras' 0.1.
        weight_decay: Coefficient λ, at least 0: coupled in torch, decoupled in Keras.
        convention: ``"pytorch"`` for ``torch.optim.Adagrad``, ``"keras"`` for
            ``keras.optimizers.Adagrad``.

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> optimizer = AdaGrad()
        >>> w, state = np.array([1.0, 1.0]), optimizer.start([1.0, 1.0])
        >>> for _ in range(4):
        ...     w, state = optimizer.step(w, np.array([0.01, 100.0]), state, lr=0.1)
        >>> w.round(3), round(1 - 0.1 * sum(k**-0.5 for k in (1, 2, 3, 4)), 3)
        (array([0.722, 0.722]), 0.722)

    References:
        Duchi, Hazan, Singer 2011, JMLR 12, 2121–2159, with diagonal matrices. PyTorch 2.13,
        ``torch/optim/adagrad.py``; Keras 3.15, ``keras/src/optimizers/adagrad.py``.
    """

    _: KW_ONLY
    eps: Positive = BY_CONVENTION
    initial_accumulator: NonNegative = BY_CONVENTION
    weight_decay: NonNegative = 0.0
    convention: Convention = "pytorch"
    _defaults: ClassVar = {
        "pytorch": {"eps": 1e-10, "initial_accumulator": 0.0},
        "keras": {"eps": 1e-7, "initial_accumulator": 0.1},
    }

    def start(self, w: Any) -> AdaGradState:
        """Return the state before the first step from ``w``, weights of any shape."""
        shape = np.shape(w)
        return AdaGradState(self, shape, np.full(shape, self.initial_accumulator))

    def _update(
        self, grad: np.ndarray, state: AdaGradState, lr: float
    ) -> tuple[np.ndarray, AdaGradState]:
        v = state.v + grad**2
        return lr * grad / rooted(v, self.eps, self.convention), replace(state, v=v)


@dataclass(frozen=True, eq=False)
class RMSPropState(OptimizerState):
    """What `RMSProp` remembers, each of the shape of the weights.

    Attributes:
        v: Moving average of the squared gradients; of a centred optimizer, their variance.
        mean: Moving average of the gradients; None unless the optimizer is centred.
        velocity: The velocity; None without momentum.
    """

    v: np.ndarray
    mean: np.ndarray | None = None
    velocity: np.ndarray | None = None


@dataclass(frozen=True)
class RMSProp(Optimizer):
    r"""AdaGrad with a memory that fades: gradients in units of their recent root mean square.

    With :math:`v_t = \rho v_{t-1} + (1-\rho) g_t^2`, elementwise, and :math:`v_0 = 0`, a step is

    .. math::
        w \leftarrow w - \eta\,\frac{g_t}{\sqrt{v_t} + \epsilon}
        \quad\text{(pytorch)},\qquad
        w \leftarrow w - \eta\,\frac{g_t}{\sqrt{v_t + \epsilon}}
        \quad\text{(keras)}.

    A centred optimizer has the variance :math:`v_t - m_t^2` under the root instead of
    :math:`v_t`, with :math:`m_t = \rho m_{t-1} + (1-\rho) g_t`. Both frameworks subtract. Under
    a gradient that stays the same, rounding can leave less than 0 of it, and the weights become NaN
    in torch, and in Keras where ε is too small to make up for it. Here the same variance is summed
    up from squares, as :math:`\rho\,(v + (1-\rho)(g_t - m_{t-1})^2)`, and stays at least 0.

    With momentum β, the quotient q enters a velocity, into which Keras folds the rate, so that the
    two go apart where the rate changes:

    .. math::
        b_t = \beta b_{t-1} + q_t,\quad w \leftarrow w - \eta_t b_t
        \quad\text{(pytorch)},\qquad
        b_t = \beta b_{t-1} + \eta_t q_t,\quad w \leftarrow w - b_t
        \quad\text{(keras)}.

    Args:
        rho: Decay rate ρ of the averages, in [0, 1); by default 0.99, Keras' 0.9. Torch calls it
            ``alpha``.
        eps: Constant ε, greater than 0, or a gradient of 0 would be divided by 0; by default 1e-8,
            Keras' 1e-7. Inside the root that acts like 3e-4 outside.
        momentum: Momentum β, in [0, 1).
        centered: Whether to divide by the standard deviation.
        weight_decay: Coefficient λ, at least 0: coupled in torch, decoupled in Keras.
        convention: ``"pytorch"`` for ``torch.optim.RMSprop``, ``"keras"`` for
            ``keras.optimizers.RMSprop``.

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> optimizer = RMSProp(rho=0.75)
        >>> state = optimizer.start([1.0, 1.0])
        >>> w, state = optimizer.step([1.0, 1.0], [0.01, -100.0], state, lr=0.1)
        >>> w.round(6), state.v.round(6)
        (array([0.8, 1.2]), array([2.5e-05, 2.5e+03]))

    References:
        Tieleman, Hinton 2012, lecture 6.5 of "Neural Networks for Machine Learning"; centred and
        with momentum in Graves 2013, arXiv:1308.0850. PyTorch 2.13,
        ``torch/optim/rmsprop.py``; Keras 3.15, ``keras/src/optimizers/rmsprop.py``.
    """

    _: KW_ONLY
    rho: DecayRate = BY_CONVENTION
    eps: Positive = BY_CONVENTION
    momentum: DecayRate = 0.0
    centered: Flag = False
    weight_decay: NonNegative = 0.0
    convention: Convention = "pytorch"
    _defaults: ClassVar = {
        "pytorch": {"rho": 0.99, "eps": 1e-8},
        "keras": {"rho": 0.9, "eps": 1e-7},
    }

    def start(self, w: Any) -> RMSPropState:
        """Return the state before the first step from ``w``, weights of any shape."""
        zeros = np.zeros(np.shape(w))
        mean, velocity = zeros if self.centered else None, zeros if self.momentum else None
        return RMSPropState(self, zeros.shape, zeros, mean, velocity)

    def _update(self, grad: np.ndarray, state: Any, lr: float) -> tuple[np.ndarray, RMSPropState]:
        mean, velocity = state.mean, state.velocity
        if self.centered:
            v = self.rho * (state.v + (1 - self.rho) * (grad - mean) ** 2)
            mean = decayed(mean, grad, self.rho)
        else:
            v = decayed(state.v, grad**2, self.rho)
        update = grad / rooted(v, self.eps, self.convention)
        if not self.momentum:
            update = lr * update
        elif self.convention == "keras":
            update = velocity = self.momentum * velocity + lr * update
        else:
            velocity = self.momentum * velocity + update
            update = lr * velocity
        return update, replace(state, v=v, mean=mean, velocity=velocity)


@dataclass(frozen=True, eq=False)
class AdaDeltaState(OptimizerState):
    """What `AdaDelta` remembers, each of the shape of the weights.

    Attributes:
        v: Moving average of the squared gradients.
        u: Moving average of the squared updates, as they are before the rate.
    """

    v: np.ndarray
    u: np.ndarray


@dataclass(frozen=True)
class AdaDelta(Optimizer):
    r"""RMSProp that takes the size of its steps from the steps before.

    Elementwise, and with :math:`v_0 = u_0 = 0`:

    .. math::
        v_t &= \rho v_{t-1} + (1-\rho) g_t^2, \\
        \Delta_t &= \frac{\sqrt{u_{t-1} + \epsilon}}{\sqrt{v_t + \epsilon}}\,g_t, \\
        u_t &= \rho u_{t-1} + (1-\rho) \Delta_t^2, \\
        w &\leftarrow w - \eta \Delta_t.

    The paper has no rate: η is 1, torch's default, where Keras' is 0.001. The first steps are of
    the order of :math:`\sqrt\epsilon`, so that here ε is no mere guard against a division by 0.
    The frameworks agree on its place.

    Args:
        rho: Decay rate ρ of both averages, in [0, 1); by default 0.9, Keras' 0.95.
        eps: Constant ε, greater than 0, or nothing would ever move; by default 1e-6, Keras' 1e-7.
        weight_decay: Coefficient λ, at least 0: coupled in torch, decoupled in Keras.
        convention: ``"pytorch"`` for ``torch.optim.Adadelta``, ``"keras"`` for
            ``keras.optimizers.Adadelta``.

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> optimizer = AdaDelta(rho=0.75)
        >>> w, state = optimizer.step([1.0, 1.0], [0.1, -100.0], optimizer.start([1.0, 1.0]), lr=1)
        >>> w.round(6)
        array([0.998, 1.002])

    References:
        Zeiler 2012, arXiv:1212.5701, algorithm 1. PyTorch 2.13, ``torch/optim/adadelta.py``;
        Keras 3.15, ``keras/src/optimizers/adadelta.py``.
    """

    _: KW_ONLY
    rho: DecayRate = BY_CONVENTION
    eps: Positive = BY_CONVENTION
    weight_decay: NonNegative = 0.0
    convention: Convention = "pytorch"
    _defaults: ClassVar = {
        "pytorch": {"rho": 0.9, "eps": 1e-6},
        "keras": {"rho": 0.95, "eps": 1e-7},
    }

    def start(self, w: Any) -> AdaDeltaState:
        """Return the state before the first step from ``w``, weights of any shape."""
        zeros = np.zeros(np.shape(w))
        return AdaDeltaState(self, zeros.shape, zeros, zeros)

    def _update(
        self, grad: np.ndarray, state: AdaDeltaState, lr: float
    ) -> tuple[np.ndarray, AdaDeltaState]:
        v = decayed(state.v, grad**2, self.rho)
        update = np.sqrt(state.u + self.eps) / np.sqrt(v + self.eps) * grad
        return lr * update, replace(state, v=v, u=decayed(state.u, update**2, self.rho))

"""Adam, its repair AMSGrad, and AdamW."""

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
)


@dataclass(frozen=True, eq=False)
class AdamState(OptimizerState):
    """What `Adam` and `AdamW` remember; arrays of the shape of the weights.

    Attributes:
        m: Moving average of the gradients.
        v: Moving average of the squared gradients.
        v_max: The largest v so far; None without AMSGrad.
        steps: Steps made.
    """

    m: np.ndarray
    v: np.ndarray
    v_max: np.ndarray | None = None
    steps: int = 0


@dataclass(frozen=True)
class Adam(Optimizer):
    r"""RMSProp with the gradient's own average in its place, both averages freed of their bias.

    Elementwise, and with :math:`m_0 = v_0 = 0`, step t is

    .. math::
        m_t &= \beta_1 m_{t-1} + (1-\beta_1) g_t, \qquad
        v_t = \beta_2 v_{t-1} + (1-\beta_2) g_t^2, \\
        \hat m_t &= \frac{m_t}{1-\beta_1^t}, \qquad \hat v_t = \frac{v_t}{1-\beta_2^t}, \\
        w &\leftarrow w - \eta\,\frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon}
        \quad\text{(pytorch)}, \qquad
        w \leftarrow w - \eta\,\frac{\sqrt{1-\beta_2^t}}{1-\beta_1^t}\,
        \frac{m_t}{\sqrt{v_t} + \epsilon} \quad\text{(keras)}.

    Torch follows the paper's algorithm 1. Keras takes its shorter form, in which the correction is
    part of the rate and ε is what the paper calls :math:`\hat\epsilon`: it acts like
    :math:`\epsilon/\sqrt{1-\beta_2^t}` in torch, 32 times ε in the first step. Without the
    correction both are :math:`w \leftarrow w - \eta\,m_t/(\sqrt{v_t} + \epsilon)`. The first step
    is then :math:`(1-\beta_1)/\sqrt{1-\beta_2}` = 3.2 times as long, and under a gradient that
    stays the same the twelfth, the longest, 6.6 times.

    AMSGrad has the largest of :math:`v_1, \dots, v_t` in the place of :math:`v_t`, so that, without
    the correction as in the paper, the rate of a weight never rises again. Both frameworks correct
    that maximum by the present t, and after a large first gradient the rate rises all the same, by
    up to :math:`1/\sqrt{1-\beta_2}` = 32 times.

    Args:
        beta1: Decay rate β₁ of the mean, in [0, 1).
        beta2: Decay rate β₂ of the mean square, in [0, 1).
        eps: Constant ε, greater than 0, or a gradient of 0 would be divided by 0; by default 1e-8,
            Keras' 1e-7.
        amsgrad: Whether to divide by the largest mean square so far.
        bias_correction: Whether to correct the bias towards the start at 0. The frameworks always
            do.
        weight_decay: Coefficient λ, at least 0: coupled in torch, decoupled in Keras, whose Adam
            is its `AdamW` with another default.
        convention: ``"pytorch"`` for ``torch.optim.Adam``, ``"keras"`` for
            ``keras.optimizers.Adam``.

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> optimizer = Adam()
        >>> w, state = np.array([1.0, 1.0]), optimizer.start([1.0, 1.0])
        >>> for _ in range(3):
        ...     w, state = optimizer.step(w, np.array([0.01, -100.0]), state, lr=0.1)
        >>> w.round(4)
        array([0.7, 1.3])

    References:
        Kingma, Ba 2015, arXiv:1412.6980, algorithm 1 and the end of section 2; Reddi, Kale, Kumar
        2018, arXiv:1904.09237, algorithm 2. PyTorch 2.13, ``torch/optim/adam.py``; Keras 3.15,
        ``keras/src/optimizers/adam.py``.
    """

    _: KW_ONLY
    beta1: DecayRate = 0.9
    beta2: DecayRate = 0.999
    eps: Positive = BY_CONVENTION
    amsgrad: Flag = False
    bias_correction: Flag = True
    weight_decay: NonNegative = BY_CONVENTION
    convention: Convention = "pytorch"
    _defaults: ClassVar = {
        "pytorch": {"eps": 1e-8, "weight_decay": 0.0},
        "keras": {"eps": 1e-7, "weight_decay": 0.0},
    }

    def start(self, w: Any) -> AdamState:
        """Return the state before the first step from ``w``, weights of any shape."""
        zeros = np.zeros(np.shape(w))
        return AdamState(self, zeros.shape, zeros, zeros, zeros if self.amsgrad else None)

    def _update(self, grad: np.ndarray, state: Any, lr: float) -> tuple[np.ndarray, AdamState]:
        m, v = decayed(state.m, grad, self.beta1), decayed(state.v, grad**2, self.beta2)
        v_max, steps = state.v_max, state.steps + 1
        if self.amsgrad:
            v_max = np.maximum(v_max, v)
        root = np.sqrt(v_max if self.amsgrad else v)
        if self.bias_correction:
            missing = np.sqrt(1 - self.beta2**steps)  # a root's part that is there by now
            lr /= 1 - self.beta1**steps
            if self.convention == "keras":
                lr *= missing
            else:
                root = root / missing
        return lr * m / (root + self.eps), replace(state, m=m, v=v, v_max=v_max, steps=steps)


@dataclass(frozen=True)
class AdamW(Adam):
    r"""Adam with decoupled weight decay: :math:`w \leftarrow w - \eta\lambda w` before its step.

    `Adam`'s memory then never sees the decay. In torch's `Adam` it does, so that weights with large
    gradients decay less, since the pull is divided by the same root.

    In the paper a weight loses the part :math:`\lambda\eta/\eta_{max}` of itself in a step, with
    η_max the schedule's peak, in both frameworks :math:`\lambda\eta`: to keep the paper's decay,
    divide its λ by the peak rate.

    Often biases, and the gains of normalisations, are not to decay. They are vectors, and the
    weights of layers have two axes or more.

    Args:
        beta1: Decay rate β₁ of the mean, in [0, 1).
        beta2: Decay rate β₂ of the mean square, in [0, 1).
        eps: Constant ε, greater than 0; by default 1e-8, Keras' 1e-7.
        amsgrad: Whether to divide by the largest mean square so far.
        bias_correction: Whether to correct the bias towards the start at 0.
        weight_decay: Coefficient λ, at least 0; by default 0.01, Keras' 0.004.
        decay_vectors: Whether weights of one axis, or none, decay too. The frameworks have groups
            for it, or a list of exceptions.
        convention: ``"pytorch"`` for ``torch.optim.AdamW``, ``"keras"`` for
            ``keras.optimizers.AdamW``.

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> optimizer = AdamW(weight_decay=0.5)
        >>> w, state = optimizer.step([1.0, 1.0], [0.0, 100.0], optimizer.start([1.0, 1.0]), lr=0.1)
        >>> w.round(4)
        array([0.95, 0.85])

    References:
        Loshchilov, Hutter 2019, arXiv:1711.05101, algorithm 2. PyTorch 2.13,
        ``torch/optim/adamw.py``; Keras 3.15, ``keras/src/optimizers/adamw.py`` and
        ``base_optimizer.py``.
    """

    _: KW_ONLY
    decay_vectors: Flag = True
    _defaults: ClassVar = {
        "pytorch": {"eps": 1e-8, "weight_decay": 0.01},
        "keras": {"eps": 1e-7, "weight_decay": 0.004},
    }

    @property
    def decoupled(self) -> bool:
        """True, since this is what makes it another optimizer than Adam."""
        return True

    def _moved(
        self, w: np.ndarray, grad: np.ndarray, state: Any, lr: float
    ) -> tuple[np.ndarray, OptimizerState]:
        if self.decay_vectors or w.ndim > 1:
            return super()._moved(w, grad, state, lr)
        update, state = self._update(grad, state, lr)
        return w - update, state

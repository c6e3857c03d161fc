"""Schedule-free descent: an average of the weights takes the place of a rate that falls."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, ClassVar

import numpy as np

from lrlab.optimizers.base import (
    BY_CONVENTION,
    Convention,
    DecayRate,
    Fraction,
    NonNegative,
    Optimizer,
    OptimizerState,
    Positive,
    decayed,
)


@dataclass(frozen=True, eq=False)
class ScheduleFreeState(OptimizerState):
    """What `ScheduleFreeSGD` and `ScheduleFreeAdamW` remember.

    Attributes:
        z: The weights that the gradients move, of the shape of the weights.
        v: Moving average of the squared gradients; None under SGD.
        steps: Steps made.
        largest_lr: The largest rate so far.
        total: What all steps so far weigh in the average, in units of the last one's weight.
    """

    z: np.ndarray
    v: np.ndarray | None = None
    steps: int = 0
    largest_lr: float = 0.0
    total: float = 0.0


@dataclass(frozen=True)
class ScheduleFreeSGD(Optimizer):
    r"""Gradient descent whose weights z are averaged as they come, with gradients in between.

    Three sequences start at the same weights. A gradient is taken at y, which lies between z, the
    weights that move, and their average x, at which the model is evaluated. Step t is

    .. math::
        y_t &= (1-\beta)\,z_t + \beta\,x_t, \\
        z_{t+1} &= z_t - \eta_t\,(\nabla L(y_t) + \lambda y_t), \\
        x_{t+1} &= (1-c_t)\,x_t + c_t\,z_{t+1}, \qquad
        c_t = \frac{u_t}{\sum_{s \le t} u_s}, \qquad u_t = t^r\,\bigl(\max_{s \le t}\eta_s\bigr)^p,

    with t counted from 1. The weights w of this rule are the y, and `evaluated` gives the x. At a
    rate that never rises, and r = 0, x is the plain mean of all z after the start. A rate that
    rises gives early steps less weight; one that falls takes none from the later ones, and even a
    rate of 0 leaves y on its way to z.

    The package's ``warmup_steps`` are no part of the rule: a warm-up of N steps is a schedule whose
    rate at step t is t/N of the full one.

    Args:
        momentum: Interpolation β, in (0, 1): towards 0 the gradients are taken at z itself, as in
            averaging after Polyak, towards 1 at the average.
        weight_decay: Coefficient λ, at least 0: coupled, at y.
        r: Power r of the step's number in its weight, at least 0.
        weight_lr_power: Power p of the largest rate so far in a step's weight, at least 0.

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> optimizer = ScheduleFreeSGD(momentum=0.5)
        >>> w, state = np.array([1.0]), optimizer.start([1.0])
        >>> for _ in range(2):
        ...     w, state = optimizer.step(w, np.array([1.0]), state, lr=0.25)
        >>> state.z, optimizer.evaluated(w, state), w
        (array([0.5]), array([0.625]), array([0.5625]))

    References:
        Defazio et al. 2024, arXiv:2405.15682, eq. 5–7 and algorithm 1; Polyak, Juditsky 1992,
        doi:10.1137/0330046. schedulefree 1.4, ``SGDScheduleFree``.
    """

    _: KW_ONLY
    momentum: Fraction = 0.9
    weight_decay: NonNegative = 0.0
    r: NonNegative = 0.0
    weight_lr_power: NonNegative = 2.0

    @property
    def decoupled(self) -> bool:
        """Never, as weight decay is a part of the gradient."""
        return False

    def start(self, w: Any) -> ScheduleFreeState:
        """Return the state before the first step from ``w``, weights of any shape."""
        return ScheduleFreeState(self, np.shape(w), np.array(w, dtype=float))

    def evaluated(self, w: np.ndarray, state: Any) -> np.ndarray:
        """Return the average x, at which to evaluate.

        Args:
            w: The weights y after a step.
            state: The state after it.
        """
        return _average(w, state, self.momentum)

    def _moved(
        self, w: np.ndarray, grad: np.ndarray, state: Any, lr: float
    ) -> tuple[np.ndarray, ScheduleFreeState]:
        update, state = self._update(grad + self.weight_decay * w, state, lr)
        return _follow(self, self.momentum, w, update, state, lr)

    def _update(
        self, grad: np.ndarray, state: Any, lr: float
    ) -> tuple[np.ndarray, ScheduleFreeState]:
        return lr * grad, state


@dataclass(frozen=True)
class ScheduleFreeAdamW(Optimizer):
    r"""`ScheduleFreeSGD` with each gradient divided by the root of its mean square.

    The step of z, with :math:`g_t = \nabla L(y_t)` and :math:`v_0 = 0`, is

    .. math::
        v_t &= \beta_2 v_{t-1} + (1-\beta_2)\,g_t^2, \\
        z_{t+1} &= z_t - \eta_t\,\Bigl(\frac{g_t}{\sqrt{v_t/(1-\beta_2^t)} + \epsilon}
        + \lambda y_t\Bigr),

    and y, x and the average's weights are those of `ScheduleFreeSGD`, with β₁ for β: there is no
    moving average of gradients, the averaging of weights takes its place.

    Keras does otherwise in four ways. All its steps weigh alike in the average, :math:`c_t = 1/t`,
    at any rate. Its weight decay is taken off the model's weights before the step, and z never
    feels it. It has no second set of weights to evaluate. And with TensorFlow, or with PyTorch
    below it, its β₁ is without effect: Keras infers x from y and the z *before* the step, but reads
    that z when it has moved already. What comes out is as if β₁ were 1,

    .. math::
        w \leftarrow (1-c_t)\,(1 - \eta_t\lambda)\,w + c_t\,z_{t+1}:

    the gradients are taken at the average itself, and `evaluated` gives w.

    Args:
        beta1: Interpolation β₁, in (0, 1); without effect in Keras.
        beta2: Decay rate β₂ of the mean square, in [0, 1).
        eps: Constant ε, greater than 0; by default 1e-8.
        weight_decay: Coefficient λ, at least 0.
        r: Power r of the step's number in its weight, at least 0; belongs to ``"pytorch"`` alone.
        weight_lr_power: Power p of the largest rate so far in a step's weight, at least 0; by
            default 2, and always 0 in Keras.
        convention: ``"pytorch"`` for ``AdamWScheduleFree`` of the package schedulefree,
            ``"keras"`` for ``keras.optimizers.ScheduleFreeAdamW``.

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> optimizer = ScheduleFreeAdamW()
        >>> w, state = np.array([1.0, 1.0]), optimizer.start([1.0, 1.0])
        >>> for _ in range(2):
        ...     w, state = optimizer.step(w, np.array([0.01, -100.0]), state, lr=0.1)
        >>> state.z.round(4), optimizer.evaluated(w, state).round(4)
        (array([0.8, 1.2]), array([0.85, 1.15]))

    References:
        Defazio et al. 2024, arXiv:2405.15682, algorithm 1. schedulefree 1.4, ``AdamWScheduleFree``;
        Keras 3.15, ``keras/src/optimizers/schedule_free_adamw.py``.
    """

    _: KW_ONLY
    beta1: Fraction = 0.9
    beta2: DecayRate = 0.999
    eps: Positive = BY_CONVENTION
    weight_decay: NonNegative = 0.0
    r: NonNegative = 0.0
    weight_lr_power: NonNegative = BY_CONVENTION
    convention: Convention = "pytorch"
    _defaults: ClassVar = {
        "pytorch": {"eps": 1e-8, "weight_lr_power": 2.0},
        "keras": {"eps": 1e-8, "weight_lr_power": 0.0},
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.convention == "keras" and (self.r or self.weight_lr_power):
            raise ValueError(
                "r and weight_lr_power must be 0 in Keras, where all steps weigh alike, received "
                f"{self.r!r} and {self.weight_lr_power!r}"
            )

    @property
    def decoupled(self) -> bool:
        """Always, as no weight decay goes into the mean square."""
        return True

    def start(self, w: Any) -> ScheduleFreeState:
        """Return the state before the first step from ``w``, weights of any shape."""
        z = np.array(w, dtype=float)
        return ScheduleFreeState(self, z.shape, z, np.zeros(z.shape))

    def evaluated(self, w: np.ndarray, state: Any) -> np.ndarray:
        """Return the weights at which to evaluate: the average x, but in Keras ``w`` itself.

        Args:
            w: The weights y after a step.
            state: The state after it.
        """
        return w if self.convention == "keras" else _average(w, state, self.beta1)

    def _moved(
        self, w: np.ndarray, grad: np.ndarray, state: Any, lr: float
    ) -> tuple[np.ndarray, ScheduleFreeState]:
        pull = lr * self.weight_decay * w
        update, state = self._update(grad, state, lr)
        if self.convention == "keras":
            return _follow(self, 1.0, w - pull, update, state, lr)
        return _follow(self, self.beta1, w, update + pull, state, lr)

    def _update(
        self, grad: np.ndarray, state: Any, lr: float
    ) -> tuple[np.ndarray, ScheduleFreeState]:
        v = decayed(state.v, grad**2, self.beta2)
        root = np.sqrt(v / (1 - self.beta2 ** (state.steps + 1)))
        return lr * grad / (root + self.eps), replace(state, v=v)


def _average(w: np.ndarray, state: ScheduleFreeState, beta: float) -> np.ndarray:
    """The average x, of which y = w has the part β, and z the rest."""
    return state.z + (w - state.z) / beta


def _follow(
    rule: ScheduleFreeSGD | ScheduleFreeAdamW,
    beta: float,
    w: np.ndarray,
    update: np.ndarray,
    state: ScheduleFreeState,
    lr: float,
) -> tuple[np.ndarray, ScheduleFreeState]:
    """Take the update off z, and let y follow; x has no place of its own, as y and z hold it."""
    steps, largest = state.steps + 1, max(lr, state.largest_lr)
    # As ratios to the last step's weight, which neither overflow nor vanish, whatever the powers.
    rise = state.largest_lr / largest if largest else 1.0
    earlier = (state.steps / steps) ** rule.r * rise**rule.weight_lr_power
    total = 1 + state.total * earlier
    share = 1 / total
    y = w + share * (state.z - w) - (1 - beta * (1 - share)) * update
    z = state.z - update
    return y, replace(state, z=z, steps=steps, largest_lr=largest, total=total)

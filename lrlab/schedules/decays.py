"""Schedules that run one way, or stay: step, exponential, polynomial, cosine and others."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated

import numpy as np

from lrlab.schedules.base import (
    AtLeastOne,
    Duration,
    Factor,
    Moments,
    Positive,
    Rate,
    Schedule,
    between,
    cosine_weight,
    moments_reached,
    whole_periods,
)
from lrlab.utils import checks


@dataclass(frozen=True)
class Constant(Schedule):
    r"""The same rate throughout: :math:`\eta(t) = \eta`.

    Args:
        lr: The rate η, at least 0.

    Raises:
        ValueError: The rate is not a finite real number of at least 0.

    Example:
        >>> Constant(0.3)(17.5)
        0.3
    """

    lr: Rate

    def _rates(self, t: np.ndarray) -> np.ndarray:
        return np.full(t.shape, self.lr)


@dataclass(frozen=True)
class StepDecay(Schedule):
    r"""Cut by a factor at regular intervals: :math:`\eta \gamma^{\lfloor t/s \rfloor}`.

    The cut is in force from ``t = s`` on, as in torch's ``StepLR``.

    Args:
        lr: Initial rate η, at least 0.
        gamma: Factor γ of each cut, in (0, 1].
        step_epochs: Epochs s between cuts, positive.

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> StepDecay(0.1, gamma=0.5, step_epochs=10)(np.array([0, 9.99, 10, 25]))
        array([0.1  , 0.1  , 0.05 , 0.025])
    """

    lr: Rate
    _: KW_ONLY
    gamma: Factor
    step_epochs: Duration

    def _rates(self, t: np.ndarray) -> np.ndarray:
        return self.lr * self.gamma ** whole_periods(t, self.step_epochs)


@dataclass(frozen=True)
class MultiStepDecay(Schedule):
    r"""Cut by a factor at given moments: :math:`\eta \gamma^{k}`, k the milestones ≤ t.

    Args:
        lr: Initial rate η, at least 0.
        gamma: Factor γ of each cut, in (0, 1].
        milestones: Epochs at which the cuts come into force, positive and increasing.

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> MultiStepDecay(0.3, gamma=0.5, milestones=[15, 30])(np.array([14.9, 15, 30]))
        array([0.3  , 0.15 , 0.075])
    """

    lr: Rate
    _: KW_ONLY
    gamma: Factor
    milestones: Moments

    def _rates(self, t: np.ndarray) -> np.ndarray:
        return self.lr * self.gamma ** moments_reached(t, self.milestones)


@dataclass(frozen=True)
class ExponentialDecay(Schedule):
    r"""Lose the same share in every epoch: :math:`\eta(t) = \eta \gamma^{t}`.

    Args:
        lr: Initial rate η, at least 0.
        gamma: Factor γ per epoch, in (0, 1].

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> ExponentialDecay(0.1, gamma=0.9)(np.array([0, 1, 2]))
        array([0.1  , 0.09 , 0.081])
    """

    lr: Rate
    _: KW_ONLY
    gamma: Factor

    def _rates(self, t: np.ndarray) -> np.ndarray:
        return self.lr * self.gamma**t


@dataclass(frozen=True)
class Geometric(Schedule):
    r"""Run from one rate to another by equal factors: :math:`\eta^{1-u}\,\eta_T^{\,u}`.

    Here :math:`u = \min(t/T, 1)`. Rising, it is the range test's growth; falling, an exponential
    decay that is given by its end (fairseq's ``tri_stage``, JAXNeRF, 3D Gaussian splatting).

    Args:
        lr: Initial rate η, positive.
        total_epochs: Epochs T until the last rate is reached, positive.
        final_lr: Last rate η_T, positive, above or below η.

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> Geometric(1e-4, total_epochs=4, final_lr=1)(np.array([0, 1, 2, 4, 9]))
        array([1.e-04, 1.e-03, 1.e-02, 1.e+00, 1.e+00])

    References:
        Smith 2017, arXiv:1506.01186 (the range test, with linear growth: `LinearDecay` upwards).
    """

    lr: Positive
    _: KW_ONLY
    total_epochs: Duration
    final_lr: Positive

    def _rates(self, t: np.ndarray) -> np.ndarray:
        done = np.minimum(t / self.total_epochs, 1)
        return self.lr ** (1 - done) * self.final_lr**done


@dataclass(frozen=True)
class PolynomialDecay(Schedule):
    r"""Fall to a floor along a power: :math:`\eta_T + (\eta - \eta_T)(1 - t/T)^p`, then η_T.

    Args:
        lr: Initial rate η, at least 0.
        total_epochs: Epochs T until the floor is reached, positive.
        power: Exponent p, positive; above 1 the curve sags, below 1 it bulges.
        final_lr: Floor η_T, at least 0.

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> PolynomialDecay(0.1, total_epochs=10, power=2)(np.array([0, 5, 10, 11]))
        array([0.1  , 0.025, 0.   , 0.   ])
    """

    lr: Rate
    _: KW_ONLY
    total_epochs: Duration
    power: Positive
    final_lr: Rate = 0.0

    def _rates(self, t: np.ndarray) -> np.ndarray:
        left = 1 - np.minimum(t / self.total_epochs, 1)
        return between(self.lr, self.final_lr, left**self.power)


@dataclass(frozen=True)
class LinearDecay(Schedule):
    r"""Fall to a floor along a straight line, then stay: `PolynomialDecay` of power 1.

    With :math:`u = \min(t/\tau, 1)` the rate is :math:`(1 - u)\,\eta + u\,\eta_\tau`
    (Goodfellow, Bengio, Courville 2016, *Deep Learning*, eq. 8.14).

    Args:
        lr: Initial rate η, at least 0.
        total_epochs: Epochs τ until the floor is reached, positive.
        final_lr: Floor η_τ, at least 0.

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> LinearDecay(0.1, total_epochs=10, final_lr=0.02)(np.array([0, 5, 10, 11]))
        array([0.1 , 0.06, 0.02, 0.02])
    """

    lr: Rate
    _: KW_ONLY
    total_epochs: Duration
    final_lr: Rate = 0.0

    def _rates(self, t: np.ndarray) -> np.ndarray:
        return between(self.lr, self.final_lr, 1 - np.minimum(t / self.total_epochs, 1))


@dataclass(frozen=True)
class CosineDecay(Schedule):
    r"""Half a cosine from peak to floor: :math:`\eta_T + (\eta-\eta_T)(1+\cos(\pi t/T))/2`.

    After T the rate stays at η_T; torch's ``CosineAnnealingLR`` rises again there.

    Args:
        lr: Initial rate η, at least 0.
        total_epochs: Epochs T until the floor is reached, positive.
        final_lr: Floor η_T, at least 0.

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> CosineDecay(0.3, total_epochs=20, final_lr=0.01)(np.array([0, 10, 20, 29]))
        array([0.3  , 0.155, 0.01 , 0.01 ])

    References:
        Loshchilov, Hutter 2017, arXiv:1608.03983, eq. 5, without restarts.
    """

    lr: Rate
    _: KW_ONLY
    total_epochs: Duration
    final_lr: Rate = 0.0

    def _rates(self, t: np.ndarray) -> np.ndarray:
        return between(self.lr, self.final_lr, cosine_weight(t / self.total_epochs))


@dataclass(frozen=True)
class InverseTimeDecay(Schedule):
    r"""Fall with the inverse of time: :math:`\eta_\infty + (\eta - \eta_\infty)(1 + rt)^{-p}`.

    Keras' former ``SGD(lr, decay=d)`` with n steps an epoch has ``rate=d * n``, and its
    ``InverseTimeDecay(lr, decay_steps, decay_rate)`` in steps ``rate=decay_rate / decay_steps``,
    in a staircase inside `hold`. With a power it is Caffe's policy ``inv``.

    Args:
        lr: Initial rate η, at least 0.
        rate: How fast it falls, r per epoch, at least 0.
        power: Exponent p, positive.
        final_lr: Floor η_∞, at least 0, approached and never reached.

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> InverseTimeDecay(0.1, rate=0.5)(np.array([0, 2, 6]))
        array([0.1  , 0.05 , 0.025])

    References:
        Robbins, Monro 1951, doi:10.1214/aoms/1177729586: such rates sum to infinity, and for p in
        (1/2, 1] their squares do not.
    """

    lr: Rate
    _: KW_ONLY
    rate: Annotated[float, checks.non_negative]
    power: Positive = 1.0
    final_lr: Rate = 0.0

    def _rates(self, t: np.ndarray) -> np.ndarray:
        return between(self.lr, self.final_lr, (1 + self.rate * t) ** -self.power)


@dataclass(frozen=True)
class InverseSqrtDecay(Schedule):
    r"""Fall with the inverse root of time: :math:`\eta_\infty+(\eta-\eta_\infty)/\sqrt{1+t/\tau}`.

    After a warm-up of w epochs with τ = w the rate of epoch e is
    :math:`\eta_\infty + (\eta - \eta_\infty)\sqrt{w/e}`, as in fairseq, OLMo and, with
    ``timescale``, transformers: ``warmup(InverseSqrtDecay(lr, timescale_epochs=w), w)``.

    Args:
        lr: Initial rate η, at least 0.
        timescale_epochs: Epochs τ after which :math:`1/\sqrt{2}` is left of the way to the floor.
        final_lr: Floor η_∞, at least 0, approached and never reached.

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> InverseSqrtDecay(0.1)(3)
        0.05
        >>> InverseSqrtDecay(0.1, timescale_epochs=10, final_lr=0.02)(np.array([0, 30, 80]))
        array([0.1       , 0.06      , 0.04666667])
    """

    lr: Rate
    _: KW_ONLY
    timescale_epochs: Duration = 1.0
    final_lr: Rate = 0.0

    def _rates(self, t: np.ndarray) -> np.ndarray:
        root = np.sqrt(1 + t / self.timescale_epochs)
        return self.lr / root + self.final_lr * (1 - 1 / root)


@dataclass(frozen=True)
class Recurrence(Schedule):
    r"""A rate computed from the last one, once an epoch, as the warm-up document does.

    Rule ``"sin"``: :math:`\eta_{e+1} = \sin \eta_e`. Rule ``"power"``:
    :math:`\eta_{e+1} = \eta_e^{\,p}`. Both change the rate very little: from 0.1, 25
    applications take off 4 % and 0.6 %.

    Args:
        lr: The rate in epoch 0, at least 0 and at most π for ``"sin"``, 1 for ``"power"``, so
            that the recurrence falls and stays positive.
        rule: ``"sin"`` or ``"power"``.
        exponent: The power p, at least 1; belongs to ``"power"`` alone.

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> Recurrence(0.1, rule="sin")(np.array([0, 17, 25.9])).round(6)
        array([0.1     , 0.097277, 0.09607 ])
    """

    lr: Rate
    _: KW_ONLY
    rule: Annotated[str, checks.one_of("sin", "power")]
    exponent: AtLeastOne = 1.0001

    def __post_init__(self) -> None:
        super().__post_init__()
        top, words = (np.pi, "π") if self.rule == "sin" else (1, "1")
        checks.number("lr", self.lr, f"in [0, {words}] for rule {self.rule!r}", lambda x: x <= top)
        if self.rule == "sin" and self.exponent != Recurrence.exponent:
            raise ValueError(f"exponent belongs to rule 'power' alone, received {self.exponent!r}")

    def _rates(self, t: np.ndarray) -> np.ndarray:
        epochs = whole_periods(t, 1)
        if self.rule == "power":
            return self.lr ** (self.exponent**epochs)  # an infinite exponent gives the rate 0
        rates = [self.lr]
        while len(rates) <= min(epochs.max(initial=0), STEPWISE):
            rates.append(np.sin(rates[-1]))
        rates = np.array(rates)[np.minimum(epochs, STEPWISE).astype(int)]
        return rates / np.sqrt(_fall_of_squares(rates, np.maximum(epochs - STEPWISE, 0)))


#: Epochs whose rates a recurrence computes one after the other.
STEPWISE = 10_000


def _fall_of_squares(lr: np.ndarray, epochs: np.ndarray) -> np.ndarray:
    r"""Return how many times smaller the square of a small rate gets while the sine is applied.

    :math:`A(x) = 3/x^2 + \frac65 \ln x + \frac{79}{1050} x^2 + O(x^4)` grows by 1 with each
    application. Solved for the squares' quotient r, :math:`3/x^2\,(r - 1)` is the number of
    applications and what the other terms add to it, which a few rounds settle. After
    `STEPWISE` epochs every rate is below 0.0174, and what is left out is below 1e-13 of A.
    """
    per_epoch, quotient = lr**2 / 3, np.ones(lr.shape)
    for _ in range(4):
        others = 0.6 * np.log(quotient) + 79 / 1050 * lr**2 * (1 - 1 / quotient)
        quotient = 1 + per_epoch * (epochs + others)
    return quotient

"""The line of each framework that gives a schedule, as a text that can be shown and run.

In a line ``n`` is the number of steps per epoch: of the calls of a PyTorch scheduler's ``step``, or
of the updates that a Keras schedule object counts. In PyTorch ``opt`` is an optimizer of rate 0.1.

Example:
    >>> FRAMEWORK_LINES["exponential"].pytorch
    'ExponentialLR(opt, gamma=0.9 ** (1 / n))'
    >>> FRAMEWORK_LINES["exponential"].schedule(1)
    ExponentialDecay(lr=0.1, gamma=0.9)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lrlab.schedules.base import Schedule
from lrlab.schedules.compose import join, warmup
from lrlab.schedules.cycles import CyclicCosine, OneCycle
from lrlab.schedules.decays import (
    Constant,
    CosineDecay,
    ExponentialDecay,
    InverseSqrtDecay,
    InverseTimeDecay,
    LinearDecay,
    MultiStepDecay,
    PolynomialDecay,
    StepDecay,
)


@dataclass(frozen=True)
class FrameworkLines:
    """A schedule, and the lines that give its rates in runs of 30 epochs from 0.1.

    Attributes:
        schedule: The schedule that the lines mean for n steps per epoch. It depends on n where a
            framework's first or last step is no boundary of an epoch.
        pytorch: Makes a scheduler out of ``torch.optim.lr_scheduler`` from ``opt`` and ``n``.
        keras: Makes a schedule object of Keras from ``n``; or, where Keras has none, the callback
            ``LearningRateScheduler``, which acts once per epoch.
    """

    schedule: Callable[[int], Schedule]
    pytorch: str
    keras: str

    @property
    def per_epoch(self) -> bool:
        """Whether Keras' line is a callback, which sets the rate once per epoch."""
        return self.keras.startswith("LearningRateScheduler")


def _one_cycle(n: int) -> Schedule:
    steps = 30 * n  # the peak comes after 0.3 of them, counted from 1, and the end with the last
    rise = (0.3 * steps - 1) / (steps - 1)
    return OneCycle(0.1, total_epochs=30 - 1 / n, warmup_fraction=rise)


def _trapezoid(n: int) -> Schedule:
    ramp = 3 - 1 / n  # the first step is already a step up
    fall = join([Constant(0.1), LinearDecay(0.1, total_epochs=7)], at=[23 - ramp])
    return warmup(fall, ramp, begin_lr=0.1 / (3 * n))


#: For each schedule its lines, in the order of the book's table.
FRAMEWORK_LINES: Mapping[str, FrameworkLines] = {
    "step": FrameworkLines(
        lambda n: StepDecay(0.1, gamma=0.5, step_epochs=10),
        "StepLR(opt, 10 * n, gamma=0.5)",
        "ExponentialDecay(0.1, 10 * n, 0.5, staircase=True)",
    ),
    "multi-step": FrameworkLines(
        lambda n: MultiStepDecay(0.1, gamma=0.5, milestones=[15, 25]),
        "MultiStepLR(opt, [15 * n, 25 * n], gamma=0.5)",
        "PiecewiseConstantDecay([15 * n - 1, 25 * n - 1], [0.1, 0.05, 0.025])",
    ),
    "exponential": FrameworkLines(
        lambda n: ExponentialDecay(0.1, gamma=0.9),
        "ExponentialLR(opt, gamma=0.9 ** (1 / n))",
        "ExponentialDecay(0.1, n, 0.9)",
    ),
    "hold, then exponential": FrameworkLines(
        lambda n: join([Constant(0.1), ExponentialDecay(0.1, gamma=0.9)], at=[10]),
        "SequentialLR(opt, [ConstantLR(opt, 1), ExponentialLR(opt, 0.9 ** (1 / n))], [10 * n])",
        "LearningRateScheduler(lambda e: 0.1 * 0.9 ** max(e - 10, 0))",
    ),
    "linear": FrameworkLines(
        lambda n: LinearDecay(0.1, total_epochs=25, final_lr=0.005),
        "LinearLR(opt, 1.0, 0.05, total_iters=25 * n)",
        "PolynomialDecay(0.1, 25 * n, 0.005)",
    ),
    "polynomial": FrameworkLines(
        lambda n: PolynomialDecay(0.1, total_epochs=25, power=2),
        "PolynomialLR(opt, 25 * n, power=2)",
        "PolynomialDecay(0.1, 25 * n, 0.0, power=2)",
    ),
    "cosine": FrameworkLines(
        lambda n: CosineDecay(0.1, total_epochs=30, final_lr=0.001),
        "CosineAnnealingLR(opt, 30 * n, eta_min=0.001)",
        "CosineDecay(0.1, 30 * n, alpha=0.01)",
    ),
    "warm-up, then cosine": FrameworkLines(
        lambda n: warmup(CosineDecay(0.1, total_epochs=25), 5, begin_lr=0.01),
        "SequentialLR(opt, [LinearLR(opt, 0.1, total_iters=5 * n), "
        "CosineAnnealingLR(opt, 25 * n)], [5 * n])",
        "CosineDecay(0.01, 25 * n, warmup_target=0.1, warmup_steps=5 * n)",
    ),
    "restarts": FrameworkLines(
        lambda n: CyclicCosine(0.1, cycle_epochs=10),
        "CosineAnnealingWarmRestarts(opt, 10 * n)",
        "CosineDecayRestarts(0.1, 10 * n, t_mul=1.0)",
    ),
    "one cycle": FrameworkLines(
        _one_cycle,
        "OneCycleLR(opt, max_lr=0.1, total_steps=30 * n)",
        "CosineDecay(0.004, 21 * n, warmup_target=0.1, warmup_steps=9 * n)",
    ),
    "trapezoid": FrameworkLines(
        _trapezoid,
        "LambdaLR(opt, lambda k: min((k + 1) / (3 * n), 1, (30 * n - k) / (7 * n)))",
        "LearningRateScheduler(lambda e: 0.1 * min((e + 1) / 3, 1, (30 - e) / 7))",
    ),
    "inverse root": FrameworkLines(
        lambda n: InverseSqrtDecay(0.1),
        "LambdaLR(opt, lambda k: (1 + k / n) ** -0.5)",
        "LearningRateScheduler(lambda e: 0.1 * (1 + e) ** -0.5)",
    ),
    "inverse time": FrameworkLines(
        lambda n: InverseTimeDecay(0.1, rate=0.5),
        "LambdaLR(opt, lambda k: 1 / (1 + 0.5 * k / n))",
        "InverseTimeDecay(0.1, n, 0.5)",
    ),
}

r"""Learning-rate schedules: pure functions of time.

Time ``t`` is counted in **epochs, from 0, as a float**: step ``k`` of ``n`` in epoch ``e`` is
``t = e + k/n``. A schedule answers with the rate in force at ``t``, for one moment or for an
array of them, in any order, as often as asked; it holds no state. Frameworks are joined on by
`lrlab.pytorch` and `lrlab.keras`.

Example:
    >>> schedule = CosineDecay(0.3, total_epochs=20, final_lr=0.01)
    >>> schedule
    CosineDecay(lr=0.3, total_epochs=20.0, final_lr=0.01)
    >>> schedule(0), round(schedule(10), 4), schedule(20), schedule(29)
    (0.3, 0.155, 0.01, 0.01)
    >>> Schedule.from_config(schedule.to_config()) == schedule
    True
"""

from lrlab.schedules.agreement import deviation, relative_difference
from lrlab.schedules.base import SLACK, Rate, Schedule
from lrlab.schedules.compose import Held, Joined, Scaled, Warmup, hold, join, scale, warmup
from lrlab.schedules.cycles import CyclicCosine, OneCycle, Triangular, WarmupStableDecay
from lrlab.schedules.decays import (
    Constant,
    CosineDecay,
    ExponentialDecay,
    Geometric,
    InverseSqrtDecay,
    InverseTimeDecay,
    LinearDecay,
    MultiStepDecay,
    PolynomialDecay,
    Recurrence,
    StepDecay,
)
from lrlab.schedules.lines import FRAMEWORK_LINES, FrameworkLines

__all__ = [
    "FRAMEWORK_LINES",
    "SLACK",
    "Constant",
    "CosineDecay",
    "CyclicCosine",
    "ExponentialDecay",
    "FrameworkLines",
    "Geometric",
    "Held",
    "InverseSqrtDecay",
    "InverseTimeDecay",
    "Joined",
    "LinearDecay",
    "MultiStepDecay",
    "OneCycle",
    "PolynomialDecay",
    "Rate",
    "Recurrence",
    "Scaled",
    "Schedule",
    "StepDecay",
    "Triangular",
    "Warmup",
    "WarmupStableDecay",
    "deviation",
    "hold",
    "join",
    "relative_difference",
    "scale",
    "warmup",
]

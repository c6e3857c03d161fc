"""lrlab: learning-rate strategies in deep learning, the tested companion of the book.

Schedules are pure functions of time, counted in epochs. `lrlab.pytorch` and `lrlab.keras` join
them to the frameworks; importing `lrlab` itself imports neither.
"""

from importlib.metadata import version

from lrlab.plateau import ReduceOnPlateau
from lrlab.schedules import (
    Constant,
    CosineDecay,
    CyclicCosine,
    ExponentialDecay,
    InverseSqrtDecay,
    LinearDecay,
    MultiStepDecay,
    OneCycle,
    PolynomialDecay,
    Recurrence,
    Schedule,
    StepDecay,
    WarmupStableDecay,
    join,
    scale,
    warmup,
)
from lrlab.training import Recipe

__version__ = version("lrlab")

__all__ = [
    "Constant",
    "CosineDecay",
    "CyclicCosine",
    "ExponentialDecay",
    "InverseSqrtDecay",
    "LinearDecay",
    "MultiStepDecay",
    "OneCycle",
    "PolynomialDecay",
    "Recipe",
    "Recurrence",
    "ReduceOnPlateau",
    "Schedule",
    "StepDecay",
    "WarmupStableDecay",
    "join",
    "scale",
    "warmup",
]

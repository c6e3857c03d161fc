"""lrlab: learning-rate strategies in deep learning, the tested companion of the book.

Schedules are pure functions of time, counted in epochs. `lrlab.pytorch` and `lrlab.keras` join
them to the frameworks; importing `lrlab` itself imports neither.
"""

from typing import Any

from lrlab.plateau import ReduceOnPlateau
from lrlab.schedules import (
    Constant,
    CosineDecay,
    CyclicCosine,
    ExponentialDecay,
    Geometric,
    InverseSqrtDecay,
    InverseTimeDecay,
    LinearDecay,
    MultiStepDecay,
    OneCycle,
    PolynomialDecay,
    Recurrence,
    Schedule,
    StepDecay,
    Triangular,
    WarmupStableDecay,
    hold,
    join,
    scale,
    warmup,
)
from lrlab.training import Recipe

__all__ = [
    "Constant",
    "CosineDecay",
    "CyclicCosine",
    "ExponentialDecay",
    "Geometric",
    "InverseSqrtDecay",
    "InverseTimeDecay",
    "LinearDecay",
    "MultiStepDecay",
    "OneCycle",
    "PolynomialDecay",
    "Recipe",
    "Recurrence",
    "ReduceOnPlateau",
    "Schedule",
    "StepDecay",
    "Triangular",
    "WarmupStableDecay",
    "hold",
    "join",
    "scale",
    "warmup",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":  # looked up when asked for, since that takes time
        from importlib.metadata import version

        return version("lrlab")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

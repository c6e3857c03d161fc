"""What can be computed beforehand on a quadratic bowl: factors, borders, floors, phases."""

from lrlab.theory.momentum import (
    best_tuning,
    convergence_factor,
    divergence_lr,
    iteration_matrix,
    regime,
)
from lrlab.theory.noise import noise_floor, settling_time
from lrlab.theory.phases import PHASES, Sweep, sweep

__all__ = [
    "PHASES",
    "Sweep",
    "best_tuning",
    "convergence_factor",
    "divergence_lr",
    "iteration_matrix",
    "noise_floor",
    "regime",
    "settling_time",
    "sweep",
]

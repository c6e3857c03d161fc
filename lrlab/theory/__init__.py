"""What can be computed beforehand: factors, borders, floors and phases on a bowl, a convex bound.

Plain gradient descent is descent with a momentum of 0, and 0 is the default.

Example:
    >>> from lrlab.landscapes import Quadratic
    >>> valley = Quadratic([1, 9])
    >>> round(divergence_lr(valley), 3), best_constant_lr(valley), convergence_factor(valley, 0.2)
    (0.222, 0.2, 0.8)
    >>> best_tuning(valley)
    Tuning(lr=0.25, momentum=0.25, factor=0.5)
"""

from lrlab.theory.convex_bounds import BaseRate, best_base_lr, convex_bound
from lrlab.theory.momentum import (
    REGIMES,
    Tuning,
    best_constant_lr,
    best_tuning,
    convergence_factor,
    divergence_lr,
    iteration_matrix,
    regime,
    spectral_radius,
)
from lrlab.theory.noise import expected_losses, noise_floor, settling_time
from lrlab.theory.phases import PHASES, Plane, plane
from lrlab.theory.stability import edge_of_stability

__all__ = [
    "PHASES",
    "REGIMES",
    "BaseRate",
    "Plane",
    "Tuning",
    "best_base_lr",
    "best_constant_lr",
    "best_tuning",
    "convergence_factor",
    "convex_bound",
    "divergence_lr",
    "edge_of_stability",
    "expected_losses",
    "iteration_matrix",
    "noise_floor",
    "plane",
    "regime",
    "settling_time",
    "spectral_radius",
]

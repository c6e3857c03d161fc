r"""Losses with few weights, whose every property is known: the ground that `descend` runs on.

A point is an array of shape ``(d,)``. Every method also takes an array of shape ``(..., d)``:
a grid to draw, or many starting points at once.

Example:
    >>> valley = Quadratic([1, 9])
    >>> valley.loss([2.0, 1.0]), valley.grad([2.0, 1.0])
    (6.5, array([2., 9.]))
    >>> valley.condition_number, valley.minimum
    (9.0, array([0., 0.]))
"""

from lrlab.landscapes.base import Landscape
from lrlab.landscapes.cliff import Cliff
from lrlab.landscapes.descent import Trajectory, descend
from lrlab.landscapes.double_well import DoubleWell
from lrlab.landscapes.noisy import Noisy
from lrlab.landscapes.quadratic import Quadratic
from lrlab.landscapes.rare_features import RareFeatures
from lrlab.landscapes.rare_gradient import Game, RareGradient, play
from lrlab.landscapes.rosenbrock import Rosenbrock
from lrlab.landscapes.saddle import Saddle
from lrlab.landscapes.sign_trap import SignTrap

__all__ = [
    "Cliff",
    "DoubleWell",
    "Game",
    "Landscape",
    "Noisy",
    "Quadratic",
    "RareFeatures",
    "RareGradient",
    "Rosenbrock",
    "Saddle",
    "SignTrap",
    "Trajectory",
    "descend",
    "play",
]

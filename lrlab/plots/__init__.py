"""The book's figures: one style, and one colour for a schedule in every chapter.

Each function returns a figure that is open in pyplot, so a notebook shows it.
"""

from lrlab.plots.landscapes import convergence, factors, paths
from lrlab.plots.policy import differences, state_machine, watched
from lrlab.plots.rates import rates, sequences, used_rates
from lrlab.plots.runs import curves, finals, gallery, samples, sensitivity
from lrlab.plots.steps import first_steps, metric_and_rate
from lrlab.plots.style import LINES, line_of

__all__ = [
    "LINES",
    "convergence",
    "curves",
    "differences",
    "factors",
    "finals",
    "first_steps",
    "gallery",
    "line_of",
    "metric_and_rate",
    "paths",
    "rates",
    "samples",
    "sensitivity",
    "sequences",
    "state_machine",
    "used_rates",
    "watched",
]

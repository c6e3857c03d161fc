"""The book's figures: one style, and one colour for a schedule in every chapter.

Each function returns a figure that is open in pyplot, so a notebook shows it.
"""

from lrlab.plots.landscapes import convergence, factors, paths
from lrlab.plots.members import bands, matrix
from lrlab.plots.momentum import long_run_rates, memory, phase_diagram, speeds, step_lengths
from lrlab.plots.optimizers import (
    OPTIMIZER_LINES,
    against_steps,
    sensitivities,
    weight_rates,
)
from lrlab.plots.policy import differences, state_machine, watched
from lrlab.plots.rates import rates, sequences, used_rates
from lrlab.plots.runs import curves, finals, gallery, samples, sensitivity
from lrlab.plots.steps import first_steps, metric_and_rate
from lrlab.plots.style import LINES, line_of

__all__ = [
    "LINES",
    "OPTIMIZER_LINES",
    "against_steps",
    "bands",
    "convergence",
    "curves",
    "differences",
    "factors",
    "finals",
    "first_steps",
    "gallery",
    "line_of",
    "long_run_rates",
    "matrix",
    "memory",
    "metric_and_rate",
    "paths",
    "phase_diagram",
    "rates",
    "samples",
    "sensitivities",
    "sensitivity",
    "sequences",
    "speeds",
    "state_machine",
    "step_lengths",
    "used_rates",
    "watched",
    "weight_rates",
]

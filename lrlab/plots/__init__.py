"""The book's figures: one style, and one colour for a schedule in every chapter.

Each function returns a figure that is open in pyplot, so a notebook shows it."""

from lrlab.plots.comparisons import differences, finals
from lrlab.plots.data import samples
from lrlab.plots.ensembles import bands, matrix
from lrlab.plots.landscapes import convergence, factors, paths
from lrlab.plots.optimizers import OPTIMIZER_LINES, against_steps, weight_rates
from lrlab.plots.plateau import state_machine, watched
from lrlab.plots.schedules import rates, sequences
from lrlab.plots.style import LINES, line_of
from lrlab.plots.theory import memory, phase_diagram, speeds, step_lengths
from lrlab.plots.training import curves, first_steps, gallery, metric_and_rate, used_rates
from lrlab.plots.u_curves import long_run_rates, sensitivities, sensitivity

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

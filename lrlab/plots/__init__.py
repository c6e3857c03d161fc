"""The book's figures: one style, and one colour for a schedule or an optimizer in every chapter.

Each function returns a figure that is open in pyplot, so a notebook shows it.

Themes, which several cells of the book draw: `rates`, `curves`, `paths`, `sensitivity`,
`against_steps`, `convergence`, `gallery`, `bands`, `finals`, `metric_and_rate`, `watched`,
`differences`, `matrix`, `range_test`, `samples`, `used_rates`.

The helpers of a single cell, longer than a cell may be: `batch_losses`, `batch_rates`, `bounds`,
`coordinates`, `edges`, `factors`, `first_steps`, `long_run_rates`, `memory`, `noise_cuts`,
`phase_diagram`, `river`, `searches`, `sensitivities`, `sequences`, `shapes`, `speeds`,
`standings`, `state_machine`, `step_lengths`, `suggestions`, `visited`, `wanderings`,
`weight_rates`.

`LINES`, `OPTIMIZER_LINES` and `line_of` give the lines themselves.
"""

from lrlab.plots.comparisons import differences, finals, standings
from lrlab.plots.data import samples
from lrlab.plots.ensembles import bands, matrix
from lrlab.plots.finding import batch_rates, searches, suggestions
from lrlab.plots.landscapes import convergence, factors, paths, visited
from lrlab.plots.optimizers import against_steps, weight_rates
from lrlab.plots.plateau import noise_cuts, state_machine, watched
from lrlab.plots.schedules import rates, sequences, shapes
from lrlab.plots.stability import bounds, edges, river
from lrlab.plots.style import LINES, OPTIMIZER_LINES, line_of
from lrlab.plots.theory import (
    coordinates,
    memory,
    phase_diagram,
    speeds,
    step_lengths,
    wanderings,
)
from lrlab.plots.training import (
    batch_losses,
    curves,
    first_steps,
    gallery,
    metric_and_rate,
    range_test,
    used_rates,
)
from lrlab.plots.u_curves import long_run_rates, sensitivities, sensitivity

__all__ = [
    "LINES",
    "OPTIMIZER_LINES",
    "against_steps",
    "bands",
    "batch_losses",
    "batch_rates",
    "bounds",
    "convergence",
    "coordinates",
    "curves",
    "differences",
    "edges",
    "factors",
    "finals",
    "first_steps",
    "gallery",
    "line_of",
    "long_run_rates",
    "matrix",
    "memory",
    "metric_and_rate",
    "noise_cuts",
    "paths",
    "phase_diagram",
    "range_test",
    "rates",
    "river",
    "samples",
    "searches",
    "sensitivities",
    "sensitivity",
    "sequences",
    "shapes",
    "speeds",
    "standings",
    "state_machine",
    "step_lengths",
    "suggestions",
    "used_rates",
    "visited",
    "wanderings",
    "watched",
    "weight_rates",
]

"""What happens while the rate changes: the first steps of a training, and a rate that reacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lrlab.first_steps import FirstSteps
from lrlab.history import History
from lrlab.plots.style import (
    LABELS,
    WIDTH,
    legend_below,
    lines_for,
    panels_of,
    plain_log_ticks,
    styled,
)

MEASURES = {
    "loss": "loss of the batch",
    "grad_norm": "length of the gradient",
    "update_ratio": "update ÷ weights",
    "beyond": "rate ÷ border",
}


def first_steps(measured: Mapping[str, Sequence[FirstSteps]], *, title: str) -> Figure:
    """Draw the first steps of trainings: loss, gradient, update, and the rate beside its border.

    A line is the median over the seeds that are still going. Above 1 in the last panel a step
    raises the loss of its own batch. A run whose loss overflows leaves the panels, which are as
    high as the others need; a cross marks its end.

    Args:
        measured: For each label the measurements, a seed each.
        title: What the figure shows.

    Returns:
        The figure, open in pyplot.
    """
    lines = lines_for(list(measured), None)
    with styled():
        figure, panels = panels_of(len(MEASURES), sharex=True)
        for axes, (name, label) in zip(panels, MEASURES.items(), strict=True):
            kept = []
            for (way, seeds), line in zip(measured.items(), lines, strict=True):
                values = [_beyond(run) if name == "beyond" else getattr(run, name) for run in seeds]
                middle = [np.nanmedian(step) for step in zip_longest(*values, fillvalue=np.nan)]
                axes.plot(np.arange(1, len(middle) + 1), middle, label=way, linewidth=1.5, **line)
                for run in seeds:
                    if run.stopped:
                        axes.plot(len(run.loss) + 1, 0.97, "x", color=line["color"], markersize=7,
                                  transform=axes.get_xaxis_transform())  # fmt: skip
                if not all(run.stopped for run in seeds):
                    kept.extend(value for value in middle if value > 0)
            axes.set(title=label, xscale="log", yscale="log")
            if kept:
                axes.set_ylim(min(kept) / 2, 10 * max(kept))
            axes.xaxis.set_major_formatter("{x:g}")
        panels[-1].axhline(1, color="#555555", linestyle="--", linewidth=1)
        for axes in panels[-2:]:
            axes.set_xlabel("step, counted from 1")
        legend_below(figure, panels[0])
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure


def _beyond(run: FirstSteps) -> np.ndarray:
    """The rate divided by the border 2/c; 0 where the loss bends downwards, which has none."""
    return np.array(run.lr) * np.maximum(run.curvature, 0) / 2


def metric_and_rate(
    runs: Mapping[str, History],
    metric: str,
    *,
    title: str,
    lines: Mapping[str, str] | None = None,
) -> Figure:
    """Draw a metric over the rate that was really used, with one time axis.

    Args:
        runs: Label and record of each run.
        metric: Name of a `History` list, drawn above.
        title: What the figure shows.
        lines: For each label the name in `LINES` whose line it takes; by default that of the
            schedule, or shades.

    Returns:
        The figure, open in pyplot.
    """
    drawn = lines_for(list(runs), lines, [run.schedule for run in runs.values()])
    with styled():
        figure, (above, below) = plt.subplots(2, 1, sharex=True, figsize=(WIDTH, 5.2))
        for (label, run), line in zip(runs.items(), drawn, strict=True):
            values = getattr(run, metric)
            above.plot(np.arange(1, len(values) + 1), values, marker=".", label=label, **line)
            moments, rates = np.array(run.lr_changes).T
            edges = np.append(moments, run.epochs)
            below.stairs(rates, edges, baseline=None, linewidth=2, **line)
        above.set(ylabel=LABELS[metric], title=title)
        below.set(yscale="log", xlabel="time in epochs", ylabel=LABELS["lr"])
        plain_log_ticks(below)
        below.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        if len(runs) > 1:
            legend_below(figure, above)
    return figure

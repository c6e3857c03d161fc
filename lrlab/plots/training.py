"""What came of training runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from lrlab.plots.schedules import rate_axes
from lrlab.plots.style import (
    BLUE,
    DARK_GREY,
    LABELS,
    RED,
    WIDTH,
    integer_ticks,
    legend_below,
    line_of,
    lines_for,
    mark_lost,
    mean_with_band,
    panels_of,
    plain_log_ticks,
    styled,
    title_over,
)
from lrlab.schedules import Schedule
from lrlab.training import FirstSteps, History
from lrlab.utils import checks


def used_rates(
    runs: Mapping[str, History],
    *,
    title: str,
    intended: Mapping[str, Schedule] | None = None,
) -> Figure:
    """Draw the rates that the optimizer really used over those intended, a panel a run.

    Args:
        runs: Label and record of each run.
        title: What the figure shows.
        intended: For a label the schedule meant, evaluated once an epoch; by default the one
            that the run was given.

    Returns:
        The figure, open in pyplot.
    """
    with styled():
        figure, panels = panels_of(len(runs), sharey=True)
        for axes, (label, run) in zip(panels, runs.items(), strict=True):
            schedule = (intended or {}).get(label, run.schedule)
            t = np.arange(run.epochs)
            solid = {**line_of(schedule), "linestyle": "-"}  # dashes so broad would look like gaps
            axes.stairs(schedule(t), np.arange(run.epochs + 1), baseline=None, linewidth=5,
                        alpha=0.35, label="intended", **solid)  # fmt: skip
            axes.plot(t + 0.5, run.lr, "o", color="black", markersize=4, label="used")
            rate_axes(axes, label, log=False)
        panels[0].legend()
        title_over(figure, title)
    return figure


def curves(
    runs: Mapping[str, Sequence[History]],
    metrics: Sequence[str] = ("train_loss", "test_loss", "test_accuracy"),
    *,
    title: str,
    lines: Mapping[str, str] | None = None,
    log: bool = False,
    band: str = "range",
) -> Figure:
    """Draw learning curves: the mean over seeds with a band around it.

    A cross at the upper edge marks where a run overflowed; mean and band go on without it.

    Args:
        runs: For each label the records of one setting, a seed each.
        metrics: Names of `History` lists, a panel each.
        title: What the figure shows.
        lines: For each label the name in `LINES` or `OPTIMIZER_LINES` whose line it takes; by
            default that of the schedule the runs followed, or shades where two labels share a
            schedule's class.
        log: Draw losses on a logarithmic axis.
        band: What the bands show: ``"range"``, from the lowest seed to the highest, or
            ``"interval"``, the 95 % interval of the mean, for which an epoch takes two seeds.

    Returns:
        The figure, open in pyplot.

    Raises:
        ValueError: ``band`` is neither.
    """
    checks.choice("band", band, ("range", "interval"))
    drawn = lines_for(list(runs), lines, [seeds[0].schedule for seeds in runs.values()])
    with styled():
        figure, panels = panels_of(len(metrics))
        for axes, metric in zip(panels, metrics, strict=True):
            for (label, seeds), line in zip(runs.items(), drawn, strict=True):
                # An epoch in which a run overflowed is none of its curve.
                going = [getattr(run, metric)[: run.epochs - bool(run.stopped)] for run in seeds]
                values = np.ma.masked_invalid(list(zip_longest(*going, fillvalue=np.nan)))
                epochs = np.arange(1, len(values) + 1)
                mean_with_band(axes, epochs, values, line, band=band, label=label)
                mark_lost(axes, _ends_of_lost(seeds), line["color"])
            axes.set(xlabel="epochs finished", title=LABELS[metric])
            integer_ticks(axes)
            if log and metric.endswith("loss"):
                axes.set_yscale("log")
                plain_log_ticks(axes)
        legend_below(figure, panels[0])
        title_over(figure, title)
    return figure


def gallery(
    runs: Mapping[str, Sequence[History]],
    *,
    title: str,
    top: float | None = None,
    evaluated: str = "test loss",
) -> Figure:
    """Draw small multiples of learning curves: training and test loss, a panel a setting.

    A cross at the upper edge marks where a run overflowed, an arrowhead a loss above the axis.

    Args:
        runs: For each panel's label the records of one setting, a seed each; each seed is a line.
        title: What the figure shows.
        top: Upper end of the loss axis; by default the largest loss. A line has a gap where its
            loss is above.
        evaluated: What the loss on the other images is called: they may be held-out ones.

    Returns:
        The figure, open in pyplot.
    """
    styles = {"train_loss": (BLUE, "-"), "test_loss": (RED, "--")}
    names = {**LABELS, "test_loss": evaluated}
    with styled():
        figure, panels = panels_of(len(runs), sharey=True)
        for axes, (label, seeds) in zip(panels, runs.items(), strict=True):
            outside: set[int] = set()  # the epochs with a loss above the panel
            for metric, (color, style) in styles.items():
                for number, run in enumerate(seeds):
                    epochs, losses = np.arange(1, run.epochs + 1), np.array(getattr(run, metric))
                    above = losses > (np.inf if top is None else top)
                    axes.plot(epochs, np.where(above, np.nan, losses), style, color=color,
                              linewidth=1.5, marker="." if run.epochs < 5 else "",
                              label=names[metric] if number == 0 else None)  # fmt: skip
                    outside.update(epochs[above & np.isfinite(losses)].tolist())
            axes.plot(list(outside), [0.97] * len(outside), "^", color=DARK_GREY, markersize=5,
                      transform=axes.get_xaxis_transform())  # fmt: skip
            mark_lost(axes, _ends_of_lost(seeds), "black")
            # The whole time axis, also where every run overflowed at once.
            axes.update_datalim([(1, 0), (seeds[0].recipe.epochs, 0)])
            axes.autoscale_view(scaley=False)
            axes.set(title=label, xlabel="epochs finished", ylabel="loss", ylim=(0, top))
            axes.label_outer(remove_inner_ticks=False)
            axes.tick_params(labelbottom=True)  # the panels may show different numbers of epochs
            integer_ticks(axes)
        legend_below(figure, panels[0])
        title_over(figure, title)
    return figure


def _ends_of_lost(seeds: Sequence[History]) -> list[int]:
    """The epochs after which runs overflowed."""
    return [run.epochs for run in seeds if run.stopped]


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
            kept: list[float] = []
            for (way, seeds), line in zip(measured.items(), lines, strict=True):
                values = [_beyond(run) if name == "beyond" else getattr(run, name) for run in seeds]
                middle = [np.nanmedian(step) for step in zip_longest(*values, fillvalue=np.nan)]
                axes.plot(np.arange(1, len(middle) + 1), middle, label=way, linewidth=1.5, **line)
                lost = [len(run.loss) + 1 for run in seeds if run.stopped]
                mark_lost(axes, lost, line["color"])
                if not all(run.stopped for run in seeds):
                    kept.extend(value for value in middle if value > 0)
            axes.set(title=label, xscale="log", yscale="log")
            if kept:
                axes.set_ylim(min(kept) / 2, 10 * max(kept))
            axes.xaxis.set_major_formatter("{x:g}")
        panels[-1].axhline(1, color=DARK_GREY, linestyle="--", linewidth=1)
        for axes in panels[-2:]:
            axes.set_xlabel("step, counted from 1")
        legend_below(figure, panels[0])
        title_over(figure, title)
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
        integer_ticks(below)
        if len(runs) > 1:
            legend_below(figure, above)
    return figure

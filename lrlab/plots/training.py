"""What came of training runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lrlab.plots.schedules import rate_axes
from lrlab.plots.style import (
    BLACK,
    BLUE,
    DARK_GREY,
    GREEN,
    GREY,
    LABELS,
    RED,
    WIDTH,
    dark_shades,
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
from lrlab.training import FirstSteps, History, RangeTest
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


LOSSES, BORDERS = (1.0, 14.0), (0.03, 60.0)  # where the axes of `first_steps` end


def first_steps(
    measured: Mapping[str, Mapping[str, Sequence[FirstSteps]]], *, title: str
) -> Figure:
    """Draw the first steps of trainings: above the loss of the batch, below the border 2/c.

    A line is the median over seeds, a dot a seed. Where the loss bends downwards there is no
    border, and the dot stands at the upper edge, as does a loss above the axis. A thin dotted line
    is the rate of the step.

    Args:
        measured: For the title of each column, and for each label of a line the measurements, a
            seed each. All columns have the same labels.
        title: What the figure shows.

    Returns:
        The figure, open in pyplot.
    """
    labels = list(next(iter(measured.values())))
    lines = dict(zip(labels, lines_for(labels, None), strict=True))
    with styled():
        figure, grid = plt.subplots(
            2, len(measured), figsize=(WIDTH, 4.3), sharex=True, sharey="row", squeeze=False
        )
        for (name, ways), (above, below) in zip(measured.items(), grid.T, strict=True):
            for label, seeds in ways.items():
                line = lines[label]
                _steps(above, [run.loss for run in seeds], line, ends=LOSSES, label=label)
                _steps(below, [run.border for run in seeds], line, ends=BORDERS)
                rate = np.array(max((run.lr for run in seeds), key=len))
                below.plot(np.arange(1, len(rate) + 1), np.where(rate > 0, rate, np.nan), ":",
                           color=line["color"], linewidth=1.5)  # fmt: skip
            above.set(title=name, yscale="log", ylim=LOSSES)
            plain_log_ticks(above)
            below.set(yscale="log", ylim=BORDERS, xlabel="step, counted from 1")
            below.yaxis.set_major_formatter("{x:g}")
            integer_ticks(below)
            for axes in (above, below):
                axes.tick_params(labelbottom=True, labelleft=True)
        grid[0, 0].set_ylabel("loss of the batch")
        grid[1, 0].set_ylabel("border, and rate (dotted)")
        legend_below(figure, grid[0, 0])
        title_over(figure, title)
    return figure


def _steps(
    axes: Axes,
    values: Sequence[Sequence[float]],
    line: Mapping[str, Any],
    *,
    ends: tuple[float, float],
    label: str | None = None,
) -> None:
    """Draw the median of the seeds that are still going, and a dot for each, within the axis."""
    rows = np.array(list(zip_longest(*values, fillvalue=np.nan)))
    steps = np.arange(1, len(rows) + 1)
    axes.plot(steps, np.clip(np.nanmedian(rows, axis=1), *ends), label=label, **line)
    for seed in np.clip(rows, *ends).T:
        axes.plot(steps, seed, ".", color=line["color"], markersize=4, alpha=0.5, clip_on=False)


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


#: The rules of a range test: what a figure calls each, and its line.
RULES = {
    "steepest": ("steepest", BLUE, "-"),
    "minimum_tenth": ("minimum / 10", GREEN, "--"),
    "valley": ("valley", RED, ":"),
}


def batch_losses(
    losses: Mapping[str, Sequence[float]],
    *,
    title: str,
    levels: Mapping[str, float] | None = None,
    window: int = 15,
) -> Figure:
    """Draw the loss of every update's batch, pale, and its mean over some updates around it.

    Args:
        losses: For each label, in an order that shades can show, the losses from the first update.
        title: What the figure shows.
        levels: For each name a loss that a dotted line marks.
        window: How many updates the mean is over, an odd number.

    Returns:
        The figure, open in pyplot.
    """
    half = window // 2
    with styled():
        figure, axes = plt.subplots()
        for (label, values), line in zip(losses.items(), dark_shades(len(losses)), strict=True):
            smooth = np.convolve(values, np.full(window, 1 / window), mode="valid")
            axes.plot(values, **line, linewidth=0.7, alpha=0.3)
            axes.plot(half + np.arange(len(smooth)), smooth, **line, label=label)
        right = max(map(len, losses.values()))
        for name, level in (levels or {}).items():
            axes.axhline(level, color=DARK_GREY, linestyle=":", linewidth=1)
            axes.annotate(name, (right, level), ha="right", fontsize=9,
                          xytext=(0, 3), textcoords="offset points")  # fmt: skip
        axes.set(title=title, xlabel="update", ylabel="loss of the batch")
        legend_below(figure, axes)
    return figure


def range_test(seeds: Sequence[RangeTest], *, title: str) -> Figure:
    """Draw range tests: measured losses in grey, the smoothed ones, and what each rule suggests.

    A vertical line is the rate that a rule suggests for a seed; the legend has the rate, or the
    lowest and the highest of the seeds. The axis ends above the first losses: a test that diverges
    leaves it.

    Args:
        seeds: One test, or several of one setting.
        title: What the figure shows.

    Returns:
        The figure, open in pyplot.
    """
    with styled():
        figure, axes = plt.subplots(figsize=(WIDTH, 3.6))
        for number, found in enumerate(seeds):
            first = number == 0
            axes.plot(found.lr, found.loss, color=GREY, alpha=0.4, linewidth=1,
                      label="measured" if first else None)  # fmt: skip
            axes.plot(found.lr, found.smoothed, color=BLACK, linewidth=2 if len(seeds) == 1 else 1,
                      label="smoothed" if first else None)  # fmt: skip
        suggestions = [found.suggestions() for found in seeds]
        for rule, (name, color, style) in RULES.items():
            lrs = [lr for each in suggestions if (lr := each[rule]) is not None]
            for lr in lrs:
                axes.axvline(lr, color=color, linestyle=style, linewidth=1.5)
            axes.plot(
                [], [], color=color, linestyle=style, label=f"{name}: {_spread(lrs, len(seeds))}"
            )
        top = 1.2 * max(max(found.loss[: 1 + found.steps // 10]) for found in seeds)
        low = min(min(found.loss) for found in seeds)
        axes.set(xscale="log", xlabel=LABELS["lr"], ylabel="loss of the batch", title=title)
        axes.set_ylim(min(0.95 * low, low - 0.05 * (top - low)), top)
        legend_below(figure, axes)
    return figure


def _spread(lrs: Sequence[float], seeds: int) -> str:
    """The lowest and the highest of some seeds' rates, and how many seeds have none, in words."""
    if not lrs:
        return "none"
    ends = dict.fromkeys(f"{lr:.2g}" for lr in (min(lrs), max(lrs)))  # one, if they are the same
    without = f", {seeds - len(lrs)} without" if len(lrs) < seeds else ""
    return " to ".join(ends) + without

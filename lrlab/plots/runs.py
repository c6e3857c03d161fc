"""What came of training runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from lrlab import checks
from lrlab.data import Dataset
from lrlab.history import History
from lrlab.intervals import mean_interval
from lrlab.plots.style import (
    LABELS,
    WIDTH,
    legend_below,
    line_of,
    lines_for,
    panels_of,
    plain_log_ticks,
    styled,
)


def sensitivity(
    lrs: Sequence[float],
    results: Mapping[str, Sequence[Sequence[float]]],
    *,
    ylabel: str,
    title: str,
    xlabel: str = "initial learning rate",
    lines: Mapping[str, str] | None = None,
    threshold: float | None = None,
    threshold_label: str | None = None,
    log: bool = False,
    band: str = "interval",
) -> Figure:
    """Draw results against the learning rate: a dot for the mean over seeds, a bar for the spread.

    A rate at which a seed diverged has no mean: a cross at the upper edge marks it.

    Args:
        lrs: The rates tried, increasing.
        results: For each label the results, of shape ``(len(lrs), seeds)``, two seeds or more.
        ylabel: What the results are.
        title: What the figure shows.
        xlabel: What the rates are.
        lines: For each label the name in `LINES` whose line it takes; without it, shades.
        threshold: A value to mark by a horizontal line.
        threshold_label: What to write on it; by default the value.
        log: Draw the results, which are then positive, on a logarithmic axis; mean and interval
            are then those of the logarithms.
        band: What the bars show: ``"interval"``, the 95 % interval of the mean, or ``"range"``,
            from the lowest seed to the highest.

    Returns:
        The figure, open in pyplot.

    Raises:
        ValueError: ``band`` is neither.
    """
    checks.choice("band", band, ("interval", "range"))
    there, back = (np.log, np.exp) if log else (np.asarray, np.asarray)
    with styled():
        figure, axes = plt.subplots()
        drawn = lines_for(list(results), lines)
        for number, (label, line) in enumerate(zip(results, drawn, strict=True)):
            seeds = np.array(results[label], dtype=float)
            seeds[~np.isfinite(seeds).all(axis=1)] = np.nan  # leaves a gap in the line
            rows = there(seeds)
            if band == "interval":
                spread = np.array([_interval(row) for row in rows])
            else:
                spread = np.stack([rows.min(axis=1), rows.max(axis=1)], axis=1)
            middle = back(rows.mean(axis=1))
            axes.plot(lrs, middle, marker="o", markersize=4, label=label, **line)
            axes.vlines(lrs, *back(spread).T, color=line["color"], linewidth=5, alpha=0.35)
            lost = np.array(lrs)[np.isnan(middle)]
            axes.plot(lost, np.full(len(lost), 0.97 - 0.06 * number), "x", color=line["color"],
                      markersize=8, transform=axes.get_xaxis_transform())  # fmt: skip
        if threshold is not None:
            axes.axhline(threshold, color="#555555", linestyle="--", linewidth=1)
            axes.annotate(threshold_label or f"{threshold:.3g}", (min(lrs), threshold), fontsize=9,
                          xytext=(0, 4), textcoords="offset points")  # fmt: skip
        axes.set(xscale="log", title=title, xlabel=xlabel, ylabel=ylabel)
        axes.xaxis.set_minor_locator(NullLocator())
        if max(lrs) / min(lrs) < 1e4:
            shown = lrs[:: 1 + len(lrs) // 9]  # more would touch one another
            axes.set_xticks(shown, [f"{lr:.3g}" for lr in shown], minor=False)
        if log:
            axes.set_yscale("log")
            plain_log_ticks(axes)
        else:
            axes.set_ylim(bottom=0)
        legend_below(figure, axes)
    return figure


def _interval(values: np.ndarray) -> tuple[float, float]:
    return mean_interval(values)[1:] if np.isfinite(values).all() else (np.nan, np.nan)


def curves(
    runs: Mapping[str, Sequence[History]],
    metrics: Sequence[str] = ("train_loss", "test_loss", "test_accuracy"),
    *,
    title: str,
    lines: Mapping[str, str] | None = None,
    log: bool = False,
) -> Figure:
    """Draw learning curves: the mean over seeds, with a band from the lowest to the highest.

    A cross at the upper edge marks where a run overflowed; mean and band go on without it.

    Args:
        runs: For each label the records of one setting, a seed each.
        metrics: Names of `History` lists, a panel each.
        title: What the figure shows.
        lines: For each label the name in `LINES` whose line it takes; by default that of the
            schedule the runs followed, or shades where two labels share a schedule's class.
        log: Draw losses on a logarithmic axis.

    Returns:
        The figure, open in pyplot.
    """
    drawn = lines_for(list(runs), lines, [seeds[0].schedule for seeds in runs.values()])
    with styled():
        figure, panels = panels_of(len(metrics))
        for axes, metric in zip(panels, metrics, strict=True):
            for (label, seeds), line in zip(runs.items(), drawn, strict=True):
                # An epoch in which a run overflowed is none of its curve.
                going = [getattr(run, metric)[: run.epochs - bool(run.stopped)] for run in seeds]
                values = np.ma.masked_invalid(list(zip_longest(*going, fillvalue=np.nan)))
                epochs = np.arange(1, len(values) + 1)
                axes.plot(epochs, values.mean(axis=1), label=label, **line)
                axes.fill_between(epochs, values.min(axis=1), values.max(axis=1), alpha=0.2,
                                  color=line["color"], linewidth=0)  # fmt: skip
                _mark_lost(axes, seeds, line["color"])
            axes.set(xlabel="epochs finished", title=LABELS[metric])
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
            if log and metric.endswith("loss"):
                axes.set_yscale("log")
                plain_log_ticks(axes)
        legend_below(figure, panels[0])
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure


def gallery(
    runs: Mapping[str, Sequence[History]],
    *,
    title: str,
    top: float | None = None,
) -> Figure:
    """Draw small multiples of learning curves: training and test loss, a panel a setting.

    A cross at the upper edge marks where a run overflowed.

    Args:
        runs: For each panel's label the records of one setting, a seed each; each seed is a line.
        title: What the figure shows.
        top: Upper end of the loss axis; by default the largest loss.

    Returns:
        The figure, open in pyplot.
    """
    styles = {"train_loss": ("#0072B2", "-"), "test_loss": ("#D55E00", "--")}
    with styled():
        figure, panels = panels_of(len(runs), sharey=True)
        for axes, (label, seeds) in zip(panels, runs.items(), strict=True):
            for metric, (color, style) in styles.items():
                for number, run in enumerate(seeds):
                    epochs = np.arange(1, run.epochs + 1)
                    axes.plot(epochs, getattr(run, metric), style, color=color, linewidth=1.5,
                              marker="." if run.epochs < 10 else "",
                              label=LABELS[metric] if number == 0 else None)  # fmt: skip
            _mark_lost(axes, seeds, "black")
            # The whole time axis, also where every run overflowed at once.
            axes.update_datalim([(1, 0), (seeds[0].config["epochs"], 0)])
            axes.autoscale_view(scaley=False)
            axes.set(title=label, xlabel="epochs finished", ylabel="loss", ylim=(0, top))
            axes.label_outer(remove_inner_ticks=False)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        legend_below(figure, panels[0])
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure


def _mark_lost(axes: Axes, seeds: Sequence[History], color: str) -> None:
    if lost := [run.epochs for run in seeds if run.stopped]:
        axes.plot(lost, [0.97] * len(lost), "x", color=color, markersize=7,
                  transform=axes.get_xaxis_transform())  # fmt: skip


def finals(runs: Mapping[str, Sequence[History]], metric: str, *, title: str) -> Figure:
    """Draw the last value of every run as a dot, and the 95 % interval of each mean as a bar.

    A run that overflowed has no last value, and is a cross at the left edge.

    Args:
        runs: For each label the records of one setting, two or more finished seeds.
        metric: Name of a `History` list.
        title: What the figure shows.

    Returns:
        The figure, open in pyplot.
    """
    with styled():
        figure, axes = plt.subplots(figsize=(WIDTH, 1.0 + 0.45 * len(runs)))
        for row, seeds in enumerate(runs.values()):
            color = line_of(seeds[0].schedule)["color"]
            values = [getattr(run, metric)[-1] for run in seeds if not run.stopped]
            interval = mean_interval(values)
            if lost := len(seeds) - len(values):
                axes.plot([0.02] * lost, [row] * lost, "x", color=color, markersize=7,
                          transform=axes.get_yaxis_transform())  # fmt: skip
            axes.plot(interval[1:], [row, row], color=color, alpha=0.3, linewidth=8,
                      solid_capstyle="butt")  # fmt: skip
            axes.plot(values, [row] * len(values), "o", color=color, markersize=5)
            axes.plot(interval.mean, row, "|", color=color, markersize=18)
        axes.set(yticks=range(len(runs)), yticklabels=runs, xlabel=LABELS[metric], title=title)
        axes.invert_yaxis()
    return figure


def samples(dataset: Dataset, *, title: str) -> Figure:
    """Draw the first training image of each class, with the class's name.

    Args:
        dataset: Images, labels and names; ten classes fill two rows.
        title: What the figure shows.

    Returns:
        The figure, open in pyplot.
    """
    with styled():
        rows = -(-dataset.classes // 5)
        figure, grid = plt.subplots(rows, 5, figsize=(WIDTH, 0.5 + 1.35 * rows), squeeze=False)
        for axes in grid.flat:
            axes.axis("off")
        for label, axes in zip(range(dataset.classes), grid.flat, strict=False):
            image = dataset.x_train[dataset.y_train == label][0]
            axes.imshow(image, cmap="gray_r")
            axes.set_title(dataset.class_names[label], fontsize=9, loc="center")
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure

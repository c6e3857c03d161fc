"""The book's figures: one style, and one colour for a schedule in every chapter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from lrlab.data import Dataset
from lrlab.history import History
from lrlab.intervals import mean_interval
from lrlab.schedule_base import Schedule

# Okabe and Ito's colours, which stay apart for colour-blind readers; the second round is dashed.
_BLACK, _ORANGE, _SKY, _GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
_BLUE, _RED, _PURPLE = "#0072B2", "#D55E00", "#CC79A7"
LINES = {
    "Constant": (_BLACK, "-"),
    "StepDecay": (_ORANGE, "-"),
    "MultiStepDecay": (_RED, "--"),
    "ExponentialDecay": (_SKY, "-"),
    "PolynomialDecay": (_PURPLE, "-"),
    "LinearDecay": (_PURPLE, "--"),
    "CosineDecay": (_BLUE, "-"),
    "CyclicCosine": (_BLUE, "--"),
    "InverseSqrtDecay": (_GREEN, "-."),
    "Recurrence": (_GREEN, "-"),
    "OneCycle": (_SKY, "--"),
    "WarmupStableDecay": (_RED, "-"),
    "other": ("#777777", "-"),  # a schedule of the reader's own, or one outside the book's set
}

WIDTH = 5.6  # inches

FRAMEWORKS = {"PyTorch": (_RED, "o"), "Keras": (_BLUE, "x")}

STYLE = {
    # Narrow, so that the letters are still of a readable size where a phone shrinks the figure.
    "figure.dpi": 120,
    "figure.figsize": (WIDTH, 3.3),
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "lines.linewidth": 2,
    "legend.frameon": False,
}

LABELS = {
    "lr": "learning rate",
    "train_loss": "training loss",
    "test_loss": "test loss",
    "test_accuracy": "test accuracy",
}


@contextmanager
def _style() -> Iterator[None]:
    # Not rc_context, which takes back every setting: the first figure of a notebook makes
    # matplotlib interactive, and without that no later one would be shown.
    before = {name: mpl.rcParams[name] for name in STYLE}
    mpl.rcParams.update(STYLE)
    try:
        yield
    finally:
        mpl.rcParams.update(before)


def line_of(schedule: Schedule) -> dict[str, str]:
    """Return the colour and style of a schedule's line; a composition takes its last piece's."""
    while type(schedule).__name__ not in LINES:
        pieces = getattr(schedule, "schedules", None) or (getattr(schedule, "schedule", None),)
        if pieces[-1] is None:
            return _named_line("other")
        schedule = pieces[-1]
    return _named_line(type(schedule).__name__)


def _named_line(name: str) -> dict[str, str]:
    color, style = LINES[name]
    return {"color": color, "linestyle": style}


def _distinct_lines(schedules: Iterable[Schedule]) -> list[dict[str, str]]:
    """Lines of several schedules; those of one class keep the colour and differ in style."""
    used: Counter[str] = Counter()
    lines = []
    for schedule in schedules:
        line = line_of(schedule)
        repeated = used[str(line)]
        used[str(line)] += 1
        lines.append(
            {**line, "linestyle": [line["linestyle"], ":", (0, (5, 1, 1, 1))][repeated % 3]}
        )
    return lines


def rates(
    schedules: Mapping[str, Schedule],
    epochs: float,
    *,
    title: str,
    per: str = "step",
    log: bool = False,
) -> Figure:
    """Draw learning rates against time.

    Args:
        schedules: Label and schedule of each curve.
        epochs: Length of the time axis.
        title: What the figure shows.
        per: ``"step"`` draws the continuous curves; ``"epoch"`` the value held in each epoch.
        log: Draw the rates on a logarithmic axis.

    Returns:
        The figure, open in pyplot.
    """
    with _style():
        figure, axes = plt.subplots()
        lines = _distinct_lines(schedules.values())
        for (label, schedule), line in zip(schedules.items(), lines, strict=True):
            if per == "epoch":
                t = np.arange(np.ceil(epochs))
                edges = np.append(t, epochs)
                axes.stairs(schedule(t), edges, baseline=None, label=label, linewidth=2, **line)
            else:
                t = np.linspace(0, epochs, 2000, endpoint=False)
                axes.plot(t, schedule(t), label=label, **line)
        _finish_rates(axes, title, log)
        _legend(axes, len(schedules))
    return figure


def sequences(rates: Mapping[str, np.ndarray], *, title: str) -> Figure:
    """Draw the rates that frameworks give, one an epoch.

    Args:
        rates: Under ``"PyTorch"`` or ``"Keras"`` its rates in epochs 0, 1, 2, …
        title: What the figure shows.

    Returns:
        The figure, open in pyplot.
    """
    with _style():
        figure, axes = plt.subplots()
        for name, values in rates.items():
            color, marker = FRAMEWORKS[name]
            axes.plot(values, marker, linestyle=":", linewidth=1, color=color, label=name)
        _finish_rates(axes, title, log=False)
        axes.legend()
    return figure


def sensitivity(
    lrs: Sequence[float],
    results: Mapping[str, Sequence[Sequence[float]]],
    *,
    threshold: float,
    ylabel: str,
    title: str,
    lines: Mapping[str, str],
) -> Figure:
    """Draw final errors against the initial rate: the mean over seeds, with their whole range.

    Both axes are logarithmic, so that the best rates and the hopeless ones can be read.

    Args:
        lrs: The rates tried, increasing.
        results: For each label the errors, positive, of shape ``(len(lrs), seeds)``.
        threshold: A value to mark by a horizontal line.
        ylabel: What the errors are.
        title: What the figure shows.
        lines: For each label the name in `LINES` whose line it takes.

    Returns:
        The figure, open in pyplot.
    """
    with _style():
        figure, axes = plt.subplots()
        for label, values in results.items():
            line = _named_line(lines[label])
            seeds = np.array(values)
            axes.plot(lrs, seeds.mean(axis=1), marker="o", label=label, **line)
            axes.fill_between(lrs, seeds.min(axis=1), seeds.max(axis=1), alpha=0.2,
                              color=line["color"], linewidth=0)  # fmt: skip
        axes.axhline(threshold, color="#555555", linestyle="--", linewidth=1)
        axes.annotate(f"{threshold:g}", (lrs[-1], threshold), xytext=(0, 3), fontsize=9, ha="right",
                      textcoords="offset points")  # fmt: skip
        axes.set(xscale="log", yscale="log", title=title)
        axes.set(xlabel="initial learning rate", ylabel=ylabel)
        axes.set_xticks(lrs, [f"{lr:.2g}" for lr in lrs], minor=False)
        axes.xaxis.set_minor_locator(NullLocator())
        _plain_log_ticks(axes)
        axes.legend()
    return figure


def used_rates(
    runs: Mapping[str, History],
    *,
    title: str,
    intended: Mapping[str, Schedule] | None = None,
) -> Figure:
    """Draw the rates that the optimiser really used over those intended, a panel a run.

    Args:
        runs: Label and record of each run.
        title: What the figure shows.
        intended: For a label the schedule meant, evaluated once an epoch; by default the one
            that the run was given.

    Returns:
        The figure, open in pyplot.
    """
    with _style():
        figure, panels = _panels(len(runs), sharey=True)
        for axes, (label, run) in zip(panels, runs.items(), strict=True):
            schedule = (intended or {}).get(label, run.schedule)
            t = np.arange(run.epochs)
            axes.stairs(schedule(t), np.arange(run.epochs + 1), baseline=None, linewidth=5,
                        alpha=0.35, label="intended", **line_of(schedule))  # fmt: skip
            axes.plot(t + 0.5, run.lr, "o", color="black", markersize=4, label="used")
            _finish_rates(axes, label, log=False)
        panels[0].legend()
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure


def curves(
    runs: Mapping[str, Sequence[History]],
    metrics: Sequence[str] = ("train_loss", "test_loss", "test_accuracy"),
    *,
    title: str,
    lines: Mapping[str, str] | None = None,
    log: bool = False,
) -> Figure:
    """Draw learning curves: the mean over seeds, with a band from the lowest to the highest.

    Args:
        runs: For each label the records of one setting, a seed each, equally long.
        metrics: Names of `History` lists, a panel each.
        title: What the figure shows.
        lines: For a label the name in `LINES` whose colour it takes; by default that of the
            schedule the runs followed.
        log: Draw losses on a logarithmic axis.

    Returns:
        The figure, open in pyplot.
    """
    lines = lines or {}
    with _style():
        figure, panels = _panels(len(metrics))
        for axes, metric in zip(panels, metrics, strict=True):
            for label, seeds in runs.items():
                values = np.array([getattr(run, metric) for run in seeds])
                epochs = np.arange(1, values.shape[1] + 1)
                line = _named_line(lines[label]) if label in lines else line_of(seeds[0].schedule)
                axes.plot(epochs, values.mean(axis=0), label=label, **line)
                axes.fill_between(epochs, values.min(axis=0), values.max(axis=0), alpha=0.2,
                                  color=line["color"], linewidth=0)  # fmt: skip
            axes.set(xlabel="epochs finished", title=LABELS[metric])
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
            if log and metric.endswith("loss"):
                axes.set_yscale("log")
                _plain_log_ticks(axes)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 4))
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure


def finals(runs: Mapping[str, Sequence[History]], metric: str, *, title: str) -> Figure:
    """Draw the last value of every run as a dot, and the 95 % interval of each mean as a bar.

    Args:
        runs: For each label the records of one setting, two or more seeds.
        metric: Name of a `History` list.
        title: What the figure shows.

    Returns:
        The figure, open in pyplot.
    """
    with _style():
        figure, axes = plt.subplots(figsize=(WIDTH, 1.0 + 0.45 * len(runs)))
        for row, seeds in enumerate(runs.values()):
            color = line_of(seeds[0].schedule)["color"]
            values = [getattr(run, metric)[-1] for run in seeds]
            interval = mean_interval(values)
            axes.plot(interval[1:], [row, row], color=color, alpha=0.3, linewidth=8)
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
    with _style():
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


def _panels(number: int, **options: Any) -> tuple[Figure, list[Axes]]:
    """One panel fills the width; two share a row; more fill rows of two."""
    rows, columns = -(-number // 2), min(number, 2)
    figure, grid = plt.subplots(
        rows, columns, figsize=(WIDTH, 0.9 + 2.3 * rows), squeeze=False, **options
    )
    panels = list(grid.flat)
    for spare in panels[number:]:
        spare.remove()
    return figure, panels[:number]


def _finish_rates(axes: Axes, title: str, log: bool) -> None:
    axes.set(xlabel="time t (epochs)", ylabel="learning rate", title=title)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    if log:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)


def _plain_log_ticks(axes: Axes) -> None:
    """Label 0.1, 0.2, 0.5, 1 … where the default is powers of ten."""
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(NullLocator())


def _legend(axes: Axes, entries: int) -> None:
    if entries > 1:
        axes.legend()

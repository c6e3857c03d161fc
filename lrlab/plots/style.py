"""The style of every figure: sizes, letters, lines that keep their colour, shared pieces."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator
from numpy.typing import ArrayLike

from lrlab.schedules import Schedule
from lrlab.statistics import mean_interval

# Okabe and Ito's colours, which stay apart for colour-blind readers; the second round is dashed.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, RED, PURPLE = "#0072B2", "#D55E00", "#CC79A7"
GREY, DARK_GREY = "#777777", "#555555"
#: The colour and the style of every schedule's line.
LINES = {
    "Constant": (BLACK, "-"),
    "StepDecay": (ORANGE, "-"),
    "MultiStepDecay": (RED, "--"),
    "ExponentialDecay": (SKY, "-"),
    "Geometric": (SKY, "-."),
    "PolynomialDecay": (PURPLE, "-"),
    "LinearDecay": (PURPLE, "--"),
    "CosineDecay": (BLUE, "-"),
    "CyclicCosine": (BLUE, "--"),
    "InverseSqrtDecay": (GREEN, "-."),
    "InverseTimeDecay": (GREEN, "--"),
    "Triangular": (ORANGE, "--"),
    "Recurrence": (GREEN, "-"),
    "OneCycle": (SKY, "--"),
    "WarmupStableDecay": (RED, "-"),
    "other": (GREY, "-"),  # a schedule of the reader's own, or one outside the book's set
}

#: The look of every optimizer's line, which it keeps in every figure.
OPTIMIZER_LINES = {
    "SGD": {"color": BLACK, "linestyle": "-", "marker": "o"},
    "momentum": {"color": GREY, "linestyle": "--", "marker": "s"},
    "AdaGrad": {"color": ORANGE, "linestyle": "-", "marker": "^"},
    "RMSProp": {"color": GREEN, "linestyle": "-", "marker": "v"},
    "AdaDelta": {"color": PURPLE, "linestyle": "--", "marker": "D"},
    "Adam": {"color": BLUE, "linestyle": "-", "marker": "o"},
    "AdamW": {"color": SKY, "linestyle": "--", "marker": "s"},
    "ScheduleFreeSGD": {"color": BLACK, "linestyle": "-.", "marker": "X"},
    "ScheduleFreeAdamW": {"color": GREEN, "linestyle": "-.", "marker": "X"},
    "Muon": {"color": RED, "linestyle": "-", "marker": "D"},
    "Lion": {"color": PURPLE, "linestyle": "-", "marker": "P"},
}

FRAMEWORK_DOTS: dict[str, dict[str, Any]] = {
    "pytorch": {"color": RED, "marker": "o"},
    "keras": {"color": BLUE, "marker": "x"},
}

PALEST = "#7F7F00"  # for the last of the shades, whose lime is too pale for a thin line on white

WIDTH = 5.6  # inches

STYLE: dict[Any, Any] = {
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
def styled() -> Iterator[None]:
    """Draw in the book's style alone: a dark style of the reader's would leave white on white."""
    interactive = mpl.is_interactive()
    try:
        with mpl.rc_context():
            mpl.style.use(["default", STYLE])
            try:
                yield
            finally:
                # The first figure of a notebook makes matplotlib interactive. Were this taken back
                # with the rest, no later figure would be shown.
                interactive = mpl.is_interactive()
    finally:
        mpl.interactive(interactive)


def line_of(schedule: Schedule) -> dict[str, Any]:
    """Return the colour and style of a schedule's line; a composition takes its last piece's."""
    while type(schedule).__name__ not in LINES:
        pieces = getattr(schedule, "schedules", None) or (getattr(schedule, "schedule", None),)
        if pieces[-1] is None:
            return named_line("other")
        schedule = pieces[-1]
    return named_line(type(schedule).__name__)


def named_line(name: str) -> dict[str, Any]:
    """Return the colour and style under a name in `LINES` or in `OPTIMIZER_LINES`."""
    if name in OPTIMIZER_LINES:
        return {key: OPTIMIZER_LINES[name][key] for key in ("color", "linestyle")}
    color, style = LINES[name]
    return {"color": color, "linestyle": style}


def distinct_lines(schedules: Iterable[Schedule]) -> list[dict[str, Any]]:
    """Return a line for each schedule; those of one class keep the colour and differ in style."""
    return _told_apart(map(line_of, schedules))


def _told_apart(lines: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same lines, of which the second and third of a kind have another style."""
    used: Counter[str] = Counter()
    apart = []
    for line in lines:
        styles = [line["linestyle"], ":", (0, (5, 1, 1, 1))]
        apart.append({**line, "linestyle": styles[used[str(line)] % 3]})
        used[str(line)] += 1
    return apart


def optimizer_lines(labels: Collection[str]) -> list[dict[str, Any]]:
    """Return the optimizers' own lines, or shades for all if a label begins with none of them.

    Up to three labels of one optimizer, such as "SGD at 0.7" and "SGD at 0.1", differ in style and
    marker.
    """
    names = [re.split(r"[ ,]", label)[0] for label in labels]
    if not all(name in OPTIMIZER_LINES for name in names):
        return [{**line, "marker": "o"} for line in shades(len(labels))]
    markers = ["", "*", "P"]
    told = _told_apart(OPTIMIZER_LINES[name] for name in names)
    return [
        {**line, "marker": markers[number] or line["marker"]}
        for line, number in zip(told, _repetitions(names), strict=True)
    ]


def _repetitions(names: Sequence[str]) -> list[int]:
    """How often each name has been there before, counted in threes."""
    return [names[:place].count(name) % 3 for place, name in enumerate(names)]


def shades(number: int) -> list[dict[str, Any]]:
    """Return lines from dark to light, for labels that are an order and not schedules."""
    colors = mpl.colormaps["viridis"](np.linspace(0, 0.82, number))
    styles = ["-", "--", "-.", ":"]
    return [
        {"color": mpl.colors.to_hex(color), "linestyle": styles[i % 4]}
        for i, color in enumerate(colors)
    ]


def dark_shades(number: int) -> list[dict[str, Any]]:
    """Return `shades` whose last line is dark enough to be drawn thin."""
    lines = shades(number)
    return [*lines[:-1], {**lines[-1], "color": PALEST}]


def lines_for(
    labels: Sequence[str],
    named: Mapping[str, str] | None,
    schedules: Sequence[Schedule] | None = None,
) -> list[dict[str, Any]]:
    """Return a line for each label.

    Args:
        labels: What is drawn.
        named: For a label the name in `LINES` or `OPTIMIZER_LINES` whose line it takes; where
            several take one, the others differ in style.
        schedules: A schedule for each label, whose lines they take if no two are of one class.

    Returns:
        Lines by name or by schedule; where neither tells the labels apart, `shades`.
    """
    if named is not None:
        return _told_apart(named_line(named[label]) for label in labels)
    if schedules is not None:
        lines = [line_of(schedule) for schedule in schedules]
        if len({str(line) for line in lines}) == len(lines):
            return lines
    return shades(len(labels))


def panels_of(number: int, **options: Any) -> tuple[Figure, list[Axes]]:
    """One panel fills the width; two share a row; more fill rows of two."""
    rows, columns = -(-number // 2), min(number, 2)
    figure, grid = plt.subplots(
        rows, columns, figsize=(WIDTH, 0.9 + 2.3 * rows), squeeze=False, **options
    )
    panels = list(grid.flat)
    for spare in panels[number:]:
        spare.remove()
    return figure, panels[:number]


def title_over(figure: Figure, title: str) -> None:
    """Title a whole figure, from its left edge on: over one panel it would not fit."""
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)


def integer_ticks(axes: Axes) -> None:
    """Label the horizontal axis, on which something is counted, at whole numbers only."""
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))


def plain_log_ticks(axes: Axes) -> None:
    """Label 0.1, 0.2, 0.5, 1 … where the default is powers of ten."""
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(NullLocator())


def legend_below(figure: Figure, axes: Axes) -> None:
    """Put the legend of a panel under all panels."""
    handles, labels = axes.get_legend_handles_labels()
    legend_of(figure, dict(zip(labels, handles, strict=True)))


def legend_of(figure: Figure, lines: Mapping[str, Any]) -> None:
    """Put a legend of labels and their lines under all panels, as wide as its words allow."""
    longest = max(map(len, lines))
    columns = 2 if longest > 12 else 3 if longest > 8 and len(lines) > 4 else min(4, len(lines))
    figure.legend(lines.values(), lines.keys(), loc="outside lower center", ncols=columns)


def mean_with_band(
    axes: Axes,
    x: ArrayLike,
    values: np.ndarray,
    line: Mapping[str, Any],
    *,
    band: str = "range",
    **look: Any,
) -> None:
    """Draw the mean over seeds as a line with a band around it.

    Args:
        axes: Where to draw.
        x: Where the values were measured.
        values: Array of shape ``(len(x), seeds)``; what is masked is no value.
        line: Colour and style.
        band: ``"range"``, from the lowest seed to the highest, or ``"interval"``, the 95 % interval
            of the mean.
        look: What else matplotlib shall know about the line, such as its label.
    """
    axes.plot(x, values.mean(axis=1), **line, **look)
    low, high = values.min(axis=1), values.max(axis=1)
    if band == "interval":
        kept = [
            mean_interval(np.ma.compressed(row).tolist()) for row in np.ma.masked_invalid(values)
        ]
        low, high = np.transpose([(interval.low, interval.high) for interval in kept])
    axes.fill_between(x, low, high, color=line["color"], alpha=0.2, linewidth=0)


def mark_lost(
    axes: Axes, x: ArrayLike, color: str, *, height: float = 0.97, markersize: float = 7
) -> None:
    """Draw crosses at the upper edge for what has no value, such as runs that overflowed.

    Args:
        axes: Where to draw.
        x: Places on the horizontal axis.
        color: Colour of the crosses.
        height: Their place on the vertical axis, from 0, its lower end, to 1.
        markersize: Their size in points.
    """
    places = np.asarray(x)
    if not places.size:
        return
    axes.plot(places, np.full(places.shape, height), "x", color=color, markersize=markersize,
              transform=axes.get_xaxis_transform())  # fmt: skip

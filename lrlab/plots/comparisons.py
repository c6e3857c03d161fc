"""Settings side by side: a dot for each seed, an interval for each mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from lrlab.plots.style import (
    BLACK,
    BLUE,
    DARK_GREY,
    GREEN,
    LABELS,
    RED,
    WIDTH,
    line_of,
    styled,
    title_over,
)
from lrlab.statistics import Standing, mean_interval
from lrlab.training import History
from lrlab.utils import checks

#: The colours of the words of a standing.
_MEANING = {"as good": GREEN, "worse": RED, "open": "white"}


def differences(
    pairs: Mapping[str, Sequence[float]],
    *,
    title: str,
    xlabel: str,
    margin: float | None = None,
) -> Figure:
    """Draw paired differences: a dot for each seed, and the 95 % interval of each mean as a bar.

    Args:
        pairs: For each label the difference of each seed, two or more.
        title: What the figure shows.
        xlabel: What was subtracted from what.
        margin: Differences that are too small to matter, above 0; a band around 0 shows them.

    Returns:
        The figure, open in pyplot.

    Raises:
        ValueError: The margin is not above 0.
    """
    reach = None if margin is None else checks.positive("margin", margin)
    with styled():
        figure, axes = plt.subplots(figsize=(WIDTH, 1.2 + 0.45 * len(pairs)))
        if reach is not None:
            axes.axvspan(-reach, reach, color=GREEN, alpha=0.15, linewidth=0)
        axes.axvline(0, color=DARK_GREY, linewidth=1)
        for row, values in enumerate(pairs.values()):
            _dots_with_interval(axes, row, values, BLUE, mean_color=BLACK)
        axes.set(yticks=range(len(pairs)), yticklabels=pairs, xlabel=xlabel)
        title_over(figure, title)
        axes.set_ylim(len(pairs) - 0.5, -0.5)
    return figure


def finals(
    runs: Mapping[str, Sequence[History]] | Mapping[str, Mapping[str, Sequence[History]]],
    metric: str,
    *,
    title: str,
) -> Figure:
    """Draw the last value of every run as a dot, and the 95 % interval of each mean as a bar.

    A run that overflowed has no last value, and is a cross at the left edge.

    Args:
        runs: For each label the records of one setting, two or more finished seeds. Or for the
            title of each panel such a mapping; the panels stand side by side, each with an axis
            of its own, and have the labels of the first.
        metric: Name of a `History` list.
        title: What the figure shows.

    Returns:
        The figure, open in pyplot.
    """
    first = next(iter(runs.values()))
    panels: Any = runs if isinstance(first, Mapping) else {"": runs}
    labels = list(next(iter(panels.values())))
    with styled():
        figure, grid = plt.subplots(
            1, len(panels), figsize=(WIDTH, 1.2 + 0.45 * len(labels)), sharey=True, squeeze=False
        )
        for axes, (name, settings) in zip(grid[0], panels.items(), strict=True):
            for row, label in enumerate(labels):
                _ends(axes, row, settings[label], metric)
            axes.set(yticks=range(len(labels)), yticklabels=labels, xlabel=LABELS[metric])
            axes.set_title(name, fontsize=11)
            axes.set_ylim(len(labels) - 0.5, -0.5)
            axes.xaxis.set_major_locator(MaxNLocator(8 // len(panels), steps=[1, 2, 5, 10]))
        title_over(figure, title)
    return figure


def standings(
    cells: Mapping[str, Mapping[str, Standing]],
    margins: Mapping[str, float],
    *,
    title: str,
    ways: Sequence[str] = (),
) -> Figure:
    """Draw how far each way is behind the reference of each cell, in units of the margin.

    Green squares are as good as the reference, orange ones are worse, white ones are open.

    Args:
        cells: For the title of each column what `lrlab.statistics.standings` found; a way that a
            column lacks is its reference. A line break in a title is kept.
        margins: For each column its margin.
        title: What the figure shows.
        ways: The rows that come first, from the top; the others follow as they appear.

    Returns:
        The figure, open in pyplot.

    Raises:
        ValueError: The two have different columns, or a column lacks more than one way.
    """
    if list(margins) != list(cells):
        raise ValueError(f"margins must have the columns {list(cells)}, received {list(margins)}")
    ways = list(dict.fromkeys([*ways, *(way for of in cells.values() for way in of)]))
    for name, of in cells.items():
        if len(lacking := [way for way in ways if way not in of]) > 1:
            raise ValueError(f"{name!r} must lack one way, its reference; it lacks {lacking}")
    with styled():
        figure, axes = plt.subplots(figsize=(WIDTH, 1.4 + 0.32 * len(ways)))
        for column, (name, of) in enumerate(cells.items()):
            for row, way in enumerate(ways):
                color, words = "white", ""
                if way in of:
                    color = _MEANING[of[way].word]
                    words = f"{of[way].behind.mean / margins[name]:z.1f}"
                axes.add_patch(Rectangle((column, row), 1, 1, facecolor=color, edgecolor="white",
                                         alpha=0.45))  # fmt: skip
                axes.text(column + 0.5, row + 0.5, words or "ref.", ha="center", va="center",
                          fontsize=9, fontweight="normal" if words else "bold")  # fmt: skip
        axes.set(xlim=(0, len(cells)), ylim=(len(ways), 0))
        axes.set_xticks([k + 0.5 for k in range(len(cells))], list(cells), fontsize=8)
        axes.set_yticks([k + 0.5 for k in range(len(ways))], ways)
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        axes.grid(visible=False)
        title_over(figure, title)
    return figure


def _ends(axes: Axes, row: int, seeds: Sequence[History], metric: str) -> None:
    """Draw the row of a setting: its runs that finished, and a cross for each that did not."""
    color = line_of(seeds[0].schedule)["color"]
    values = [getattr(run, metric)[-1] for run in seeds if not run.stopped]
    if lost := len(seeds) - len(values):
        axes.plot([0.02] * lost, [row] * lost, "x", color=color, markersize=7,
                  transform=axes.get_yaxis_transform())  # fmt: skip
    _dots_with_interval(axes, row, values, color, mean_color=color)


def _dots_with_interval(
    axes: Axes, row: int, values: Sequence[float], color: str, *, mean_color: str
) -> None:
    """Draw a row: a dot for each value, a bar for the 95 % interval, a stroke for the mean."""
    interval = mean_interval(values)
    axes.plot(interval[1:], [row, row], color=color, alpha=0.3, linewidth=8,
              solid_capstyle="butt")  # fmt: skip
    axes.plot(values, [row] * len(values), "o", color=color, markersize=5)
    axes.plot(interval.mean, row, "|", color=mean_color, markersize=18)

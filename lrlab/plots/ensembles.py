"""Members of an ensemble: how far apart they are, and what more of them bring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from lrlab.plots.style import (
    WIDTH,
    legend_below,
    lines_for,
    mean_with_band,
    styled,
    title_over,
)


def bands(
    x: Sequence[float],
    results: Mapping[str, Sequence[Sequence[float]]],
    *,
    xlabel: str,
    ylabel: str,
    title: str,
    lines: Mapping[str, str] | None = None,
) -> Figure:
    """Draw curves over seeds: the mean, with a band from the lowest seed to the highest.

    Args:
        x: Where the curves were measured; where all are whole numbers, only these are labelled.
        results: For each label the values, of shape ``(seeds, len(x))``.
        xlabel: What is on the horizontal axis.
        ylabel: What was measured.
        title: What the figure shows.
        lines: For each label the name in `lrlab.plots.LINES` whose line it takes; without it,
            shades.

    Returns:
        The figure, open in pyplot.
    """
    with styled():
        figure, axes = plt.subplots()
        drawn = lines_for(list(results), lines)
        for (label, seeds), line in zip(results.items(), drawn, strict=True):
            values = np.asarray(seeds).T
            mean_with_band(axes, x, values, line, label=label, marker="o", markersize=4)
        axes.set(title=title, xlabel=xlabel, ylabel=ylabel)
        if all(float(place).is_integer() for place in x):
            axes.set_xticks(x)
        legend_below(figure, axes)
    return figure


def matrix(
    panels: Mapping[str, np.ndarray], *, title: str, digits: int = 2, labels: Sequence[str] = ()
) -> Figure:
    """Draw symmetric matrices of one scale, a panel each, with their numbers in the squares.

    Args:
        panels: For each title a matrix of shape ``(members, members)``; the diagonal is left empty.
        title: What the figure shows.
        digits: Decimals of the numbers.
        labels: Names of the members; by default 1, 2, …

    Returns:
        The figure, open in pyplot.
    """
    off = {name: np.ma.masked_array(m, np.eye(len(m), dtype=bool)) for name, m in panels.items()}
    top = max(values.max() for values in off.values())
    with styled():
        size = (WIDTH, 1.4 + 0.75 * WIDTH / len(panels))
        figure, row = plt.subplots(1, len(panels), figsize=size, squeeze=False)
        for axes, (name, values) in zip(row.flat, off.items(), strict=True):
            members = list(labels) or [str(i + 1) for i in range(len(values))]
            axes.imshow(values, cmap="viridis", vmin=0, vmax=top)
            for i, j in zip(*np.nonzero(~values.mask), strict=True):
                color = "white" if values[i, j] < 0.6 * top else "black"
                axes.text(j, i, f"{values[i, j]:.{digits}f}", ha="center", va="center", color=color)
            axes.set_xticks(range(len(members)), members)
            axes.set_yticks(range(len(members)), members)
            axes.set_title(name)
            axes.grid(visible=False)
        title_over(figure, title)
    return figure

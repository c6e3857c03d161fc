"""Optimizers side by side: the rates that they forgive, and those that they really use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from lrlab.plots.style import (
    DARK_GREY,
    OPTIMIZER_LINES,
    integer_ticks,
    legend_below,
    optimizer_lines,
    panels_of,
    styled,
    title_over,
)


def weight_rates(
    measured: Mapping[str, Mapping[str, Sequence[np.ndarray]]],
    *,
    lrs: Mapping[str, float],
    title: str,
) -> Figure:
    """Draw the rates that the weights of each layer really have, a panel an optimizer.

    A bar holds the middle 90 % of a layer's weights, a dot marks the median; the dashed line is the
    rate that the optimizer was given.

    Args:
        measured: For each optimizer and each layer the rates of its weights, an array a seed; the
            seeds are drawn together.
        lrs: For each optimizer the rate that it was given.
        title: What the figure shows.

    Returns:
        The figure, open in pyplot.
    """
    with styled():
        figure, panels = panels_of(len(measured), sharex=True, sharey=True)
        for axes, (label, layers) in zip(panels, measured.items(), strict=True):
            color = OPTIMIZER_LINES.get(label, OPTIMIZER_LINES["SGD"])["color"]
            places = np.arange(len(layers))
            for place, seeds in zip(places, layers.values(), strict=True):
                rates = np.concatenate([np.ravel(seed) for seed in seeds])
                low, middle, high = np.quantile(rates, [0.05, 0.5, 0.95])
                axes.plot([low, high], [place, place], color=color, linewidth=6, alpha=0.45,
                          solid_capstyle="butt")  # fmt: skip
                axes.plot(middle, place, "o", color=color, markersize=6)
            axes.axvline(lrs[label], color=DARK_GREY, linestyle="--", linewidth=1)
            axes.set(title=label, xscale="log", yticks=places, yticklabels=list(layers))
        panels[0].invert_yaxis()  # shared: the first layer on top in all
        for axes in panels[-2:]:
            axes.set_xlabel("rate of a weight")
        title_over(figure, title)
    return figure


def against_steps(
    series: Mapping[str, np.ndarray],
    *,
    ylabel: str,
    title: str,
    levels: Mapping[str, float] | None = None,
    xlabel: str = "step, counted from 1",
    log: str = "",
) -> Figure:
    """Draw numbers against the step, or another count from 1 on.

    Args:
        series: Label and values of each line. A label in `OPTIMIZER_LINES` takes its line.
        ylabel: What the values are.
        title: What the figure shows.
        levels: Text and value of horizontal lines.
        xlabel: What is counted.
        log: Which axes are logarithmic: any of ``"x"`` and ``"y"``.

    Returns:
        The figure, open in pyplot.

    Raises:
        ValueError: ``log`` names another axis.
    """
    if set(log) - set("xy"):
        raise ValueError(f"log must hold nothing but x and y, received {log!r}")
    with styled():
        figure, axes = plt.subplots()
        for (label, values), line in zip(series.items(), optimizer_lines(series), strict=True):
            axes.plot(np.arange(1, len(values) + 1), values, label=label, **{**line, "marker": ""})
        for text, value in (levels or {}).items():
            axes.axhline(value, color=DARK_GREY, linestyle=":", linewidth=1)
            axes.annotate(text, (0.99, value), xycoords=("axes fraction", "data"), fontsize=9,
                          ha="right", xytext=(0, 3), textcoords="offset points")  # fmt: skip
        axes.set(xlabel=xlabel, ylabel=ylabel, title=title)
        if "x" in log:
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter("{x:g}")
        else:
            integer_ticks(axes)
        if "y" in log:
            axes.set_yscale("log")
        legend_below(figure, axes)
    return figure

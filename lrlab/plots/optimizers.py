"""Optimisers side by side: the rates that they forgive, and those that they really use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lrlab.intervals import mean_interval
from lrlab.plots.style import WIDTH, legend_below, panels_of, shades, styled

# Okabe and Ito's colours again; the one optimiser keeps its line in every figure.
OPTIMIZER_LINES = {
    "SGD": {"color": "#000000", "linestyle": "-", "marker": "o"},
    "momentum": {"color": "#777777", "linestyle": "--", "marker": "s"},
    "AdaGrad": {"color": "#E69F00", "linestyle": "-", "marker": "^"},
    "RMSProp": {"color": "#009E73", "linestyle": "-", "marker": "v"},
    "AdaDelta": {"color": "#CC79A7", "linestyle": "--", "marker": "D"},
    "Adam": {"color": "#0072B2", "linestyle": "-", "marker": "o"},
    "AdamW": {"color": "#56B4E9", "linestyle": "--", "marker": "s"},
}


def sensitivities(
    results: Mapping[str, tuple[Sequence[float], Sequence[Sequence[float]]]],
    *,
    ylabel: str,
    title: str,
    level: float | None = None,
    widest_bar: float = np.inf,
) -> Figure:
    """Draw the "U" of each optimiser against its rates, and in units of its best rate.

    A marker is the mean over seeds, a bar its 95 % interval; bars wider than `widest_bar` are left
    out, as they would cover everything else. A rate at which a seed diverged has no mean: a cross
    at the upper edge marks it. The lower panel shows two decades on either side.

    Args:
        results: For each label the rates and the results, of shape ``(len(rates), seeds)``, two
            seeds or more. A label in `OPTIMIZER_LINES` takes its line.
        ylabel: What the results are.
        title: What the figure shows.
        level: A value to mark by a horizontal line.
        widest_bar: The widest interval that is drawn, in the unit of the results.

    Returns:
        The figure, open in pyplot.
    """
    with styled():
        figure, panels = plt.subplots(2, 1, figsize=(WIDTH, 4.6), sharey=True)
        highest = 0.0
        for (label, (lrs, losses)), line in zip(results.items(), _lines(results), strict=True):
            order = np.argsort(lrs)
            lrs, losses = np.array(lrs)[order], np.array(losses, dtype=float)[order]
            losses[~np.isfinite(losses).all(axis=1)] = np.nan
            mean = losses.mean(axis=1)
            highest = max(highest, np.nanmax(mean))
            for axes, unit in zip(panels, (1.0, lrs[np.nanargmin(mean)]), strict=True):
                axes.plot(lrs / unit, mean, label=label, markersize=4, linewidth=1.5, **line)
                lost = lrs[np.isnan(mean)] / unit
                axes.plot(lost, np.full(len(lost), 0.97), "x", color=line["color"], markersize=7,
                          transform=axes.get_xaxis_transform())  # fmt: skip
                for lr, row in zip(lrs / unit, losses, strict=True):
                    if not np.isfinite(row).all():
                        continue
                    _, low, high = mean_interval(row)
                    if high - low <= widest_bar:
                        axes.vlines(lr, low, high, linewidth=4, color=line["color"], alpha=0.3)
        for axes, xlabel in zip(panels, ("learning rate", "rate ÷ best rate"), strict=True):
            axes.set(xscale="log", xlabel=xlabel, ylabel=ylabel)
            axes.set_ylim(0, 1.15 * highest)
            if level is not None:
                axes.axhline(level, color="#555555", linestyle=":", linewidth=1)
        panels[0].set_title(title)
        panels[1].set_xlim(1e-2, 1e2)
        legend_below(figure, panels[0])
    return figure


def weight_rates(
    measured: Mapping[str, Mapping[str, Sequence[np.ndarray]]],
    *,
    lrs: Mapping[str, float],
    title: str,
) -> Figure:
    """Draw the rates that the weights of each layer really have, a panel an optimiser.

    A bar holds the middle 90 % of a layer's weights, a dot marks the median; the dashed line is the
    rate that the optimiser was given.

    Args:
        measured: For each optimiser and each layer the rates of its weights, an array a seed; the
            seeds are drawn together.
        lrs: For each optimiser the rate that it was given.
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
            axes.axvline(lrs[label], color="#555555", linestyle="--", linewidth=1)
            axes.set(title=label, xscale="log", yticks=places, yticklabels=list(layers))
        panels[0].invert_yaxis()  # shared: the first layer on top in all
        for axes in panels[-2:]:
            axes.set_xlabel("rate of a weight")
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
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
        for (label, values), line in zip(series.items(), _lines(series), strict=True):
            axes.plot(np.arange(1, len(values) + 1), values, label=label, **{**line, "marker": ""})
        for text, value in (levels or {}).items():
            axes.axhline(value, color="#555555", linestyle=":", linewidth=1)
            axes.annotate(text, (0.99, value), xycoords=("axes fraction", "data"), fontsize=9,
                          ha="right", xytext=(0, 3), textcoords="offset points")  # fmt: skip
        axes.set(xlabel=xlabel, ylabel=ylabel, title=title)
        if "x" in log:
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter("{x:g}")
        else:
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        if "y" in log:
            axes.set_yscale("log")
        legend_below(figure, axes)
    return figure


def _lines(labels: Mapping[str, object]) -> list[dict[str, str]]:
    """The optimisers' own lines, or shades where a label is none of them."""
    if all(label in OPTIMIZER_LINES for label in labels):
        return [OPTIMIZER_LINES[label] for label in labels]
    return [{**line, "marker": "o"} for line in shades(len(labels))]

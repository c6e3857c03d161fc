"""Searching for a rate: suggestions of range tests, what searches find, rates of batch sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from numpy.typing import ArrayLike

from lrlab.plots.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    LABELS,
    ORANGE,
    RED,
    WIDTH,
    legend_below,
    mean_with_band,
    plain_log_ticks,
    styled,
    title_over,
)
from lrlab.plots.training import RULES
from lrlab.statistics import best_rate
from lrlab.training import RangeTest

PROBLEM_DOTS = ((BLUE, "o"), (RED, "s"), (ORANGE, "^"))
MARKERS = {"steepest": "o", "minimum_tenth": "s", "valley": "^"}


def suggestions(
    sweeps: Mapping[str, tuple[Sequence[float], ArrayLike]],
    tests: Mapping[str, Sequence[RangeTest]],
    *,
    title: str,
    ylabel: str = "held-out loss",
    within: float = 3.0,
) -> Figure:
    """Draw sweeps of rates, and above each what the rules of range tests suggest.

    The curve is the mean over seeds with a band from the lowest to the highest; a green band holds
    the rates within a factor of the best one, the mean over the logarithm of the seeds' own. In a
    row for each rule a mark is what a test suggests.

    Args:
        sweeps: For the title of each panel the rates and the losses, shape ``(rates, seeds)``.
        tests: For each panel range tests, one for each of their seeds.
        title: What the figure shows.
        ylabel: What the losses are.
        within: The factor.

    Returns:
        The figure, open in pyplot.
    """
    with styled():
        figure, grid = plt.subplots(
            len(sweeps), 1, figsize=(WIDTH, 0.9 + 2.1 * len(sweeps)), squeeze=False
        )
        for (name, (lrs, losses)), axes in zip(sweeps.items(), grid[:, 0], strict=True):
            table = np.ma.masked_invalid(np.array(losses))
            best = float(np.exp(np.nanmean(np.log(best_rate(lrs, table.filled(np.inf).tolist())))))
            axes.axvspan(best / within, best * within, color=GREEN, alpha=0.15, linewidth=0)
            axes.axvline(best, color=GREEN, linewidth=1)
            line = {"color": BLACK, "linestyle": "-"}
            mean_with_band(axes, lrs, table, line, marker=".")
            low, high = float(table.min()), float(table.mean(axis=1).max())
            axes.set_ylim(low - 0.08 * (high - low), high + 0.75 * (high - low))
            for height, (rule, (label, color, _)) in zip((0.94, 0.84, 0.74), RULES.items(),
                                                         strict=True):  # fmt: skip
                found = [test.suggestions()[rule] for test in tests[name]]
                rates = [lr for lr in found if lr is not None]
                axes.plot(rates, [height] * len(rates), MARKERS[rule], color=color, markersize=6,
                          alpha=0.6, transform=axes.get_xaxis_transform(), label=label,
                          clip_on=False)  # fmt: skip
            axes.set(xscale="log", ylabel=ylabel)
            axes.set_title(name, fontsize=11)
        grid[-1, 0].set_xlabel(LABELS["lr"])
        legend_below(figure, grid[0, 0])
        title_over(figure, title)
    return figure


def searches(
    found: Mapping[str, Mapping[str, Sequence[float]]],
    *,
    title: str,
    limit: float = 1.1,
    right: float = 1.6,
) -> Figure:
    """Draw how far above the best loss several searches end, a row for each way to search.

    Beside the way stands what it spent. What lies beyond the axis is a cross at its right end.

    Args:
        found: For each problem and way the losses of what was found over the best ones.
        title: What the figure shows.
        limit: A quotient up to which a search is good, in green.
        right: Where the axis ends.

    Returns:
        The figure, open in pyplot.
    """
    ways = list(next(iter(found.values())))
    with styled():
        figure, axes = plt.subplots(figsize=(WIDTH, 1.5 + 0.5 * len(ways)))
        axes.axvspan(1, limit, color=GREEN, alpha=0.15, linewidth=0)
        for number, (name, results) in enumerate(found.items()):
            color, marker = PROBLEM_DOTS[number % len(PROBLEM_DOTS)]
            shift = 0.25 * (number - (len(found) - 1) / 2)
            for row, way in enumerate(ways):
                values = np.array(results[way])
                inside = values[values <= right]
                axes.plot(inside, [row + shift] * len(inside), marker, color=color, markersize=5,
                          alpha=0.6, label=None if row else name, clip_on=False)  # fmt: skip
                if beyond := len(values) - len(inside):
                    axes.plot(right, row + shift, "x", color=color, markersize=7, clip_on=False)
                    axes.annotate(f"{beyond}", (right, row + shift), (6, -3),
                                  textcoords="offset points", fontsize=9, color=color)  # fmt: skip
        axes.set(yticks=range(len(ways)), yticklabels=ways, xlabel="loss found / best of the grid")
        axes.set_xlim(0.99, right)
        axes.set_ylim(len(ways) - 0.5, -0.5)
        legend_below(figure, axes)
        title_over(figure, title)
    return figure


def batch_rates(
    measured: Mapping[str, tuple[Sequence[int], ArrayLike]],
    *,
    title: str,
) -> Figure:
    """Draw best rates against batch sizes, with the rules through the middle one.

    A dot is a seed, the line the mean over the logarithm. From the mean at the middle size lines
    start that stand for rates in proportion to the size, to its square root, and for the same rate.

    Args:
        measured: For the title of each panel the sizes, and the rates of shape ``(sizes, seeds)``;
            NaN for a seed without a best rate.
        title: What the figure shows.

    Returns:
        The figure, open in pyplot.
    """
    rules = {"linear": (1.0, "--"), "square root": (0.5, "-."), "none": (0.0, ":")}
    with styled():
        figure, grid = plt.subplots(1, len(measured), figsize=(WIDTH, 3.3), squeeze=False)
        for (name, (sizes, rates)), axes in zip(measured.items(), grid[0], strict=True):
            x, table = np.array(sizes, dtype=float), np.array(rates, dtype=float)
            mean = np.exp(np.nanmean(np.log(table), axis=1))
            middle = len(x) // 2
            for rule, (power, style) in rules.items():
                axes.plot(x, mean[middle] * (x / x[middle]) ** power, linestyle=style, color=GREY,
                          linewidth=1.5, label=rule)  # fmt: skip
            axes.plot(x, mean, color=BLUE, label="best rate")
            axes.plot(x, table, "o", color=BLUE, markersize=5, alpha=0.5)
            _sizes(axes, sizes)
            axes.set_title(name, fontsize=10)
        grid[0, 0].set_ylabel(LABELS["lr"])
        legend_below(figure, grid[0, 0])
        title_over(figure, title)
    return figure


def _sizes(axes: Axes, sizes: Sequence[int]) -> None:
    axes.set(xscale="log", yscale="log", xlabel="batch size")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.xaxis.set_minor_locator(NullLocator())
    plain_log_ticks(axes)

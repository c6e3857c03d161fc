"""Results against the learning rate: the "U"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from numpy.typing import ArrayLike

from lrlab.plots.style import (
    DARK_GREY,
    WIDTH,
    dark_shades,
    legend_below,
    legend_of,
    lines_for,
    mark_lost,
    optimizer_lines,
    panels_of,
    plain_log_ticks,
    styled,
    title_over,
)
from lrlab.statistics import mean_interval
from lrlab.utils import checks


class _U(NamedTuple):
    """A mean and the ends of a bar for each rate; nan where there is none."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def _u_of(
    results: ArrayLike,
    *,
    log: bool = False,
    band: str = "interval",
    top: float = np.inf,
) -> _U:
    """Return the means over seeds and the bars around them.

    Args:
        results: The results, of shape ``(rates, seeds)``. A rate at which a seed diverged has no
            mean and no bar.
        log: Take mean and interval of the logarithms.
        band: What the bars show: ``"interval"`` or ``"range"``.
        top: A mean above this value is left out.
    """
    there, back = (np.log, np.exp) if log else (np.asarray, np.asarray)
    seeds = np.array(results, dtype=float)
    seeds[~np.isfinite(seeds).all(axis=1)] = np.nan
    seeds[seeds.mean(axis=1) > top] = np.nan
    rows = there(seeds)
    low, high = rows.min(axis=1), rows.max(axis=1)
    if band == "interval":
        for k in np.flatnonzero(np.isfinite(low)):
            _, low[k], high[k] = mean_interval(rows[k].tolist())
    return _U(*map(back, (rows.mean(axis=1), low, high)))


def _draw_u(
    axes: Axes,
    x: np.ndarray,
    u: _U,
    line: Mapping[str, Any],
    *,
    label: str,
    bars: Mapping[str, Any],
    aside: float = 1.0,
    height: float = 0.97,
    cross: float = 7,
) -> None:
    """Draw a line through the means, a bar around each, and a cross where there is no mean.

    Args:
        axes: Where to draw.
        x: The rates, or what stands for them.
        u: Means and bars.
        line: Colour, style and marker.
        label: Text of the legend.
        bars: Width and opacity of the bars.
        aside: A factor by which the bars stand aside, so that two curves' do not hide each other.
        height: Place of the crosses, from 0, the lower edge, to 1.
        cross: Size of the crosses in points.
    """
    axes.plot(x, u.mean, label=label, markersize=4, **line)
    drawn = np.isfinite(u.low)
    axes.vlines(aside * x[drawn], u.low[drawn], u.high[drawn], color=line["color"], **bars)
    mark_lost(axes, x[np.isnan(u.mean)], line["color"], height=height, markersize=cross)


def long_run_rates(
    lrs: Sequence[float],
    results: Mapping[float, Sequence[Sequence[float]]],
    *,
    ylabel: str,
    title: str,
    threshold: float | None = None,
    top: float | None = None,
) -> Figure:
    """Draw results for several momenta twice: against the rate η, and against η/(1 − β).

    A dot is the mean over seeds and a bar its 95 % interval; the bars stand a little aside, each
    momentum's by its own share, so that none hides another. A rate at which a seed diverged has no
    mean, and one whose mean is above ``top`` no place: a cross at the upper edge marks both.

    Args:
        lrs: The rates tried, increasing or decreasing.
        results: For each momentum β, in an order that shades can show, the results, of shape
            ``(len(lrs), seeds)``, two seeds or more.
        ylabel: What the results are.
        title: What the figure shows.
        threshold: A value to mark by a horizontal line.
        top: Upper end of the vertical axis; by default that of the largest interval.

    Returns:
        The figure, open in pyplot.
    """
    rates = np.array(lrs)
    with styled():
        figure, panels = plt.subplots(2, 1, sharey=True, figsize=(WIDTH, 5.6))
        lines = dark_shades(len(results))
        for k, ((momentum, rows), line) in enumerate(zip(results.items(), lines, strict=True)):
            u = _u_of(rows, top=np.inf if top is None else top)
            aside = 1.04 ** (k - (len(results) - 1) / 2)
            for axes, x in zip(panels, (rates, rates / (1 - momentum)), strict=True):
                _draw_u(axes, x, u, {**line, "marker": "o"}, label=f"β = {momentum:g}",
                        aside=aside, bars={"linewidth": 4, "alpha": 0.4})  # fmt: skip
        for axes, xlabel in zip(panels, ("learning rate η", "η/(1 − β)"), strict=True):
            if threshold is not None:
                axes.axhline(threshold, color=DARK_GREY, linestyle="--", linewidth=1)
            axes.set(xscale="log", xlabel=xlabel, ylabel=ylabel, ylim=(0, top))
        panels[0].set_title(title)
        legend_below(figure, panels[0])
    return figure


Rows = Sequence[Sequence[float]]


def sensitivity(
    lrs: Sequence[float],
    results: Mapping[str, Rows] | Mapping[str, Mapping[str, Rows]],
    *,
    ylabel: str,
    title: str,
    xlabel: str = "initial learning rate",
    lines: Mapping[str, str] | None = None,
    threshold: float | None = None,
    threshold_label: str | None = None,
    log: bool = False,
    band: str = "interval",
    bottom: float = 0.0,
) -> Figure:
    """Draw results against the learning rate: a dot for the mean over seeds, a bar for the spread.

    A rate at which a seed diverged has no mean: a cross at the upper edge marks it.

    Args:
        lrs: The rates tried, increasing.
        results: For each label the results, of shape ``(len(lrs), seeds)``, two seeds or more. Or
            for the title of each panel such a mapping; the first has every label of the others,
            and the bars stand a little aside there, so that none hides another.
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
        bottom: Lower end of a vertical axis that is not logarithmic.

    Returns:
        The figure, open in pyplot.

    Raises:
        ValueError: ``band`` is neither.
    """
    checks.choice("band", band, ("interval", "range"))
    rates = np.array(lrs)
    several = isinstance(next(iter(results.values())), Mapping)
    panels: Any = results if several else {"": results}
    labels = list(next(iter(panels.values())))
    drawn = dict(zip(labels, lines_for(labels, lines), strict=True))
    with styled():
        figure, grid = panels_of(len(panels), sharey=True) if several else _single()
        for axes, (name, curves) in zip(grid, panels.items(), strict=True):
            for number, (label, rows) in enumerate(curves.items()):
                u = _u_of(rows, log=log, band=band)
                aside = 1.07 ** (number - (len(curves) - 1) / 2) if several else 1.0
                _draw_u(axes, rates, u, {**drawn[label], "marker": "o"}, label=label, cross=8,
                        height=0.97 - 0.06 * number, aside=aside,
                        bars={"linewidth": 5, "alpha": 0.35})  # fmt: skip
            if threshold is not None:
                axes.axhline(threshold, color=DARK_GREY, linestyle="--", linewidth=1)
                axes.annotate(threshold_label or f"{threshold:.3g}", (min(lrs), threshold),
                              fontsize=9, xytext=(0, 4), textcoords="offset points")  # fmt: skip
            axes.set(xscale="log", title=name, xlabel=xlabel)
            _rate_ticks(axes, lrs, most=7 if several else 9)
            if log:
                axes.set_yscale("log")
                plain_log_ticks(axes)
        if not log:  # the panels share the axis, and its end is known when all are drawn
            room = 0.0 if threshold is None else 1.1 * threshold  # for the words on the line
            grid[0].set_ylim(bottom, max(grid[0].get_ylim()[1], room))
        grid[0].set_ylabel(ylabel)
        if several:
            title_over(figure, title)
        else:
            grid[0].set_title(title)
        legend_below(figure, grid[0])
    return figure


def _single() -> tuple[Figure, list[Axes]]:
    figure, axes = plt.subplots()
    return figure, [axes]


def _rate_ticks(axes: Axes, lrs: Sequence[float], most: int) -> None:
    """Label the rates themselves, as many as fit, unless they span too many decades."""
    axes.xaxis.set_minor_locator(NullLocator())
    if max(lrs) / min(lrs) < 1e4:
        shown = lrs[:: 1 + len(lrs) // most]  # more would touch one another
        axes.set_xticks(shown, [f"{lr:.3g}" for lr in shown], minor=False)


def sensitivities(
    panels: Mapping[str, Mapping[str, tuple[Sequence[float], Sequence[Sequence[float]]]]],
    *,
    ylabel: str,
    title: str,
    xlabel: str = "learning rate",
    level: float | None = None,
    ylim: tuple[float, float] | None = None,
) -> Figure:
    """Draw the "U" of several optimizers, in panels that share their axes.

    A marker is the mean over seeds, a bar reaches from the lowest seed to the highest. A rate at
    which a seed diverged has no mean, and one whose mean is above the panel no place: a cross at
    the upper edge marks both.

    Args:
        panels: For the title of each panel its curves: for each label the rates and the results,
            of shape ``(len(rates), seeds)``. A label that begins with one of `OPTIMIZER_LINES`
            takes its colour.
        ylabel: What the results are.
        title: What the figure shows.
        xlabel: What the rates are.
        level: A value to mark by a horizontal line.
        ylim: Ends of the vertical axis; by default from 0 to a little above the highest mean.

    Returns:
        The figure, open in pyplot.
    """
    labels = list(dict.fromkeys(label for curves in panels.values() for label in curves))
    lines = dict(zip(labels, optimizer_lines(labels), strict=True))
    handles: dict[str, Any] = {}
    with styled():
        figure, drawn = panels_of(len(panels), sharex=True, sharey=True)
        highest = 0.0
        for axes, (name, curves) in zip(drawn, panels.items(), strict=True):
            for label, (lrs, losses) in curves.items():
                order = np.argsort(lrs)
                top = np.inf if ylim is None else ylim[1]
                u = _u_of(np.array(losses)[order], band="range", top=top)
                highest = max(highest, float(np.nanmax(u.mean)))
                _draw_u(axes, np.array(lrs)[order], u, {**lines[label], "linewidth": 1.5},
                        label=label, bars={"linewidth": 4, "alpha": 0.3})  # fmt: skip
            handles |= dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
            if level is not None:
                axes.axhline(level, color=DARK_GREY, linestyle=":", linewidth=1)
            axes.set_title(name, fontsize=11)
            axes.set(xscale="log", xlabel=xlabel, ylabel=ylabel)
            axes.label_outer(remove_inner_ticks=False)
            axes.tick_params(labelbottom=True, labelleft=True)
        drawn[0].set_ylim(ylim or (0, 1.15 * highest))
        legend_of(figure, handles)
        title_over(figure, title)
    return figure

"""Results against the learning rate: the "U"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from lrlab.plots.optimizers import _lines
from lrlab.plots.style import (
    WIDTH,
    legend_below,
    lines_for,
    plain_log_ticks,
    styled,
)
from lrlab.plots.theory import _shades
from lrlab.statistics import mean_interval
from lrlab.utils import checks


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
    with styled():
        figure, panels = plt.subplots(2, 1, sharey=True, figsize=(WIDTH, 5.6))
        for axes, long_run in zip(panels, (False, True), strict=True):
            lines = _shades(len(results))
            for k, ((momentum, rows), line) in enumerate(zip(results.items(), lines, strict=True)):
                x = np.array(lrs) / (1 - momentum if long_run else 1)
                seeds = np.array(rows, dtype=float)
                mean = seeds.mean(axis=1)
                lost = ~np.isfinite(mean) | (mean > (np.inf if top is None else top))
                mean[lost] = np.nan  # leaves a gap in the line
                label = f"β = {momentum:g}"
                axes.plot(x, mean, marker="o", markersize=4, label=label, **line)
                spread = np.array([mean_interval(row)[1:] for row in seeds[~lost]])
                aside = x[~lost] * 1.04 ** (k - (len(results) - 1) / 2)
                axes.vlines(aside, *spread.T, color=line["color"], linewidth=4, alpha=0.4)
                axes.plot(x[lost], np.full(lost.sum(), 0.97), "x", color=line["color"],
                          markersize=7, transform=axes.get_xaxis_transform())  # fmt: skip
            if threshold is not None:
                axes.axhline(threshold, color="#555555", linestyle="--", linewidth=1)
            axes.set(xscale="log", ylabel=ylabel, ylim=(0, top))
            axes.set_xlabel("η/(1 − β)" if long_run else "learning rate η")
        panels[0].set_title(title)
        legend_below(figure, panels[0])
    return figure


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

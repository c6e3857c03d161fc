"""The edge of stability, what a decay gives back, and what a convex bound foretells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lrlab.plots.style import (
    GREY,
    RED,
    dark_shades,
    legend_below,
    lines_for,
    panels_of,
    plain_log_ticks,
    styled,
    title_over,
)


def edges(
    measured: Mapping[str, Sequence[pd.DataFrame]],
    limits: Mapping[str, float],
    *,
    moving: pd.Series | None = None,
    ylabel: str = "sharpness",
    title: str,
) -> Figure:
    """Draw the sharpness of trainings against the step, and for each the edge of stability, dotted.

    An edge that all have in common is drawn once, in grey.

    Args:
        measured: For each label, in an order that shades can show, a table a seed with the columns
            ``step`` and ``sharpness``, such as of `lrlab.pytorch.SharpnessMeter`.
        limits: For each label the edge, such as of `lrlab.theory.edge_of_stability`.
        moving: The edge of a rate that changes, indexed by the step; infinite values are left out,
            and the axis of the sharpness is logarithmic.
        ylabel: What the column ``sharpness`` holds; with all limits 1 a ratio to the edge.
        title: What the figure shows.

    Returns:
        The figure, open in pyplot.

    Raises:
        ValueError: The two have different labels.
    """
    _same_labels("limits", limits, measured)
    with styled():
        figure, axes = plt.subplots()
        shared = len(measured) > 1 and len(set(limits.values())) == 1
        for (label, tables), line in zip(measured.items(), dark_shades(len(measured)), strict=True):
            if not shared:
                axes.axhline(limits[label], color=line["color"], linestyle=":", linewidth=1.5)
            elif label == next(iter(measured)):
                axes.axhline(limits[label], color=GREY, linestyle=":", linewidth=1.5)
            if line["linestyle"] == ":":  # that of the edges
                line["linestyle"] = (0, (5, 1, 1, 1, 1, 1))
            for seed, table in enumerate(tables):
                axes.plot(table["step"], table["sharpness"], **line, linewidth=1.2,
                          label=None if seed else label)  # fmt: skip
        axes.set(title=title, xlabel="step", ylabel=ylabel)
        if moving is None:
            axes.set_ylim(bottom=0)
        else:
            drawn = moving[np.isfinite(moving)]
            axes.plot(drawn.index, drawn, color=RED, linewidth=2, label="edge, 2/η")
            axes.set_yscale("log")
            plain_log_ticks(axes)
        legend_below(figure, axes)
    return figure


def river(
    losses: Mapping[str, np.ndarray],
    rates: Mapping[str, Sequence[float]],
    *,
    named: Mapping[str, str] | None = None,
    title: str,
) -> Figure:
    """Draw a descent in a noisy ravine: the rates, what is left to travel, the height, their sum.

    Args:
        losses: For each label the parts of the loss, shape ``(T + 1, 2)``, such as of
            `lrlab.theory.expected_losses`: first along the river, then across it.
        rates: For each label the rate of each of the T steps.
        named: For a label the name in `LINES` or `OPTIMIZER_LINES` whose line it takes.
        title: What the figure shows.

    Returns:
        The figure, open in pyplot.

    Raises:
        ValueError: The two have different labels.
    """
    _same_labels("rates", rates, losses)
    with styled():
        figure, panels = panels_of(4, sharex=True)
        above, along, across, total = panels
        for (label, parts), line in zip(
            losses.items(), lines_for(list(losses), named), strict=True
        ):
            above.plot(rates[label], **line, label=label)
            for axes, values in ((along, parts[:, 0]), (across, parts[:, 1])):
                axes.plot(values, **line)
            total.plot(parts.sum(axis=1), **line)
        names = ("learning rate", "loss along the river", "height above it", "river + height")
        for axes, name in zip(panels, names, strict=True):
            axes.set(title=name)
        for axes in (across, total):
            axes.set(yscale="log", xlabel="step")
            plain_log_ticks(axes)
        legend_below(figure, above)
        title_over(figure, title)
    return figure


def bounds(
    foretold: Mapping[str, np.ndarray],
    measured: Mapping[str, pd.Series],
    *,
    named: Mapping[str, str] | None = None,
    xlabel: str = "step",
    title: str,
) -> Figure:
    """Draw bounds of schedules, and beside them measured losses, each on axes of their own.

    Args:
        foretold: For each label the bound before each step, such as of `lrlab.theory.convex_bound`.
        measured: For each label the losses, indexed by the step.
        named: For a label the name in `LINES` or `OPTIMIZER_LINES` whose line it takes.
        xlabel: What is counted, if not steps.
        title: What the figure shows.

    Returns:
        The figure, open in pyplot.

    Raises:
        ValueError: The two have different labels.
    """
    _same_labels("measured", measured, foretold)
    with styled():
        figure, (left, right) = panels_of(2, sharex=True)
        for (label, values), line in zip(
            foretold.items(), lines_for(list(foretold), named), strict=True
        ):
            left.plot(values, **line, label=label)
            right.plot(measured[label], **line)
        left.set(title="bound", xlabel=xlabel, yscale="log")
        right.set(title="measured loss", xlabel=xlabel, yscale="log")
        for axes in (left, right):
            plain_log_ticks(axes)
        legend_below(figure, left)
        title_over(figure, title)
    return figure


def _same_labels(name: str, given: Mapping[str, object], expected: Mapping[str, object]) -> None:
    if list(given) != list(expected):
        raise ValueError(f"{name} must have the labels {list(expected)}, received {list(given)}")

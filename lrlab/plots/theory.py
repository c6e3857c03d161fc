"""Momentum: its memory, its motions, its speed, its phases, its noise, and its rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, Patch
from matplotlib.ticker import NullLocator

from lrlab.landscapes import Trajectory
from lrlab.plots.style import (
    BLACK,
    BLUE,
    DARK_GREY,
    FRAMEWORK_DOTS,
    GREEN,
    ORANGE,
    RED,
    SKY,
    WIDTH,
    dark_shades,
    integer_ticks,
    legend_below,
    panels_of,
    plain_log_ticks,
    styled,
    title_over,
)
from lrlab.theory import PHASES, Plane, best_tuning, divergence_lr
from lrlab.utils import FRAMEWORKS

COLORS = (SKY, GREEN, ORANGE, DARK_GREY)  # of the phases, in their order

# Plain descent is black and the two with momentum are coloured, in each figure of them.
METHODS = {
    "plain": (BLACK, "-", "o"),
    "heavy ball": (RED, "-", "s"),
    "Nesterov": (BLUE, "--", "^"),
}


def memory(momenta: Sequence[float], steps: int, *, title: str) -> Figure:
    r"""Draw how a velocity remembers: the weights of past gradients, and what they add up to.

    Args:
        momenta: Momenta β in [0, 1), in an order that shades can show.
        steps: How many steps, on the horizontal axes.
        title: What the figure shows.

    Returns:
        The figure, open in pyplot, with :math:`\beta^k` for the gradient k steps ago, and beside it
        the velocity after k steps under a gradient that stays 1.
    """
    with styled():
        figure, (weights, sums) = panels_of(2)
        past = np.arange(steps)
        for momentum, line in zip(momenta, dark_shades(len(momenta)), strict=True):
            remembered = np.power(float(momentum), past)
            weights.plot(past, remembered, label=f"β = {momentum:g}", **line)
            sums.plot(past + 1, np.cumsum(remembered), **line)
        weights.set(title="weight of a past gradient", xlabel="steps ago", ylim=(0, None))
        sums.set(title="velocity, gradient 1", xlabel="steps", yscale="log")
        plain_log_ticks(sums)
        legend_below(figure, weights)
        title_over(figure, title)
    return figure


def coordinates(trajectories: Mapping[str, Trajectory], *, title: str) -> Figure:
    """Draw the first weight against the step, a panel each on axes of its own.

    Args:
        trajectories: Label and path of each panel; a path has one starting point.
        title: What the figure shows.

    Returns:
        The figure, open in pyplot.
    """
    with styled():
        figure, panels = panels_of(len(trajectories))
        for axes, (label, path) in zip(panels, trajectories.items(), strict=True):
            axes.axhline(0, color=DARK_GREY, linewidth=1)
            axes.plot(path.w[:, 0], "o-", color=RED, linewidth=1.2, markersize=3)
            axes.set(title=label, xlabel="step", ylabel="weight")
            integer_ticks(axes)
        title_over(figure, title)
    return figure


def wanderings(
    trajectories: Mapping[str, Trajectory], spreads: Mapping[str, Sequence[float]], *, title: str
) -> Figure:
    """Draw how descents wander about a minimum, a panel each, all on the same axes.

    The dashed ring lies at twice the spread: of normally distributed places 86 % lie within it.

    Args:
        trajectories: Label and path of each panel, of two weights and one starting point.
        spreads: For each label the root mean square of each weight's distance from the minimum.
        title: What the figure shows.

    Returns:
        The figure, open in pyplot.

    Raises:
        ValueError: The two have different labels.
    """
    if list(trajectories) != list(spreads):
        raise ValueError(
            f"spreads must have the labels {list(trajectories)}, received {list(spreads)}"
        )
    with styled():
        figure, panels = panels_of(len(trajectories), sharex=True, sharey=True)
        for axes, (label, path) in zip(panels, trajectories.items(), strict=True):
            width, height = (4 * spread for spread in spreads[label])
            axes.plot(*path.w.T, color=RED, linewidth=1)
            axes.add_patch(Ellipse(tuple(path.minimum), width, height, fill=False, linestyle="--",
                                   linewidth=1.5))  # fmt: skip
            axes.plot(*path.minimum, "x", color=BLACK, markersize=8)
            axes.set(title=label, xlabel="first weight", ylabel="second weight")
            axes.tick_params(labelleft=True)
        title_over(figure, title)
    return figure


def speeds(
    conditions: Sequence[float],
    theory: Mapping[str, Sequence[float]],
    measured: Mapping[str, Sequence[float]],
    *,
    title: str,
) -> Figure:
    """Draw steps against the condition number, on logarithmic axes: theory lines, measured dots.

    Args:
        conditions: Condition numbers, increasing.
        theory: For each of ``"plain"``, ``"heavy ball"``, ``"Nesterov"``, or some of them, the
            steps that the formula gives, one a condition number.
        measured: The same for the steps that were counted.
        title: What the figure shows.

    Returns:
        The figure, open in pyplot.

    Raises:
        ValueError: The two have different methods.
    """
    if list(theory) != list(measured):
        raise ValueError(
            f"measured must have the methods of theory, {list(theory)}, received {list(measured)}"
        )
    with styled():
        figure, axes = plt.subplots()
        for label, steps in theory.items():
            color, style, marker = METHODS[label]
            axes.plot(conditions, steps, style, color=color, label=f"{label}, theory")
            axes.plot(conditions, measured[label], marker, color=color, markersize=6,
                      markerfacecolor="none", label=f"{label}, measured")  # fmt: skip
        axes.set(xscale="log", yscale="log", title=title)
        axes.set(xlabel="condition number κ", ylabel="steps to a thousandth")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter("{x:g}")
            axis.set_minor_locator(NullLocator())
        legend_below(figure, axes)
    return figure


def phase_diagram(planes: Mapping[str, Plane], *, title: str) -> Figure:
    """Draw what descents did over the plane of rate and momentum, a panel each.

    The colour is the measured phase. The black line is the theoretical border of divergence, the
    white one is where the flattest axis starts to oscillate; a ring marks the best pair.

    Args:
        planes: Label and measurement of each panel.
        title: What the figure shows.

    Returns:
        The figure, open in pyplot.
    """
    with styled():
        figure, panels = panels_of(len(planes), sharex=True, sharey=True)
        for axes, (label, measured) in zip(panels, planes.items(), strict=True):
            _phases(axes, measured)
            axes.set(title=label, xlabel="learning rate", ylabel="momentum β")
            axes.label_outer()
            axes.tick_params(labelleft=True)
        patches = [Patch(color=color) for color in COLORS]
        figure.legend(patches, PHASES, loc="outside lower center", ncols=4, handlelength=1)
        title_over(figure, title)
    return figure


def _phases(axes: Axes, measured: Plane) -> None:
    lrs, momenta, nesterov = measured.lrs, measured.momenta, measured.nesterov
    codes = np.select([measured.phase == name for name in PHASES], range(4))
    axes.pcolormesh(lrs, momenta, codes, cmap=ListedColormap(COLORS), vmin=0, vmax=3,
                    rasterized=True)  # fmt: skip
    beta = np.linspace(momenta.min(), momenta.max(), 200)
    border = divergence_lr(measured.bowl, beta, nesterov=nesterov)
    axes.plot(border, beta, color="black")
    ratio = (1 - beta) / (1 + beta) if nesterov else 1 - np.sqrt(beta)
    swings = ratio**2 / min(measured.bowl.eigenvalues)
    axes.plot(swings[swings < border], beta[swings < border], "--", color="white", linewidth=1.5)
    best = best_tuning(measured.bowl, nesterov=nesterov)
    axes.plot(best.lr, best.momentum, "o", color="white", markersize=8, markerfacecolor="none",
              markeredgewidth=2)  # fmt: skip
    axes.set(xlim=(lrs.min(), lrs.max()), ylim=(momenta.min(), momenta.max()))
    axes.grid(visible=False)


def step_lengths(
    rates: Sequence[float], lengths: Mapping[str, Sequence[float]], *, title: str
) -> Figure:
    """Draw how far the weights move at each step while the rate changes, the rate above it.

    Args:
        rates: The rate of each step.
        lengths: Under ``"pytorch"`` or ``"keras"`` the length of each step.
        title: What the figure shows.

    Returns:
        The figure, open in pyplot.
    """
    with styled():
        figure, (above, below) = plt.subplots(
            2, 1, sharex=True, figsize=(WIDTH, 4.2), height_ratios=[1, 2]
        )
        edges = np.arange(len(rates) + 1) + 0.5
        above.stairs(rates, edges, baseline=None, color="black", linewidth=2)
        above.set(ylabel="rate", ylim=(0, None), title=title)
        for framework, values in lengths.items():
            below.plot(np.arange(1, len(values) + 1), values, **FRAMEWORK_DOTS[framework],
                       label=FRAMEWORKS[framework].title, linestyle="", markersize=5)  # fmt: skip
        below.set(xlabel="step", ylabel="length of the step", ylim=(0, None))
        below.legend()
    return figure

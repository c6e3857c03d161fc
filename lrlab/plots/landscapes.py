"""Descents: paths on a landscape, the distance to the minimum, and how fast it shrinks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lrlab.landscapes import Landscape, Quadratic, Trajectory
from lrlab.plots.style import (
    BLUE,
    DARK_GREY,
    GREY,
    RED,
    legend_below,
    lines_for,
    panels_of,
    styled,
    title_over,
)
from lrlab.theory import best_constant_lr, convergence_factor, divergence_lr

PATH: dict[str, Any] = {"color": RED, "linewidth": 1.2, "markersize": 4}


def paths(
    landscape: Landscape,
    trajectories: Mapping[str, Trajectory],
    *,
    title: str,
    view: tuple[tuple[float, float], ...] | None = None,
) -> Figure:
    """Draw descents on their landscape, a panel each.

    Two weights give level lines, one weight the loss as a curve. A ring marks the start, a cross
    the minimum.

    Args:
        landscape: What was descended, of one or two dimensions.
        trajectories: Label and path of each panel; a path has one starting point.
        title: What the figure shows.
        view: Least and greatest value shown of each weight; by default the minimum and the starts
            with room around them, so that a path that diverges leaves the picture.

    Returns:
        The figure, open in pyplot.

    Raises:
        ValueError: The landscape has more than two dimensions, or a path several starts.
    """
    if landscape.dimension > 2:
        raise ValueError(f"landscape must have 1 or 2 dimensions, received {landscape.dimension}")
    for label, trajectory in trajectories.items():
        if trajectory.w.ndim != 2:
            raise ValueError(f"trajectory {label!r} must have one starting point, not several")
    places = np.array([landscape.minimum, *(path.w[0] for path in trajectories.values())])
    view = view or tuple(_with_room(places))
    draw = _level_lines if landscape.dimension == 2 else _curve
    with styled():
        figure, panels = panels_of(len(trajectories), sharex=True, sharey=True)
        for axes, (label, trajectory) in zip(panels, trajectories.items(), strict=True):
            draw(axes, landscape, trajectory, view)
            axes.set_title(label)
            axes.grid(visible=False)
        title_over(figure, title)
    return figure


def convergence(
    trajectories: Mapping[str, Trajectory],
    *,
    title: str,
    floors: Mapping[str, float] | None = None,
    log_steps: bool = False,
    lines: Mapping[str, str] | None = None,
    batch_sizes: Sequence[int] | None = None,
) -> Figure:
    r"""Draw the distance to the minimum against the step, on a logarithmic axis.

    Args:
        trajectories: Label and path of each curve, in an order that shades can show; of several
            starting points the root mean square is drawn.
        title: What the figure shows.
        floors: For a label the level at which it should settle, a thin grey line with the label.
        log_steps: Count the steps on a logarithmic axis too, from 1.
        lines: For each label the name in `LINES` whose line it takes; by default shades.
        batch_sizes: How many examples a step of each path looks at. The horizontal axis then counts
            examples in the place of steps.

    Returns:
        The figure, open in pyplot.
    """
    sizes = batch_sizes or [1] * len(trajectories)
    drawn = lines_for(list(trajectories), lines)
    with styled():
        figure, axes = plt.subplots()
        for (label, trajectory), size, line in zip(trajectories.items(), sizes, drawn, strict=True):
            squares = trajectory.distance**2
            distance = np.sqrt(squares.reshape(len(squares), -1).mean(axis=1))
            axes.plot(size * (np.arange(len(distance)) + log_steps), distance, label=label, **line)
        for label, floor in (floors or {}).items():
            _named_level(axes, floor, f"floor of {label}")
        axes.set(yscale="log", xlabel="step", ylabel="distance to the minimum", title=title)
        if log_steps:
            axes.set(xscale="log", xlabel="step + 1")
        if batch_sizes is not None:
            axes.set_xlabel("examples seen")
        legend_below(figure, axes)
    return figure


def visited(
    places: Mapping[float, Sequence[float]],
    *,
    marks: Mapping[str, float],
    borders: Mapping[str, float],
    title: str,
) -> Figure:
    """Draw where a walk with one weight is in its last steps, against the learning rate.

    A walk that settles is one dot above its rate, one that swings between two places is two.

    Args:
        places: For each rate the weights of the last steps.
        marks: Places to mark by a horizontal line, with what to write on it.
        borders: Rates to mark by a vertical line, with what to write at it.
        title: What the figure shows.

    Returns:
        The figure, open in pyplot.
    """
    with styled():
        figure, axes = plt.subplots()
        for lr, weights in places.items():
            dots = np.unique(np.round(weights, 2))  # what lies on one another is one dot
            axes.plot([lr] * len(dots), dots, "o", color=RED, markersize=2)
        for text, place in marks.items():
            _named_level(axes, place, text, linestyle=":")
        for text, rate in borders.items():
            axes.axvline(rate, color=DARK_GREY, linestyle="--", linewidth=1)
            axes.annotate(text, (rate, 0.97), fontsize=9, xytext=(3, 0), va="top",
                          xycoords=axes.get_xaxis_transform(),
                          textcoords="offset points")  # fmt: skip
        axes.set(xlabel="learning rate", ylabel="weight w, last steps", title=title)
    return figure


def factors(bowl: Quadratic, measured: Mapping[float, float], *, title: str) -> Figure:
    """Draw by what factor a step of gradient descent shrinks the distance, theory and measurement.

    Args:
        bowl: The quadratic.
        measured: For each rate the factor that was measured.
        title: What the figure shows.

    Returns:
        The figure, open in pyplot.
    """
    with styled():
        figure, axes = plt.subplots()
        border = float(divergence_lr(bowl))
        lr = np.linspace(0, 1.25 * border, 500)
        axes.plot(lr, convergence_factor(bowl, lr), color=BLUE, label="theory")
        axes.plot(list(measured), list(measured.values()), "o", color=RED, label="measured")
        axes.axhline(1, color=DARK_GREY, linewidth=1)
        for place, text, height, side in (
            (best_constant_lr(bowl), "best ", 0.93, "right"),
            (border, " diverges →", 0.04, "left"),
        ):
            axes.axvline(place, color=DARK_GREY, linestyle="--", linewidth=1)
            axes.text(place, height, text, ha=side, transform=axes.get_xaxis_transform())
        axes.set(xlabel="learning rate", ylabel="factor per step", title=title)
        axes.legend(loc="lower left")
    return figure


def _named_level(axes: Axes, level: float, name: str, linestyle: str = "-") -> None:
    """Draw a thin horizontal line with its name at the left end."""
    axes.axhline(level, color=GREY, linestyle=linestyle, linewidth=1)
    axes.annotate(name, (0.01, level), fontsize=9, color=DARK_GREY, xytext=(0, 2),
                  xycoords=axes.get_yaxis_transform(), textcoords="offset points")  # fmt: skip


def _with_room(places: np.ndarray) -> list[tuple[float, float]]:
    low, high = places.min(axis=0), places.max(axis=0)
    # As far beyond the minimum as the starts lie on this side: oscillation crosses it.
    reach = 1.2 * np.maximum(high - low, 1e-9)
    centre = places[0]
    return [(c - r, c + r) for c, r in zip(centre.tolist(), reach.tolist(), strict=True)]


def _level_lines(axes: Axes, landscape: Landscape, trajectory: Trajectory, view: tuple) -> None:
    (left, right), (bottom, top) = view
    x, y = np.meshgrid(np.linspace(left, right, 200), np.linspace(bottom, top, 200))
    loss = np.asarray(landscape.loss(np.stack([x, y], axis=-1)))
    height = loss - landscape.loss(landscape.minimum)
    levels = height.max() * np.array([0.02, 0.12])  # few: each costs 5 kB a panel
    axes.contour(x, y, height, levels=levels, colors="#999999", linewidths=0.7)
    # A long walk is a cloud: its lines would hide it.
    look = PATH if trajectory.steps <= 100 else {**PATH, "linewidth": 0, "markersize": 2}
    axes.plot(*trajectory.w.T, "o-", markevery=slice(1, None), **look)
    axes.plot(*trajectory.w[0], "o", markerfacecolor="none", color="black", markersize=8)
    axes.plot(*landscape.minimum, "x", color="black", markersize=8)
    axes.set(xlim=view[0], ylim=view[1], xlabel="first weight", ylabel="second weight")
    axes.label_outer()


def _curve(axes: Axes, landscape: Landscape, trajectory: Trajectory, view: tuple) -> None:
    (left, right) = view[0]
    w = np.linspace(left, right, 400)[:, np.newaxis]
    loss = np.asarray(landscape.loss(w))
    axes.plot(w, loss, color="#999999", linewidth=1.5)
    axes.plot(trajectory.w, trajectory.loss, "o-", markevery=slice(1, None), **PATH)
    axes.plot(trajectory.w[0], trajectory.loss[0], "o", markerfacecolor="none", color="black",
              markersize=8)  # fmt: skip
    axes.plot(landscape.minimum, landscape.loss(landscape.minimum), "x", color="black",
              markersize=8)  # fmt: skip
    axes.set(xlim=view[0], ylim=(loss.min() - 0.08 * np.ptp(loss), loss.max()))
    axes.set(xlabel="weight w", ylabel="loss")
    axes.label_outer()

"""Plateau policies: their states as a diagram, one metric under watch, and cuts out of noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lrlab.plateau import PlateauState, ReduceOnPlateau, expected_cuts
from lrlab.plots.style import (
    BLACK,
    BLUE,
    DARK_GREY,
    GREY,
    LABELS,
    RED,
    WIDTH,
    integer_ticks,
    legend_below,
    plain_log_ticks,
    shades,
    styled,
)

BOX = {"boxstyle": "round,pad=0.6", "facecolor": "#E8F1F8", "edgecolor": BLUE}
ARROW: dict[str, Any] = {
    "arrowstyle": "-|>",
    "color": "#444444",
    "linewidth": 1.5,
    "mutation_scale": 14,
}
CUT = RED
# What an epoch was to the policy: marker, colour, and whether the marker is filled.
EPOCHS = {
    "good": ("o", BLUE, True),
    "bad": ("X", CUT, True),
    "not counted": ("s", GREY, False),
}


def state_machine(policy: ReduceOnPlateau, *, title: str) -> Figure:
    """Draw a policy as a state machine: two states, and what leads from one to the other.

    Args:
        policy: The policy, whose P, C and factor stand at the arrows; one that skips no epochs has
            a single state.
        title: What the figure shows.

    Returns:
        The figure, open in pyplot.
    """
    bad, skipped = policy.cuts_after, policy.skipped_epochs
    cut = f"{_ordinal(bad)} bad epoch in a row:\ncut, rate × {policy.factor:g}"
    left, right = (0.2, 0.8) if skipped else (0.5, 0.5)
    with styled():
        figure, axes = plt.subplots(figsize=(WIDTH, 3.5))
        axes.set(xlim=(0, 1), ylim=(0, 1), title=title)
        axes.axis("off")
        _loop(axes, left, 1, "good epoch:\nnew best, wait = 0")
        if skipped:
            epochs = "1 epoch" if skipped == 1 else f"{skipped} epochs"
            _arrow(axes, (left, right), 0.54, cut, CUT)
            _arrow(axes, (right, left), 0.46, f"after {epochs}", ARROW["color"])
            _loop(axes, right, -1, "good epoch: new best\nbad epoch: not counted")
            _state(axes, right, "cooling down")
            _loop(axes, left, -1, "bad epoch:\nwait + 1")
        else:
            _loop(axes, left, -1, f"bad epoch: wait + 1\n{cut}, wait = 0")
        _state(axes, left, "watching")
    return figure


def _state(axes: Axes, x: float, name: str) -> None:
    axes.text(x, 0.5, name, ha="center", va="center", weight="bold", bbox=BOX, zorder=3)


def _arrow(axes: Axes, ends: tuple[float, float], y: float, text: str, color: str) -> None:
    """A straight arrow between the two states, its words above it or below."""
    inwards = 0.14 * np.sign(ends[1] - ends[0])
    tail, head = (ends[0] + inwards, y), (ends[1] - inwards, y)
    axes.annotate("", head, tail, arrowprops={**ARROW, "color": color})
    above = y > 0.5
    axes.text(sum(ends) / 2, y + (0.03 if above else -0.03), text, color=color, fontsize=10,
              ha="center", va="bottom" if above else "top")  # fmt: skip


def _loop(axes: Axes, x: float, side: int, text: str) -> None:
    """An arrow from a state to itself, above it or below."""
    near, far = 0.5 + 0.075 * side, 0.5 + 0.29 * side
    bend = {**ARROW, "connectionstyle": f"arc3,rad={-1.5 * side}"}
    axes.annotate("", (x + 0.06, near), (x - 0.06, near), arrowprops=bend)
    axes.text(x, far, text, fontsize=10, ha="center", va="bottom" if side > 0 else "top")


def _ordinal(number: int) -> str:
    last = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10)
    return f"{number}{last or 'th'}"


def watched(policy: ReduceOnPlateau, metrics: Sequence[float], *, title: str) -> Figure:
    """Draw a metric as a policy sees it, over the rate that it answers with.

    Above: each epoch's metric at the epoch's end, marked by what it was to the policy, and the best
    so far. Below: the rate, with a line wherever it changes; the last piece is the rate with which
    training would go on. What is not finite leaves a gap.

    Args:
        policy: The policy.
        metrics: The metric of each epoch from 0 on.
        title: What the figure shows.

    Returns:
        The figure, open in pyplot.
    """
    states = list(accumulate(metrics, policy.update, initial=policy.start()))
    edges = np.arange(len(metrics) + 2)
    kinds = np.array([_kind(before, after) for before, after in pairwise(states)])
    best = [np.nan if state.best is None else state.best for state in states]
    with styled():
        figure, (above, below) = plt.subplots(2, 1, sharex=True, figsize=(WIDTH, 5.0))
        above.stairs(_finite(best[1:]), edges[1:], baseline=None, color="#999999", linestyle=":",
                     linewidth=1.5, label="best so far")  # fmt: skip
        for kind, (marker, color, filled) in EPOCHS.items():
            if np.any(kinds == kind):
                own = np.where(kinds == kind, _finite(metrics), np.nan)
                above.plot(edges[1:-1], own, marker, color=color, markersize=7, label=kind,
                           markerfacecolor=color if filled else "none")  # fmt: skip
        rates = [state.lr for state in states]
        below.stairs(rates, edges, baseline=None, color=BLACK, linewidth=2)
        for epoch, (before, after) in enumerate(pairwise(states), start=1):
            if after.lr != before.lr:
                for axes in (above, below):
                    axes.axvline(epoch, color=CUT, linewidth=1, linestyle="--", zorder=0)
        above.set(ylabel="metric", title=title)
        below.set(xlabel="time in epochs", ylabel=LABELS["lr"], yscale="log")
        plain_log_ticks(below)
        integer_ticks(below)
        legend_below(figure, above)
    return figure


def noise_cuts(
    simulated: Mapping[float, Mapping[int, float]], epochs: int, *, title: str
) -> Figure:
    """Draw how many cuts noise brings, by patience: simulated dots over the formula's lines.

    Args:
        simulated: For each trend, in standard deviations of the noise per epoch, the mean number of
            cuts for each number P of bad epochs that brings one.
        epochs: Epochs of a run, see `lrlab.plateau.expected_cuts`.
        title: What the figure shows.

    Returns:
        The figure, open in pyplot.
    """
    with styled():
        figure, axes = plt.subplots(figsize=(WIDTH, 4.0))
        axes.axhline(1, color=DARK_GREY, linewidth=1, linestyle=":")
        lines = zip(simulated.items(), shades(len(simulated)), strict=True)
        for number, ((trend, found), line) in enumerate(lines):
            waits = sorted(found)
            formula = [expected_cuts(epochs, wait, trend) for wait in waits]
            axes.plot(waits, formula, label=f"trend {trend:g}", **line)
            axes.plot(waits, [found[wait] for wait in waits], "os^D"[number % 4],
                      color=line["color"], markersize=5)  # fmt: skip
        axes.set(title=title, yscale="log", ylim=(0.05, None), ylabel="expected cuts",
                 xlabel="bad epochs that bring a cut")  # fmt: skip
        plain_log_ticks(axes)
        integer_ticks(axes)
        legend_below(figure, axes)
    return figure


def _kind(before: PlateauState, after: PlateauState) -> str:
    if after.spell == 0:
        return "good"
    return "not counted" if before.cooldown_left else "bad"


def _finite(values: Sequence[float]) -> np.ndarray:
    array = np.array(values, dtype=float)
    return np.where(np.isfinite(array), array, np.nan)

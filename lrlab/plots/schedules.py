"""Learning rates against time."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lrlab.plots.style import FRAMEWORKS, distinct_lines, styled
from lrlab.schedules import Schedule


def rates(
    schedules: Mapping[str, Schedule],
    epochs: float,
    *,
    title: str,
    per: str = "step",
    log: bool = False,
) -> Figure:
    """Draw learning rates against time.

    Args:
        schedules: Label and schedule of each curve.
        epochs: Length of the time axis.
        title: What the figure shows.
        per: ``"step"`` draws the continuous curves; ``"epoch"`` the value held in each epoch.
        log: Draw the rates on a logarithmic axis.

    Returns:
        The figure, open in pyplot.
    """
    with styled():
        figure, axes = plt.subplots()
        lines = distinct_lines(schedules.values())
        for (label, schedule), line in zip(schedules.items(), lines, strict=True):
            if per == "epoch":
                t = np.arange(np.ceil(epochs))
                edges = np.append(t, epochs)
                axes.stairs(schedule(t), edges, baseline=None, label=label, linewidth=2, **line)
            else:
                t = np.linspace(0, epochs, 2000, endpoint=False)
                axes.plot(t, schedule(t), label=label, **line)
        _finish(axes, title, log)
        if len(schedules) > 1:
            axes.legend()
    return figure


def sequences(rates: Mapping[str, np.ndarray], *, title: str) -> Figure:
    """Draw the rates that frameworks give, one an epoch.

    Args:
        rates: Under ``"PyTorch"`` or ``"Keras"`` its rates in epochs 0, 1, 2, …
        title: What the figure shows.

    Returns:
        The figure, open in pyplot.
    """
    with styled():
        figure, axes = plt.subplots()
        for name, values in rates.items():
            color, marker = FRAMEWORKS[name]
            axes.plot(values, marker, linestyle=":", linewidth=1, color=color, label=name)
        _finish(axes, title, log=False)
        axes.legend()
    return figure


def _finish(axes: Axes, title: str, log: bool) -> None:
    axes.set(xlabel="time t (epochs)", ylabel="learning rate", title=title)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    if log:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)

"""Learning rates against time."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lrlab.plots.style import FRAMEWORK_DOTS, distinct_lines, integer_ticks, legend_below, styled
from lrlab.schedules import Schedule
from lrlab.utils import FRAMEWORKS


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
                begins = np.arange(np.ceil(epochs))
                edges = np.append(begins, epochs)
                axes.stairs(
                    schedule(begins), edges, baseline=None, label=label, linewidth=2, **line
                )
            else:
                t = np.linspace(0, epochs, 2000, endpoint=False)
                axes.plot(t, schedule(t), label=label, **line)
        rate_axes(axes, title, log=log)
        if len(schedules) > 3:
            legend_below(figure, axes)
        elif len(schedules) > 1:
            axes.legend()
    return figure


def sequences(rates: Mapping[str, np.ndarray], *, title: str) -> Figure:
    """Draw the rates that frameworks give, one an epoch.

    Args:
        rates: Under ``"pytorch"`` or ``"keras"`` its rates in epochs 0, 1, 2, …
        title: What the figure shows.

    Returns:
        The figure, open in pyplot.
    """
    with styled():
        figure, axes = plt.subplots()
        for framework, values in rates.items():
            axes.plot(values, **FRAMEWORK_DOTS[framework], label=FRAMEWORKS[framework].title,
                      linestyle=":", linewidth=1)  # fmt: skip
        rate_axes(axes, title, log=False)
        axes.legend()
    return figure


def rate_axes(axes: Axes, title: str, *, log: bool) -> None:
    """Label the axes of a panel that shows rates against time."""
    axes.set(xlabel="time t (epochs)", ylabel="learning rate", title=title)
    integer_ticks(axes)
    if log:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)

"""Figures of optimizers side by side: what is drawn is what was given."""

import numpy as np
import pytest

from lrlab import plots
from lrlab.plots.style import optimizer_lines

pytestmark = pytest.mark.usefixtures("clean_plots")


def test_weight_rates_draws_quantiles_of_all_seeds_by_layer():
    seeds = [np.arange(1, 51).reshape(5, 10) / 10, np.arange(51, 102) / 10]
    measured = {
        "Adam": {"first": seeds, "last": [np.array([2.0, 2.0])]},
        "SGD": {"first": seeds, "last": seeds},
    }
    figure = plots.weight_rates(measured, lrs={"Adam": 0.5, "SGD": 0.25}, title="rates")
    adam, sgd = figure.axes
    bar, dot, one, same, given = adam.lines
    assert bar.get_xdata() == pytest.approx([0.6, 9.6])
    assert bar.get_ydata().tolist() == [0, 0]
    assert (dot.get_xdata(), dot.get_ydata()) == (pytest.approx([5.1]), [0])
    assert one.get_xdata() == pytest.approx([2, 2])
    assert (same.get_xdata(), same.get_ydata()) == ([2], [1])
    assert given.get_xdata() == [0.5, 0.5]
    assert sgd.lines[-1].get_xdata() == [0.25, 0.25]
    assert [label.get_text() for label in adam.get_yticklabels()] == ["first", "last"]
    assert adam.yaxis_inverted()
    assert adam.get_xscale() == "log"
    assert (adam.get_title(loc="left"), sgd.get_title(loc="left")) == ("Adam", "SGD")
    assert dot.get_color() == plots.OPTIMIZER_LINES["Adam"]["color"]


def test_against_steps_counts_from_one():
    series = {"Adam": np.array([3.0, 2.0, 1.0]), "SGD": np.array([1.0, 1.0])}
    axes = plots.against_steps(series, ylabel="w", title="t", levels={"best": -1.0}).axes[0]
    adam, sgd, level = axes.lines
    assert adam.get_xydata().tolist() == [[1, 3], [2, 2], [3, 1]]
    assert sgd.get_xydata().tolist() == [[1, 1], [2, 1]]
    assert adam.get_color() == plots.OPTIMIZER_LINES["Adam"]["color"]
    assert level.get_ydata() == [-1, -1]
    assert axes.texts[0].get_text() == "best"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step, counted from 1", "w")
    assert (axes.get_xscale(), axes.get_yscale()) == ("linear", "linear")
    assert all(float(tick).is_integer() for tick in axes.get_xticks())


def test_settings_of_one_optimizer_keep_its_colour_and_differ_in_style_and_marker():
    labels = ("SGD at 0.7", "Adam, short memory", "SGD at 0.1", "SGD")
    axes = plots.against_steps(dict.fromkeys(labels, np.ones(2)), ylabel="", title="").axes[0]
    colors = [plots.OPTIMIZER_LINES[name]["color"] for name in ("SGD", "Adam", "SGD", "SGD")]
    assert [line.get_color() for line in axes.lines] == colors
    lines = optimizer_lines(labels)
    assert [line["marker"] for line in lines] == ["o", "o", "*", "P"]
    assert len({line["linestyle"] for line in lines if line["color"] == colors[0]}) == 3


@pytest.mark.parametrize("log", ["x", "y", "xy"])
def test_against_steps_on_logarithmic_axes(log):
    series = {"mine": np.ones(2), "yours": np.ones(3)}
    axes = plots.against_steps(series, ylabel="", title="", log=log, xlabel="rank").axes[0]
    scales = {"x": axes.get_xscale(), "y": axes.get_yscale()}
    assert scales == {name: "log" if name in log else "linear" for name in "xy"}
    assert axes.get_xlabel() == "rank"
    assert axes.lines[0].get_color() != axes.lines[1].get_color()


def test_against_steps_knows_no_third_axis():
    with pytest.raises(ValueError, match="log must hold nothing but x and y, received 'z'"):
        plots.against_steps({"a": np.ones(2)}, ylabel="", title="", log="z")

"""Figures of optimisers side by side: what is drawn is what was given."""

import numpy as np
import pytest

from lrlab import plots
from lrlab.optimizers import TWINS
from lrlab.statistics import mean_interval

pytestmark = pytest.mark.usefixtures("clean_plots")

LRS = [1.0, 0.1, 0.01]
LOSSES = [[2.0, 2.2], [0.5, 0.7], [1.0, np.nan]]


def test_every_optimiser_has_a_line_of_its_own():
    assert {cls.__name__.replace("Momentum", "momentum") for cls in TWINS} == set(plots.OPTIMIZER_LINES)
    looks = {tuple(sorted(line.items())) for line in plots.OPTIMIZER_LINES.values()}
    colors = {line["color"] for line in plots.OPTIMIZER_LINES.values()}
    assert len(looks) == len(colors) == len(TWINS)


def test_sensitivities_draws_each_u_at_its_rates_and_around_its_best():
    other = ([0.3, 0.03], [[1.0, 1.2], [0.8, 0.8]])
    figure = plots.sensitivities(
        {"SGD": (LRS, LOSSES), "Adam": other}, ylabel="test loss", title="U", level=0.9
    )
    above, below = figure.axes
    sgd, lost, adam, none = above.lines[:4]
    assert sgd.get_xdata().tolist() == [0.01, 0.1, 1.0]
    np.testing.assert_allclose(sgd.get_ydata(), [np.nan, 0.6, 2.1])
    assert adam.get_xdata().tolist() == [0.03, 0.3]
    assert adam.get_ydata() == pytest.approx([0.8, 1.1])
    assert (lost.get_xdata().tolist(), lost.get_marker()) == ([0.01], "x")
    assert len(none.get_xdata()) == 0
    assert below.lines[0].get_xdata() == pytest.approx([0.1, 1, 10])
    assert below.lines[1].get_xdata() == pytest.approx([0.1])
    assert below.lines[2].get_xdata() == pytest.approx([1, 10])
    assert below.lines[2].get_ydata() == pytest.approx([0.8, 1.1])
    assert below.get_xlim() == (1e-2, 1e2)
    for line, name in ((sgd, "SGD"), (adam, "Adam")):
        assert line.get_color() == plots.OPTIMIZER_LINES[name]["color"]
    for axes in (above, below):
        bars = [segment for bar in axes.collections for segment in bar.get_segments()]
        assert len(bars) == 4, "none where a seed diverged"
        assert bars[0][:, 1] == pytest.approx(mean_interval([0.5, 0.7])[1:])
        assert axes.lines[4].get_ydata() == [0.9, 0.9]
        assert axes.get_xscale() == "log"
        assert axes.get_ylim() == pytest.approx((0, 1.15 * 2.1))
    assert (above.get_ylabel(), above.get_title(loc="left")) == ("test loss", "U")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["SGD", "Adam"]
    bare = plots.sensitivities({"SGD": (LRS, LOSSES)}, ylabel="", title="")
    assert len(bare.axes[0].lines) == 2


def test_sensitivities_leaves_out_bars_that_are_too_wide():
    tight, loose = mean_interval([0.5, 0.7]), mean_interval([2.0, 2.4])
    results = {"SGD": ([0.1, 1.0], [[0.5, 0.7], [2.0, 2.4]])}
    for widest, drawn in ((2 * tight.high - 1.2 + 1e-9, [tight]), (tight.high - 0.6, []),
                          (loose.high - loose.low + 1e-9, [tight, loose])):  # fmt: skip
        figure = plots.sensitivities(results, ylabel="", title="", widest_bar=widest)
        for axes in figure.axes:
            bars = [segment[:, 1] for bar in axes.collections for segment in bar.get_segments()]
            assert len(bars) == len(drawn)
            for bar, interval in zip(bars, drawn, strict=True):
                assert bar == pytest.approx(interval[1:])
            assert axes.lines[0].get_ydata() == pytest.approx([0.6, 2.2]), "the means stay"


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

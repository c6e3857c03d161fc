"""Results against the rate: means, bars, and crosses where there is no mean."""

import numpy as np
import pytest

from lrlab import plots
from lrlab.statistics import mean_interval

pytestmark = pytest.mark.usefixtures("clean_plots")

LRS = [1.0, 0.1, 0.01]
LOSSES = [[2.0, 2.2], [0.5, 0.7], [1.0, np.nan]]


@pytest.mark.parametrize(
    ("band", "bar"), [("range", (0.2, 0.4)), ("interval", mean_interval([0.2, 0.3, 0.4])[1:])]
)
def test_sensitivity_draws_mean_spread_and_threshold(band, bar):
    results = {"no decay": [[0.2, 0.4, 0.3], [0.9, 0.9, 0.9], [0.9, np.inf, 0.9]]}
    figure = plots.sensitivity(
        [0.1, 1.0, 10.0],
        results,
        threshold=0.5,
        ylabel="error",
        title="",
        lines={"no decay": "Constant"},
        band=band,
    )
    axes = figure.axes[0]
    mean, diverged, threshold = axes.lines
    assert mean.get_ydata() == pytest.approx([0.3, 0.9, np.nan], nan_ok=True)
    assert mean.get_color() == plots.LINES["Constant"][0]
    assert diverged.get_xdata().tolist() == [10.0]
    assert threshold.get_ydata() == [0.5, 0.5]
    assert axes.collections[0].get_segments()[0][:, 1] == pytest.approx(bar)
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "linear")


def test_sensitivity_on_a_log_axis_draws_the_geometric_mean():
    figure = plots.sensitivity([1, 2], {"a": [[1, 4], [9, 9]]}, ylabel="", title="", log=True)
    axes = figure.axes[0]
    assert axes.lines[0].get_ydata() == pytest.approx([2, 9])
    assert axes.get_yscale() == "log"
    with pytest.raises(ValueError, match="band must be one of"):
        plots.sensitivity([1], {"a": [[1, 4]]}, ylabel="", title="", band="sd")


def test_sensitivity_has_a_panel_for_each_group():
    rows = [[0.5, 0.7], [0.9, 1.1], [np.nan, 1.0]]
    panels = {"left": {"a": rows, "b": rows}, "right": {"b": [[5.0, 5.2], *rows[1:]]}}
    figure = plots.sensitivity([0.1, 1.0, 10.0], panels, ylabel="loss", title="U", bottom=0.4)
    left, right = figure.axes
    assert [axes.get_title(loc="left") for axes in (left, right)] == ["left", "right"]
    assert (left.get_ylabel(), right.get_ylabel()) == ("loss", "")
    assert left.get_ylim()[0] == 0.4
    assert left.get_ylim()[1] > 5.2, "the higher panel fits"
    bars = [bar.get_segments()[0][0, 0] for bar in left.collections]
    assert bars[0] < 0.1 < bars[1], "they stand aside"
    assert right.lines[0].get_color() == left.lines[2].get_color(), "a label keeps its line"
    assert [tick.get_text() for tick in right.get_xticklabels()] == ["0.1", "1", "10"]


def test_sensitivities_draws_each_u_in_its_panel():
    other = ([0.3, 0.03], [[1.0, 1.2], [0.8, 0.8]])
    panels = {"one": {"SGD": (LRS, LOSSES)}, "two": {"SGD": (LRS, LOSSES), "Adam": other}}
    figure = plots.sensitivities(panels, ylabel="test loss", title="U", level=0.9, xlabel="rate")
    one, two = figure.axes
    sgd, lost, adam, level = two.lines
    assert sgd.get_xdata().tolist() == [0.01, 0.1, 1.0]
    np.testing.assert_allclose(sgd.get_ydata(), [np.nan, 0.6, 2.1])
    assert adam.get_xdata().tolist() == [0.03, 0.3]
    assert adam.get_ydata() == pytest.approx([0.8, 1.1])
    assert (lost.get_xdata().tolist(), lost.get_marker()) == ([0.01], "x")
    assert level.get_ydata() == [0.9, 0.9]
    np.testing.assert_array_equal(one.lines[0].get_xydata(), sgd.get_xydata())
    for line, name in ((one.lines[0], "SGD"), (sgd, "SGD"), (adam, "Adam")):
        assert line.get_color() == plots.OPTIMIZER_LINES[name]["color"]
    bars = [segment for bar in two.collections for segment in bar.get_segments()]
    assert [bar[:, 1].tolist() for bar in bars] == [[0.5, 0.7], [2.0, 2.2], [0.8, 0.8], [1.0, 1.2]]
    for axes in figure.axes:
        assert axes.get_xscale() == "log"
        assert axes.get_ylim() == pytest.approx((0, 1.15 * 2.1))
    assert (one.get_ylabel(), one.get_xlabel()) == ("test loss", "rate")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["one", "two"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["SGD", "Adam"]
    bare = plots.sensitivities({"": {"SGD": (LRS, LOSSES)}}, ylabel="", title="")
    assert len(bare.axes[0].lines) == 2


def test_sensitivities_marks_what_lies_above_its_panels():
    curves = {"": {"AdamW 0.1": ([0.1, 1.0], [[0.5, 0.7], [2.0, 2.4]])}}
    figure = plots.sensitivities(curves, ylabel="", title="", ylim=(0.4, 1.0))
    line, lost = figure.axes[0].lines
    np.testing.assert_allclose(line.get_ydata(), [0.6, np.nan])
    assert lost.get_xdata().tolist() == [1.0]
    assert figure.axes[0].get_ylim() == (0.4, 1.0)
    assert line.get_color() == plots.OPTIMIZER_LINES["AdamW"]["color"]


def test_long_run_rates_moves_each_curve_by_its_momentum():
    rows = [[1.0, 3.0], [0.5, 0.7], [4.0, 4.2], [1.0, np.nan]]
    lrs = [0.1, 0.2, 0.4, 0.8]
    figure = plots.long_run_rates(
        lrs, {0: rows, 0.9: rows}, ylabel="loss", title="A title", threshold=1.5, top=4.0
    )
    for axes, divisor in zip(figure.axes, (1, 0.1), strict=True):
        plain, lost, momentum, lost_too, threshold = axes.lines
        assert plain.get_xdata() == pytest.approx(lrs)
        assert momentum.get_xdata() == pytest.approx(np.array(lrs) / divisor)
        for line, crosses in ((plain, lost), (momentum, lost_too)):
            assert line.get_ydata() == pytest.approx([2, 0.6, np.nan, np.nan], nan_ok=True)
            assert crosses.get_xdata().tolist() == line.get_xdata()[2:].tolist()
            assert crosses.get_color() == line.get_color()
        bars = axes.collections[1].get_segments()
        expected = [mean_interval(row)[1:] for row in rows[:2]]
        assert [bar[:, 1].tolist() for bar in bars] == [list(e) for e in expected]
        assert bars[1][0, 0] == pytest.approx(0.2 / divisor * 1.04**0.5), "beside the dot"
        others = axes.collections[0].get_segments()
        assert others[1][0, 0] == pytest.approx(0.2 / 1.04**0.5)
        assert threshold.get_ydata() == [1.5, 1.5]
        assert (axes.get_xscale(), axes.get_ylim()) == ("log", (0, 4))
        assert axes.get_ylabel() == "loss"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["β = 0", "β = 0.9"]
    axes = plots.long_run_rates(lrs, {0.5: rows}, ylabel="", title="").axes[0]
    assert axes.lines[0].get_ydata()[2] == 4.1, "without a top all is shown"
    assert len(axes.lines) == 2, "the means and one cross, no threshold"

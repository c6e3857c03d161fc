"""Searches for a rate: what is drawn is what was found."""

import numpy as np
import pytest

from lrlab import plots
from lrlab.statistics import best_rate
from lrlab.training import RangeTest

pytestmark = pytest.mark.usefixtures("clean_plots")

LRS = [0.001, 0.01, 0.1, 1.0]
LOSSES = [[3.0, 2.8], [2.0, 1.9], [1.0, 1.2], [2.5, np.nan]]
RATES = np.geomspace(1e-4, 1, 30)
FALLING = RangeTest(RATES, 2 - 1.5 / (1 + (0.01 / RATES) ** 2), steps=30, beta=0.5)
FLAT = RangeTest(RATES, np.full(30, 2.0), steps=30)


def test_suggestions_stand_over_the_sweep():
    sweeps = {"one": (LRS, LOSSES), "two": (LRS, LOSSES)}
    figure = plots.suggestions(
        sweeps, {"one": [FALLING, FLAT], "two": [FLAT]}, title="Off", within=3
    )
    above, below = figure.axes
    assert figure.get_suptitle() == "Off"
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["one", "two"]
    middle, mean, *rules = above.lines
    best = np.exp(np.log(best_rate(LRS, LOSSES)).mean())
    assert middle.get_xdata()[0] == pytest.approx(best)
    assert mean.get_ydata().tolist() == pytest.approx([2.9, 1.95, 1.1, 2.5])
    wanted = FALLING.suggestions()
    assert [list(line.get_xdata()) for line in rules] == [
        [] if wanted[rule] is None else [wanted[rule]]
        for rule in ("steepest", "minimum_tenth", "valley")
    ]
    assert wanted["steepest"] is not None
    assert [list(line.get_xdata()) for line in below.lines[2:]] == [[], [], []]
    band = above.patches[0].get_extents().transformed(above.transData.inverted())
    assert (band.x0, band.x1) == pytest.approx((best / 3, 3 * best))
    assert below.get_xlabel() == "learning rate"


def test_searches_mark_what_is_good_and_what_is_beyond():
    found = {
        "LeNet": {"grid": [1.0, 1.05], "halving": [1.2, np.inf, 9.0]},
        "decoder": {"grid": [1.0], "halving": [1.3]},
    }
    figure = plots.searches(found, title="Few", limit=1.1, right=1.5)
    (axes,) = figure.axes
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["grid", "halving"]
    dots = [line for line in axes.lines if line.get_marker() != "x"]
    assert [list(line.get_xdata()) for line in dots] == [[1.0, 1.05], [1.2], [1.0], [1.3]]
    (cross,) = [line for line in axes.lines if line.get_marker() == "x"]
    assert cross.get_xdata()[0] == 1.5
    assert [text.get_text() for text in axes.texts] == ["2"]
    assert {text.get_text() for text in figure.legends[0].get_texts()} == {"LeNet", "decoder"}


def test_batch_rates_have_the_rules_through_the_middle():
    rates = [[0.01, 0.01], [0.04, 0.09], [0.2, np.nan]]
    figure = plots.batch_rates({"SGD": ([32, 128, 512], rates)}, title="Linear")
    (axes,) = figure.axes
    linear, root, none, mean, *dots = axes.lines
    assert linear.get_ydata() == pytest.approx([0.015, 0.06, 0.24])
    assert root.get_ydata() == pytest.approx([0.03, 0.06, 0.12])
    assert none.get_ydata() == pytest.approx([0.06] * 3)
    assert mean.get_ydata() == pytest.approx([0.01, 0.06, 0.2])
    assert len(dots) == 2
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["32", "128", "512"]

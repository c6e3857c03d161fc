"""Figures of rates against time: what is drawn is what the schedule gives."""

import numpy as np
import pytest

from lrlab import Constant, CosineDecay, StepDecay, plots

pytestmark = pytest.mark.usefixtures("clean_plots")


def test_rates_draws_each_curve():
    schedules = {"flat": Constant(0.3), "cosine": CosineDecay(0.3, total_epochs=4)}
    axes = plots.rates(schedules, 5, title="Title").axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["flat", "cosine"]
    t, rate = axes.lines[1].get_data()
    assert t[0] == 0
    assert t[-1] == pytest.approx(5, abs=0.01)
    np.testing.assert_array_equal(rate, schedules["cosine"](t))
    assert axes.get_xlabel() == "time t (epochs)"
    assert axes.get_title(loc="left") == "Title"


def test_rates_per_epoch_draws_the_value_held_in_each_epoch():
    schedule = StepDecay(0.4, gamma=0.5, step_epochs=1)
    stairs = plots.rates({"s": schedule}, 3, title="", per="epoch").axes[0].patches[0]
    assert stairs.get_data().values.tolist() == [0.4, 0.2, 0.1]
    assert stairs.get_data().edges.tolist() == [0, 1, 2, 3]


def test_the_legend_of_many_rates_stands_below():
    figure = plots.rates({name: Constant(1) for name in "abcd"}, 3, title="")
    assert figure.axes[0].get_legend() is None
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list("abcd")


def test_rates_on_a_log_axis():
    assert plots.rates({"s": Constant(1)}, 3, title="", log=True).axes[0].get_yscale() == "log"


def test_sequences_draws_each_framework():
    axes = plots.sequences({"pytorch": [0.3, 0.1], "keras": [0.3, 0.2]}, title="").axes[0]
    assert [line.get_ydata().tolist() for line in axes.lines] == [[0.3, 0.1], [0.3, 0.2]]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["PyTorch", "Keras"]
    assert len({line.get_marker() for line in axes.lines}) == 2


def test_shapes_draws_a_panel_for_each_with_its_mean_rate():
    schedules = {"flat": Constant(0.3), "cosine": CosineDecay(0.4, total_epochs=4)}
    figure = plots.shapes({**schedules, "a": Constant(0.1), "b": Constant(0.1)}, 4, title="Title")
    panels = figure.axes
    assert [axes.get_title(loc="left") for axes in panels] == ["flat", "cosine", "a", "b"]
    assert [axes.get_title(loc="right") for axes in panels[:2]] == ["0.3", "0.2"]
    t, rate = panels[1].lines[0].get_data()
    np.testing.assert_array_equal(rate, schedules["cosine"](t))
    assert len({axes.get_ylim() for axes in panels}) == 1
    assert panels[0].get_ylim()[0] == 0
    assert all(axes.xaxis.get_tick_params()["labelbottom"] for axes in panels)

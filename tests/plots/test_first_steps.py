"""Figures of the first steps and of a rate that reacts: what is drawn is what was measured."""

import numpy as np
import pytest

from lrlab import plots
from lrlab.training import FirstSteps
from tests.support.histories import make_history

pytestmark = pytest.mark.usefixtures("clean_plots")


def measured(stopped=None, **changes):
    values = {
        "lr": [0.1, 0.2],
        "loss": [3.0, 2.0],
        "grad_norm": [4.0, 5.0],
        "curvature": [10.0, -1.0],
        "update_ratio": [0.01, 0.02],
    }
    return FirstSteps(**{**values, **changes}, stopped=stopped)


def test_first_steps_draws_the_median_of_four_measures():
    one, two, three = (measured(grad_norm=[g, 5.0]) for g in (4.0, 3.0, 90.0))
    figure = plots.first_steps({"a": [one, two, three], "b": [one]}, title="")
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["loss of the batch", "length of the gradient", "update ÷ weights",
                      "rate ÷ border"]  # fmt: skip
    expected = [[3.0, 2.0], [4.0, 5.0], [0.01, 0.02], [0.5, 0.0]]
    for axes, values in zip(figure.axes, expected, strict=True):
        for line in axes.lines[:2]:
            np.testing.assert_allclose(line.get_ydata(), values)
            assert line.get_xdata().tolist() == [1, 2]
        assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert figure.axes[3].lines[2].get_ydata() == [1, 1], "the border"
    line, other = figure.axes[0].lines
    assert line.get_color() != other.get_color()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b"]


def test_a_run_that_overflows_leaves_the_panels_and_is_marked():
    wild = measured(stopped="diverged", loss=[3.0, 1e30])
    both = plots.first_steps({"x": [measured(loss=[3.0, 2.0, 1.0]), wild]}, title="").axes[0]
    assert both.lines[0].get_ydata()[2] == 1.0, "the other seed goes on"
    figure = plots.first_steps({"calm": [measured()], "wild": [wild]}, title="")
    axes = figure.axes[0]
    assert axes.get_ylim() == (1.0, 30.0)
    cross = axes.lines[-1]
    assert (cross.get_xdata().tolist(), cross.get_marker()) == ([3], "x")
    alone = plots.first_steps({"wild": [wild]}, title="").axes[0]
    assert alone.get_ylim()[1] >= 1e30


def test_metric_and_rate_share_the_time_axis():
    run = make_history()
    figure = plots.metric_and_rate({"run": run}, "test_loss", title="")
    above, below = figure.axes
    assert above.lines[0].get_xydata().tolist() == [
        [1.0, run.test_loss[0]],
        [2.0, run.test_loss[1]],
    ]
    steps = below.patches[0].get_data()
    assert steps.values.tolist() == [lr for _, lr in run.lr_changes]
    assert steps.edges.tolist() == [*(t for t, _ in run.lr_changes), 2]
    assert above.get_shared_x_axes().joined(above, below)
    assert not figure.legends
    two = plots.metric_and_rate(
        {"a": run, "b": run}, "test_loss", title="", lines={"a": "Constant", "b": "other"}
    )
    assert [text.get_text() for text in two.legends[0].get_texts()] == ["a", "b"]
    assert two.axes[0].lines[0].get_color() == plots.LINES["Constant"][0]

"""Figures of training runs: what is drawn is what was recorded."""

from dataclasses import replace

import numpy as np
import pytest

from lrlab import Constant, plots
from lrlab.statistics import mean_interval
from lrlab.training import FirstSteps, RangeTest
from tests.support.histories import make_history

pytestmark = pytest.mark.usefixtures("clean_plots")


def test_used_rates_shows_the_rates_that_were_read_back():
    run = make_history(late=1)
    axes = plots.used_rates({"run": run}, title="").axes[0]
    assert axes.lines[0].get_ydata().tolist() == run.lr == [0.8, 0.8]
    assert axes.patches[0].get_data().values.tolist() == [0.8, 0.4]
    assert axes.patches[0].get_linestyle() == "-"
    axes = plots.used_rates({"run": run}, title="", intended={"run": Constant(0.5)}).axes[0]
    assert axes.patches[0].get_data().values.tolist() == [0.5, 0.5]


def test_curves_draws_the_mean_and_a_band_over_seeds():
    runs = [make_history(), make_history()]
    runs[1].test_loss = [4.0, 6.0]
    figure = plots.curves({"decay": runs}, ["test_loss", "test_accuracy"], title="")
    axes = figure.axes[0]
    assert axes.lines[0].get_ydata().tolist() == [3.0, 4.0]
    band = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == (2.0, 6.0)
    assert figure.axes[1].get_title(loc="left") == "test accuracy"


def test_curves_can_have_bands_of_the_means_interval():
    runs = [make_history(), make_history(), make_history()]
    for run, losses in zip(runs, ([3.0, 1.0], [4.0, 2.0], [8.0, 3.0]), strict=True):
        run.test_loss = losses
    axes = plots.curves({"decay": runs}, ["test_loss"], title="", band="interval").axes[0]
    band = axes.collections[0].get_paths()[0].vertices
    for epoch, losses in ((1, [3, 4, 8]), (2, [1, 2, 3])):
        ends = {y for x, y in band if x == epoch}
        assert (min(ends), max(ends)) == pytest.approx(mean_interval(losses)[1:])
    with pytest.raises(ValueError, match=r"band must be one of .+, received 'sd'"):
        plots.curves({"decay": runs}, ["test_loss"], title="", band="sd")


def test_curves_go_on_without_a_run_that_overflowed():
    runs = [make_history(), make_history()]
    runs[1].test_loss = [4.0, float("nan")]
    runs[1].stopped = "diverged"
    axes = plots.curves({"decay": runs}, ["test_loss"], title="").axes[0]
    mean, cross = axes.lines
    assert mean.get_ydata().tolist() == [3.0, 2.0]
    assert cross.get_xdata().tolist() == [2]
    short = make_history()
    short.train_loss, short.test_loss, short.stopped = [9.0], [9.0], "diverged"
    axes = plots.curves({"decay": [runs[0], short]}, ["test_loss"], title="").axes[0]
    assert axes.lines[0].get_ydata().tolist() == runs[0].test_loss, "its one epoch is none"


def test_curves_can_take_another_line_and_a_log_axis():
    runs = {"a": [make_history()]}
    figure = plots.curves(runs, ["test_loss", "test_accuracy"], title="", lines={"a": "Constant"},
                          log=True)  # fmt: skip
    assert figure.axes[0].lines[0].get_color() == plots.LINES["Constant"][0]
    assert [axes.get_yscale() for axes in figure.axes] == ["log", "linear"]


def test_curves_can_take_the_line_of_an_optimizer():
    runs = {"a": [make_history()], "b": [make_history()]}
    own = {"a": "Adam", "b": "Adam"}
    first, second = plots.curves(runs, ["test_loss"], title="", lines=own).axes[0].lines
    assert first.get_color() == second.get_color() == plots.OPTIMIZER_LINES["Adam"]["color"]
    assert first.get_linestyle() != second.get_linestyle()


def test_curves_of_one_schedules_class_get_shades():
    runs = {str(lr): [make_history()] for lr in (0.1, 0.2)}
    lines = plots.curves(runs, ["test_loss"], title="").axes[0].lines
    assert len({line.get_color() for line in lines}) == 2
    assert len({line.get_linestyle() for line in lines}) == 2


def test_gallery_draws_both_losses_of_each_seed():
    run, lost = make_history(), make_history()
    run.recipe = lost.recipe = replace(run.recipe, epochs=9)
    lost.stopped = "diverged"
    figure = plots.gallery({"A": [run, lost], "B": [run]}, title="Which?", top=3)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["A", "B"]
    for axes, seeds in zip(figure.axes, (2, 1), strict=True):
        curves, arrows, *crosses = axes.lines[: 2 * seeds], *axes.lines[2 * seeds :]
        assert not len(arrows.get_xdata())
        assert len(curves) == 2 * seeds
        assert [cross.get_xdata().tolist() for cross in crosses] == [[2]] * (seeds - 1)
        assert axes.get_ylim() == (0, 3)
        assert axes.get_xlim()[0] <= 1, "the whole time axis"
        assert axes.get_xlim()[1] >= 9
    for line, values in zip(figure.axes[1].lines, (run.train_loss, run.test_loss), strict=False):
        assert line.get_ydata().tolist() == values
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "training loss",
        "test loss",
    ]


def test_gallery_marks_losses_above_its_axis_and_labels_every_panel():
    run, long = make_history(), make_history()
    run.train_loss, run.test_loss = [9.0, 1.0], [1.0, float("inf")]
    long.recipe = replace(long.recipe, epochs=30)
    panels = {"A": [run], "B": [long], "C": [long]}
    figure = plots.gallery(panels, title="", top=2.5, evaluated="held-out loss")
    assert figure.legends[0].get_texts()[1].get_text() == "held-out loss"
    train, test, arrows = figure.axes[0].lines
    assert np.isnan(train.get_ydata()).tolist() == [True, False]
    assert np.isnan(test.get_ydata()).tolist() == [False, True]
    assert (arrows.get_xdata(), arrows.get_marker()) == ([1], "^")
    for axes in figure.axes:
        assert all(tick.label1.get_visible() for tick in axes.xaxis.get_major_ticks())


def measured(stopped=None, **changes):
    values = {
        "lr": [0.1, 0.2],
        "loss": [3.0, 2.0],
        "grad_norm": [4.0, 5.0],
        "curvature": [10.0, -1.0],
        "update_ratio": [0.01, 0.02],
    }
    return FirstSteps(**{**values, **changes}, stopped=stopped)


def test_first_steps_draws_medians_seeds_and_rates():
    seeds = [measured(loss=[x, 2.0], curvature=[c, -1.0]) for x, c in ((3, 10), (5, 4), (90, 1))]
    columns = {"A": {"a": seeds, "b": [measured()]}, "B": {"a": [measured()], "b": seeds}}
    figure = plots.first_steps(columns, title="")
    loss, other, border, _ = figure.axes
    assert [axes.get_title(loc="left") for axes in (loss, other)] == ["A", "B"]
    assert (loss.get_yscale(), border.get_yscale()) == ("log", "log")
    median, *dots = loss.lines[:4]
    assert median.get_xdata().tolist() == [1, 2]
    assert median.get_ydata().tolist() == [5, 2]
    assert [dot.get_ydata()[0] for dot in dots] == [3, 5, loss.get_ylim()[1]], "one beyond the axis"
    assert border.lines[0].get_ydata() == pytest.approx([0.5, border.get_ylim()[1]]), "no border"
    assert border.lines[4].get_ydata() == pytest.approx([0.1, 0.2]), "the rates"
    assert loss.lines[0].get_color() == border.lines[4].get_color() != loss.lines[4].get_color()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b"]


def test_a_run_that_overflows_leaves_the_others_going():
    wild = measured(stopped="diverged", lr=[0.0], loss=[3.0], curvature=[1.0])
    figure = plots.first_steps({"A": {"x": [wild, measured(loss=[4.0, 1.0])]}}, title="")
    median, first, _ = figure.axes[0].lines
    assert median.get_ydata().tolist() == [3.5, 1.0]
    assert np.isnan(first.get_ydata()[1])


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


def range_found(shift=1.0, rise=1.0):
    lr = 10 ** np.linspace(-4, 1, 60)
    losses = 2.3 - 1.5 / (1 + (0.01 * shift / lr) ** 1.5) + rise * (lr / shift) ** 2
    return RangeTest(lr, losses, steps=60, beta=0.5)


def test_batch_losses_have_means_around_each_update_and_levels():
    losses = {"a": [4.0, 1, 1, 4, 1], "b": [2.0] * 7}
    axes = plots.batch_losses(losses, title="t", levels={"least": 0.5}, window=3).axes[0]
    pale, mean, _, flat, level = axes.lines
    assert pale.get_ydata().tolist() == losses["a"]
    assert mean.get_xdata().tolist() == [1, 2, 3]
    assert mean.get_ydata() == pytest.approx([2, 2, 2])
    assert flat.get_ydata() == pytest.approx([2] * 5)
    assert level.get_ydata() == [0.5, 0.5]
    assert axes.texts[0].get_text() == "least"
    assert [text.get_text() for text in axes.figure.legends[0].texts] == ["a", "b"]
    assert mean.get_color() == pale.get_color() != flat.get_color()


def test_range_test_draws_losses_and_what_each_rule_suggests():
    found = range_found()
    figure = plots.range_test([found], title="Below 0.1")
    (axes,) = figure.axes
    measured, smoothed, *lines = axes.lines
    assert (axes.get_xscale(), axes.get_title(loc="left")) == ("log", "Below 0.1")
    assert measured.get_ydata().tolist() == list(found.loss)
    assert smoothed.get_ydata().tolist() == found.smoothed.tolist()
    for line in (measured, smoothed):
        assert line.get_xdata().tolist() == list(found.lr)
    rates = [line.get_xdata()[0] for line in lines if len(line.get_xdata())]
    assert rates == [found.steepest(), found.minimum_tenth(), found.valley()]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "measured",
        "smoothed",
        f"steepest: {found.steepest():.2g}",
        f"minimum / 10: {found.minimum_tenth():.2g}",
        f"valley: {found.valley():.2g}",
    ]
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 3
    bottom, top = axes.get_ylim()
    assert bottom < min(found.loss)
    assert found.loss[0] < top < max(found.loss), "the explosion leaves the axis"


def test_range_test_overlays_seeds_and_says_where_a_rule_has_no_suggestion():
    seeds = [range_found(), range_found(shift=5.0), range_found(rise=0.0)]
    figure = plots.range_test(seeds, title="")
    told = {text.get_text() for text in figure.legends[0].get_texts()}
    steepest = sorted(found.steepest() for found in seeds)
    assert f"steepest: {steepest[0]:.2g} to {steepest[-1]:.2g}" in told
    lows = sorted(found.minimum_tenth() for found in seeds[:2])
    assert f"minimum / 10: {lows[0]:.2g} to {lows[1]:.2g}, 1 without" in told
    flat = RangeTest(seeds[0].lr, np.full(60, 2.0), steps=60)
    told = plots.range_test([flat], title="").legends[0].get_texts()
    assert [text.get_text() for text in told[2:]] == [
        f"{name}: none" for name in ("steepest", "minimum / 10", "valley")
    ]

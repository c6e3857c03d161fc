"""The figures: what is drawn is what was asked for."""

import numpy as np
import pytest

from lrlab import Constant, CosineDecay, StepDecay, join, plots, warmup
from lrlab.data import load
from lrlab.landscapes import DoubleWell, Quadratic, descend
from lrlab.optimizers import SGD
from lrlab.schedules import Schedule, scale
from lrlab.statistics import mean_interval
from lrlab.theory import best_constant_lr, convergence_factor, divergence_lr
from lrlab.utils import Value
from tests.support.histories import make_history

pytestmark = pytest.mark.usefixtures("clean_plots")


def test_every_schedule_has_a_line_of_its_own():
    from lrlab import schedules

    classes = {n for n in schedules.__all__ if n != "Schedule"} | {"other"}
    assert set(plots.LINES) == classes
    assert len(set(plots.LINES.values())) == len(classes)


def test_a_composition_takes_the_line_of_its_last_piece():
    cosine = CosineDecay(0.1, total_epochs=5)
    for composed in (warmup(cosine, 2), scale(cosine, 2), join([Constant(1), cosine], at=[3])):
        assert plots.line_of(composed) == plots.line_of(cosine)


def test_schedules_of_one_class_keep_the_colour_and_differ_in_style():
    schedules = {str(g): StepDecay(1, gamma=g, step_epochs=1) for g in (0.5, 0.4, 0.3)}
    lines = plots.rates(schedules, 3, title="").axes[0].lines
    assert len({line.get_color() for line in lines}) == 1
    assert len({line.get_linestyle() for line in lines}) == 3


def test_a_schedule_of_the_readers_own_is_grey(monkeypatch):
    monkeypatch.setattr(Value, "_registry", dict(Value._registry))

    class Own(Schedule):
        def _rates(self, t):
            return t

    assert plots.line_of(Own())["color"] == "#777777"


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


def test_rates_on_a_log_axis():
    assert plots.rates({"s": Constant(1)}, 3, title="", log=True).axes[0].get_yscale() == "log"


def test_used_rates_shows_the_rates_that_were_read_back():
    run = make_history(late=1)
    axes = plots.used_rates({"run": run}, title="").axes[0]
    assert axes.lines[0].get_ydata().tolist() == run.lr == [0.8, 0.8]
    assert axes.patches[0].get_data().values.tolist() == [0.8, 0.4]
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


def test_sequences_draws_each_framework():
    axes = plots.sequences({"PyTorch": [0.3, 0.1], "Keras": [0.3, 0.2]}, title="").axes[0]
    assert [line.get_ydata().tolist() for line in axes.lines] == [[0.3, 0.1], [0.3, 0.2]]


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


def test_curves_of_one_schedules_class_get_shades():
    runs = {str(lr): [make_history()] for lr in (0.1, 0.2)}
    lines = plots.curves(runs, ["test_loss"], title="").axes[0].lines
    assert len({line.get_color() for line in lines}) == 2
    assert len({line.get_linestyle() for line in lines}) == 2


def test_gallery_draws_both_losses_of_each_seed():
    run, lost = make_history(), make_history()
    run.config["epochs"] = lost.config["epochs"] = 9
    lost.stopped = "diverged"
    figure = plots.gallery({"A": [run, lost], "B": [run]}, title="Which?", top=3)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["A", "B"]
    for axes, seeds in zip(figure.axes, (2, 1), strict=True):
        curves, crosses = axes.lines[: 2 * seeds], axes.lines[2 * seeds :]
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


BOWL = Quadratic([1, 9])


def path(lr, start=(2.0, 1.0), steps=5, landscape=BOWL):
    return descend(landscape, SGD(), Constant(lr), start, steps)


def test_paths_draws_each_descent_on_level_lines():
    trajectories = {"slow": path(0.01), "diverges": path(0.3)}
    figure = plots.paths(BOWL, trajectories, title="")
    for axes, (label, trajectory) in zip(figure.axes, trajectories.items(), strict=True):
        assert axes.get_title(loc="left") == label
        np.testing.assert_array_equal(axes.lines[0].get_xydata(), trajectory.w)
        assert axes.lines[1].get_xydata().tolist() == [[2.0, 1.0]]
        assert axes.lines[2].get_xydata().tolist() == [[0.0, 0.0]]
        assert axes.get_xlim() == pytest.approx((-2.4, 2.4))
        assert len(axes.collections) == 1
    figure = plots.paths(BOWL, trajectories, title="", view=((-9, 9), (-4, 4)))
    assert figure.axes[0].get_ylim() == (-4, 4)


def test_paths_draws_the_curve_of_one_weight():
    well = DoubleWell()
    trajectory = path(0.05, start=well.sharp_minimum + 0.1, landscape=well)
    axes = plots.paths(well, {"": trajectory}, title="").axes[0]
    curve, drawn = axes.lines[:2]
    np.testing.assert_array_equal(curve.get_ydata(), well.loss(curve.get_xdata()[:, np.newaxis]))
    np.testing.assert_array_equal(drawn.get_ydata(), trajectory.loss)


def test_paths_refuses_what_it_cannot_draw():
    with pytest.raises(ValueError, match="landscape must have 1 or 2 dimensions, received 3"):
        plots.paths(Quadratic([1, 2, 3]), {}, title="")
    with pytest.raises(ValueError, match="'two' must have one starting point, not several"):
        plots.paths(BOWL, {"two": path(0.1, start=np.ones((2, 2)))}, title="")


def test_convergence_draws_the_root_mean_square_distance():
    both = path(0.1, start=np.array([[3.0, 0.0], [0.0, 4.0]]))
    axes = plots.convergence({"two": both}, title="", floors={"two": 0.5}).axes[0]
    curve, floor = axes.lines
    assert curve.get_ydata()[0] == pytest.approx(np.sqrt((9 + 16) / 2))
    assert curve.get_xdata().tolist() == [0, 1, 2, 3, 4, 5]
    assert floor.get_ydata() == [0.5, 0.5]
    axes = plots.convergence({"two": both}, title="", log_steps=True).axes[0]
    assert axes.get_xscale() == "log"
    assert axes.lines[0].get_xdata().tolist() == [1, 2, 3, 4, 5, 6]


def test_factors_draws_theory_and_measurement():
    axes = plots.factors(BOWL, {0.2: 0.8}, title="").axes[0]
    theory, measured = axes.lines[:2]
    assert theory.get_ydata() == pytest.approx(convergence_factor(BOWL, theory.get_xdata()))
    assert measured.get_xydata().tolist() == [[0.2, 0.8]]
    marked = {line.get_xdata()[0] for line in axes.lines[3:]}
    assert marked == {best_constant_lr(BOWL), divergence_lr(BOWL)}


def test_finals_draws_a_dot_a_seed_and_the_interval():
    runs = [make_history() for _ in range(3)]
    for run, accuracy in zip(runs, [0.89, 0.90, 0.91], strict=True):
        run.test_accuracy[-1] = accuracy
    axes = plots.finals({"decay": runs}, "test_accuracy", title="").axes[0]
    bar, dots, mean = axes.lines
    assert bar.get_xdata() == pytest.approx([0.875, 0.925], abs=5e-4)
    assert list(dots.get_xdata()) == [0.89, 0.90, 0.91]
    assert mean.get_xdata() == pytest.approx([0.90])
    lost = make_history()
    lost.stopped = "diverged"
    axes = plots.finals({"decay": [*runs, lost]}, "test_accuracy", title="").axes[0]
    cross, *rest = axes.lines
    assert len(cross.get_xdata()) == 1
    for line, before in zip(rest, (bar, dots, mean), strict=True):
        assert list(line.get_xdata()) == list(before.get_xdata()), "it counts nowhere"


def test_samples_shows_every_class_once():
    digits = load("digits")
    figure = plots.samples(digits, title="")
    assert [axes.get_title() for axes in figure.axes] == [str(label) for label in range(10)]
    for label, axes in enumerate(figure.axes):
        shown = axes.images[0].get_array()
        first = next(x for x, y in zip(digits.x_train, digits.y_train, strict=True) if y == label)
        np.testing.assert_array_equal(shown.squeeze(), first.squeeze())

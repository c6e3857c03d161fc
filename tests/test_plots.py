"""The figures: what is drawn is what was asked for."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt

from lrlab import Constant, CosineDecay, StepDecay, join, plots, warmup
from lrlab.compose import scale
from lrlab.data import load
from lrlab.schedule_base import Schedule
from tests.test_history import make_history


@pytest.fixture(autouse=True)
def _close():
    before = dict(mpl.rcParams)
    yield
    plt.close("all")
    assert dict(mpl.rcParams) == before, "the style leaked"


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
    monkeypatch.setattr(Schedule, "_registry", dict(Schedule._registry))

    class Own(Schedule):
        pass

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


def test_curves_can_take_another_line_and_a_log_axis():
    runs = {"a": [make_history()]}
    figure = plots.curves(runs, ["test_loss", "test_accuracy"], title="", lines={"a": "Constant"},
                          log=True)  # fmt: skip
    assert figure.axes[0].lines[0].get_color() == plots.LINES["Constant"][0]
    assert [axes.get_yscale() for axes in figure.axes] == ["log", "linear"]


def test_sequences_draws_each_framework():
    axes = plots.sequences({"PyTorch": [0.3, 0.1], "Keras": [0.3, 0.2]}, title="").axes[0]
    assert [line.get_ydata().tolist() for line in axes.lines] == [[0.3, 0.1], [0.3, 0.2]]


def test_sensitivity_draws_mean_range_and_threshold():
    results = {"no decay": [[0.2, 0.4], [0.9, 0.9]]}
    figure = plots.sensitivity(
        [0.1, 1.0],
        results,
        threshold=0.5,
        ylabel="error",
        title="",
        lines={"no decay": "Constant"},
    )
    axes = figure.axes[0]
    assert axes.lines[0].get_ydata() == pytest.approx([0.3, 0.9])
    assert axes.lines[1].get_ydata() == [0.5, 0.5]
    band = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == (0.2, 0.9)
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert axes.lines[0].get_color() == plots.LINES["Constant"][0]


def test_finals_draws_a_dot_a_seed_and_the_interval():
    runs = [make_history() for _ in range(3)]
    for run, accuracy in zip(runs, [0.89, 0.90, 0.91], strict=True):
        run.test_accuracy[-1] = accuracy
    axes = plots.finals({"decay": runs}, "test_accuracy", title="").axes[0]
    bar, dots, mean = axes.lines
    assert bar.get_xdata() == pytest.approx([0.875, 0.925], abs=5e-4)
    assert list(dots.get_xdata()) == [0.89, 0.90, 0.91]
    assert mean.get_xdata() == pytest.approx([0.90])


def test_samples_shows_every_class_once():
    digits = load("digits")
    figure = plots.samples(digits, title="")
    assert [axes.get_title() for axes in figure.axes] == [str(label) for label in range(10)]
    for label, axes in enumerate(figure.axes):
        shown = axes.images[0].get_array()
        first = next(x for x, y in zip(digits.x_train, digits.y_train, strict=True) if y == label)
        np.testing.assert_array_equal(shown.squeeze(), first.squeeze())

"""Settings side by side: what is drawn is what was measured."""

import pytest
from matplotlib.colors import to_rgb

from lrlab import plots
from lrlab.statistics import Interval, Standing, mean_interval
from tests.support.histories import make_history

pytestmark = pytest.mark.usefixtures("clean_plots")


def test_differences_draws_each_seed_and_the_interval():
    pairs = {"a": [0.1, 0.2, 0.4], "b": [-0.3, -0.1]}
    figure = plots.differences(pairs, title="Who wins?", xlabel="a minus b")
    axes = figure.axes[0]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["a", "b"]
    assert axes.get_xlabel() == "a minus b"
    assert figure.get_suptitle() == "Who wins?"
    assert axes.get_ylim()[0] > axes.get_ylim()[1], "the first label stands at the top"
    zero, *rest = axes.lines
    assert set(zero.get_xdata()) == {0}
    assert len(rest) == 6
    for row, values in enumerate(pairs.values()):
        bar, dots, mean = rest[3 * row : 3 * row + 3]
        assert tuple(bar.get_xdata()) == mean_interval(values)[1:]
        assert list(dots.get_xdata()) == values
        assert list(mean.get_xdata()) == [mean_interval(values).mean]
        assert {y for line in (bar, dots, mean) for y in line.get_ydata()} == {row}
    assert not axes.patches


def test_differences_shows_what_is_too_small_to_matter():
    axes = plots.differences({"a": [0.0, 1.0]}, title="", xlabel="", margin=0.5).axes[0]
    (band,) = axes.patches
    edges = axes.transData.inverted().transform(band.get_verts())[:, 0]
    assert (edges.min(), edges.max()) == pytest.approx((-0.5, 0.5))
    with pytest.raises(ValueError, match=r"margin must be .+, received 0"):
        plots.differences({"a": [0.0, 1.0]}, title="", xlabel="", margin=0)


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


def test_finals_of_several_groups_stand_side_by_side_in_one_order():
    small, full = [make_history() for _ in range(2)], [make_history() for _ in range(3)]
    full[0].test_accuracy[-1] = 0.95
    groups = {"small": {"a": small, "b": small}, "full": {"b": full, "a": small}}
    left, right = plots.finals(groups, "test_accuracy", title="").axes
    assert [axes.get_title(loc="left") for axes in (left, right)] == ["small", "full"]
    assert [tick.get_text() for tick in left.get_yticklabels()] == ["a", "b"]
    rows = [right.lines[3 * row + 1] for row in range(2)]  # bar, dots, mean
    assert [len(dots.get_xdata()) for dots in rows] == [2, 3]
    assert 0.95 in rows[1].get_xdata()


def test_standings_are_coloured_by_their_words_in_units_of_the_margin():
    def standing(mean, word):
        return Standing(
            Interval(mean, mean - 1, mean + 1), Interval(mean, mean - 2, mean + 2), word
        )

    first = {"a": standing(0.5, "as good"), "b": standing(-0.001, "open")}
    second = {"b": standing(0.06, "worse"), "c": standing(0.01, "as good")}
    axes = plots.standings({"x": first, "y": second}, {"x": 1.0, "y": 0.02}, title="t").axes[0]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["a", "b", "c"]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["x", "y"]
    found = {
        (text.get_position(), text.get_text()): patch.get_facecolor()[:3]
        for text, patch in zip(axes.texts, axes.patches, strict=True)
    }
    green, red, white = map(to_rgb, ("#009E73", "#D55E00", "white"))
    assert found == {
        ((0.5, 0.5), "0.5"): green,
        ((0.5, 1.5), "0.0"): white,
        ((0.5, 2.5), "ref."): white,
        ((1.5, 0.5), "ref."): white,
        ((1.5, 1.5), "3.0"): red,
        ((1.5, 2.5), "0.5"): green,
    }
    with pytest.raises(ValueError, match=r"margins must have the columns \['x', 'y'\]"):
        plots.standings({"x": first, "y": second}, {"x": 1.0}, title="t")


def test_rows_of_standings_can_be_put_in_order():
    one = Interval(1, 0, 2)
    cells = {"x": dict.fromkeys(("steps", "line"), Standing(one, one, "open"))}
    rows = [[*cells["x"]], ["line", "cosine", "steps"]]
    for ways, wanted in zip(([], ["line", "cosine"]), rows, strict=True):
        axes = plots.standings(cells, {"x": 1.0}, title="t", ways=ways).axes[0]
        assert [label.get_text() for label in axes.get_yticklabels()] == wanted
    with pytest.raises(ValueError, match=r"'x' must lack one way, .* lacks \['lin', 'cosine'\]"):
        plots.standings(cells, {"x": 1.0}, title="t", ways=["lin", "cosine"])

"""Figures of an ensemble's members: what is drawn is what was measured."""

import numpy as np
import pytest

from lrlab import plots

pytestmark = pytest.mark.usefixtures("clean_plots")


def test_bands_draw_the_mean_and_reach_from_seed_to_seed():
    seeds = [[1.0, 4.0, 2.0], [3.0, 0.0, 2.5]]
    figure = plots.bands([1, 2, 3], {"a": seeds, "b": [[0.0, 0.0, 0.0]]}, xlabel="members",
                         ylabel="accuracy", title="T")  # fmt: skip
    (axes,) = figure.axes
    a, b = axes.lines
    assert a.get_xydata().tolist() == [[1, 2.0], [2, 2.0], [3, 2.25]]
    assert a.get_color() != b.get_color()
    corners = axes.collections[0].get_paths()[0].vertices
    for x, low, high in ((1, 1.0, 3.0), (2, 0.0, 4.0), (3, 2.0, 2.5)):
        assert set(corners[corners[:, 0] == x, 1]) == {low, high}
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("members", "accuracy")
    assert axes.get_title(loc="left") == "T"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b"]
    assert axes.get_xticks().tolist() == [1, 2, 3]


def test_bands_take_the_lines_of_schedules_and_label_broken_numbers_as_they_come():
    figure = plots.bands([0, 0.5], {"a": [[1, 2]]}, xlabel="", ylabel="", title="",
                         lines={"a": "CosineDecay"})  # fmt: skip
    assert figure.axes[0].lines[0].get_color() == plots.LINES["CosineDecay"][0]
    assert len(figure.axes[0].get_xticks()) > 2


def test_matrices_share_a_scale_and_leave_the_diagonal_empty():
    one = np.array([[0, 0.25], [0.25, 0]])
    two = np.array([[1, 0.5, 0.1], [0.5, 1, 0.2], [0.1, 0.2, 1]])
    figure = plots.matrix({"one": one, "two": two}, title="T", digits=1)
    left, right = figure.axes
    for axes, values in ((left, one), (right, two)):
        (image,) = axes.images
        assert image.get_clim() == (0, 0.5), "the ones on the diagonal do not count"
        shown = image.get_array()
        assert np.array_equal(shown.mask, np.eye(len(values), dtype=bool))
        assert np.array_equal(shown.filled(0), values * ~shown.mask)
        texts = {text.get_position(): text.get_text() for text in axes.texts}
        assert len(texts) == len(values) ** 2 - len(values)
        assert all(texts[j, i] == f"{values[i, j]:.1f}" for j, i in texts)
    assert [tick.get_text() for tick in right.get_xticklabels()] == ["1", "2", "3"]
    dark = {text.get_text(): text.get_color() for text in right.texts}
    assert (dark["0.1"], dark["0.5"]) == ("white", "black")


def test_members_of_a_matrix_may_have_names():
    figure = plots.matrix({"": np.eye(2)}, title="", labels=["x", "y"])
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == ["x", "y"]

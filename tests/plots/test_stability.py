"""Figures of stability: what is drawn is what was computed or measured."""

import numpy as np
import pandas as pd
import pytest

from lrlab import plots

pytestmark = pytest.mark.usefixtures("clean_plots")


def test_edges_draws_every_seed_and_the_edge_in_one_colour():
    tables = {
        label: [pd.DataFrame({"step": [0, 5], "sharpness": [1.0, top + seed]}) for seed in (0, 1)]
        for label, top in (("rate 0.1", 20), ("rate 0.2", 10))
    }
    figure = plots.edges(tables, {"rate 0.1": 20.0, "rate 0.2": 10.0}, title="A title")
    (axes,) = figure.axes
    for k, (label, seeds) in enumerate(tables.items()):
        limit, *lines = axes.lines[3 * k : 3 * k + 3]
        assert set(limit.get_ydata()) == {{"rate 0.1": 20.0, "rate 0.2": 10.0}[label]}
        assert limit.get_linestyle() == ":"
        for line, table in zip(lines, seeds, strict=True):
            assert line.get_xydata().tolist() == table.to_numpy().tolist()
            assert line.get_color() == limit.get_color()
    assert axes.lines[0].get_color() != axes.lines[3].get_color()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(tables)
    assert axes.get_ylim()[0] == 0
    assert axes.get_ylabel() == "sharpness"
    assert axes.get_title(loc="left") == "A title"
    ratios = plots.edges(tables, dict.fromkeys(tables, 1.0), ylabel="of the edge", title="")
    assert ratios.axes[0].get_ylabel() == "of the edge"
    dotted = [line for line in ratios.axes[0].lines if line.get_linestyle() == ":"]
    assert len(dotted) == 1  # the edge that all have in common
    assert len(ratios.axes[0].lines) == 1 + 4
    with pytest.raises(ValueError, match=r"limits must have the labels \['rate 0.1', 'rate 0.2'\]"):
        plots.edges(tables, {"rate 0.1": 1.0}, title="")


def test_edges_draws_dotted_only_the_edge():
    tables = {
        f"{k}": [pd.DataFrame({"step": [0, 5], "sharpness": [1.0, 2.0 + k]})] for k in range(5)
    }
    (axes,) = plots.edges(tables, dict.fromkeys(tables, 1.0), title="").axes
    assert [line.get_linestyle() for line in axes.lines].count(":") == 1


def test_edges_draws_an_edge_that_moves_on_a_logarithmic_axis():
    tables = {"sharpness": [pd.DataFrame({"step": [0, 5, 10], "sharpness": [9.0, 4.0, 2.0]})]}
    moving = pd.Series([np.inf, 4.0, 1.0], [0, 5, 10])
    (axes,) = plots.edges(tables, {"sharpness": 1.0}, moving=moving, title="").axes
    assert axes.lines[-1].get_xydata().tolist() == [[5, 4], [10, 1]]
    assert axes.get_yscale() == "log"
    assert axes.lines[-1].get_color() != axes.lines[0].get_color()
    (legend,) = axes.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["sharpness", "edge, 2/η"]


def test_river_draws_rates_travel_height_and_their_sum():
    losses = {"held": np.array([[3.0, 1.0], [2.0, 0.5]]), "cut": np.array([[3.0, 1.0], [2.5, 0.1]])}
    rates = {"held": [0.2], "cut": [0.1]}
    named = {"held": "Constant", "cut": "StepDecay"}
    figure = plots.river(losses, rates, named=named, title="A title")
    above, along, across, total = figure.axes
    for k, (label, parts) in enumerate(losses.items()):
        assert above.lines[k].get_ydata().tolist() == rates[label]
        assert along.lines[k].get_ydata().tolist() == parts[:, 0].tolist()
        assert across.lines[k].get_ydata().tolist() == parts[:, 1].tolist()
        assert total.lines[k].get_ydata().tolist() == parts.sum(axis=1).tolist()
        colors = {axes.lines[k].get_color() for axes in figure.axes}
        assert colors == {plots.LINES[named[label]][0]}
    assert [axes.get_yscale() for axes in figure.axes] == ["linear", "linear", "log", "log"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(losses)
    assert figure.get_suptitle() == "A title"
    with pytest.raises(ValueError, match=r"rates must have the labels \['held', 'cut'\]"):
        plots.river(losses, {"cut": [0.1]}, title="")


def test_bounds_draws_what_is_foretold_beside_what_is_measured():
    foretold = {"constant": np.array([4.0, 2.0, 1.5]), "linear": np.array([4.0, 2.5, 1.0])}
    measured = {label: pd.Series([0.9, 0.3 + k], [0, 2]) for k, label in enumerate(foretold)}
    named = {"constant": "Constant", "linear": "LinearDecay"}
    figure = plots.bounds(foretold, measured, named=named, title="A title")
    left, right = figure.axes
    for k, label in enumerate(foretold):
        assert left.lines[k].get_xydata()[:, 1].tolist() == foretold[label].tolist()
        assert left.lines[k].get_xdata().tolist() == [0, 1, 2]
        assert right.lines[k].get_xydata().tolist() == [[0, 0.9], [2, 0.3 + k]]
        assert (
            left.lines[k].get_color() == right.lines[k].get_color() == plots.LINES[named[label]][0]
        )
    assert (left.get_title(loc="left"), right.get_title(loc="left")) == ("bound", "measured loss")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(foretold)
    assert figure.get_suptitle() == "A title"
    assert {axes.get_xlabel() for axes in figure.axes} == {"step"}
    again = plots.bounds(foretold, measured, xlabel="epoch", title="")
    assert {axes.get_xlabel() for axes in again.axes} == {"epoch"}
    with pytest.raises(ValueError, match=r"measured must have the labels \['constant', 'linear'\]"):
        plots.bounds(foretold, {}, title="")

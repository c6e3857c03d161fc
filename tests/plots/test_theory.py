"""Figures of momentum: what is drawn is what was computed or measured."""

import numpy as np
import pytest
from matplotlib.collections import QuadMesh

from lrlab import Constant, plots
from lrlab.landscapes import Noisy, Quadratic, descend
from lrlab.optimizers import SGD, Momentum
from lrlab.theory import PHASES, best_tuning, divergence_lr, plane, regime

pytestmark = pytest.mark.usefixtures("clean_plots")

BOWL = Quadratic([2, 18])


def test_memory_draws_the_weights_and_their_sums():
    figure = plots.memory([0, 0.5, 0.9], 4, title="A title")
    weights, sums = figure.axes
    expected = [[1, 0, 0, 0], [1, 0.5, 0.25, 0.125], [1, 0.9, 0.81, 0.729]]
    for drawn, total, values in zip(weights.lines, sums.lines, expected, strict=True):
        assert drawn.get_ydata() == pytest.approx(values)
        assert drawn.get_xdata().tolist() == [0, 1, 2, 3]
        assert total.get_ydata() == pytest.approx(np.cumsum(values))
        assert total.get_xdata().tolist() == [1, 2, 3, 4]
        assert drawn.get_color() == total.get_color()
    assert len({line.get_color() for line in weights.lines}) == 3
    assert (weights.get_yscale(), sums.get_yscale()) == ("linear", "log")
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["β = 0", "β = 0.5", "β = 0.9"]
    assert figure.get_suptitle() == "A title"


def test_coordinates_draws_the_first_weight_of_each_path():
    paths = {
        f"rate {lr}": descend(BOWL, SGD(), Constant(lr), [1.0, 0.0], 5) for lr in (0.01, 0.6, 1.1)
    }
    figure = plots.coordinates(paths, title="A title")
    for axes, (label, path) in zip(figure.axes, paths.items(), strict=True):
        zero, line = axes.lines
        assert line.get_ydata().tolist() == path.w[:, 0].tolist()
        assert line.get_xdata().tolist() == list(range(6))
        assert set(zero.get_ydata()) == {0}
        assert axes.get_title(loc="left") == label
    limits = {axes.get_ylim() for axes in figure.axes}
    assert len(limits) == 3
    assert figure.get_suptitle() == "A title"


def test_wanderings_draws_paths_on_the_same_axes_and_a_ring_at_twice_the_spread():
    noisy = Noisy(BOWL, sigma=1)
    paths = {
        "plain": descend(noisy, SGD(), Constant(0.05), [0.0, 0.0], 50, seed=1),
        "momentum": descend(noisy, Momentum(), Constant(0.005), [0.0, 0.0], 50, seed=1),
    }
    spreads = {"plain": (0.5, 0.2), "momentum": (0.4, 0.1)}
    figure = plots.wanderings(paths, spreads, title="A title")
    for axes, (label, path) in zip(figure.axes, paths.items(), strict=True):
        line, cross = axes.lines
        assert line.get_xydata().tolist() == path.w.tolist()
        assert cross.get_xydata().tolist() == [[0, 0]]
        (ring,) = axes.patches
        assert (ring.width, ring.height) == tuple(4 * spread for spread in spreads[label])
        assert axes.get_title(loc="left") == label
    assert len({(axes.get_xlim(), axes.get_ylim()) for axes in figure.axes}) == 1
    assert figure.get_suptitle() == "A title"
    message = r"labels \['plain', 'momentum'\], received \['plain'\]"
    with pytest.raises(ValueError, match=message):
        plots.wanderings(paths, {"plain": (1, 1)}, title="")


def test_speeds_draws_theory_as_lines_and_measurements_as_dots():
    theory = {"plain": [10.0, 100.0], "Nesterov": [5.0, 15.0]}
    measured = {"plain": [11.0, 99.0], "Nesterov": [6.0, 14.0]}
    axes = plots.speeds([4, 40], theory, measured, title="A title").axes[0]
    for k, label in enumerate(theory):
        line, dots = axes.lines[2 * k : 2 * k + 2]
        assert line.get_xydata().tolist() == [[4, theory[label][0]], [40, theory[label][1]]]
        assert dots.get_xydata().tolist() == [[4, measured[label][0]], [40, measured[label][1]]]
        assert (line.get_linestyle() == "None", dots.get_linestyle()) == (False, "None")
        assert line.get_color() == dots.get_color()
    assert axes.lines[0].get_color() != axes.lines[2].get_color()
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert axes.get_title(loc="left") == "A title"
    message = r"methods of theory, \['plain', 'Nesterov'\], received \['plain'\]"
    with pytest.raises(ValueError, match=message):
        plots.speeds([4, 40], theory, {"plain": [1, 2]}, title="")


def test_phase_diagram_draws_phases_and_borders():
    lrs, momenta = np.linspace(0, 0.3, 7), np.linspace(0, 0.9, 5)
    planes = {
        "heavy": plane(BOWL, lrs, momenta, steps=50),
        "ahead": plane(BOWL, lrs, momenta, steps=50, nesterov=True),
    }
    figure = plots.phase_diagram(planes, title="A title")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(PHASES)
    for axes, (label, measured) in zip(figure.axes, planes.items(), strict=True):
        nesterov = measured.nesterov
        assert axes.get_title(loc="left") == label
        (mesh,) = [item for item in axes.collections if isinstance(item, QuadMesh)]
        codes = mesh.get_array().reshape(5, 7).astype(int)
        assert np.array(PHASES)[codes].tolist() == measured.phase.tolist()
        assert (mesh.norm.vmin, mesh.norm.vmax) == (0, 3)
        border, swings, ring = axes.lines
        lr, beta = border.get_data()
        assert lr == pytest.approx(divergence_lr(BOWL, beta, nesterov=nesterov))
        assert (beta.min(), beta.max()) == (0, 0.9)
        lr, beta = swings.get_data()
        assert len(beta) > 50
        for factor, kind in ((1 - 1e-9, "monotone"), (1 + 1e-9, "oscillating")):
            assert set(regime(2, lr[5:] * factor, beta[5:], nesterov=nesterov)) == {kind}
        assert (lr < divergence_lr(BOWL, beta, nesterov=nesterov)).all()
        best = best_tuning(BOWL, nesterov=nesterov)
        assert ring.get_xydata().tolist() == [[best.lr, best.momentum]]
        assert (axes.get_xlim(), axes.get_ylim()) == ((0, 0.3), (0, 0.9))


def test_step_lengths_draws_the_rate_above_the_steps():
    figure = plots.step_lengths(
        [0.1, 0.1, 0.01], {"pytorch": [1, 2, 0.3], "keras": [1, 2, 1.5]}, title="A title"
    )
    above, below = figure.axes
    stairs = above.patches[0].get_data()
    assert (stairs.values.tolist(), stairs.edges.tolist()) == (
        [0.1, 0.1, 0.01],
        [0.5, 1.5, 2.5, 3.5],
    )
    torch_dots, keras_dots = below.lines
    assert torch_dots.get_xydata().tolist() == [[1, 1], [2, 2], [3, 0.3]]
    assert keras_dots.get_ydata().tolist() == [1, 2, 1.5]
    assert torch_dots.get_marker() != keras_dots.get_marker()
    assert [text.get_text() for text in below.get_legend().get_texts()] == ["PyTorch", "Keras"]
    assert above.get_title(loc="left") == "A title"

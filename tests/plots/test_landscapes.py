"""Figures of descents: what is drawn is where they went."""

import numpy as np
import pytest

from lrlab import Constant, plots
from lrlab.landscapes import DoubleWell, Quadratic, descend
from lrlab.optimizers import SGD
from lrlab.theory import best_constant_lr, convergence_factor, divergence_lr

pytestmark = pytest.mark.usefixtures("clean_plots")

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
    axes = plots.convergence({"two": both}, title="", lines={"two": "InverseSqrtDecay"}).axes[0]
    assert axes.lines[0].get_color() == plots.LINES["InverseSqrtDecay"][0]


def test_factors_draws_theory_and_measurement():
    axes = plots.factors(BOWL, {0.2: 0.8}, title="").axes[0]
    theory, measured = axes.lines[:2]
    assert theory.get_ydata() == pytest.approx(convergence_factor(BOWL, theory.get_xdata()))
    assert measured.get_xydata().tolist() == [[0.2, 0.8]]
    marked = {line.get_xdata()[0] for line in axes.lines[3:]}
    assert marked == {best_constant_lr(BOWL), divergence_lr(BOWL)}

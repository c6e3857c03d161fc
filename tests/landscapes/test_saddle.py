"""The bent valley, the saddle and the cliff: against differences, SciPy, and their own claims."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import rosen, rosen_der, rosen_hess

from lrlab.landscapes.cliff import Cliff
from lrlab.landscapes.descent import descend
from lrlab.landscapes.rosenbrock import Rosenbrock
from lrlab.landscapes.saddle import Saddle
from lrlab.optimizers import SGD, Momentum
from lrlab.schedules import Constant
from tests.support.strategies import examples

LANDSCAPES = {
    "a bent valley": Rosenbrock(),
    "another valley": Rosenbrock(1.7, b=5),
    "a saddle": Saddle(),
    "another saddle": Saddle(3, fall=2, distance=0.5),
    "a cliff": Cliff(),
    "another cliff": Cliff(3, width=0.7, flat=0.3),
}
every_landscape = pytest.mark.parametrize("landscape", LANDSCAPES.values(), ids=LANDSCAPES)


def second_derivatives(landscape):
    return landscape.curvature if isinstance(landscape, Cliff) else landscape.hessian


# --- every landscape -----------------------------------------------------------------------------


@every_landscape
def test_slopes_and_curvatures_are_differences(landscape) -> None:
    d = landscape.dimension

    @given(st.lists(st.floats(-2, 2), min_size=d, max_size=d).map(np.array))
    @examples(60)
    def holds(w) -> None:
        shifts = 1e-5 * np.eye(d)
        slopes = (landscape.loss(w + shifts) - landscape.loss(w - shifts)) / 2e-5
        assert landscape.grad(w) == pytest.approx(slopes, rel=1e-6, abs=1e-5)
        rows = (landscape.grad(w + shifts) - landscape.grad(w - shifts)) / 2e-5
        curvatures = np.reshape(second_derivatives(landscape)(w), (d, d))
        assert curvatures == pytest.approx(rows, rel=1e-6, abs=1e-5)

    holds()


@every_landscape
def test_the_minimum_is_a_minimum_of_loss_0(landscape) -> None:
    lowest = landscape.minimum
    assert lowest.shape == (landscape.dimension,)
    assert landscape.loss(lowest) == 0
    assert landscape.grad(lowest).tolist() == [0] * landscape.dimension
    w = np.random.default_rng(0).uniform(-5, 5, (10_000, landscape.dimension))
    nearby = lowest + np.random.default_rng(0).normal(0, 1e-3, (100, landscape.dimension))
    assert min(landscape.loss(w).min(), landscape.loss(nearby).min()) > 0


@every_landscape
def test_many_points_at_once_are_the_points_one_by_one(landscape) -> None:
    d = landscape.dimension
    grid = np.random.default_rng(1).uniform(-3, 3, (3, 5, d))
    for method, shape in (
        (landscape.loss, ()),
        (landscape.grad, (d,)),
        (second_derivatives(landscape), (1,) if d == 1 else (d, d)),
    ):
        values = method(grid)
        assert values.shape == (3, 5, *shape)
        one_by_one = np.array([[method(w) for w in row] for row in grid])
        assert values == pytest.approx(one_by_one, rel=1e-12)
    assert type(landscape.loss(grid[0, 0])) is float
    assert landscape.loss(grid[0, 0].tolist()) == landscape.loss(grid[0, 0])


@every_landscape
@pytest.mark.parametrize("shape", [(), (7,), (2, 6)])
def test_points_of_another_dimension_are_refused(landscape, shape) -> None:
    rule = rf"w must be an array of shape \(\.\.\., {landscape.dimension}\), received one of"
    for method in (landscape.loss, landscape.grad, second_derivatives(landscape)):
        with pytest.raises(ValueError, match=rule):
            method(np.ones(shape))


@every_landscape
def test_a_landscape_is_a_value(landscape) -> None:
    twin = eval(repr(landscape))
    assert twin == landscape
    assert hash(twin) == hash(landscape)
    assert twin not in [other for other in LANDSCAPES.values() if other is not landscape]
    with pytest.raises(AttributeError):
        landscape.b = 1
    before = landscape.minimum.copy()
    landscape.minimum[:] = 9  # the caller's own copy
    assert landscape.minimum.tolist() == before.tolist()


# --- the bent valley -----------------------------------------------------------------------------


def test_the_default_valley_is_scipys() -> None:
    valley = Rosenbrock()
    for w in np.random.default_rng(2).uniform(-3, 3, (50, 2)):
        assert valley.loss(w) == pytest.approx(rosen(w), rel=1e-12)
        assert valley.grad(w) == pytest.approx(rosen_der(w), rel=1e-10, abs=1e-10)
        assert valley.hessian(w) == pytest.approx(rosen_hess(w), rel=1e-12)


def test_the_valley_by_hand() -> None:
    valley = Rosenbrock(2, b=10)
    assert valley.loss([1, 3]) == 1 + 10 * 4
    assert valley.grad([1, 3]).tolist() == [-2 - 80, 40]
    assert valley.hessian([1, 3]).tolist() == [[2 - 120 + 120, -40], [-40, 20]]
    assert valley.minimum.tolist() == [2, 4]


@given(st.floats(0.1, 3), st.floats(0.1, 200))
@examples(40)
def test_at_the_valleys_minimum_the_determinant_is_4b(a, b) -> None:
    valley = Rosenbrock(a, b=b)
    assert np.linalg.det(valley.hessian(valley.minimum)) == pytest.approx(4 * b, rel=1e-8)


# --- the saddle ----------------------------------------------------------------------------------


def test_the_saddle_by_hand() -> None:
    saddle = Saddle(3, fall=2, distance=0.5)
    assert saddle.hessian([0, 0]).tolist() == [[3, 0], [0, -2]]
    assert saddle.grad([0, 0]).tolist() == [0, 0]
    assert saddle.loss([0, 0]) == 2 * 0.25 / 4
    assert saddle.loss([2, 0.5]) == 6
    assert saddle.grad([2, 1]).tolist() == [6, 2 * 3]
    assert saddle.minima.tolist() == [[0, 0.5], [0, -0.5]]
    assert saddle.minimum.tolist() == [0, 0.5]
    assert saddle.loss(saddle.minima).tolist() == [0, 0]
    assert saddle.hessian(saddle.minima).tolist() == [[[3, 0], [0, 4]]] * 2


def test_on_the_ridge_descent_ends_in_the_saddle_and_beside_it_in_a_minimum() -> None:
    saddle = Saddle()
    ends = descend(saddle, SGD(), Constant(0.5), [[1, 0], [1, 1e-6], [1, -1e-6]], 2000).w[-1]
    expected = np.array([[0, 0], *saddle.minima])
    assert ends == pytest.approx(expected, abs=1e-12)


# --- the cliff -----------------------------------------------------------------------------------


def test_the_cliff_by_hand() -> None:
    cliff = Cliff(3, width=0.5, flat=0.25)
    assert cliff.loss([1]) == pytest.approx(3 * (1 - math.exp(-2)) + 0.125, rel=1e-14)
    assert cliff.curvature([0]).tolist() == [12.25]
    assert cliff.divergence_lr == 2 / 12.25
    # Far out the hole is gone, and a bowl of height 3 remains.
    assert cliff.loss([40]) == 3 + 0.125 * 1600
    assert cliff.grad([[40], [-40]]).tolist() == [[10], [-10]]
    assert cliff.curvature([40]).tolist() == [0.25]
    assert cliff.loss([1e-9]) == pytest.approx(12.25 / 2 * 1e-18, rel=1e-9, abs=0)


@pytest.mark.parametrize("cliff", [Cliff(), Cliff(3, width=0.7, flat=0.3)], ids=str)
def test_from_everywhere_the_slope_points_away_from_the_minimum(cliff) -> None:
    w = np.linspace(-6, 6, 4001)[:, np.newaxis]
    assert np.sign(cliff.grad(w)).tolist() == np.sign(w).tolist()


def test_the_wall_is_steepest_at_its_width() -> None:
    cliff = Cliff(2, width=0.3, flat=1e-6)
    w = np.linspace(0, 3, 30_001)[:, np.newaxis]
    slopes = cliff.grad(w)
    assert w[np.argmax(slopes)] == pytest.approx(0.3, rel=1e-3)
    assert slopes.max() == pytest.approx(2 / (0.3 * math.sqrt(math.e)), rel=1e-3)


def test_around_its_rate_of_divergence_descent_stays_or_leaves() -> None:
    cliff = Cliff()
    near = [0.001]
    below = descend(cliff, SGD(), Constant(0.95 * cliff.divergence_lr), near, 500)
    above = descend(cliff, SGD(), Constant(1.05 * cliff.divergence_lr), near, 500)
    assert below.distance[-1] < 1e-6
    assert above.distance[-1] > 0.01


def test_momentum_is_quicker_across_the_plateau() -> None:
    cliff = Cliff()
    rules = SGD(), Momentum(momentum=0.9)
    arrivals = [
        np.argmax(descend(cliff, rule, Constant(0.04), [2.0], 4000).distance < cliff.width)
        for rule in rules
    ]
    assert 0 < 8 * arrivals[1] < arrivals[0]


# --- refusals ------------------------------------------------------------------------------------

REFUSED = [
    (lambda: Rosenbrock(0), "a must be .* greater than 0, received 0"),
    (lambda: Rosenbrock(b=-1), "b must be .* greater than 0, received -1"),
    (lambda: Saddle("1"), "rise must be a finite .* received '1'"),
    (lambda: Saddle(fall=0), "fall must be .* greater than 0, received 0"),
    (lambda: Saddle(distance=math.inf), "distance must be a finite .* received inf"),
    (lambda: Cliff(-1), "height must be .* greater than 0, received -1"),
    (lambda: Cliff(width=math.nan), "width must be a finite .* received nan"),
    (lambda: Cliff(flat=0), "flat must be .* greater than 0, received 0"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_what_makes_no_sense_is_refused(make, message) -> None:
    with pytest.raises(ValueError, match=message):
        make()

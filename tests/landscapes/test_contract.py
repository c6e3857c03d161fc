"""What every landscape promises: its gradient, its minimum, many points at once, and a value."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrlab import landscapes
from lrlab.landscapes.base import Landscape
from lrlab.landscapes.cliff import Cliff
from lrlab.landscapes.double_well import DoubleWell
from lrlab.landscapes.noisy import Noisy
from lrlab.landscapes.quadratic import Quadratic
from lrlab.landscapes.rare_features import RareFeatures
from lrlab.landscapes.rosenbrock import Rosenbrock
from lrlab.landscapes.saddle import Saddle
from lrlab.landscapes.sign_trap import SignTrap
from tests.support.strategies import examples

LANDSCAPES = {
    "one weight": Quadratic([3]),
    "a ravine": Quadratic([0.5, 50]),
    "a tilted ravine": Quadratic([0.5, 50], angle=0.7),
    "five weights": Quadratic([4, 0.1, 2, 7, 1]),
    "two wells": DoubleWell(),
    "two other wells": DoubleWell(40, flat=2, separation=3, height=0),
    "noisy": Noisy(Quadratic([1, 9], angle=-0.3), sigma=5),
    "noisy in one direction": Noisy(Quadratic([1, 9]), covariance=[[1, -2], [-2, 4]]),
    "a bent valley": Rosenbrock(),
    "another valley": Rosenbrock(1.7, b=5),
    "a saddle": Saddle(),
    "another saddle": Saddle(3, fall=2, distance=0.5),
    "a cliff": Cliff(),
    "another cliff": Cliff(3, width=0.7, flat=0.3),
    "rare features": RareFeatures(5),
    "other features": RareFeatures(4, exponent=0.5, noise=2),
    "a trap": SignTrap([1, -1, 1]),
}
every_landscape = pytest.mark.parametrize("landscape", LANDSCAPES.values(), ids=LANDSCAPES)


def derivatives(landscape):
    """The gradient's own derivative, where there is one, as a function to square matrices."""
    d = landscape.dimension
    curvature = getattr(landscape, "hessian", getattr(landscape, "curvature", None))
    return curvature and (lambda w: np.reshape(curvature(w), (*np.shape(w)[:-1], d, d)))


def test_every_landscape_is_here() -> None:
    exported = (getattr(landscapes, name) for name in landscapes.__all__)
    classes = {x for x in exported if isinstance(x, type) and issubclass(x, Landscape)}
    assert {type(landscape) for landscape in LANDSCAPES.values()} == classes - {Landscape}
    assert len([x for x in LANDSCAPES.values() if derivatives(x)]) == 8


@every_landscape
def test_slopes_and_curvatures_are_differences(landscape) -> None:
    d = landscape.dimension
    shifts = 1e-5 * np.eye(d)

    @given(st.lists(st.floats(-3, 3), min_size=d, max_size=d).map(np.array))
    @examples(25)
    def holds(w) -> None:
        slopes = (landscape.loss(w + shifts) - landscape.loss(w - shifts)) / 2e-5
        assert landscape.grad(w) == pytest.approx(slopes, rel=1e-6, abs=1e-5)
        if curvature := derivatives(landscape):
            rows = (landscape.grad(w + shifts) - landscape.grad(w - shifts)) / 2e-5
            assert curvature(w) == pytest.approx(rows, rel=1e-5, abs=1e-5)

    holds()


@every_landscape
def test_no_point_lies_below_the_minimum(landscape) -> None:
    lowest = landscape.minimum
    assert lowest.shape == (landscape.dimension,)
    assert np.abs(landscape.grad(lowest)).max() < 1e-13
    w = np.random.default_rng(0).uniform(-5, 5, (10_000, landscape.dimension))
    nearby = lowest + np.random.default_rng(0).normal(0, 1e-3, (100, landscape.dimension))
    assert min(landscape.loss(w).min(), landscape.loss(nearby).min()) > landscape.loss(lowest)


@every_landscape
def test_many_points_at_once_are_the_points_one_by_one(landscape) -> None:
    d = landscape.dimension
    grid = np.random.default_rng(1).uniform(-3, 3, (3, 5, d))
    methods = {landscape.loss: (), landscape.grad: (d,), derivatives(landscape): (d, d)}
    for method, shape in methods.items():
        if method is not None:
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
    methods = ("loss", "grad", "sample_grad", "hessian", "curvature")
    for name in methods:
        arguments = [np.random.default_rng(0)] if name == "sample_grad" else []
        if method := getattr(landscape, name, None):
            with pytest.raises(ValueError, match=rule):
                method(np.ones(shape), *arguments)


@every_landscape
def test_a_landscape_is_a_value(landscape) -> None:
    twin = eval(repr(landscape))
    assert twin == landscape
    assert hash(twin) == hash(landscape)
    assert twin not in [other for other in LANDSCAPES.values() if other is not landscape]
    for name in ("minimum", "b"):
        with pytest.raises(AttributeError):
            setattr(landscape, name, 1)


@every_landscape
def test_what_it_holds_cannot_be_changed(landscape) -> None:
    arrays = [x for x in vars(landscape).values() if isinstance(x, np.ndarray)]
    assert any(x is landscape.minimum for x in arrays)
    for array in arrays:
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 5


@every_landscape
def test_its_config_leads_back_to_it(landscape) -> None:
    text = json.dumps(landscape.to_config(), allow_nan=False)
    again = Landscape.from_config(json.loads(text))
    assert again == landscape
    assert again.minimum.tolist() == landscape.minimum.tolist()


def test_a_landscape_of_ones_own_needs_both_formulas() -> None:
    class Flat(Landscape):
        dimension = 2

    for method in ("loss", "grad"):
        with pytest.raises(NotImplementedError, match=f"Flat must define _{method}"):
            getattr(Flat(), method)([0, 0])

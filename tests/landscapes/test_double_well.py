"""Landscapes: gradients against differences, the theory of bowls, the two wells, noise."""

import math
from decimal import Decimal, localcontext
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrlab.landscapes.base import Landscape
from lrlab.landscapes.double_well import DoubleWell
from lrlab.landscapes.noisy import Noisy
from lrlab.landscapes.quadratic import Quadratic
from tests.support.strategies import examples

LANDSCAPES = {
    "one weight": Quadratic([3]),
    "a ravine": Quadratic([0.5, 50]),
    "a tilted ravine": Quadratic([0.5, 50], angle=0.7),
    "five weights": Quadratic([4, 0.1, 2, 7, 1]),
    "two wells": DoubleWell(),
    "two other wells": DoubleWell(40, flat=2, separation=3, height=0),
    "noisy": Noisy(Quadratic([1, 9], angle=-0.3), sigma=5),
}
every_landscape = pytest.mark.parametrize("landscape", LANDSCAPES.values(), ids=LANDSCAPES)


def points(dimension: int) -> st.SearchStrategy:
    return st.lists(st.floats(-5, 5), min_size=dimension, max_size=dimension).map(np.array)


def hessian(landscape: Landscape, w: np.ndarray, step: float = 1e-5) -> np.ndarray:
    """The Hessian by differences of the gradient, a row a weight."""
    shifts = step * np.eye(landscape.dimension)
    return (landscape.grad(w + shifts) - landscape.grad(w - shifts)) / (2 * step)


# --- every landscape -----------------------------------------------------------------------------


@every_landscape
def test_the_gradient_is_the_slope_of_the_loss(landscape) -> None:
    @given(points(landscape.dimension))
    @examples(60)
    def holds(w) -> None:
        shifts = 1e-5 * np.eye(landscape.dimension)
        slopes = (landscape.loss(w + shifts) - landscape.loss(w - shifts)) / 2e-5
        assert landscape.grad(w) == pytest.approx(slopes, rel=1e-6, abs=1e-6)

    holds()


@every_landscape
def test_no_point_lies_below_the_minimum(landscape) -> None:
    lowest = landscape.minimum
    assert lowest.shape == (landscape.dimension,)
    assert np.abs(landscape.grad(lowest)).max() < 1e-14
    w = np.random.default_rng(0).uniform(-5, 5, (10_000, landscape.dimension))
    assert landscape.loss(w).min() > landscape.loss(lowest)
    nearby = lowest + np.random.default_rng(0).normal(0, 1e-3, (100, landscape.dimension))
    assert landscape.loss(nearby).min() > landscape.loss(lowest)


@every_landscape
def test_many_points_at_once_are_the_points_one_by_one(landscape) -> None:
    d = landscape.dimension
    grid = np.random.default_rng(1).uniform(-4, 4, (3, 5, d))
    losses, grads = landscape.loss(grid), landscape.grad(grid)
    assert losses.shape == (3, 5)
    assert grads.shape == (3, 5, d)
    one_by_one = [[landscape.loss(w) for w in row] for row in grid]
    assert losses == pytest.approx(np.array(one_by_one), rel=1e-14)
    one_by_one = [[landscape.grad(w) for w in row] for row in grid]
    assert grads == pytest.approx(np.array(one_by_one), rel=1e-12)
    assert type(landscape.loss(grid[0, 0])) is float
    assert landscape.loss(grid[0, 0].tolist()) == landscape.loss(grid[0, 0])


@every_landscape
@pytest.mark.parametrize("method", ["loss", "grad", "curvature", "sample_grad"])
@pytest.mark.parametrize("shape", [(), (7,), (2, 6)])
def test_points_of_another_dimension_are_refused(landscape, method, shape) -> None:
    if method == "curvature" and not isinstance(landscape, DoubleWell):
        method = "grad"
    arguments = [np.random.default_rng(0)] if method == "sample_grad" else []
    rule = rf"w must be an array of shape \(\.\.\., {landscape.dimension}\), received one of"
    with pytest.raises(ValueError, match=rule):
        getattr(landscape, method)(np.ones(shape), *arguments)


@every_landscape
def test_a_landscape_is_a_value(landscape) -> None:
    twin = eval(repr(landscape))
    assert twin == landscape
    assert hash(twin) == hash(landscape)
    assert twin not in [other for other in LANDSCAPES.values() if other is not landscape]
    with pytest.raises(AttributeError):
        landscape.sigma = 1
    before = landscape.minimum.copy()
    if landscape.minimum.flags.writeable:  # then it is the caller's own copy
        landscape.minimum[:] = 9
    assert landscape.minimum.tolist() == before.tolist()


def test_a_landscape_of_ones_own_needs_both_formulas() -> None:
    class Flat(Landscape):
        dimension = 2

    for method in ("loss", "grad"):
        with pytest.raises(NotImplementedError, match=f"Flat must define _{method}"):
            getattr(Flat(), method)([0, 0])


# --- bowls ---------------------------------------------------------------------------------------

eigenvalue_lists = st.lists(st.floats(0.01, 100), min_size=1, max_size=4)


def test_a_bowl_by_hand() -> None:
    bowl = Quadratic([2, 8])
    assert bowl.loss([3, 1]) == 2 / 2 * 9 + 8 / 2
    assert bowl.grad([3, 1]).tolist() == [6, 8]
    assert (bowl.dimension, bowl.condition_number) == (2, 4)
    assert (bowl.divergence_lr, bowl.best_constant_lr) == (0.25, 0.2)
    assert bowl.convergence_factor(0) == 1
    assert bowl.convergence_factor(0.125) == 0.75  # the slow axis decides
    assert bowl.convergence_factor(0.25) == 1  # the steep one
    assert bowl.convergence_factor(0.5) == 3
    assert type(bowl.convergence_factor(0.5)) is float


def test_the_first_axis_turns_counter_clockwise() -> None:
    tilted = Quadratic([2, 8], angle=math.pi / 6)
    along = np.array([math.cos(math.pi / 6), 0.5])
    across = np.array([-0.5, math.cos(math.pi / 6)])
    assert tilted.grad(along) == pytest.approx(2 * along, rel=1e-14)
    assert tilted.grad(across) == pytest.approx(8 * across, rel=1e-14)
    assert tilted.axes == pytest.approx(np.column_stack([along, across]), rel=1e-15)
    assert Quadratic([1, 2, 3]).axes.tolist() == np.eye(3).tolist()


@given(st.floats(0.01, 100), st.floats(0.01, 100), st.floats(-7, 7), points(2))
@examples(60)
def test_a_tilted_bowl_has_the_same_eigenvalues(first, second, angle, w) -> None:
    tilted = Quadratic([first, second], angle=angle)
    numeric = hessian(tilted, w)
    assert np.linalg.eigvalsh(numeric) == pytest.approx(sorted([first, second]), rel=1e-6, abs=1e-7)
    assert tilted.loss(w) == pytest.approx(w @ numeric @ w / 2, rel=1e-5, abs=1e-5)


@given(eigenvalue_lists, st.lists(st.floats(0, 10), min_size=1, max_size=5))
@examples(60)
def test_the_factor_is_the_norm_of_the_iteration_matrix(eigenvalues, lrs) -> None:
    bowl = Quadratic(eigenvalues)
    d = bowl.dimension
    norms = [np.linalg.norm(np.eye(d) - lr * np.diag(eigenvalues), 2) for lr in lrs]
    assert bowl.convergence_factor(np.array(lrs)) == pytest.approx(np.array(norms), rel=1e-12)
    assert [bowl.convergence_factor(lr) for lr in lrs] == list(bowl.convergence_factor(lrs))


@given(eigenvalue_lists)
@examples(60)
def test_the_two_special_rates(eigenvalues) -> None:
    bowl = Quadratic(eigenvalues)
    best, limit, kappa = bowl.best_constant_lr, bowl.divergence_lr, bowl.condition_number
    rates = np.linspace(0, 2 * limit, 4001)
    assert bowl.convergence_factor(rates).min() >= bowl.convergence_factor(best) - 1e-12
    assert bowl.convergence_factor(best) == pytest.approx((kappa - 1) / (kappa + 1), abs=1e-12)
    assert (
        bowl.convergence_factor(limit * (1 - 1e-9))
        < 1
        < bowl.convergence_factor(limit * (1 + 1e-9))
    )


def test_a_bowl_of_a_given_condition_number() -> None:
    assert Quadratic.with_condition(9).eigenvalues == (1, 9)
    assert Quadratic.with_condition(1, dimension=3).eigenvalues == (1, 1, 1)
    bowl = Quadratic.with_condition(1e4, dimension=5)
    assert bowl.eigenvalues == pytest.approx((1, 10, 100, 1000, 10_000), rel=1e-14)
    assert Quadratic.with_condition(4, angle=0.3) == Quadratic([1, 4], angle=0.3)


@given(st.floats(0.1, 10), st.floats(0.01, 1.99), st.floats(0, 3))
@examples(60)
def test_the_noise_floor_solves_its_recursion(eigenvalue, product, sigma) -> None:
    """The mean square v of the next step is (1 − ηλ)² v + η²σ², and at the floor again v."""
    lr = product / eigenvalue
    v = Quadratic([eigenvalue]).noise_floor(lr, sigma)
    assert (1 - lr * eigenvalue) ** 2 * v + (lr * sigma) ** 2 == pytest.approx(v, rel=1e-12)


def test_the_noise_floor_adds_up_and_ends_at_the_limit() -> None:
    bowl, lrs = Quadratic([2, 8]), np.array([0, 0.1, 0.2, 0.25, 0.3])
    parts = [Quadratic([x]).noise_floor(lrs, 3) for x in (2, 8)]
    assert bowl.noise_floor(lrs, 3) == pytest.approx(sum(parts), rel=1e-15)
    assert bowl.noise_floor(0.1, 3) == pytest.approx(0.1 * 9 / (2 * 1.8) + 0.1 * 9 / (8 * 1.2))
    assert bowl.noise_floor(lrs, 3)[[0, 3, 4]].tolist() == [0, math.inf, math.inf]
    assert bowl.noise_floor(lrs[:, None], 3).shape == (5, 1)
    assert type(bowl.noise_floor(0.1, 3)) is float


# --- two wells -----------------------------------------------------------------------------------

WELLS = [
    DoubleWell(),
    DoubleWell(40, flat=2, separation=3, height=0),
    DoubleWell(16, flat=1, separation=3, height=0.5),
    DoubleWell(300, flat=0.2, separation=10, height=3),
]
every_well = pytest.mark.parametrize("well", WELLS, ids=str)


def exact(well: DoubleWell, w: float) -> SimpleNamespace:
    """Loss and slope with 60 digits, from the formula as it is written."""
    with localcontext(prec=60):
        a, b, s, h = (Decimal(x) for x in (well.sharp, well.flat, well.separation, well.height))
        x = Decimal(w)
        p, q = h + a / 2 * (x + s / 2) ** 2, b / 2 * (x - s / 2) ** 2
        total = (-p).exp() + (-q).exp()
        slope = ((-p).exp() * a * (x + s / 2) + (-q).exp() * b * (x - s / 2)) / total
        return SimpleNamespace(loss=-total.ln(), slope=slope)


@every_well
def test_wells_follow_their_formula(well) -> None:
    for w in np.linspace(-6, 6, 41):
        expected = exact(well, w)
        assert well.loss([w]) == pytest.approx(float(expected.loss), rel=1e-12, abs=1e-14)
        assert well.grad([w])[0] == pytest.approx(float(expected.slope), rel=1e-9, abs=1e-12)


@every_well
def test_minima_and_barrier_are_exact_to_the_last_bits(well) -> None:
    for place, sign in ((well.sharp_minimum, 1), (well.barrier, -1), (well.flat_minimum, 1)):
        assert place.shape == (1,)
        few_bits = 4 * np.spacing(np.abs(place[0]))
        assert sign * exact(well, place[0] - few_bits).slope < 0
        assert sign * exact(well, place[0] + few_bits).slope > 0
    assert well.sharp_minimum < well.barrier < well.flat_minimum


@every_well
def test_curvature_is_the_slope_of_the_gradient(well) -> None:
    w = np.linspace(-5, 5, 401)[:, np.newaxis]
    slopes = (well.grad(w + 1e-5) - well.grad(w - 1e-5)) / 2e-5
    assert well.curvature(w) == pytest.approx(slopes, rel=1e-5, abs=1e-5)


@every_well
def test_one_minimum_is_sharp_and_the_other_lower(well) -> None:
    places = (well.sharp_minimum, well.barrier, well.flat_minimum)
    sharp, barrier, flat = (float(well.curvature(place)[0]) for place in places)
    assert 2 / sharp < 2 / flat
    assert barrier < 0
    losses = [well.loss(place) for place in places]
    assert losses[1] > max(losses[0], losses[2])
    assert well.loss(well.minimum) == min(losses)
    if well.height:
        assert well.minimum.tolist() == well.flat_minimum.tolist()


def test_the_default_wells_by_their_numbers() -> None:
    well = DoubleWell()
    assert well.curvature(well.sharp_minimum)[0] == pytest.approx(20, rel=2e-3)
    assert well.curvature(well.flat_minimum)[0] == pytest.approx(1, rel=1e-6)
    assert well.loss(well.sharp_minimum) == pytest.approx(1, abs=1e-3)
    assert well.loss(well.flat_minimum) == pytest.approx(0, abs=1e-6)
    assert well.loss(well.barrier) == pytest.approx(5.05, abs=0.01)


def test_at_equal_heights_the_lower_minimum_is_computed() -> None:
    well = DoubleWell(height=0)  # where parabolas overlap, their sum lies lower than either
    assert well.minimum.tolist() == well.sharp_minimum.tolist()
    assert well.loss(well.sharp_minimum) < well.loss(well.flat_minimum)


# --- noise ---------------------------------------------------------------------------------------


def test_noise_has_the_mean_and_the_spread_it_claims() -> None:
    bowl = Quadratic([1, 9])
    w = np.broadcast_to([2.0, 1.0], (100_000, 2))
    noise = Noisy(bowl, sigma=3).sample_grad(w, np.random.default_rng(0)) - bowl.grad(w)
    # 100,000 draws: four standard errors are 0.038 for the mean and 0.9 % for the spread.
    assert noise.mean(axis=0) == pytest.approx([0, 0], abs=0.038)
    assert noise.std(axis=0) == pytest.approx([3, 3], rel=0.009)
    assert np.corrcoef(noise.T)[0, 1] == pytest.approx(0, abs=0.013)


COVARIANCES = [
    [[4.0, 1.5], [1.5, 1.0]],
    [[1.0, -2.0], [-2.0, 4.0]],  # along one direction only
    [[0.0, 0.0], [0.0, 9.0]],
]


@pytest.mark.parametrize("covariance", COVARIANCES, ids=str)
def test_noise_has_the_covariance_it_is_given(covariance) -> None:
    bowl = Quadratic([1, 9], angle=0.5)
    noisy = Noisy(bowl, covariance=covariance)
    w = np.broadcast_to([2.0, 1.0], (100_000, 2))
    noise = noisy.sample_grad(w, np.random.default_rng(0)) - bowl.grad(w)
    # Four standard errors of a sample covariance are below 1.8 % of the largest variance.
    largest = np.max(covariance)
    assert np.cov(noise.T) == pytest.approx(np.array(covariance), abs=0.018 * largest)
    assert noise.mean(axis=0) == pytest.approx([0, 0], abs=0.013 * np.sqrt(largest))
    assert noisy.noise_covariance() == pytest.approx(np.array(covariance), abs=1e-12)
    assert noisy.covariance == tuple(map(tuple, covariance))
    assert eval(repr(noisy)) == noisy != Noisy(bowl, covariance=np.eye(2))
    assert hash(noisy) == hash(Noisy(bowl, covariance=np.array(covariance)))


def test_sigma_is_the_covariance_of_independent_components() -> None:
    bowl = Quadratic([1, 9, 4])
    by_sigma, by_matrix = Noisy(bowl, sigma=3), Noisy(bowl, covariance=9 * np.eye(3))
    assert by_sigma.noise_covariance().tolist() == by_matrix.noise_covariance().tolist()
    points = np.ones((4, 3))
    draws = [n.sample_grad(points, np.random.default_rng(0)) for n in (by_sigma, by_matrix)]
    assert draws[0] == pytest.approx(draws[1], rel=1e-12)


def test_noise_depends_on_the_generator_alone() -> None:
    noisy = Noisy(DoubleWell(), sigma=1)
    first, again, other = (
        noisy.sample_grad([0.5], np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert first.tolist() == again.tolist() != other.tolist()
    rng = np.random.default_rng(1)
    assert noisy.sample_grad([0.5], rng).tolist() != noisy.sample_grad([0.5], rng).tolist()


def test_loss_and_gradient_behind_the_noise_are_exact() -> None:
    bowl, w = Quadratic([1, 9], angle=1), np.array([[2.0, 1.0], [0.0, 3.0]])
    noisy = Noisy(bowl, sigma=3)
    assert noisy.loss(w).tolist() == bowl.loss(w).tolist()
    assert noisy.grad(w).tolist() == bowl.grad(w).tolist()
    assert bowl.sample_grad(w, np.random.default_rng(0)).tolist() == bowl.grad(w).tolist()
    silent = Noisy(bowl, sigma=0)
    assert silent.sample_grad(w, np.random.default_rng(0)).tolist() == bowl.grad(w).tolist()
    twice = Noisy(noisy, sigma=4).sample_grad(np.ones((10_000, 2)), np.random.default_rng(0))
    assert twice.std(axis=0) == pytest.approx([5, 5], rel=0.03)


# --- refusals ------------------------------------------------------------------------------------

REFUSED = [
    (lambda: Quadratic([]), r"eigenvalues must be a sequence of one or more positive .*\[\]"),
    (lambda: Quadratic(3), r"eigenvalues must be a sequence of one or more .* received 3"),
    (lambda: Quadratic("12"), r"eigenvalues must be a sequence .* received '12'"),
    (lambda: Quadratic(np.array(3.0)), r"eigenvalues must be a sequence .* received array\(3\.\)"),
    (lambda: Quadratic(np.ones((2, 2))), "eigenvalues must be a sequence"),
    (lambda: Quadratic([1, 0]), r"eigenvalues\[1\] must be .* greater than 0, received 0"),
    (lambda: Quadratic([math.nan]), r"eigenvalues\[0\] must be a finite real number"),
    (lambda: Quadratic([1, 2, 3], angle=0.3), "angle must be .* two eigenvalues, not 3, .* 0.3"),
    (lambda: Quadratic([1], angle=0.3), "angle must be .* two eigenvalues, not 1, .* 0.3"),
    (lambda: Quadratic([1, 2], angle=math.inf), r"angle must be a finite real number .* inf"),
    (lambda: Quadratic.with_condition(0.9), "condition must be .* at least 1, received 0.9"),
    (lambda: Quadratic.with_condition(2, dimension=1), "dimension must be .* at least 2, .* 1"),
    (lambda: Quadratic.with_condition(2, dimension=2.5), "dimension must be .* received 2.5"),
    (lambda: Quadratic([1]).convergence_factor(-0.1), "lr must be .* of at least 0, .* -0.1"),
    (lambda: Quadratic([1]).convergence_factor([0.1, math.nan]), "lr must be a finite .* nan"),
    (lambda: Quadratic([1]).noise_floor(math.inf, 1), "lr must be a finite .* inf"),
    (lambda: Quadratic([1]).noise_floor(0.1, -1), "sigma must be .* of at least 0, received -1"),
    (lambda: DoubleWell(0), "sharp must be .* greater than 0, received 0"),
    (lambda: DoubleWell(flat=-1), "flat must be .* greater than 0, received -1"),
    (lambda: DoubleWell(separation=math.nan), "separation must be a finite .* nan"),
    (lambda: DoubleWell(height=-1), "height must be .* of at least 0, received -1"),
    (lambda: DoubleWell(separation=0.5), "separation must leave two minima, .* 0.5 in Double"),
    (lambda: DoubleWell(height=9), "separation must leave two minima, .* height=9"),
    (lambda: DoubleWell(1, flat=20), "two minima, the left one sharper"),
    (lambda: Noisy(abs, sigma=1), "landscape must be a Landscape, received <built-in"),
    (lambda: Noisy(Quadratic([1]), sigma=-1), "sigma must be .* of at least 0, received -1"),
    (lambda: Noisy(Quadratic([1])), "sigma must be given, or covariance, .* None and None"),
    (lambda: Noisy(Quadratic([1]), sigma=1, covariance=[[1]]), "and not both, received 1 and"),
    (lambda: Noisy(Quadratic([1]), covariance=[[-1]]), "covariance must be a symmetric, .* 1 × 1"),
    (lambda: Noisy(Quadratic([1, 2]), covariance=[[1]]), "covariance must be .* 2 × 2 matrix, .*"),
    (lambda: Noisy(Quadratic([1, 2]), covariance=[[1, 2], [2, 1]]), "positive semi-definite"),
    (lambda: Noisy(Quadratic([1, 2]), covariance=[[1, 1e-6], [0, 1]]), "must be a symmetric"),
    (lambda: Noisy(Quadratic([1, 2]), covariance=[[1], [0, 1]]), r"received \[\[1\], \[0, 1\]\]"),
    (lambda: Noisy(Quadratic([1]), covariance=[["x"]]), "covariance must be .* received"),
    (lambda: Noisy(Quadratic([1]), covariance=[[math.nan]]), r"covariance must be .*\[\[nan\]\]"),
    (lambda: Noisy(Quadratic([1]), sigma=1).sample_grad([1]), "rng must be .* received None"),
    (lambda: Noisy(Quadratic([1]), sigma=1).sample_grad([1], 7), "rng must be .* received 7"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_what_makes_no_sense_is_refused(make, message) -> None:
    with pytest.raises(ValueError, match=message):
        make()

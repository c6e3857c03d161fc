"""Momentum on bowls: closed forms against steps, eigenvalues, descents, and a search by grids."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrlab.landscapes import Quadratic, Saddle, Trajectory, descend
from lrlab.optimizers import Momentum
from lrlab.schedules import Constant
from lrlab.theory.momentum import (
    REGIMES,
    best_constant_lr,
    best_tuning,
    convergence_factor,
    divergence_lr,
    iteration_matrix,
    regime,
    spectral_radius,
)
from tests.support.strategies import examples

BOWL = Quadratic([1, 9])
both_variants = pytest.mark.parametrize("nesterov", [False, True], ids=["heavy ball", "Nesterov"])
curvatures = st.floats(-10, 10)
momenta = st.floats(0.1, 0.98)


def run(bowl, lr, momentum, steps, *, nesterov=False, start=None, **options) -> Trajectory:
    """A descent from rest at (1, 1, …)."""
    nesterov = nesterov and momentum > 0
    optimizer = Momentum(momentum=momentum, nesterov=nesterov, **options)
    start = np.ones(bowl.dimension) if start is None else start
    return descend(bowl, optimizer, Constant(lr), start, steps)


def measured_factor(path: Trajectory) -> float:
    """The slope of the distance's logarithm, which an oscillation's zeros hardly bend."""
    distance = path.distance
    unknown = np.flatnonzero(~((distance > 1e-290) & np.isfinite(distance)))
    end = unknown[0] if len(unknown) else len(distance)
    steps = np.arange(end // 2, end)
    return math.exp(np.polyfit(steps, np.log(distance[steps]), 1)[0])


# --- one axis ------------------------------------------------------------------------------------


@both_variants
@given(curvatures, st.floats(0, 1), momenta, st.floats(-3, 3), st.floats(-3, 3))
@examples(60)
def test_the_matrix_is_a_step(nesterov, curvature, lr, momentum, velocity, place) -> None:
    optimizer = Momentum(momentum=momentum, nesterov=nesterov)
    state = replace(optimizer.start([place]), velocity=np.array([velocity]), steps=1)
    w, state = optimizer.step([place], [curvature * place], state, lr)
    matrix = iteration_matrix(curvature, lr, momentum, nesterov=nesterov)
    expected = matrix @ [velocity, place]
    assert [state.velocity[0], w[0]] == pytest.approx(expected, rel=1e-12, abs=1e-12)


@both_variants
@given(curvatures, st.floats(0, 1), st.just(0.0) | momenta)
@examples(50)
def test_the_radius_is_the_largest_eigenvalue_of_the_matrix(
    nesterov, curvature, lr, momentum
) -> None:
    matrix = iteration_matrix(curvature, lr, momentum, nesterov=nesterov)
    largest = np.abs(np.linalg.eigvals(matrix)).max()
    radius = spectral_radius(curvature, lr, momentum, nesterov=nesterov)
    assert radius == pytest.approx(largest, rel=1e-6, abs=1e-7)


def test_one_axis_by_hand() -> None:
    heavy = iteration_matrix(4, 0.5, 0.25)
    assert heavy.tolist() == [[0.25, 4], [-0.125, -1]]
    assert iteration_matrix(4, 0.5, 0.25, nesterov=True).tolist() == [[0.25, 4], [-0.03125, -1.5]]
    assert spectral_radius(4, 0.5, 0.25) == 0.5  # a pair of roots of modulus √β
    assert spectral_radius(2, 0.25, 0.5, nesterov=True) == 0.5  # of modulus √(0.5 · 0.5)
    assert spectral_radius(5, 0.5, 0.25) == 1  # the border: r² + 1.25 r + 0.25 has the root -1
    assert spectral_radius(-4, 0.5, 0) == 3
    assert type(spectral_radius(4, 0.5, 0.25)) is float
    assert type(regime(4, 0.5, 0.25)) is str


@both_variants
def test_arrays_are_broadcast(nesterov) -> None:
    eigenvalues, lrs = np.array([-1, 0.5, 3]), np.array([[0], [0.3], [0.8], [5]])
    momentum = np.array([0, 0.4, 0.9])[:, np.newaxis, np.newaxis]
    matrices = iteration_matrix(eigenvalues, lrs, momentum, nesterov=nesterov)
    radii = spectral_radius(eigenvalues, lrs, momentum, nesterov=nesterov)
    names = regime(eigenvalues, lrs, momentum, nesterov=nesterov)
    assert (matrices.shape, radii.shape, names.shape) == ((3, 4, 3, 2, 2), (3, 4, 3), (3, 4, 3))
    for i, j, k in np.ndindex(3, 4, 3):
        one = float(eigenvalues[k]), float(lrs[j, 0]), float(momentum[i, 0, 0])
        alone = iteration_matrix(*one, nesterov=nesterov)
        assert matrices[i, j, k].tolist() == alone.tolist()
        assert radii[i, j, k] == spectral_radius(*one, nesterov=nesterov)
        assert names[i, j, k] == regime(*one, nesterov=nesterov)


@both_variants
@pytest.mark.parametrize("momentum", [0.2, 0.9])
def test_from_a_saddle_the_fall_grows_by_the_radius(nesterov, momentum) -> None:
    saddle = Saddle(rise=1, fall=0.2)
    path = run(saddle, 0.5, momentum, 100, nesterov=nesterov, start=[0, 1e-12])
    early = path.w[:, 1] < 1e-3  # while the fall is still a parabola
    assert early.sum() > 20
    growth = path.w[early, 1][-1] / path.w[early, 1][-2]
    assert growth == pytest.approx(
        spectral_radius(-0.2, 0.5, momentum, nesterov=nesterov), rel=1e-6
    )


# --- the regimes ---------------------------------------------------------------------------------


def place_within(name: str, share: float, momentum: float, nesterov: bool) -> float:
    """A product of rate and curvature, so far between the ends of a regime."""
    root = math.sqrt(momentum)
    ends = [0, (1 - root) ** 2, (1 + root) ** 2, 2 + 2 * momentum]
    if nesterov:
        ends = [0, ((1 - momentum) / (1 + momentum)) ** 2, 1, 1 + 1 / (1 + 2 * momentum)]
    ends.append(1.5 * ends[-1])
    low, high = ends[(index := REGIMES.index(name))], ends[index + 1]
    return low + share * (high - low)


@both_variants
@pytest.mark.parametrize("name", REGIMES)
@given(st.floats(0.1, 0.95), st.floats(0.03, 0.97), st.floats(0.1, 10))
@examples(12)
def test_a_coordinate_behaves_as_its_regime_says(
    nesterov, name, momentum, share, curvature
) -> None:
    lr = place_within(name, share, momentum, nesterov) / curvature
    assert regime(curvature, lr, momentum, nesterov=nesterov) == name
    w = run(Quadratic([curvature]), lr, momentum, 200, nesterov=nesterov).w[:, 0]
    flips = np.sign(w[1:]) != np.sign(w[:-1])
    assert (w != 0).all()
    match name:
        case "monotone":
            assert not flips.any()
            assert (np.diff(w) < 0).all()
        case "oscillating":
            assert flips.any()
            assert not flips.all()
            assert np.abs(w[-20:]).max() < np.abs(w[:20]).max()
        case "alternating":
            assert flips.all()
            assert np.abs(w[-1]) < np.abs(w[-20])
        case "divergent":
            assert np.abs(w[-20:]).max() > 10


EDGES = [
    (0, 0.25, False, "monotone"),
    (0.25, 0.25, False, "monotone"),
    (math.nextafter(0.25, 1), 0.25, False, "oscillating"),
    (math.nextafter(2.25, 0), 0.25, False, "oscillating"),
    (2.25, 0.25, False, "alternating"),
    (math.nextafter(2.5, 0), 0.25, False, "alternating"),
    (2.5, 0.25, False, "divergent"),
    (1 / 9 - 1e-15, 0.5, True, "monotone"),
    (1 / 9 + 1e-15, 0.5, True, "oscillating"),
    (math.nextafter(1, 0), 0.5, True, "oscillating"),
    (1, 0.5, True, "alternating"),
    (math.nextafter(1.5, 0), 0.5, True, "alternating"),
    (1.5, 0.5, True, "divergent"),
    (1, 0, False, "monotone"),  # plain descent, at the minimum in one step
    (math.nextafter(1, 2), 0, False, "alternating"),
    (1, 0, True, "monotone"),
    (math.nextafter(1, 2), 0, True, "alternating"),
    (2, 0, True, "divergent"),
]


@pytest.mark.parametrize(("product", "momentum", "nesterov", "expected"), EDGES)
def test_regimes_on_both_sides_of_their_ends(product, momentum, nesterov, expected) -> None:
    assert regime(1, product, momentum, nesterov=nesterov) == expected
    assert regime(0.5, 2 * product, momentum, nesterov=nesterov) == expected


@both_variants
def test_down_from_a_saddle_every_rate_diverges(nesterov) -> None:
    assert regime(-1e-9, 0.1, 0.5, nesterov=nesterov) == "divergent"
    assert regime(-1, 0, 0.5, nesterov=nesterov) == "monotone"


# --- a bowl --------------------------------------------------------------------------------------


@both_variants
@given(st.floats(0.02, 1.2), momenta, st.floats(1, 200))
@examples(7)
def test_the_measured_factor_is_the_theorys_within_a_percent(
    nesterov, share, momentum, condition
) -> None:
    bowl = Quadratic.with_condition(condition, dimension=6)
    lr = share * divergence_lr(bowl, momentum, nesterov=nesterov)
    theory = convergence_factor(bowl, lr, momentum, nesterov=nesterov)
    path = run(bowl, lr, momentum, 1200, nesterov=nesterov)
    assert measured_factor(path) == pytest.approx(theory, rel=0.01)


SLOW = [(0.98, 0.0), (0.03, 0.5), (0.2, 0.9), (0.5, 0.97), (0.97, 0.7)]


@both_variants
@pytest.mark.parametrize(("share", "momentum"), SLOW)
def test_a_slow_convergence_is_measured_to_a_percent_of_its_rate(nesterov, share, momentum) -> None:
    """A factor of 0.998 is within a percent of 1 anyway; its logarithm is the stricter measure."""
    bowl = Quadratic([1, 50], angle=0.3)
    lr = share * divergence_lr(bowl, momentum, nesterov=nesterov)
    path = run(bowl, lr, momentum, 2000, nesterov=nesterov, start=bowl.axes.sum(axis=1))
    theory = convergence_factor(bowl, lr, momentum, nesterov=nesterov)
    assert 0.8 < theory < 1
    assert math.log(measured_factor(path)) == pytest.approx(math.log(theory), rel=0.01)


def test_both_conventions_have_the_same_factor() -> None:
    paths = [run(BOWL, 0.2, 0.6, 200, convention=name) for name in ("pytorch", "keras")]
    assert paths[0].w == pytest.approx(paths[1].w, rel=1e-9, abs=1e-12)
    assert measured_factor(paths[1]) == pytest.approx(convergence_factor(BOWL, 0.2, 0.6), rel=0.01)


@both_variants
@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=4), st.just(0.0) | momenta)
@examples(30)
def test_the_border_of_stability(nesterov, eigenvalues, momentum) -> None:
    bowl = Quadratic(eigenvalues)
    limit = divergence_lr(bowl, momentum, nesterov=nesterov)
    sides = convergence_factor(bowl, limit * np.array([1 - 1e-9, 1 + 1e-9]), momentum,
                               nesterov=nesterov)  # fmt: skip
    assert sides[0] < 1 < sides[1]
    lrs = limit * np.linspace(0.001, 0.999, 300)  # below it there is no second border
    assert (convergence_factor(bowl, lrs, momentum, nesterov=nesterov) < 1).all()


@both_variants
@pytest.mark.parametrize(("momentum", "steps"), [(0.0, 500), (0.5, 500), (0.9, 500), (0.97, 1_200)])
def test_descents_on_both_sides_of_the_border(nesterov, momentum, steps) -> None:
    """What is left of a coordinate cannot shrink by more than √β a step: 0.97 takes longer."""
    limit = divergence_lr(BOWL, momentum, nesterov=nesterov)
    shrinking = run(BOWL, 0.98 * limit, momentum, steps, nesterov=nesterov)
    growing = run(BOWL, 1.02 * limit, momentum, steps, nesterov=nesterov)
    assert shrinking.distance[-1] < 1e-6
    assert growing.distance[-1] > 1e6


def test_the_borders_by_hand() -> None:
    bowl = Quadratic([1, 8])
    momentum = np.array([[0, 0.25], [0.5, 0.75]])
    assert divergence_lr(bowl, momentum).tolist() == [[0.25, 0.3125], [0.375, 0.4375]]
    expected = [[0.25, 2.5 / 12], [0.1875, 3.5 / 20]]
    assert divergence_lr(bowl, momentum, nesterov=True) == pytest.approx(np.array(expected))
    assert type(divergence_lr(bowl, 0.5)) is float


def test_the_worst_axis_decides() -> None:
    bowl, lrs, momentum = (
        Quadratic([0.2, 5, 1]),
        np.linspace(0, 1, 7)[:, None],
        np.array([0.1, 0.8]),
    )
    factors = convergence_factor(bowl, lrs, momentum)
    parts = [convergence_factor(Quadratic([x]), lrs, momentum) for x in bowl.eigenvalues]
    assert factors.shape == (7, 2)
    assert factors.tolist() == np.max(parts, axis=0).tolist()
    assert convergence_factor(bowl, 0.5, 0.8) == factors[3, 1]
    assert type(convergence_factor(bowl, 0.5, 0.8)) is float


# --- the best tuning -----------------------------------------------------------------------------


def searched(bowl: Quadratic, nesterov: bool) -> tuple[float, float, float]:
    """Rate, momentum and factor of the best point on a grid that zooms in on its best point."""
    lr_low, lr_high, low, high = 0.0, 4 / max(bowl.eigenvalues), 0.0, 0.999
    for _ in range(25):
        lrs, momenta = np.linspace(lr_low, lr_high, 61), np.linspace(low, high, 61)
        factors = convergence_factor(bowl, lrs[:, np.newaxis], momenta, nesterov=nesterov)
        i, j = np.unravel_index(np.argmin(factors), factors.shape)
        reach, stretch = (lr_high - lr_low) * 0.3, (high - low) * 0.3
        lr_low, lr_high = max(lrs[i] - reach, 0), lrs[i] + reach
        low, high = max(momenta[j] - stretch, 0), min(momenta[j] + stretch, 0.999)
    return lrs[i], momenta[j], factors[i, j]


@both_variants
@pytest.mark.parametrize("eigenvalues", [[0.5, 1], [1, 9], [0.3, 2, 7], [2, 400]])
def test_the_best_tuning_is_what_a_search_finds(nesterov, eigenvalues) -> None:
    bowl = Quadratic(eigenvalues)
    lr, momentum, factor = best_tuning(bowl, nesterov=nesterov)
    assert (lr, momentum, factor) == pytest.approx(searched(bowl, nesterov), rel=1e-3)


@both_variants
@given(st.floats(1, 1e4), st.floats(0.01, 100))
@examples(40)
def test_the_best_tuning_has_the_factor_that_it_claims(nesterov, condition, smallest) -> None:
    bowl = Quadratic([smallest, smallest * condition])
    lr, momentum, factor = best_tuning(bowl, nesterov=nesterov)
    # Where both roots meet, a rounding of 1e-16 moves them by its root.
    at_best = convergence_factor(bowl, lr, momentum, nesterov=nesterov)
    assert at_best == pytest.approx(factor, rel=1e-7, abs=1e-7)
    lrs = np.linspace(0, 4 / max(bowl.eigenvalues), 80)[:, np.newaxis]
    grid = convergence_factor(bowl, lrs, np.linspace(0, 0.999, 80), nesterov=nesterov)
    assert grid.min() >= factor - 1e-12


@given(st.floats(1, 100))
@examples(30)
def test_the_best_heavy_ball_is_plain_descent_on_the_root_of_the_condition(condition) -> None:
    plain = Quadratic.with_condition(condition)
    heavy = best_tuning(Quadratic.with_condition(condition**2))
    expected = convergence_factor(plain, best_constant_lr(plain))
    assert heavy.factor == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert heavy.momentum == heavy.factor**2


@both_variants
def test_a_round_bowl_needs_no_momentum(nesterov) -> None:
    assert best_tuning(Quadratic([4, 4]), nesterov=nesterov) == (0.25, 0, 0)


# --- refusals ------------------------------------------------------------------------------------

REFUSED = [
    (lambda: iteration_matrix(math.nan, 0.1, 0.9), "eigenvalue must be a finite .* received nan"),
    (lambda: iteration_matrix("1", 0.1, 0.9), "eigenvalue must be a finite .* received '1'"),
    (lambda: iteration_matrix(1, 0.1, 0.9, nesterov=1), "nesterov must be True or False, .* 1"),
    (lambda: spectral_radius(1, [0.1, -0.2], 0.9), "lr must be .* of at least 0, received -0.2"),
    (lambda: spectral_radius(1, 0.1, 1), r"momentum must be .* in \[0, 1\), received 1"),
    (lambda: spectral_radius(1, 0.1, -0.1), r"momentum must be .* in \[0, 1\), received -0.1"),
    (lambda: spectral_radius(1, 0.1, 0.9, nesterov=None), "nesterov must be .* received None"),
    (lambda: spectral_radius([1, 2], [1, 2, 3], 0.9), "broadcast"),
    (lambda: regime(math.inf, 0.1, 0.9), "eigenvalue must be a finite .* received inf"),
    (lambda: regime(1, True, 0.9), "lr must be a finite .* received True"),
    (lambda: regime(1, 0.1, 0.9, nesterov="yes"), "nesterov must be .* received 'yes'"),
    (lambda: convergence_factor([1, 9], 0.1, 0.9), r"bowl must be a Quadratic, received \[1, 9\]"),
    (lambda: convergence_factor(BOWL, math.inf, 0.9), "lr must be a finite .* received inf"),
    (lambda: convergence_factor(BOWL, 0.1, [0.9, 1.5]), "momentum must be .* received 1.5"),
    (lambda: convergence_factor(BOWL, 0.1, 0.9, nesterov=0), "nesterov must be .* received 0"),
    (lambda: divergence_lr(Saddle(), 0.9), "bowl must be a Quadratic, received Saddle"),
    (lambda: divergence_lr(BOWL, [0.5, math.nan]), "momentum must be a finite .* received nan"),
    (lambda: divergence_lr(BOWL, 0.5, nesterov=2), "nesterov must be .* received 2"),
    (lambda: best_tuning(None), "bowl must be a Quadratic, received None"),
    (lambda: best_tuning(BOWL, nesterov="no"), "nesterov must be .* received 'no'"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_what_makes_no_sense_is_refused(make, message) -> None:
    with pytest.raises(ValueError, match=message):
        make()

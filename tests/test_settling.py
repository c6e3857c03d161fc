"""Where noise keeps momentum: closed forms against a Lyapunov equation and against descents."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrlab.descent import descend
from lrlab.heavy_ball import divergence_lr, iteration_matrix
from lrlab.landscapes import Noisy, Quadratic, Rosenbrock
from lrlab.schedules import Constant
from lrlab.settling import noise_floor
from lrlab.updates import Momentum
from tests.strategies import examples

both_variants = pytest.mark.parametrize("nesterov", [False, True], ids=["heavy ball", "Nesterov"])


def lyapunov(curvature, sigma, lr, momentum, nesterov) -> float:
    """Variance of the coordinate that solves P = A P Aᵀ + b bᵀ, as a linear system."""
    matrix = iteration_matrix(curvature, lr, momentum, nesterov=nesterov)
    kick = sigma * np.array([1, -lr * (1 + momentum if nesterov else 1)])
    system = np.eye(4) - np.kron(matrix, matrix)
    return np.linalg.solve(system, np.outer(kick, kick).ravel())[3]


@both_variants
@given(
    st.floats(0.1, 20), st.floats(0, 3), st.floats(0.05, 0.95), st.just(0.0) | st.floats(0, 0.97)
)
@examples(80)
def test_an_axis_solves_its_lyapunov_equation(nesterov, curvature, sigma, share, momentum) -> None:
    bowl = Quadratic([curvature])
    lr = share * divergence_lr(bowl, momentum, nesterov=nesterov)
    floor = noise_floor(Noisy(bowl, sigma=sigma), lr, momentum, nesterov=nesterov)
    assert floor == pytest.approx(lyapunov(curvature, sigma, lr, momentum, nesterov), rel=1e-8)


@given(st.lists(st.floats(0.1, 20), min_size=1, max_size=3), st.floats(0.01, 3), st.floats(0, 0.2))
@examples(50)
def test_without_momentum_it_is_the_floor_of_plain_descent(eigenvalues, sigma, lr) -> None:
    bowl = Quadratic(eigenvalues)
    for nesterov in (False, True):
        floor = noise_floor(Noisy(bowl, sigma=sigma), lr, 0, nesterov=nesterov)
        assert floor == pytest.approx(bowl.noise_floor(lr, sigma), rel=1e-12)


@both_variants
@pytest.mark.parametrize("momentum", [0.5, 0.9])
def test_descents_settle_there(nesterov, momentum) -> None:
    covariance = [[2.0, 1.2], [1.2, 1.0]]
    noisy = Noisy(Quadratic([1, 6], angle=0.4), covariance=covariance)
    rule = Momentum(momentum=momentum, nesterov=nesterov)
    path = descend(noisy, rule, Constant(0.05), np.zeros((1_000, 2)), 800, seed=0)
    settled = np.mean(path.distance[400:] ** 2)
    floor = noise_floor(noisy, 0.05, momentum, nesterov=nesterov)
    assert settled == pytest.approx(floor, rel=0.02)
    swapped = Noisy(noisy.landscape, covariance=[[1.0, 1.2], [1.2, 2.0]])
    assert noise_floor(swapped, 0.05, momentum, nesterov=nesterov) != pytest.approx(floor, rel=0.05)


@both_variants
def test_a_small_long_run_rate_is_all_that_counts(nesterov) -> None:
    noisy = Noisy(Quadratic([1, 4]), sigma=1)
    plain = noise_floor(noisy, 1e-5, 0)
    for momentum in (0.5, 0.9, 0.99):
        floor = noise_floor(noisy, 1e-5 * (1 - momentum), momentum, nesterov=nesterov)
        assert floor == pytest.approx(plain, rel=1e-3)


@both_variants
def test_shapes_and_the_border(nesterov) -> None:
    noisy = Noisy(Quadratic([1, 4]), sigma=1)
    momenta = np.array([0.2, 0.9])
    limits = divergence_lr(noisy.landscape, momenta, nesterov=nesterov)
    lrs = np.array([[0.99], [1.0], [2.0]]) * limits
    floors = noise_floor(noisy, lrs, momenta, nesterov=nesterov)
    assert np.isfinite(floors).tolist() == [[True, True], [False, False], [False, False]]
    assert floors[0, 1] == noise_floor(noisy, lrs[0, 1], 0.9, nesterov=nesterov)
    assert noise_floor(noisy, 0, 0.5, nesterov=nesterov) == 0
    assert type(noise_floor(noisy, 0.1, 0.5, nesterov=nesterov)) is float
    assert noise_floor(noisy, 9, 0.5, nesterov=nesterov) == math.inf


NOISY = Noisy(Quadratic([1]), sigma=1)
REFUSED = [
    (lambda: noise_floor(Quadratic([1]), 0.1, 0.5), r"noisy must be a Noisy\(Quadratic"),
    (lambda: noise_floor(Noisy(Rosenbrock(), sigma=1), 0.1, 0.5), r"noisy must be .*Rosenbrock"),
    (lambda: noise_floor(NOISY, -0.1, 0.5), "lr must be .* of at least 0, received -0.1"),
    (lambda: noise_floor(NOISY, 0.1, 1), r"momentum must be .* in \[0, 1\), received 1"),
    (lambda: noise_floor(NOISY, 0.1, 0.5, nesterov=0), "nesterov must be True or False"),
    (lambda: noise_floor(NOISY, [0.1] * 2, [0.5] * 3), "broadcast"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_what_makes_no_sense_is_refused(make, message) -> None:
    with pytest.raises(ValueError, match=message):
        make()

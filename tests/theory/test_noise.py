"""Where noise keeps momentum, and when: against a Lyapunov equation and against descents."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrlab.landscapes import Noisy, Quadratic, Rosenbrock, descend
from lrlab.optimizers import Momentum
from lrlab.schedules import Constant, WarmupStableDecay
from lrlab.theory.momentum import divergence_lr, iteration_matrix
from lrlab.theory.noise import expected_losses, noise_floor, settling_time
from tests.support.strategies import examples

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


@both_variants
@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_descents_settle_there(nesterov, momentum) -> None:
    covariance = [[2.0, 1.2], [1.2, 1.0]]
    noisy = Noisy(Quadratic([1, 6], angle=0.4), covariance=covariance)
    optimizer = Momentum(momentum=momentum, nesterov=nesterov and momentum > 0)
    path = descend(noisy, optimizer, Constant(0.05), np.zeros((1_000, 2)), 800, seed=0)
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


def last_outside(squares, target) -> int:
    """The step after the last one outside, by looking at all of them."""
    return max((k + 1 for k, square in enumerate(squares) if square > target), default=0)


@both_variants
@given(st.floats(0.1, 0.9), st.floats(0, 0.9), st.floats(-4, 0))
@examples(10)
def test_without_noise_the_time_is_that_of_a_descent(nesterov, share, momentum, exponent) -> None:
    bowl = Quadratic([1, 6], angle=0.4)
    lr = share * divergence_lr(bowl, momentum, nesterov=nesterov)
    optimizer = Momentum(momentum=momentum, nesterov=nesterov and momentum > 0)
    start, target, steps = [4.0, 1.0], 10**exponent, 400
    path = descend(bowl, optimizer, Constant(lr), start, steps)
    expected = last_outside(path.distance**2, target)
    found = settling_time(
        Noisy(bowl, sigma=0), lr, momentum, start, target, steps=steps, nesterov=optimizer.nesterov
    )
    assert 0 < expected <= steps
    assert found == expected


@both_variants
@pytest.mark.parametrize(("momentum", "lr"), [(0.0, 0.05), (0.5, 0.05), (0.9, 0.02)])
def test_with_noise_it_is_the_time_of_many_descents(nesterov, momentum, lr) -> None:
    covariance = [[2.0, 1.2], [1.2, 1.0]]
    noisy = Noisy(Quadratic([1, 6], angle=0.4), covariance=covariance)
    optimizer = Momentum(momentum=momentum, nesterov=nesterov and momentum > 0)
    start, steps = [5.0, 2.0], 150
    path = descend(noisy, optimizer, Constant(lr), np.tile(start, (4_000, 1)), steps, seed=0)
    squares = np.mean(path.distance**2, axis=1)
    floor = noise_floor(noisy, lr, momentum, nesterov=optimizer.nesterov)
    compared = 0
    for target in floor * np.array([1.3, 2, 4, 8]):
        found, early, late = (
            settling_time(noisy, lr, momentum, start, x, steps=steps, nesterov=optimizer.nesterov)
            for x in (target, 1.1 * target, target / 1.1)
        )
        assert early <= last_outside(squares, target) <= late
        assert early <= found <= late
        compared += late - early < 20
    assert compared >= 3, "the bounds are not so wide that anything would pass"


def test_one_axis_by_hand_on_both_sides_of_a_target() -> None:
    """Without momentum the mean square is 0.25 of the last one plus 0.25 of the variance 3."""
    noisy = Noisy(Quadratic([1]), covariance=[[3.0]])
    squares = [9.0]
    for _ in range(5):
        squares.append(squares[-1] / 4 + 3 / 4)
    assert squares[:3] == [9, 3, 1.5], "falling to 1"
    for k, square in enumerate(squares):
        assert settling_time(noisy, 0.5, 0, [3.0], square) == k
        assert settling_time(noisy, 0.5, 0, [3.0], square * (1 - 1e-12)) == k + 1
    assert settling_time(noisy, 0.5, 0, [3.0], 1.5, steps=2) == 2
    assert settling_time(noisy, 0.5, 0, [3.0], 1.5, steps=1) == math.inf
    assert settling_time(noisy, 0.5, 0, [0.0], 0.99) == math.inf, "it starts inside and leaves"
    assert settling_time(noisy, 0.5, 0, [0.0], 0.99, steps=1) == math.inf, "and will leave"
    assert settling_time(noisy, 0.5, 0, [0.0], 1.01) == 0


@both_variants
def test_times_take_shapes_and_the_border(nesterov) -> None:
    noisy = Noisy(Quadratic([1, 4]), sigma=0.1)
    momenta = np.array([0.2, 0.9])
    limits = divergence_lr(noisy.landscape, momenta, nesterov=nesterov)
    lrs = np.array([[0.5], [1.0], [1e300]]) * limits
    times = settling_time(noisy, lrs, momenta, [1.0, 1.0], 0.5, nesterov=nesterov)
    assert np.isfinite(times).tolist() == [[True, True], [False, False], [False, False]]
    alone = settling_time(noisy, lrs[0, 1], 0.9, [1.0, 1.0], 0.5, nesterov=nesterov)
    assert times[0, 1] == alone
    assert type(alone) is float


# --- river and valley ----------------------------------------------------------------------------

SCHEDULE = WarmupStableDecay(0.15, warmup_epochs=20, stable_epochs=100, decay_epochs=40)


@both_variants
@pytest.mark.parametrize("momentum", [0.0, 0.6])
def test_losses_are_the_means_of_many_descents_under_a_schedule(nesterov, momentum) -> None:
    noisy = Noisy(Quadratic([0.02, 6], angle=0.4), covariance=[[2.0, 1.2], [1.2, 1.0]])
    optimizer = Momentum(momentum=momentum, nesterov=nesterov and momentum > 0)
    start, steps = [9.0, 2.0], 160
    path = descend(noisy, optimizer, SCHEDULE, np.tile(start, (4_000, 1)), steps, seed=0)
    along = path.w @ noisy.landscape.axes
    measured = np.mean(along**2, axis=1) * np.array([0.02, 6]) / 2
    found = expected_losses(noisy, path.lr, start, momentum, nesterov=nesterov)
    assert found.shape == (steps + 1, 2)
    assert found == pytest.approx(measured, rel=0.12)
    assert found.sum(axis=1).mean() == pytest.approx(path.loss.mean(), rel=0.01)
    assert found[100, 1] > 3 * found[-1, 1], "the decay lowers it onto the river"


def test_the_plain_recursion_by_hand() -> None:
    noisy = Noisy(Quadratic([2, 0.5]), covariance=[[3.0, 0], [0, 0.0]])
    first, second, expected = 4.0, 9.0, [[4.0, 2.25]]
    for lr in (0.1, 0.3, 0.0):
        first = (1 - 2 * lr) ** 2 * first + 3 * lr**2
        second = (1 - 0.5 * lr) ** 2 * second
        expected.append([first, second / 4])
    assert expected_losses(noisy, [0.1, 0.3, 0.0], [-2, 3]) == pytest.approx(np.array(expected))
    assert expected_losses(noisy, [], [-2, 3]).tolist() == [[4.0, 2.25]]


def test_travel_and_height_as_the_docstring_says() -> None:
    ravine = Noisy(Quadratic([0.01, 8]), covariance=[[0, 0], [0, 2]])
    rates = np.full(400, 0.15)
    river, height = expected_losses(ravine, rates, [10, 0])[-1]
    assert height == pytest.approx(0.15 * 2 / (4 - 2 * 0.15 * 8), rel=1e-12)
    assert height == pytest.approx(8 / 2 * noise_floor(Noisy(Quadratic([8]), sigma=2**0.5), 0.15))
    assert river == pytest.approx(0.5 * math.exp(-2 * 0.01 * rates.sum()), rel=0.01)


NOISY = Noisy(Quadratic([1]), sigma=1)
REFUSED = [
    (lambda: noise_floor(Quadratic([1]), 0.1, 0.5), r"noisy must be a Noisy\(Quadratic"),
    (lambda: noise_floor(Noisy(Rosenbrock(), sigma=1), 0.1, 0.5), r"noisy must be .*Rosenbrock"),
    (lambda: noise_floor(NOISY, -0.1, 0.5), "lr must be .* of at least 0, received -0.1"),
    (lambda: noise_floor(NOISY, 0.1, 1), r"momentum must be .* in \[0, 1\), received 1"),
    (lambda: noise_floor(NOISY, 0.1, 0.5, nesterov=0), "nesterov must be True or False"),
    (lambda: noise_floor(NOISY, [0.1] * 2, [0.5] * 3), "broadcast"),
    (lambda: settling_time(Quadratic([1]), 0.1, 0.5, [1.0], 1), r"noisy must be a Noisy\(Quadra"),
    (lambda: settling_time(NOISY, -0.1, 0.5, [1.0], 1), "lr must be .* received -0.1"),
    (lambda: settling_time(NOISY, 0.1, 1, [1.0], 1), r"momentum must be .* received 1"),
    (lambda: settling_time(NOISY, 0.1, 0, [1.0], 1, nesterov=1), "nesterov must be True or False"),
    (lambda: settling_time(NOISY, 0.1, 0, [1.0], 0), "target must be .* received 0"),
    (lambda: settling_time(NOISY, 0.1, 0, [1.0], 1, steps=0), "steps must be .* received 0"),
    (lambda: settling_time(NOISY, 0.1, 0, 1.0, 1), r"start must be .* \(1,\), received 1.0"),
    (lambda: settling_time(NOISY, 0.1, 0, [[1.0]], 1), r"start must be .* in shape \(1,\)"),
    (lambda: settling_time(NOISY, 0.1, 0, [math.nan], 1), "start must be finite numbers"),
    (lambda: expected_losses(Quadratic([1]), [0.1], [1.0]), r"noisy must be a Noisy\(Quadratic"),
    (lambda: expected_losses(NOISY, [-0.1], [1.0]), "rates must be .* received -0.1"),
    (lambda: expected_losses(NOISY, 0.1, [1.0]), "rates must be a sequence of rates, received 0.1"),
    (lambda: expected_losses(NOISY, [0.1], [1.0, 2.0]), r"start must be .* in shape \(1,\)"),
    (lambda: expected_losses(NOISY, [0.1], [1.0], 1), "momentum must be .* received 1"),
    (lambda: expected_losses(NOISY, [0.1], [1.0], nesterov=1), "nesterov must be True or False"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_what_makes_no_sense_is_refused(make, message) -> None:
    with pytest.raises(ValueError, match=message):
        make()

"""Descents against theory: factors, thresholds, overflow, noise, and the two wells."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrlab.landscapes.base import Landscape
from lrlab.landscapes.descent import Trajectory, descend
from lrlab.landscapes.double_well import DoubleWell
from lrlab.landscapes.noisy import Noisy
from lrlab.landscapes.quadratic import Quadratic
from lrlab.optimizers import SGD
from lrlab.schedules import Constant, InverseSqrtDecay, StepDecay
from lrlab.theory import best_constant_lr, convergence_factor, divergence_lr, noise_floor
from tests.support.strategies import examples

BOWL = Quadratic([1, 9])
eigenvalue_lists = st.lists(st.floats(0.01, 100), min_size=1, max_size=4)


def run(landscape, lr, steps, start=None, **options) -> Trajectory:
    """Gradient descent at a constant rate, by default from (1, 1, …)."""
    start = np.ones(landscape.dimension) if start is None else start
    return descend(landscape, SGD(), Constant(lr), start, steps, **options)


# --- what is recorded ----------------------------------------------------------------------------


def test_a_descent_by_hand() -> None:
    path = run(Quadratic([2, 4]), 0.25, 3, start=[8, -8])
    assert path.w.tolist() == [[8, -8], [4, 0], [2, 0], [1, 0]]
    assert path.loss.tolist() == [64 + 128, 16, 4, 1]
    assert path.lr.tolist() == [0.25] * 3
    assert path.distance == pytest.approx(np.array([math.sqrt(128), 4, 2, 1]), rel=1e-15)
    assert (path.steps, path.stopped, path.diverged) == (3, "", False)
    assert path.minimum.tolist() == [0, 0]


@pytest.mark.parametrize("steps_per_epoch", [1, 4])
def test_step_k_uses_the_rate_at_k_over_n(steps_per_epoch) -> None:
    schedule = StepDecay(0.5, gamma=0.5, step_epochs=1)
    path = descend(Quadratic([1]), SGD(), schedule, [1], 8, steps_per_epoch=steps_per_epoch)
    expected = [0.5 * 0.5 ** (k // steps_per_epoch) for k in range(8)]
    assert path.lr.tolist() == expected
    w = 1.0
    for k, lr in enumerate(expected):
        w -= lr * w
        assert path.w[k + 1, 0] == w


def test_several_starts_run_side_by_side() -> None:
    starts = np.random.default_rng(0).normal(size=(2, 3, 2))
    paths = run(BOWL, 0.1, 20, start=starts)
    assert (paths.w.shape, paths.loss.shape) == ((21, 2, 3, 2), (21, 2, 3))
    assert paths.distance.shape == (21, 2, 3)
    assert paths.factor().shape == (2, 3)
    for index in np.ndindex(2, 3):
        alone = run(BOWL, 0.1, 20, start=starts[index])
        assert alone.w.tolist() == paths.w[:, *index].tolist()
        assert alone.loss.tolist() == paths.loss[:, *index].tolist()
        assert alone.factor() == paths.factor()[index]


def test_the_state_goes_from_step_to_step() -> None:
    class Counting:
        def start(self, w):
            return 10

        def step(self, w, grad, state, lr):
            return w + state, state + 1

        def evaluated(self, w, state):
            return w

    path = descend(Quadratic([1]), Counting(), Constant(0), [0], 3)
    assert path.w[:, 0].tolist() == [0, 10, 21, 33]


def test_the_start_is_left_alone() -> None:
    start = np.array([1.0, 1.0])
    path = run(BOWL, 0.1, 2, start=start)
    start[:] = 5
    assert path.w[0].tolist() == [1, 1]


# --- the factor ----------------------------------------------------------------------------------


@given(eigenvalue_lists, st.floats(0.02, 1.3))
@examples(20)
def test_the_measured_factor_is_the_theorys_within_a_percent(eigenvalues, share) -> None:
    bowl = Quadratic(eigenvalues)
    lr = share * divergence_lr(bowl)
    theory = convergence_factor(bowl, lr)
    # Absolute where a bowl is left in one step, down to rounding.
    assert run(bowl, lr, 400).factor() == pytest.approx(theory, rel=0.01, abs=1e-9)


@given(st.floats(0.01, 100), st.floats(0.01, 1.3), st.floats(-3, 3))
@examples(30)
def test_in_a_round_bowl_the_factor_is_exact(eigenvalue, share, angle) -> None:
    """A round bowl has one eigenvalue in every direction, so nothing has to die out first."""
    bowl = Quadratic([eigenvalue, eigenvalue], angle=angle)
    path = run(bowl, share * divergence_lr(bowl), 100)
    assert path.factor() == pytest.approx(abs(1 - 2 * share), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("eigenvalues", "steps"), [([1, 9], 200), ([0.3, 1, 7], 200), ([2, 2.5], 100), ([0.01, 5], 600)]
)
def test_the_best_constant_rate_has_the_smallest_measured_factor(eigenvalues, steps) -> None:
    bowl = Quadratic(eigenvalues)
    rates = best_constant_lr(bowl) * np.array([0.5, 0.8, 0.9, 0.95, 0.98, 1, 1.02, 1.05, 1.1, 1.2])
    factors = [run(bowl, lr, steps).factor() for lr in rates]
    assert rates[np.argmin(factors)] == best_constant_lr(bowl)
    assert np.all(np.diff(factors[:6]) < 0)
    assert np.all(np.diff(factors[5:]) > 0)


@pytest.mark.parametrize(
    ("lr", "start", "expected"),
    [
        (0.5, [0.0], math.nan),  # in the minimum from the start
        (0.5, [1.0], 0),  # in the minimum after one step
        (0.0, [1.0], 1),
        (1.0, [1.0], 1),  # from side to side for ever
        (1.5, [1.0], 2),  # until it overflows
        (1e250, [1e100], math.inf),  # at once
        (0.75, [1.0], 0.5),  # through all floats, down to nothing
    ],
)
def test_factors_at_the_edges(lr, start, expected) -> None:
    path = run(Quadratic([2]), lr, 1100, start=start)  # 2^-1075 is nothing
    assert path.factor() == pytest.approx(expected, rel=1e-9, nan_ok=True)
    assert type(path.factor()) is float


def test_distances_are_known_from_1e_minus_200_to_1e200() -> None:
    w = np.array([[3e-200, 4e-200], [-3.0, 4.0], [3e200, -4e200], [math.inf, 1.0]])
    path = Trajectory(w, loss=np.ones(4), lr=np.ones(3), minimum=np.zeros(2), stopped="")
    assert path.distance == pytest.approx(np.array([5e-200, 5, 5e200, math.inf]), rel=1e-15)
    assert path.factor() == pytest.approx(1e200, rel=1e-9)  # the step to infinity is left out


def test_a_path_without_a_step_has_no_factor() -> None:
    path = run(Quadratic([1]), 0.1, 5, start=[10], max_loss=1)
    assert path.steps == 0
    assert math.isnan(path.factor())


def test_rounding_near_a_minimum_away_from_0_is_not_measured() -> None:
    well = DoubleWell()
    path = run(well, 0.5, 1000, start=[4.0])
    assert path.distance[-1] < 1e-13  # it stalls there, which would look like a factor of 1
    assert path.factor() == pytest.approx(0.5, rel=1e-3)


# --- divergence ----------------------------------------------------------------------------------


def test_an_overflow_ends_the_run_and_is_named() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path = run(BOWL, 0.3, 10_000)
        path.factor()
    assert path.stopped == f"diverged after {path.steps} steps: the loss is inf"
    assert path.diverged
    assert len(path.w) == len(path.loss) == path.steps + 1 == len(path.lr) + 1
    assert np.isfinite(path.loss[:-1]).all()
    assert path.loss[-1] == math.inf
    # The steep axis grows by 1.7 a step: 9/2 · 1.7^(2k) passes the largest float at k = 668.
    largest = math.log(np.finfo(float).max)
    assert path.steps == math.ceil((largest - math.log(4.5)) / (2 * math.log(1.7)))
    assert path.factor() == pytest.approx(1.7, rel=1e-9)


def test_a_bound_on_the_loss_ends_the_run_when_it_is_passed() -> None:
    path = run(Quadratic([2]), 1.5, 100, start=[1.0], max_loss=256)  # w = (-2)^k, loss 4^k
    assert path.loss.tolist() == [1, 4, 16, 64, 256, 1024]  # 256 itself is allowed
    assert path.stopped == "diverged after 5 steps: the loss 1.02e+03 exceeds 256"
    assert run(Quadratic([2]), 1.5, 100, start=[1.0], max_loss=255.9).steps == 4
    assert not run(Quadratic([2]), 0.9, 100, start=[1.0], max_loss=1).diverged
    at_once = run(Quadratic([2]), 0.1, 100, start=[10.0], max_loss=1)
    assert at_once.stopped == "diverged after 0 steps: the loss 100 exceeds 1"
    assert at_once.w.tolist() == [[10]]
    one_of_two = run(Quadratic([2]), 1.5, 100, start=[[0.0], [1.0]], max_loss=256)
    assert (one_of_two.steps, one_of_two.stopped) == (5, path.stopped)


class Plain(Landscape):
    """A constant loss on which a weight can overflow unseen; NaN on the left."""

    dimension = 1
    minimum = np.zeros(1)

    def _loss(self, w):
        return np.where(w[..., 0] < 0, np.nan, 1.0)

    def _grad(self, w):
        return np.full(w.shape, -1e308)


def test_a_weight_or_a_loss_that_is_no_number_ends_the_run() -> None:
    assert run(Plain(), 1, 9).stopped == "diverged after 2 steps: a weight is inf"
    assert run(Plain(), 1, 9, start=[-1.0]).stopped == "diverged after 0 steps: the loss is nan"
    several = run(Plain(), 0, 9, start=[[1.0], [-1.0]])
    assert several.stopped == "diverged after 0 steps: the loss is nan"


@pytest.mark.parametrize("lr", [1e3, 1e100, 1e300])
@pytest.mark.parametrize("landscape", [BOWL, Quadratic([1, 9], angle=1), DoubleWell()], ids=str)
def test_no_warning_leaks_however_fast_it_diverges(landscape, lr) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path = run(landscape, lr, 1000)
        path.factor()
    assert path.stopped.startswith(f"diverged after {path.steps} steps: the loss is ")


# --- noise ---------------------------------------------------------------------------------------

MANY = np.zeros((1000, 2))


def test_a_decaying_rate_goes_below_the_floor_of_the_constant_one() -> None:
    noisy, steps = Noisy(BOWL, sigma=2), 1000
    constant = run(noisy, 0.1, steps, start=MANY, seed=0)
    decaying = descend(noisy, SGD(), InverseSqrtDecay(0.1), MANY, steps, seed=0)
    floor = noise_floor(noisy, 0.1)
    assert np.mean(constant.distance[-1] ** 2) == pytest.approx(floor, rel=0.1)
    assert np.mean(decaying.distance[-1] ** 2) < 0.1 * floor


def test_a_seed_is_one_path() -> None:
    noisy = Noisy(DoubleWell(), sigma=1)
    first, again, other = (run(noisy, 0.05, 50, seed=seed) for seed in (3, 3, 4))
    assert first.w.tolist() == again.w.tolist()
    assert first.w[1].tolist() != other.w[1].tolist()
    noise = np.diff(first.w[:, 0]) / -0.05 - noisy.grad(first.w[:-1])[:, 0]
    assert len(set(noise)) == 50  # fresh in every step
    several = run(noisy, 0.05, 1, start=[[1.0], [1.0]], seed=3)
    assert several.w[1, 0] != several.w[1, 1]  # and in every path


def test_the_loss_recorded_under_noise_is_the_exact_one() -> None:
    noisy = Noisy(BOWL, sigma=1)
    path = run(noisy, 0.1, 30, seed=0)
    assert path.loss.tolist() == [BOWL.loss(w) for w in path.w]


# --- two wells -----------------------------------------------------------------------------------

WELL = DoubleWell()
THRESHOLD = 2 / WELL.curvature(WELL.sharp_minimum)[0]
WIDTH = WELL.barrier - WELL.sharp_minimum
SHARP_STARTS = WELL.sharp_minimum + WIDTH * np.linspace(-0.99, 0.99, 101)[:, np.newaxis]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.98])
def test_a_small_rate_stays_trapped_in_the_sharp_well(share) -> None:
    ends = run(WELL, share * THRESHOLD, 600, start=SHARP_STARTS).w[-1]
    assert ends == pytest.approx(np.broadcast_to(WELL.sharp_minimum, ends.shape), abs=1e-6)


@pytest.mark.parametrize("share", [1.2, 1.5, 2, 3, 5, 8, 12])
def test_a_larger_rate_leaves_the_sharp_well_for_the_flat_one(share) -> None:
    ends = run(WELL, share * THRESHOLD, 600, start=SHARP_STARTS).w[-1]
    assert ends == pytest.approx(np.broadcast_to(WELL.flat_minimum, ends.shape), abs=1e-6)


@pytest.mark.parametrize("share", [1.01, 1.05])
def test_just_above_the_threshold_the_weight_swings_within_the_sharp_well(share) -> None:
    paths = run(WELL, share * THRESHOLD, 600, start=SHARP_STARTS[[45, 55]])
    late = paths.w[-200:, :, 0]
    assert (late < WELL.barrier).all()
    assert (np.abs(late - WELL.sharp_minimum) > 0.05).all()
    assert (np.diff(np.sign(late - WELL.sharp_minimum), axis=0) != 0).all()  # side to side


def test_a_rate_too_large_for_the_flat_well_too_diverges() -> None:
    assert run(WELL, 2.1, 20_000, start=[1.0]).diverged
    assert not run(WELL, 1.9, 2000, start=[1.0]).diverged


# --- refusals ------------------------------------------------------------------------------------

REFUSED = [
    ({"start": [1]}, r"start must be finite numbers in shape \(\.\.\., 2\), received \[1\]"),
    ({"start": 1.0}, r"start must be .* received 1\.0"),
    ({"start": [1, math.nan]}, r"start must be finite numbers .* received \[1, nan\]"),
    ({"start": [[1, 2], [3, math.inf]]}, "start must be finite numbers .* inf"),
    ({"steps": 0}, "steps must be a positive integer, received 0"),
    ({"steps": 2.5}, "steps must be a positive integer, received 2.5"),
    ({"steps_per_epoch": 0}, "steps_per_epoch must be a positive integer, received 0"),
    ({"seed": -1}, "seed must be an integer of at least 0, received -1"),
    ({"seed": None}, r"rng must be .* \(descend makes one from its seed\), received None"),
    ({"max_loss": 0}, "max_loss must be .* greater than 0, received 0"),
    ({"max_loss": math.nan}, "max_loss must be a finite .* nan"),
]


@pytest.mark.parametrize(("change", "message"), REFUSED)
def test_what_makes_no_sense_is_refused(change, message) -> None:
    given = {"start": [1, 1], "steps": 5, "seed": 0, **change}
    with pytest.raises(ValueError, match=message):
        descend(Noisy(BOWL, sigma=1), SGD(), Constant(0.1), **given)

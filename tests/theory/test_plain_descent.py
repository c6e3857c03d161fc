"""Plain descent is momentum 0: the factor, the two special rates, and the floor under noise."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrlab.landscapes import Noisy, Quadratic, Saddle
from lrlab.theory.momentum import best_constant_lr, convergence_factor, divergence_lr
from lrlab.theory.noise import noise_floor
from tests.support.strategies import examples

eigenvalue_lists = st.lists(st.floats(0.01, 100), min_size=1, max_size=4)
both_variants = pytest.mark.parametrize("nesterov", [False, True], ids=["heavy ball", "Nesterov"])


def test_a_bowl_by_hand() -> None:
    bowl = Quadratic([2, 8])
    assert (divergence_lr(bowl), best_constant_lr(bowl)) == (0.25, 0.2)
    assert convergence_factor(bowl, 0) == 1
    assert convergence_factor(bowl, 0.125) == 0.75  # the slow axis decides
    assert convergence_factor(bowl, 0.25) == 1  # the steep one
    assert convergence_factor(bowl, 0.5) == 3
    assert type(convergence_factor(bowl, 0.5)) is type(divergence_lr(bowl)) is float


@both_variants
@given(eigenvalue_lists, st.lists(st.floats(0, 10), min_size=1, max_size=5))
@examples(60)
def test_the_factor_is_exactly_that_of_the_worst_axis(nesterov, eigenvalues, lrs) -> None:
    factors = convergence_factor(Quadratic(eigenvalues), lrs, nesterov=nesterov)
    assert factors.tolist() == [max(abs(1 - lr * x) for x in eigenvalues) for lr in lrs]


@both_variants
@given(eigenvalue_lists)
@examples(30)
def test_the_two_special_rates(nesterov, eigenvalues) -> None:
    bowl = Quadratic(eigenvalues)
    best, limit = best_constant_lr(bowl), divergence_lr(bowl, nesterov=nesterov)
    assert limit == 2 / max(eigenvalues)
    factors = convergence_factor(bowl, np.linspace(0, 2 * limit, 401))
    at_best, kappa = convergence_factor(bowl, best), bowl.condition_number
    assert factors.min() >= at_best - 1e-12
    assert at_best == pytest.approx((kappa - 1) / (kappa + 1), abs=1e-12)
    below, above = convergence_factor(bowl, limit * np.array([1 - 1e-9, 1 + 1e-9]))
    assert below < 1 < above


@both_variants
def test_the_noise_floor_adds_up_and_ends_at_the_limit(nesterov) -> None:
    lrs = np.array([0, 0.1, 0.2, 0.25, 0.3])

    def floor(eigenvalues, lr):
        return noise_floor(Noisy(Quadratic(eigenvalues), sigma=3), lr, nesterov=nesterov)

    assert floor([2, 8], lrs) == pytest.approx(floor([2], lrs) + floor([8], lrs), rel=1e-15)
    assert floor([2, 8], 0.1) == pytest.approx(0.1 * 9 / (2 * 1.8) + 0.1 * 9 / (8 * 1.2))
    assert floor([2, 8], lrs)[[0, 3, 4]].tolist() == [0, math.inf, math.inf]
    assert floor([2, 8], lrs[:, None]).shape == (5, 1)


@given(st.floats(0.1, 10), st.floats(0.01, 1.99), st.floats(0, 3))
@examples(60)
def test_the_noise_floor_solves_its_recursion(eigenvalue, product, sigma) -> None:
    """The mean square v of the next step is (1 − ηλ)² v + η²σ², and at the floor again v."""
    lr = product / eigenvalue
    v = noise_floor(Noisy(Quadratic([eigenvalue]), sigma=sigma), lr)
    assert (1 - lr * eigenvalue) ** 2 * v + (lr * sigma) ** 2 == pytest.approx(v, rel=1e-12)


def test_another_landscape_is_refused() -> None:
    with pytest.raises(ValueError, match="bowl must be a Quadratic, received Saddle"):
        best_constant_lr(Saddle())

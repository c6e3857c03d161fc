"""The convex bound: against its formula in explicit sums, in closed form, and against descents."""

import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrlab import Constant, CosineDecay, LinearDecay
from lrlab.theory.convex_bounds import best_base_lr, convex_bound
from tests.support.strategies import examples

rates_of_descents = st.lists(st.floats(0.01, 3), min_size=1, max_size=25)


def formula(rates, norms, distance, t):
    """The bound before step t, counted from 1, as the paper writes it: sum by sum."""

    def total(first, power=0):
        steps = range(first, t + 1)
        if power:
            return math.fsum(rates[s - 1] ** 2 * norms[s - 1] ** 2 for s in steps)
        return math.fsum(rates[s - 1] for s in steps)

    last = sum(rates[k - 1] / total(k + 1) * (total(k, power=2) / total(k)) for k in range(1, t))
    return distance**2 / (2 * total(1)) + total(1, power=2) / (2 * total(1)) + last / 2


@given(rates_of_descents, st.integers(0, 99), st.floats(0.1, 10))
@examples(40)
def test_it_is_the_formula_at_every_step(rates, seed, distance) -> None:
    norms = np.random.default_rng(seed).uniform(0.1, 5, len(rates)).tolist()
    expected = [formula(rates, norms, distance, t + 1) for t in range(len(rates))]
    found = convex_bound(rates, distance=distance, gradient_norm=norms)
    assert found == pytest.approx(expected, rel=1e-12)
    one = convex_bound(rates, distance=distance, gradient_norm=norms[0])
    assert one[-1] == pytest.approx(
        formula(rates, [norms[0]] * len(rates), distance, len(rates)), rel=1e-12
    )


@given(rates_of_descents, st.integers(0, 99), st.floats(0.1, 10))
@examples(40)
def test_no_other_base_rate_is_better(rates, seed, distance) -> None:
    norms = np.random.default_rng(seed).uniform(0.1, 5, len(rates))
    options = {"distance": distance, "gradient_norm": norms}
    best = best_base_lr(rates, **options)
    assert best.bound == pytest.approx(
        convex_bound(np.multiply(best.lr, rates), **options)[-1], rel=1e-12
    )
    for factor in (0.99, 1.01):
        other = convex_bound(np.multiply(factor * best.lr, rates), **options)[-1]
        assert other > best.bound * (1 + 1e-5)


@pytest.mark.parametrize("steps", [2, 10, 1_000])
def test_constant_and_linear_in_closed_form(steps) -> None:
    harmonic = math.fsum(1 / k for k in range(1, steps))
    D, G = 3.0, 0.7
    times = np.arange(steps)
    options = {"distance": D, "gradient_norm": G}
    constant = best_base_lr(Constant(0.2)(times), **options)
    assert constant.bound == pytest.approx(D * G * math.sqrt((1 + harmonic) / steps), rel=1e-12)
    assert 0.2 * constant.lr == pytest.approx(D / G / math.sqrt(steps * (1 + harmonic)), rel=1e-12)
    linear = best_base_lr(LinearDecay(0.2, total_epochs=steps)(times), **options)
    expected = 2 * D * G * math.sqrt((steps - 0.5 + harmonic) / steps / (steps + 1))
    assert linear.bound == pytest.approx(expected, rel=1e-12)


def test_a_decay_makes_it_fall_where_a_constant_rate_has_stopped() -> None:
    steps = 1_000
    times = np.arange(steps)
    held = np.where(times < 800, 1.0, (steps - times) / 200)
    best = best_base_lr(held).lr
    kept = convex_bound(np.full(steps, best))
    decayed = convex_bound(best * held)
    assert decayed[:800] == pytest.approx(kept[:800])
    assert decayed[-1] < 0.75 * kept[-1]
    assert kept[-1] > 0.9 * kept[800]


def corners(seed):
    """A convex loss with corners: the largest of some |a·(w − w*)|, and a start."""
    rng = np.random.default_rng(seed)
    rows, minimum = rng.normal(size=(6, 3)), rng.normal(size=3)

    def loss_and_grad(w):
        sides = rows @ (w - minimum)
        worst = np.argmax(np.abs(sides))
        return np.abs(sides[worst]), np.sign(sides[worst]) * rows[worst]

    return loss_and_grad, minimum


@given(rates_of_descents, st.integers(0, 999), st.floats(-2, 2))
@examples(80)
def test_no_descent_on_a_convex_loss_is_worse(rates, seed, exponent) -> None:
    loss_and_grad, minimum = corners(seed)
    start = w = minimum + 10**exponent * np.random.default_rng(seed + 1).normal(size=3)
    losses, norms = [], []
    for rate in rates:
        loss, grad = loss_and_grad(w)
        losses.append(loss)
        norms.append(np.linalg.norm(grad))
        w = w - rate * grad
    bound = convex_bound(
        rates, distance=float(np.linalg.norm(start - minimum)), gradient_norm=norms
    )
    assert (np.array(losses) <= bound * (1 + 1e-12)).all()


def test_it_is_not_far_above_the_worst_descent() -> None:
    """On |w| a constant rate swings by half of itself; the bound may be some times as large."""
    rates = np.full(200, 0.1)
    worst = max(abs(start - 0.1 * round(start / 0.1)) for start in np.linspace(0, 1, 999))
    assert worst == pytest.approx(0.05, rel=0.01)
    assert 0.05 < convex_bound(rates)[-1] < 8 * worst


def test_before_the_first_step_and_at_a_rate_of_0() -> None:
    assert convex_bound([0.5], distance=2, gradient_norm=3).tolist() == [4 + 0.25 * 9]
    found = convex_bound([0, 0.5, 0, 0, 0.5])
    assert np.isinf(found).tolist() == [True, False, True, True, False]
    assert found[1] == convex_bound([0.5])[0], "a step of no length changes nothing"


def test_small_last_rates_lose_no_digits_and_thousands_of_steps_no_time() -> None:
    rates = CosineDecay(1, total_epochs=3_000)(np.arange(3_000))
    started = time.process_time()
    found = convex_bound(rates)
    assert time.process_time() - started < 5, "about 0.1 s where nothing else runs"
    exact = rates.astype(np.longdouble)
    beta, gamma = np.cumsum(exact[::-1])[::-1], np.cumsum(exact[::-1] ** 2)[::-1]
    inner = np.sum(exact[:-1] / beta[1:] * gamma[:-1] / beta[:-1])
    assert found[-1] == pytest.approx(float(((1 + gamma[0]) / beta[0] + inner) / 2), rel=1e-12)


REFUSED = [
    (lambda: convex_bound([]), r"rates must be a sequence of one or more rates, received \[\]"),
    (lambda: convex_bound([[1.0]]), "rates must be a sequence"),
    (lambda: convex_bound(0.1), "rates must be a sequence .* received 0.1"),
    (lambda: convex_bound([0.1, -1]), r"rates\[1\] must be .* of at least 0, received -1"),
    (lambda: convex_bound([0.1], distance=0), "distance must be .* greater than 0, received 0"),
    (lambda: convex_bound([0.1], gradient_norm=0), "gradient_norm must be .* greater than 0"),
    (lambda: convex_bound([0.1], gradient_norm=[1, 2]), "gradient_norm must be a number or 1 of"),
    (lambda: convex_bound([0.1], gradient_norm=[math.nan]), "gradient_norm must be .* nan"),
    (lambda: best_base_lr([0.1, 0]), r"rates\[1\] must be .* greater than 0, received 0"),
    (lambda: best_base_lr([0.1], distance=-1), "distance must be .* received -1"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_what_makes_no_sense_is_refused(make, message) -> None:
    with pytest.raises(ValueError, match=message):
        make()

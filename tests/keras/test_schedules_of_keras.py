"""lrlab's schedules against Keras' own, step by step over horizons of 100 steps.

Keras computes in float32; the two may differ by 1e-6 of the schedule's peak. Where Keras does
something else, or where float32 does not suffice, a test says what happens.
"""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras.optimizers import schedules as theirs

from lrlab.schedules import (
    Constant,
    CosineDecay,
    CyclicCosine,
    ExponentialDecay,
    InverseTimeDecay,
    MultiStepDecay,
    PolynomialDecay,
    StepDecay,
    hold,
    join,
    warmup,
)
from tests.support.strategies import examples, positive_rates

TOLERANCE = 1e-6
STEPS = np.arange(101)

horizons = st.integers(1, 100)
shares = st.floats(0, 1)
# Factors that float32 can hold, so that both sides start from the same number.
factors = st.floats(2**-6, 1, width=32)


def keras_rates(schedule, steps: np.ndarray = STEPS) -> np.ndarray:
    """The rates of a Keras schedule at many steps in one call."""
    rates = schedule(keras.ops.convert_to_tensor(steps, dtype="int64"))
    assert rates.dtype.name == "float32"
    return np.asarray(rates, dtype=np.float64)


def deviation(schedule, expected: np.ndarray, steps: np.ndarray = STEPS) -> float:
    """The largest difference, in peaks."""
    assert expected.shape == steps.shape
    return np.abs(schedule(steps) - expected).max() / expected.max()


# --- equal ---------------------------------------------------------------------------------------


@given(
    st.lists(positive_rates, min_size=2, max_size=6, unique=True),
    st.sets(st.integers(1, 99), min_size=5, max_size=5),
)
@examples(50)
def test_piecewise_constant(values, boundaries) -> None:
    """At the boundary b itself Keras gives the old value still; ours begins the next at b + 1."""
    boundaries = sorted(boundaries)[: len(values) - 1]
    expected = keras_rates(theirs.PiecewiseConstantDecay(boundaries, values))
    ours = join([Constant(value) for value in values], at=[b + 1 for b in boundaries])
    assert deviation(ours, expected) <= TOLERANCE


@given(positive_rates, st.floats(0.1, 1), st.sets(st.integers(1, 99), min_size=1, max_size=6))
@examples(50)
def test_piecewise_constant_as_milestones(lr, gamma, boundaries) -> None:
    boundaries = sorted(boundaries)
    values = [lr * gamma**count for count in range(len(boundaries) + 1)]
    expected = keras_rates(theirs.PiecewiseConstantDecay(boundaries, values))
    ours = MultiStepDecay(lr, gamma=gamma, milestones=[b + 1 for b in boundaries])
    assert deviation(ours, expected) <= TOLERANCE


@given(positive_rates, factors, horizons)
@examples(50)
def test_exponential(lr, gamma, decay_steps) -> None:
    expected = keras_rates(theirs.ExponentialDecay(lr, decay_steps, gamma))
    ours = ExponentialDecay(lr, gamma=gamma ** (1 / decay_steps))
    assert deviation(ours, expected) <= TOLERANCE


@given(positive_rates, factors, horizons)
@examples(50)
def test_exponential_in_a_staircase(lr, gamma, decay_steps) -> None:
    expected = keras_rates(theirs.ExponentialDecay(lr, decay_steps, gamma, staircase=True))
    ours = StepDecay(lr, gamma=gamma, step_epochs=decay_steps)
    assert deviation(ours, expected) <= TOLERANCE


@pytest.mark.parametrize("staircase", [False, True])
def test_inverse_time(staircase: bool) -> None:
    @given(positive_rates, st.floats(0, 10), horizons)
    @examples(40)
    def same(lr, decay_rate, decay_steps) -> None:
        schedule = theirs.InverseTimeDecay(lr, decay_steps, decay_rate, staircase=staircase)
        ours = InverseTimeDecay(lr, rate=decay_rate / decay_steps)
        ours = hold(ours, decay_steps) if staircase else ours
        assert deviation(ours, keras_rates(schedule)) <= TOLERANCE

    same()


@given(positive_rates, factors, horizons)
@examples(50)
def test_a_held_exponential_is_the_staircase_too(lr, gamma, decay_steps) -> None:
    expected = keras_rates(theirs.ExponentialDecay(lr, decay_steps, gamma, staircase=True))
    ours = hold(ExponentialDecay(lr, gamma=gamma ** (1 / decay_steps)), decay_steps)
    assert deviation(ours, expected) <= TOLERANCE


@given(positive_rates, shares, horizons, st.floats(0.1, 8))
@examples(50)
def test_polynomial(lr, share, decay_steps, power) -> None:
    expected = keras_rates(theirs.PolynomialDecay(lr, decay_steps, share * lr, power))
    ours = PolynomialDecay(lr, total_epochs=decay_steps, power=power, final_lr=share * lr)
    assert deviation(ours, expected) <= TOLERANCE


@given(positive_rates, shares, horizons)
@examples(50)
def test_cosine_and_beyond_its_end(lr, alpha, decay_steps) -> None:
    expected = keras_rates(theirs.CosineDecay(lr, decay_steps, alpha))
    ours = CosineDecay(lr, total_epochs=decay_steps, final_lr=alpha * lr)
    assert deviation(ours, expected) <= TOLERANCE


@given(
    target=positive_rates,
    alpha=shares,
    start=shares,
    decay_steps=st.integers(1, 60),
    warmup_steps=st.integers(1, 40),
    others=st.sets(st.integers(0, 100), max_size=4),
)
@examples(50)
def test_cosine_with_warmup(target, alpha, start, decay_steps, warmup_steps, others) -> None:
    """Keras' warm-up takes one step at a time: both sides of each boundary, and a few more."""
    schedule = theirs.CosineDecay(
        start * target,
        decay_steps,
        alpha,
        warmup_target=target,
        warmup_steps=warmup_steps,
    )
    end = warmup_steps + decay_steps
    corners = {0, warmup_steps - 1, warmup_steps, warmup_steps + 1, end - 1, end, end + 1}
    steps = np.array(sorted(corners | others))
    expected = np.array([float(schedule(step)) for step in steps])
    cosine = CosineDecay(target, total_epochs=decay_steps, final_lr=alpha * target)
    ours = warmup(cosine, warmup_steps, begin_lr=start * target)
    assert deviation(ours, expected, steps) <= TOLERANCE


@given(
    positive_rates,
    shares,
    st.integers(4, 100),
    st.just(1.0) | st.sampled_from([1.5, 2.0, 2.5, 3.0]),
)
@examples(75)
def test_cosine_restarts(lr, alpha, first, t_mul) -> None:
    expected = keras_rates(theirs.CosineDecayRestarts(lr, first, t_mul=t_mul, alpha=alpha))
    ours = CyclicCosine(lr, cycle_epochs=first, cycle_mult=t_mul, final_lr=alpha * lr)
    assert deviation(ours, expected) <= TOLERANCE


@pytest.mark.parametrize("t_mul", [1.5, 2.0, 2.5, 3.0])
@pytest.mark.parametrize("first", [1, 2, 3])
def test_cosine_restarts_from_a_short_first_cycle(first: int, t_mul: float) -> None:
    expected = keras_rates(theirs.CosineDecayRestarts(0.1, first, t_mul=t_mul))
    ours = CyclicCosine(0.1, cycle_epochs=first, cycle_mult=t_mul)
    assert deviation(ours, expected) <= TOLERANCE


def test_the_comparison_would_notice_a_small_difference() -> None:
    expected = keras_rates(theirs.ExponentialDecay(0.1, 1, 0.5))
    for lr, gamma in ((0.1000002, 0.5), (0.1, 0.500003)):
        assert deviation(ExponentialDecay(lr, gamma=gamma), expected) > TOLERANCE


# --- exceptions: other curves --------------------------------------------------------------------


def test_piecewise_constant_drops_one_step_after_its_boundary() -> None:
    expected = keras_rates(theirs.PiecewiseConstantDecay([10, 20], [1.0, 0.5, 0.25]))
    assert [expected[step] for step in (10, 11, 20, 21)] == [1, 0.5, 0.5, 0.25]
    ours = MultiStepDecay(1, gamma=0.5, milestones=[10, 20])
    assert [ours(step) for step in (9, 10, 19, 20)] == [1, 0.5, 0.5, 0.25]


def test_decay_steps_of_a_cosine_exclude_its_warmup() -> None:
    schedule = theirs.CosineDecay(0.0, 10, warmup_target=1.0, warmup_steps=5)
    assert float(schedule(10)) == pytest.approx(0.5)
    assert float(schedule(14)) > 0.01
    assert float(schedule(15)) == pytest.approx(0, abs=1e-7)
    inclusive = warmup(CosineDecay(1, total_epochs=10 - 5), 5)
    assert inclusive(10) == 0


def test_a_polynomial_stays_above_zero_unless_told() -> None:
    expected = keras_rates(theirs.PolynomialDecay(0.1, 50))
    assert expected[50:] == pytest.approx([1e-4] * 51)
    ours = PolynomialDecay(0.1, total_epochs=50, power=1)
    assert deviation(ours, expected) > 9e-4
    ours = PolynomialDecay(0.1, total_epochs=50, power=1, final_lr=1e-4)
    assert deviation(ours, expected) <= TOLERANCE


def test_restarts_double_their_cycle_unless_told() -> None:
    expected = keras_rates(theirs.CosineDecayRestarts(0.1, 10))
    assert deviation(CyclicCosine(0.1, cycle_epochs=10, cycle_mult=2), expected) <= TOLERANCE
    assert deviation(CyclicCosine(0.1, cycle_epochs=10), expected) > 0.5


# --- exceptions: float32 -------------------------------------------------------------------------


def test_rates_are_float32() -> None:
    rate = theirs.CosineDecay(0.1, 30)(0)
    assert rate.dtype.name == "float32"
    assert float(rate) == float(np.float32(0.1)) != 0.1


def test_a_cosine_is_less_exact_relative_to_itself_near_its_end() -> None:
    expected = keras_rates(theirs.CosineDecay(0.1, 100))
    ours = CosineDecay(0.1, total_epochs=100)
    assert abs(expected[99] / ours(99) - 1) > 1e-5
    assert deviation(ours, expected) <= TOLERANCE


def test_a_factor_near_1_is_rounded_and_the_error_grows_with_every_step() -> None:
    """Of 0.9925 Keras keeps seven digits; after some 90 steps more than 1e-6 of the peak is off."""
    gamma = 0.9925014033678847
    expected = keras_rates(theirs.ExponentialDecay(0.1, 1, gamma))
    assert 1e-6 < deviation(ExponentialDecay(0.1, gamma=gamma), expected) < 3.5e-6
    rounded = float(np.float32(gamma))
    assert deviation(ExponentialDecay(0.1, gamma=rounded), expected) < 2e-7


def test_many_short_cycles_blur() -> None:
    """The part of a cycle that is over is what is left of a number near 33."""
    expected = keras_rates(theirs.CosineDecayRestarts(1.0, 3, t_mul=1.0))
    ours = CyclicCosine(1, cycle_epochs=3)
    early, late = STEPS[:48], STEPS[48:]
    assert deviation(ours, expected[:48], early) <= TOLERANCE
    assert TOLERANCE < deviation(ours, expected[48:], late) < 2e-6


@pytest.mark.parametrize(("first", "t_mul", "restart"), [(1, 1.3, 1), (5, 1.2, 11), (10, 1.1, 21)])
def test_a_restart_may_come_one_step_late(first: int, t_mul: float, restart: int) -> None:
    """A logarithm rounded down puts the restart into the cycle before, at the floor of it."""
    expected = keras_rates(theirs.CosineDecayRestarts(1.0, first, t_mul=t_mul, alpha=0.25))
    ours = CyclicCosine(1, cycle_epochs=first, cycle_mult=t_mul, final_lr=0.25)
    assert ours(restart) == 1
    assert expected[restart] == pytest.approx(0.25, abs=1e-5)


def test_the_sixteenth_doubled_cycle_begins_late() -> None:
    restarts = np.array([2**15 - 2, 2**15 - 1])
    schedule = theirs.CosineDecayRestarts(1.0, 1, t_mul=2.0)
    ours = CyclicCosine(1, cycle_epochs=1, cycle_mult=2)
    assert ours(restarts).round(6).tolist() == [0, 1]
    assert keras_rates(schedule, restarts).round(6).tolist() == [0, 0]

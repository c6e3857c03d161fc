"""Schedules that fall: by hand, in shape, and as the documents print them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrlab.schedules.compose import join, warmup
from lrlab.schedules.cycles import OneCycle, WarmupStableDecay
from lrlab.schedules.decays import (
    Constant,
    CosineDecay,
    ExponentialDecay,
    Geometric,
    InverseSqrtDecay,
    InverseTimeDecay,
    LinearDecay,
    MultiStepDecay,
    PolynomialDecay,
    Recurrence,
    StepDecay,
)
from tests.support import schedule_oracle as oracle
from tests.support.schedule_oracle import steps_between
from tests.support.schedule_samples import simple_schedules
from tests.support.strategies import (
    examples,
    factors,
    free_times,
    grid_durations,
    grid_times,
    positive_rates,
    rates,
)

# --- by hand -------------------------------------------------------------------------------------
# Start, both sides of each boundary, the end, beyond the end, fractions of an epoch. The parameters
# are chosen so that the rates are exact in floats, or a cosine away from that.

JUST = 1e-8  # just before and just after a boundary, in epochs

EXACT = {
    "constant": (Constant(0.3), {0: 0.3, 0.5: 0.3, 17: 0.3, 1e6: 0.3}),
    "constant, zero": (Constant(0), {0: 0, 9.5: 0}),
    "step": (
        StepDecay(0.5, gamma=0.25, step_epochs=3),
        {0: 0.5, 3 - JUST: 0.5, 3: 0.125, 3 + JUST: 0.125, 5.99: 0.125, 6: 0.03125, 9.5: 0.0078125},
    ),
    "step, a fraction of an epoch": (
        StepDecay(1, gamma=0.5, step_epochs=0.25),
        {0: 1, 0.25 - JUST: 1, 0.25: 0.5, 0.5: 0.25, 1: 0.0625, 1.74: 2**-6, 1.75: 2**-7},
    ),
    "step, gamma 1": (StepDecay(0.3, gamma=1, step_epochs=2), {0: 0.3, 2: 0.3, 100: 0.3}),
    "milestones": (
        MultiStepDecay(1, gamma=0.5, milestones=[2.5, 3, 10]),
        {0: 1, 2.5 - JUST: 1, 2.5: 0.5, 2.9: 0.5, 3: 0.25, 10 - JUST: 0.25, 10: 0.125, 99: 0.125},
    ),
    "exponential": (
        ExponentialDecay(0.5, gamma=0.25),
        {0: 0.5, 0.5: 0.25, 1: 0.125, 1.5: 0.0625, 3: 0.0078125},
    ),
    "polynomial": (
        PolynomialDecay(1, total_epochs=8, power=2, final_lr=0.5),
        {0: 1, 2: 0.78125, 4: 0.625, 6: 0.53125, 8: 0.5, 8 + JUST: 0.5, 100: 0.5},
    ),
    "polynomial, a root": (
        PolynomialDecay(1, total_epochs=8, power=0.5),
        {0: 1, 6: 0.5, 7.5: 0.25, 8: 0, 9: 0},
    ),
    "polynomial, rising": (
        PolynomialDecay(0.5, total_epochs=4, power=2, final_lr=1),
        {0: 0.5, 2: 0.875, 4: 1, 5: 1},
    ),
    "linear": (
        LinearDecay(1, total_epochs=8, final_lr=0.5),
        {0: 1, 1: 0.9375, 4: 0.75, 7.5: 0.53125, 8: 0.5, 8 + JUST: 0.5, 100: 0.5},
    ),
    "linear, rising": (LinearDecay(0, total_epochs=4, final_lr=1), {0: 0, 1: 0.25, 4: 1, 9: 1}),
    "cosine": (
        CosineDecay(1, total_epochs=8, final_lr=0.5),
        {0: 1, 8: 0.5, 8 + JUST: 0.5, 12: 0.5, 16: 0.5, 1000: 0.5},
    ),
    "geometric, rising": (
        Geometric(0.25, total_epochs=4, final_lr=4),
        {0: 0.25, 1: 0.5, 2: 1, 3: 2, 4 - JUST: 4 - JUST * math.log(16), 4: 4, 4 + JUST: 4, 99: 4},
    ),
    "geometric, falling": (
        Geometric(1, total_epochs=2, final_lr=2**-8),
        {0: 1, 0.5: 0.25, 1: 0.0625, 1.5: 2**-6, 2: 2**-8, 3: 2**-8},
    ),
    "geometric, from end to end of the floats": (
        Geometric(2.0**-1000, total_epochs=2, final_lr=2.0**1000),
        {0: 2.0**-1000, 1: 1, 2: 2.0**1000},
    ),
    "inverse time": (
        InverseTimeDecay(1, rate=0.5),
        {0: 1, 2: 0.5, 6: 0.25, 2**21 - 2: 2**-20},
    ),
    "inverse time, to a floor along a power": (
        InverseTimeDecay(1, rate=3, power=2, final_lr=0.5),
        {0: 1, 1: 0.53125, 5: 0.501953125, 1e300: 0.5},
    ),
    "inverse time that stands still": (InverseTimeDecay(0.3, rate=0), {0: 0.3, 1e308: 0.3}),
    "inverse square root to a floor": (
        InverseSqrtDecay(1, timescale_epochs=4, final_lr=0.5),
        {0: 1, 12: 0.75, 60: 0.625, 252: 0.5625, 1e300: 0.5},
    ),
    "inverse square root, rising": (
        InverseSqrtDecay(0, timescale_epochs=0.5, final_lr=1),
        {0: 0, 1.5: 0.5, 7.5: 0.75},
    ),
    "inverse square root": (
        InverseSqrtDecay(1),
        {0: 1, 0.5625: 0.8, 3: 0.5, 8: 1 / 3, 15: 0.25, 99: 0.1},
    ),
    "recurrence, sin": (
        Recurrence(0.5, rule="sin"),
        {0: 0.5, 0.99: 0.5, 1: math.sin(0.5), 1.5: math.sin(0.5), 2: math.sin(math.sin(0.5))},
    ),
    "recurrence, power": (
        Recurrence(0.5, rule="power", exponent=2),
        {0: 0.5, 0.99: 0.5, 1: 0.25, 1.5: 0.25, 2: 0.0625, 3: 2**-8, 4 - JUST: 2**-8, 4: 2**-16},
    ),
}


@pytest.mark.parametrize(("schedule", "expected"), EXACT.values(), ids=EXACT)
def test_rates_computed_by_hand(schedule, expected: dict[float, float]) -> None:
    answers = {t: schedule(t) for t in expected}
    assert answers == pytest.approx(expected, rel=2e-15, abs=0)


def test_a_cosine_passes_its_middle_and_its_quarters() -> None:
    cosine = CosineDecay(1, total_epochs=12, final_lr=0.5)
    halfway = {2: 0.5 + 0.25 * (1 + 0.75**0.5), 4: 0.875, 6: 0.75, 8: 0.625}
    assert {t: cosine(t) for t in halfway} == pytest.approx(halfway, rel=1e-15)
    assert 0.5 < cosine(12 - 1e-4) < 0.5 + 1e-9


@pytest.mark.parametrize("lr", [math.pi / 2, 3, 0.1, 1e-3, 1e-9, 0])
def test_a_recurrence_is_still_known_when_nobody_applies_it_any_more(lr: float) -> None:
    """Applied one by one up to epoch 50,000, on both sides of where lrlab stops to do so."""
    applied = [lr]
    for _ in range(50_000):
        applied.append(math.sin(applied[-1]))
    epochs = [9_999, 10_000, 10_001, 10_002, 12_345, 50_000]
    rates = Recurrence(lr, rule="sin")(epochs)
    assert rates == pytest.approx([applied[e] for e in epochs], rel=1e-13)
    assert (np.diff(rates) <= 0).all()


def test_a_recurrence_falls_with_the_root_of_time_in_the_end() -> None:
    r""":math:`3/x^2` grows by the epochs that pass and :math:`\frac65` of the fall of ln x."""
    epochs = np.array([1e6, 1e9, 2e9])
    rates = Recurrence(2, rule="sin")(epochs)
    passed = np.diff(3 / rates**2 + 1.2 * np.log(rates))
    assert passed == pytest.approx(np.diff(epochs), rel=1e-13)
    far = Recurrence(2, rule="sin")(np.array([1e12, 1e300]))
    assert far == pytest.approx(np.sqrt(3 / np.array([1e12, 1e300])), rel=1e-10)


@given(positive_rates, st.floats(0, 1), st.integers(1, 100))
@examples(40)
def test_the_former_decay_of_keras_counts_updates(lr, decay, steps) -> None:
    updates = np.arange(300)
    expected = lr * 1.0 / (1.0 + decay * updates)
    ours = InverseTimeDecay(lr, rate=decay * steps)(updates / steps)
    assert ours == pytest.approx(expected, rel=1e-12)


# --- shape ---------------------------------------------------------------------------------------

FALLING = [StepDecay, MultiStepDecay, ExponentialDecay, Recurrence, Constant]
TOWARDS_FLOOR = [PolynomialDecay, LinearDecay, CosineDecay, Geometric]
TOWARDS_FLOOR += [InverseSqrtDecay, InverseTimeDecay]
ordered_pairs = st.tuples(free_times, free_times).map(sorted)


@given(st.one_of([simple_schedules(grid_durations)[cls] for cls in FALLING]), ordered_pairs)
@examples(100)
def test_a_decay_never_rises(schedule, times) -> None:
    change, rounding = steps_between(schedule, times)
    assert change <= rounding


@given(st.one_of([simple_schedules(grid_durations)[cls] for cls in TOWARDS_FLOOR]), ordered_pairs)
@examples(100)
def test_a_decay_to_a_floor_runs_one_way(schedule, times) -> None:
    change, rounding = steps_between(schedule, times)
    towards = np.sign(schedule.final_lr - schedule.lr)
    assert change * towards >= -rounding


# How fast a continuous schedule may change, in peaks an epoch.
STEEPEST = {
    Constant: lambda x: 0,
    ExponentialDecay: lambda x: -math.log(x.gamma),
    LinearDecay: lambda x: 1 / x.total_epochs,
    CosineDecay: lambda x: math.pi / 2 / x.total_epochs,
    Geometric: lambda x: abs(math.log(x.lr / x.final_lr)) / x.total_epochs,
    InverseTimeDecay: lambda x: x.rate * x.power,
    InverseSqrtDecay: lambda x: 0.5 / x.timescale_epochs,
    OneCycle: lambda x: (
        math.pi / 2 / x.total_epochs / min(x.warmup_fraction, 1 - 2 * x.warmup_fraction)
        if x.three_phase
        else math.pi / 2 / x.total_epochs / min(x.warmup_fraction, 1 - x.warmup_fraction)
    ),
}


@pytest.mark.parametrize("cls", STEEPEST)
def test_a_continuous_schedule_changes_no_faster_than_its_slope(cls: type) -> None:
    @given(simple_schedules(grid_durations)[cls], ordered_pairs)
    @examples(60)
    def holds(schedule, times) -> None:
        change, rounding = steps_between(schedule, times)
        slope = STEEPEST[cls](schedule) * oracle.lowest_and_highest(schedule)[1]
        assert abs(change) <= slope * (times[1] - times[0]) + rounding

    holds()


@given(
    simple_schedules(grid_durations)[PolynomialDecay]
    | simple_schedules(grid_durations)[WarmupStableDecay]
    | st.builds(warmup, simple_schedules(grid_durations)[CosineDecay], grid_durations, rates),
    grid_times,
)
@examples(100)
def test_no_jump_anywhere(schedule, t) -> None:
    # Powers below 1 and the 1-sqrt shape are steep at an end, so that slopes say nothing there.
    high = oracle.lowest_and_highest(schedule)[1]
    roundness = min(getattr(schedule, "power", 0.5), 1)
    assert abs(schedule(t * (1 + 1e-12)) - schedule(t)) <= 8 * high * (60e-12 * 32) ** roundness


# --- the documents -------------------------------------------------------------------------------

EPOCHS = np.arange(31)


@given(positive_rates, factors, st.integers(1, 40))
@examples(60)
def test_d1_step_and_exponential(lr, gamma, step) -> None:
    stepped = [lr * gamma ** (e // step) for e in range(100)]
    assert StepDecay(lr, gamma=gamma, step_epochs=step)(np.arange(100)) == pytest.approx(stepped)
    fallen = [lr * gamma**e for e in range(100)]
    assert ExponentialDecay(lr, gamma=gamma)(np.arange(100)) == pytest.approx(fallen)


@given(positive_rates, st.floats(0.1, 5), st.integers(1, 100))
@examples(60)
def test_d1_polynomial(lr, gamma, total) -> None:
    expected = [lr * (1 - e / total) ** gamma for e in range(total + 1)]
    ours = PolynomialDecay(lr, total_epochs=total, power=gamma)(np.arange(total + 1))
    assert ours == pytest.approx(expected, rel=1e-12)


def test_d2_square_root() -> None:
    expected = 0.1 * (EPOCHS + 1.0) ** -0.5
    assert InverseSqrtDecay(0.1)(EPOCHS) == pytest.approx(expected, rel=1e-15)


def test_d2_milestone_30_never_acts_in_30_epochs() -> None:
    printed = MultiStepDecay(0.3, gamma=0.5, milestones=[15, 30])
    acting = MultiStepDecay(0.3, gamma=0.5, milestones=[15])
    assert printed(np.arange(30)).tolist() == acting(np.arange(30)).tolist()
    assert printed(np.arange(30)).tolist() == [0.3] * 15 + [0.15] * 15
    assert printed(30) == 0.075


def test_d2_cosine_stays_at_its_floor_from_epoch_20() -> None:
    cosine = CosineDecay(0.3, total_epochs=20, final_lr=0.01)
    falling = [0.01 + 0.29 * (1 + math.cos(math.pi * e / 20)) / 2 for e in range(20)]
    assert cosine(np.arange(20)) == pytest.approx(falling, rel=1e-14)
    assert cosine(19) > 0.011
    assert cosine(np.arange(20, 30)).tolist() == [0.01] * 10


def test_d3_hold_then_exponential() -> None:
    schedule = join([Constant(0.001), ExponentialDecay(0.001, gamma=math.exp(-0.1))], at=[10])
    expected = [0.001 if e < 10 else 0.001 * math.exp(0.1 * (10 - e)) for e in range(100)]
    assert schedule(np.arange(100)) == pytest.approx(expected, rel=1e-12)
    assert schedule(10) == 0.001
    assert schedule(11) < 0.001


@pytest.mark.parametrize(
    ("rule", "after_17", "after_25"),
    [
        ("sin", 0.09727657241617098, 0.09606978125185672),
        ("power", 0.0996090197648015, 0.09942532736309981),
    ],
)
def test_d4_recurrences_after_17_and_25_applications(rule, after_17, after_25) -> None:
    # Printed in the document in float32, relative 1e-6.
    recurrence = Recurrence(0.1, rule=rule)
    assert recurrence(17) == pytest.approx(after_17, rel=1e-6)
    assert recurrence(25) == pytest.approx(after_25, rel=1e-6)

    whole_run = warmup(recurrence, 4, begin_lr=0.02)
    assert whole_run(np.arange(5)) == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.10], rel=1e-15)
    assert whole_run(21) == recurrence(17)  # epochs 22 and 30, counted from 1
    assert whole_run(29) == recurrence(25)


def test_d4_first_rates_after_the_warmup() -> None:
    for rule, first in (("sin", (0.09983, 0.09967)), ("power", (0.09998, 0.09995))):
        rates = Recurrence(0.1, rule=rule)(np.array([1, 2]))
        assert rates.round(5).tolist() == list(first)


@given(positive_rates, rates, st.integers(1, 60))
@examples(60)
def test_d5_linear_decay_to_tau(lr, final_lr, tau) -> None:
    shares = [min(e / tau, 1) for e in range(100)]
    expected = [(1 - share) * lr + share * final_lr for share in shares]
    ours = LinearDecay(lr, total_epochs=tau, final_lr=final_lr)(np.arange(100))
    assert ours == pytest.approx(expected, rel=1e-12, abs=1e-15)

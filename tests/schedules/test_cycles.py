"""Schedules that rise as well as fall: by hand, in shape, and where their cycles end."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrlab.schedules.compose import warmup
from lrlab.schedules.cycles import CyclicCosine, OneCycle, Triangular, WarmupStableDecay
from lrlab.schedules.decays import Constant, CosineDecay
from tests.support.schedule_oracle import steps_between
from tests.support.schedule_samples import simple_schedules
from tests.support.strategies import examples, free_times, grid_durations

JUST = 1e-8  # just before and just after a boundary, in epochs
ordered_pairs = st.tuples(free_times, free_times).map(sorted)

# Chosen so that the rates are exact in floats.
EXACT = {
    "cycles": (
        CyclicCosine(1, cycle_epochs=4, final_lr=0.5),
        {0: 1, 2: 0.75, 4: 1, 4 + JUST: 1, 6: 0.75, 8: 1, 400: 1, 402: 0.75},
    ),
    "cycles, twice as long": (
        CyclicCosine(1, cycle_epochs=2, cycle_mult=2),
        {0: 1, 1: 0.5, 2: 1, 4: 0.5, 6: 1, 10: 0.5, 14: 1, 22: 0.5, 30: 1, 62: 1, 94: 0.5},
    ),
    "triangles": (
        Triangular(0.25, max_lr=1, up_epochs=2),
        {0: 0.25, 1: 0.625, 2: 1, 3: 0.625, 4: 0.25, 5: 0.625, 4002: 1, 4004: 0.25},
    ),
    "triangles, steep and halved": (
        Triangular(0.5, max_lr=2.5, up_epochs=0.5, down_epochs=1.5, cycle_gamma=0.5),
        {0: 0.5, 0.25: 1.5, 0.5: 2.5, 1.25: 1.5, 2: 0.5, 2.5: 1.5, 4.5: 1, 6.5: 0.75, 8: 0.5},
    ),
    "triangles that decay": (
        Triangular(1, max_lr=3, up_epochs=2, down_epochs=1, gamma=0.5),
        {0: 1, 1: 1.5, 2: 1.5, 2.5: 1 + 2**-2.5, 3: 1, 4: 1.0625, 5: 1.0625},
    ),
    "triangles upside down": (
        Triangular(1, max_lr=0.5, up_epochs=1),
        {0: 1, 0.5: 0.75, 1: 0.5, 1.5: 0.75, 2: 1},
    ),
    "momentum of triangles": (
        Triangular(1, max_lr=3, up_epochs=2, cycle_gamma=0.5).momentum(low=0.5, high=0.75),
        {0: 0.75, 1: 0.625, 2: 0.5, 4: 0.75, 6: 0.625, 8: 0.75},
    ),
    "one cycle": (
        OneCycle(1, total_epochs=8, warmup_fraction=0.25, initial_div=4, final_div=16),
        {0: 0.25, 1: 0.625, 2: 1, 5: 0.5078125, 8: 0.015625, 8 + JUST: 0.015625, 100: 0.015625},
    ),
    "one cycle, lines": (
        OneCycle(
            1, total_epochs=8, warmup_fraction=0.25, initial_div=4, final_div=16, shape="linear"
        ),
        {0: 0.25, 1: 0.625, 1.5: 0.8125, 2: 1, 4: 0.671875, 5: 0.5078125, 8: 0.015625, 9: 0.015625},
    ),
    "one cycle, three phases": (
        OneCycle(1, total_epochs=8, warmup_fraction=0.25, initial_div=4, three_phase=True),
        {0: 0.25, 1: 0.625, 2: 1, 3: 0.625, 4: 0.25, 6: 0.1250125, 8: 0.000025, 99: 0.000025},
    ),
    "momentum": (
        OneCycle(1, total_epochs=8, warmup_fraction=0.25).momentum(low=0.5, high=0.75),
        {0: 0.75, 1: 0.625, 2: 0.5, 5: 0.625, 8: 0.75, 100: 0.75},
    ),
    "momentum, lines, three phases": (
        OneCycle(
            1, total_epochs=8, warmup_fraction=0.25, shape="linear", three_phase=True
        ).momentum(low=0.5, high=0.75),
        {0: 0.75, 0.5: 0.6875, 2: 0.5, 3: 0.625, 4: 0.75, 6: 0.75, 8: 0.75, 100: 0.75},
    ),
    "trapezoid": (
        WarmupStableDecay(1, warmup_epochs=2, stable_epochs=4, decay_epochs=8, final_lr=0.5),
        {0: 0, 0.5: 0.25, 2: 1, 4: 1, 6: 1, 8: 0.875, 10: 0.75, 14: 0.5, 14 + JUST: 0.5, 99: 0.5},
    ),
    "trapezoid, 1-sqrt": (
        WarmupStableDecay(
            1, warmup_epochs=2, stable_epochs=4, decay_epochs=8, final_lr=0.5, shape="1-sqrt"
        ),
        {0: 0, 1: 0.5, 2: 1, 6: 1, 6.5: 0.875, 8: 0.75, 10.5: 0.625, 14: 0.5, 99: 0.5},
    ),
}


@pytest.mark.parametrize(("schedule", "expected"), EXACT.values(), ids=EXACT)
def test_rates_computed_by_hand(schedule, expected: dict[float, float]) -> None:
    answers = {t: schedule(t) for t in expected}
    assert answers == pytest.approx(expected, rel=2e-15, abs=0)


@pytest.mark.parametrize("cycle_mult", [1, 1.25, 1.5, 2, 3])
@pytest.mark.parametrize("cycle_epochs", [1, 7, 0.1, 0.3, 1 / 3, 0.7, 2.5, 12.34])
@pytest.mark.parametrize("begin", [0, 4, 0.1])
def test_a_cycle_begins_at_its_restart(cycle_epochs, cycle_mult, begin) -> None:
    cycles = CyclicCosine(1, cycle_epochs=cycle_epochs, cycle_mult=cycle_mult, final_lr=0.25)
    schedule = warmup(cycles, begin, begin_lr=1) if begin else cycles
    moment, length = begin, cycle_epochs
    for _ in range(25):
        end = moment + length
        assert schedule(moment) == 1
        assert schedule(moment + length / 2) == pytest.approx(0.625, abs=1e-9)
        assert schedule(end - 1e-6 * length) == pytest.approx(0.25, abs=1e-11)
        moment, length = end, length * cycle_mult


def test_a_cycle_is_near_its_floor_just_before_the_restart() -> None:
    for cycle_mult, ends in ((1, (4, 8, 12)), (3, (4, 16, 52))):
        cycles = CyclicCosine(1, cycle_epochs=4, cycle_mult=cycle_mult, final_lr=0.25)
        for end in ends:
            assert 0.25 <= cycles(end - JUST) < 0.25 + 1e-12
            assert cycles(end) == 1


def test_the_peak_of_one_cycle_is_a_single_moment() -> None:
    cycle = OneCycle(1, total_epochs=10)
    assert cycle(3) == 1
    assert cycle(2.99) < 1
    assert cycle(3.01) < 1
    assert cycle(0) == 1 / 25
    assert cycle(10) == pytest.approx(1 / 25 / 1e4, rel=1e-15)


# --- shape ----------------------------------------------------------------------------------------


@given(simple_schedules(grid_durations)[OneCycle], ordered_pairs)
@examples(50)
def test_one_cycle_rises_to_its_peak_and_falls_from_it(schedule, times) -> None:
    peak = schedule.warmup_fraction * schedule.total_epochs
    change, rounding = steps_between(schedule, [min(t, peak) for t in times])
    assert change >= -rounding
    change, rounding = steps_between(schedule, [max(t, peak) for t in times])
    assert change <= rounding


@given(simple_schedules(grid_durations)[WarmupStableDecay], ordered_pairs)
@examples(50)
def test_a_trapezoid_rises_holds_and_goes_to_its_floor(schedule, times) -> None:
    top, edge = schedule.warmup_epochs, schedule.warmup_epochs + schedule.stable_epochs
    change, rounding = steps_between(schedule, [min(t, top) for t in times])
    assert change >= -rounding
    for t in times:
        assert schedule(min(max(t, top), edge)) == schedule.lr
    change, rounding = steps_between(schedule, [max(t, edge) for t in times])
    assert change * np.sign(schedule.final_lr - schedule.lr) >= -rounding


# --- ends -----------------------------------------------------------------------------------------


@given(st.integers(1, 12), st.integers(1, 3), st.integers(1, 60))
@examples(50)
def test_a_cycle_ends_before_each_restart_of_the_rate(cycle, mult, epochs):
    """Counted from the rates alone: a cycle is over where the next epoch begins at the top."""
    schedule = CyclicCosine(0.1, cycle_epochs=cycle, cycle_mult=mult)
    rates = schedule(np.arange(epochs + 1))
    ends = tuple(e for e in range(1, epochs + 1) if rates[e] == rates[0])
    if ends:
        assert schedule.ends(epochs) == ends
    else:
        with pytest.raises(
            ValueError, match=f"complete a cycle of {cycle} epochs, received {epochs}$"
        ):
            schedule.ends(epochs)


@pytest.mark.parametrize(("epochs", "ends"), [(39, (20,)), (40, (20, 40)), (41, (20, 40))])
def test_only_complete_cycles_count(epochs, ends):
    assert CyclicCosine(0.1, cycle_epochs=20).ends(epochs) == ends


@pytest.mark.parametrize(
    ("schedule", "epochs", "message"),
    [
        (Constant(0.1), 5, r"schedule must be a CyclicCosine to have cycles, received Constant\("),
        (CosineDecay(0.1, total_epochs=5), 5, "schedule must be a CyclicCosine"),
        (CyclicCosine(0.1, cycle_epochs=2.5), 5, "cycle_epochs must be a whole .* received 2.5"),
        (CyclicCosine(0.1, cycle_epochs=2, cycle_mult=1.5), 5, "cycle_mult must be .* 1.5"),
        (CyclicCosine(0.1, cycle_epochs=6, cycle_mult=2), 5, "cycle of 6 epochs, received 5"),
        (CyclicCosine(0.1, cycle_epochs=2), 0, "epochs must be a positive integer, received 0"),
    ],
)
def test_a_run_without_cycles_is_refused(schedule, epochs, message):
    with pytest.raises(ValueError, match=message):
        schedule.ends(epochs)


def test_cycles_are_counted_up_to_a_limit() -> None:
    cycles = CyclicCosine(0.1, cycle_epochs=3)
    assert len(cycles.ends(300_002)) == 100_000
    for epochs in (300_003, 10**8, 10**400):
        with pytest.raises(ValueError, match=rf"^epochs must hold at most 100000 .* {epochs}$"):
            cycles.ends(epochs)
    doubling = CyclicCosine(0.1, cycle_epochs=1, cycle_mult=2)
    assert doubling.ends(10**400) == tuple(2**k - 1 for k in range(1, 1329))
    with pytest.raises(ValueError, match=r"^epochs must hold .* an int that cannot be shown$"):
        cycles.ends(10**10_000)
    with pytest.raises(ValueError, match=r"^epochs must complete a cycle of 3 epochs, received 2$"):
        cycles.ends(2)


# --- the documents --------------------------------------------------------------------------------


def test_d3_cycles_of_20_epochs_and_their_lowest_rate() -> None:
    cycles = CyclicCosine(0.1, cycle_epochs=20)
    expected = [0.05 * (1 + math.cos(math.pi * (e % 20) / 20)) for e in range(60)]
    assert cycles(np.arange(60)) == pytest.approx(expected, rel=1e-12)
    assert cycles(np.arange(60)).argmin() % 20 == 19
    assert f"{cycles(np.arange(60)).min():.1e}" == "6.2e-04"


def test_the_cycles_are_those_of_the_document():
    schedule = CyclicCosine(0.1, cycle_epochs=20)
    ends = schedule.ends(60)
    assert ends == (20, 40, 60)
    for end in ends:
        last = 0.05 * (1 + math.cos(math.pi * 19 / 20))
        assert schedule(end - 1) == pytest.approx(last, rel=1e-12)

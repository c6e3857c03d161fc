"""Warm-ups, joints and multiples: by hand, the documents' conventions, and what each keeps."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrlab.schedules.compose import Warmup, hold, join, scale, warmup
from lrlab.schedules.decays import (
    Constant,
    CosineDecay,
    ExponentialDecay,
    InverseSqrtDecay,
    LinearDecay,
    MultiStepDecay,
    Recurrence,
    StepDecay,
)
from tests.support.schedule_samples import any_schedule, moments
from tests.support.strategies import examples, grid_durations, grid_times, rates

JUST = 1e-8

# --- warm-up -------------------------------------------------------------------------------------


def test_a_warmup_runs_up_to_the_first_rate_and_then_gives_way() -> None:
    schedule = warmup(StepDecay(1, gamma=0.5, step_epochs=2), 4, begin_lr=0.5)
    expected = {
        0: 0.5,
        1: 0.625,
        2.5: 0.8125,
        4 - 1 / 64: 1 - 1 / 512,
        4: 1,
        5.99: 1,
        6: 0.5,
        8: 0.25,
    }
    assert {t: schedule(t) for t in expected} == expected


def test_a_warmup_may_come_down() -> None:
    assert warmup(Constant(1), 4, begin_lr=3)(np.arange(6)).tolist() == [3, 2.5, 2, 1.5, 1, 1]


def test_a_warmup_may_start_slowly_or_at_once() -> None:
    slow = warmup(StepDecay(1, gamma=0.5, step_epochs=1), 4, begin_lr=0.5, power=2)
    assert slow(np.arange(6)).tolist() == [0.5, 0.53125, 0.625, 0.78125, 1, 0.5]
    assert warmup(Constant(1), 4, power=0.5)([0, 1, 2.25, 4]).tolist() == [0, 0.5, 0.75, 1]
    assert warmup(Constant(1), 0, power=3) == Constant(1)


def test_a_warmup_on_the_common_clock_leads_up_to_what_the_schedule_has_become() -> None:
    line = LinearDecay(1, total_epochs=8)
    schedule = warmup(line, 4, begin_lr=0.5, clock="common")
    assert schedule([0, 2, 4, 6, 8, 9]).tolist() == [0.5, 0.625, 0.5, 0.25, 0, 0]
    assert schedule(4 - JUST) == pytest.approx(0.5)
    assert warmup(line, 0, clock="common") == line
    with pytest.raises(ValueError, match=r"^clock must be one of own, common, received 'mine'$"):
        warmup(line, 0, clock="mine")


@given(any_schedule(grid_durations), grid_durations, st.floats(0.1, 8), grid_times)
@examples(30)
def test_from_zero_that_is_a_product(schedule, epochs, power, t) -> None:
    product = scale(schedule, warmup(Constant(1), epochs, power=power))(t)
    assert warmup(schedule, epochs, power=power, clock="common")(t) == product


def test_a_warmup_begins_at_zero_unless_told() -> None:
    assert warmup(Constant(1), 4) == warmup(Constant(1), 4, begin_lr=0)
    assert warmup(Constant(1), 4)(0) == 0


@given(any_schedule(), rates)
@examples(30)
def test_a_warmup_of_no_length_is_the_schedule_itself(schedule, begin_lr) -> None:
    assert warmup(schedule, 0, begin_lr=begin_lr) is schedule


@given(any_schedule(grid_durations), grid_durations, rates, grid_times)
@examples(30)
def test_after_a_warmup_the_schedule_runs_on_its_own_clock(schedule, epochs, begin_lr, t) -> None:
    # On the grid sums of moments are exact, and so are the answers.
    schedule_late = warmup(schedule, epochs, begin_lr=begin_lr)
    assert schedule_late(epochs + t) == schedule(t)
    assert schedule_late(0) == begin_lr
    share = min(t / epochs, 1)
    ramp = (1 - share) * begin_lr + share * schedule(0)
    if t < epochs:
        assert schedule_late(t) == pytest.approx(ramp, rel=1e-12, abs=1e-300)


@given(st.integers(2, 20), st.floats(1e-4, 1))
@examples(30)
def test_both_conventions_of_the_documents(w, peak) -> None:
    cosine = CosineDecay(peak, total_epochs=30 - w)
    at_w = warmup(cosine, w)  # D1 with α = 0: the peak is the rate of epoch w
    assert at_w(np.arange(w + 1)) == pytest.approx([peak * e / w for e in range(w + 1)])
    assert at_w(w) == peak
    assert at_w(w - 1) < peak

    before_w = warmup(cosine, w - 1, begin_lr=peak / w)  # D4: the peak is the rate of epoch w − 1
    assert before_w(np.arange(w)) == pytest.approx([peak * (e + 1) / w for e in range(w)])
    assert before_w(w - 1) == peak
    assert before_w(0) == peak / w > 0


@given(
    w=st.integers(1, 40),
    after=st.integers(1, 60),
    peak=st.floats(1e-4, 10),
    begin=st.floats(0, 1),
)
@examples(30)
def test_d1_cosine_annealing_with_warmup(w, after, peak, begin) -> None:
    total = w + after

    def by_the_document(e: int) -> float:
        if e <= w:
            return e * (peak - begin) / w + begin
        return 0.5 * peak * (1 + math.cos(math.pi * (e - w) / (total - w)))

    schedule = warmup(CosineDecay(peak, total_epochs=total - w), w, begin_lr=begin)
    expected = np.array([by_the_document(e) for e in range(total + 1)])
    ours = schedule(np.arange(total + 1))
    assert abs(ours - expected).max() <= 1e-12 * max(peak, begin)
    assert ours[w] == peak  # both branches of the document give the peak at e = w
    assert by_the_document(w) == pytest.approx(peak, rel=1e-14)


@given(
    w=st.integers(1, 10),
    after=st.integers(1, 20),
    base=st.floats(1e-3, 1),
    final=st.floats(0, 1e-3),
    begin=st.floats(0, 1),
)
@examples(30)
def test_d2_cosine_with_warmup(w, after, base, final, begin) -> None:
    last = w + after

    def by_the_document(e: int) -> float:
        if e < w:
            return begin + (base - begin) * e / w
        if e <= last:
            return final + (base - final) * (1 + math.cos(math.pi * (e - w) / (last - w))) / 2
        return by_the_document(last)

    schedule = warmup(CosineDecay(base, total_epochs=after, final_lr=final), w, begin_lr=begin)
    expected = np.array([by_the_document(e) for e in range(last + 20)])
    assert abs(schedule(np.arange(last + 20)) - expected).max() <= 1e-12 * max(base, begin)
    assert (schedule(np.arange(last, last + 20)) == final).all()


# --- joints --------------------------------------------------------------------------------------


def test_each_piece_of_a_join_has_its_own_clock() -> None:
    pieces = [
        LinearDecay(1, total_epochs=4, final_lr=0.5),
        ExponentialDecay(8, gamma=0.5),
        MultiStepDecay(0.25, gamma=0.5, milestones=[1]),
    ]
    schedule = join(pieces, at=[3, 5.5])
    expected = {0: 1, 2: 0.75, 3: 8, 4: 4, 5: 2, 5.5: 0.25, 6.4: 0.25, 6.5: 0.125, 99: 0.125}
    assert {t: schedule(t) for t in expected} == expected
    assert schedule(3 - JUST) == pytest.approx(0.625)
    assert schedule(5.5 - JUST) == pytest.approx(8 * 0.5**2.5)


@given(st.lists(any_schedule(grid_durations), min_size=3, max_size=3), st.data())
@examples(30)
def test_a_join_hands_over_at_its_moments(pieces, data) -> None:
    at = data.draw(moments(grid_durations, 2))
    t = data.draw(grid_times)
    schedule = join(pieces, at=at)
    if t < at[0]:
        assert schedule(t) == pieces[0](t)
    if t < at[1] - at[0]:
        assert schedule(at[0] + t) == pieces[1](t)
    assert schedule(at[1] + t) == pieces[2](t)


@given(any_schedule(grid_durations), grid_durations, rates, grid_times)
@examples(30)
def test_a_warmup_is_a_line_joined_to_the_schedule(schedule, epochs, begin_lr, t) -> None:
    line = LinearDecay(begin_lr, total_epochs=epochs, final_lr=schedule(0))
    joined = join([line, schedule], at=[epochs])
    warmed_up = warmup(schedule, epochs, begin_lr=begin_lr)
    assert warmed_up(t) == pytest.approx(joined(t), rel=1e-12, abs=1e-15 * max(begin_lr, line(t)))


def test_on_the_common_clock_no_piece_begins_anew() -> None:
    pieces = [Constant(8), ExponentialDecay(8, gamma=0.5), LinearDecay(1, total_epochs=8)]
    schedule = join(pieces, at=[2, 4.5], clock="common")
    expected = {0: 8, 2 - JUST: 8, 2: 2, 3: 1, 4: 0.5, 4.5: 0.4375, 6: 0.25, 8: 0, 99: 0}
    assert {t: schedule(t) for t in expected} == expected


@given(any_schedule(grid_durations), any_schedule(grid_durations), grid_durations, grid_times)
@examples(30)
def test_clocks_differ_by_the_moment_at_which_a_piece_begins(first, second, at, t) -> None:
    common = join([first, second], at=[at], clock="common")
    assert common(t) == (first(t) if t < at else second(t))
    if t >= at:
        assert join([first, second], at=[at])(t) == second(t - at)


def test_a_piece_that_is_not_in_force_is_not_asked() -> None:
    """So a schedule that contains itself many times over is asked once."""
    doubled = Constant(1)
    for _ in range(12):
        doubled = join([doubled, doubled], at=[1])
    assert doubled(0.5) == doubled(100) == 1


def test_joins_nest() -> None:
    inner = join([Constant(1), Constant(2)], at=[2])
    outer = join([inner, inner, Constant(3)], at=[4, 7])
    flat = join([Constant(x) for x in (1, 2, 1, 2, 3)], at=[2, 4, 6, 7])
    t = np.linspace(0, 9, 181)
    assert outer(t).tolist() == flat(t).tolist()


# --- multiples -----------------------------------------------------------------------------------


@given(any_schedule(), st.floats(1e-3, 1e3), st.lists(grid_times, min_size=1))
@examples(30)
def test_a_multiple_is_a_multiple(schedule, factor, times) -> None:
    t = np.array(times)
    assert scale(schedule, factor)(t).tolist() == (factor * schedule(t)).tolist()


@given(any_schedule(grid_durations), any_schedule(grid_durations), grid_times)
@examples(30)
def test_a_factor_may_change_and_keeps_the_clock(schedule, factor, t) -> None:
    assert scale(schedule, factor)(t) == schedule(t) * factor(t)


def test_a_scaled_recurrence_keeps_its_own_course() -> None:
    assert scale(Recurrence(0.1, rule="sin"), 2)(25) == 2 * Recurrence(0.1, rule="sin")(25)


# --- staircases ----------------------------------------------------------------------------------


def test_a_held_schedule_changes_at_its_steps_alone() -> None:
    steps = hold(LinearDecay(1, total_epochs=4), 0.5)
    expected = {0: 1, 0.5 - JUST: 1, 0.5: 0.875, 0.9: 0.875, 1: 0.75, 3.99: 0.125, 4: 0, 99: 0}
    assert {t: steps(t) for t in expected} == expected


@given(any_schedule(grid_durations), st.integers(0, 60), st.floats(0, 1, exclude_max=True))
@examples(30)
def test_a_schedule_that_is_held_for_an_epoch_goes_by_epochs(schedule, epoch, share) -> None:
    within = min(epoch + share, epoch + 1 - 1e-6)
    assert hold(schedule, 1)(within) == schedule(epoch)


@given(rates, st.floats(0.1, 1), grid_durations, grid_times)
@examples(30)
def test_a_step_decay_is_an_exponential_one_that_is_held(lr, gamma, step, t) -> None:
    held = hold(ExponentialDecay(lr, gamma=gamma ** (1 / step)), step)
    stepped = StepDecay(lr, gamma=gamma, step_epochs=step)(t)
    assert held(t) == pytest.approx(stepped, rel=1e-10, abs=1e-300)


def test_compositions_nest_to_any_depth() -> None:
    schedule = InverseSqrtDecay(1)
    for _ in range(20):
        schedule = scale(warmup(schedule, 1), 2)
    assert schedule(20) == 2**20
    assert schedule(23) == 2**19
    assert schedule(0) == 0
    assert isinstance(schedule.schedule, Warmup)

"""What every schedule keeps to: purity, shapes, comparison by value, configs, boundaries."""

import copy
import dataclasses
import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lrlab.schedules
from lrlab.schedules.base import Schedule
from lrlab.schedules.compose import Held, Joined, Scaled, Warmup, join, warmup
from lrlab.schedules.decays import (
    Constant,
    CosineDecay,
    Geometric,
    MultiStepDecay,
    Recurrence,
    StepDecay,
)
from tests.support import schedule_oracle as oracle
from tests.support.schedule_oracle import lowest_and_highest
from tests.support.schedule_samples import SAMPLES, any_schedule, sample, simple_schedules
from tests.support.strategies import (
    examples,
    free_durations,
    free_times,
    grid_durations,
    grid_times,
    rates,
)

EPS = np.finfo(np.float64).eps
PUBLIC = {
    value
    for value in vars(lrlab.schedules).values()
    if isinstance(value, type) and issubclass(value, Schedule) and value is not Schedule
}
time_lists = st.lists(free_times, min_size=1, max_size=20)


def test_strategies_and_samples_leave_no_schedule_out() -> None:
    assert set(SAMPLES) == PUBLIC
    assert set(simple_schedules(free_durations)) == PUBLIC - {Warmup, Joined, Scaled, Held}
    for cls, parameters in SAMPLES.items():
        assert list(parameters) == [field.name for field in dataclasses.fields(cls)]


# --- calls ---------------------------------------------------------------------------------------


@given(any_schedule(), time_lists, st.randoms(use_true_random=False))
@examples(75)
def test_the_order_of_questions_changes_no_answer(schedule, times, random) -> None:
    """Scalar, array, any order, asked again: equal to the last bit."""
    together = schedule(np.array(times, dtype=np.float64))
    order = list(range(len(times)))
    random.shuffle(order)
    alone = {i: schedule(times[i]) for i in order}
    assert [alone[i] for i in range(len(times))] == together.tolist()
    assert schedule(np.array(times, dtype=np.float64)[::-1]).tolist() == together.tolist()[::-1]
    assert schedule(times).tolist() == together.tolist()


@pytest.mark.parametrize("cls", SAMPLES)
def test_a_number_gives_a_float_and_an_array_its_shape(cls: type) -> None:
    schedule = sample(cls)
    for t in (3, 3.0, np.float64(3), np.float32(3), np.int64(3), np.uint8(3)):
        assert type(schedule(t)) is float
        assert schedule(t) == schedule(3)
    for shape in [(), (0,), (1,), (4,), (2, 3), (2, 0, 3), (2, 3, 4)]:
        for dtype in (np.float64, np.float32, np.int64, np.uint8):
            t = np.full(shape, 3, dtype=dtype)
            answer = schedule(t)
            assert type(answer) is np.ndarray
            assert (answer.shape, answer.dtype) == (shape, np.float64)
            assert (answer == schedule(3)).all()


@pytest.mark.parametrize("cls", SAMPLES)
def test_the_layout_of_an_array_changes_no_answer(cls: type) -> None:
    schedule = sample(cls)
    t = np.arange(24).reshape(4, 6) / 2
    expected = [[schedule(moment) for moment in row] for row in t.tolist()]
    assert schedule(t).tolist() == expected
    assert schedule(np.asfortranarray(t)).tolist() == expected
    assert schedule(t.T).T.tolist() == expected
    assert schedule(np.repeat(t, 2, axis=1)[:, ::2]).tolist() == expected


@pytest.mark.parametrize("cls", SAMPLES)
def test_a_schedule_neither_changes_nor_keeps_the_times(cls: type) -> None:
    t = np.arange(12.0)
    answer = sample(cls)(t)
    assert t.tolist() == list(range(12))
    answer[:] = -1
    assert (t >= 0).all()
    assert (sample(cls)(t) >= 0).all()


@given(any_schedule(), time_lists)
@examples(75)
def test_rates_stay_within_the_bounds_of_the_parameters(schedule, times) -> None:
    low, high = lowest_and_highest(schedule)
    answer = schedule(np.array(times, dtype=np.float64))
    rounding = 8 * EPS * high
    assert (answer >= low - rounding).all()
    assert (answer <= high + rounding).all()
    assert (answer >= 0).all()


RATE_NAMES = {"lr", "max_lr", "final_lr", "begin_lr"}


def with_rates_times(schedule: Schedule, factor: float) -> Schedule:
    """The same schedule with every rate in it multiplied."""
    changes = {}
    for field in dataclasses.fields(schedule):
        value = getattr(schedule, field.name)
        if field.name in RATE_NAMES:
            changes[field.name] = factor * value
        elif isinstance(value, Schedule) and field.name != "factor":
            changes[field.name] = with_rates_times(value, factor)
        elif field.name == "schedules":
            changes[field.name] = tuple(with_rates_times(piece, factor) for piece in value)
    return dataclasses.replace(schedule, **changes)


@given(any_schedule(without=(Recurrence, Geometric)), time_lists, st.sampled_from([0.25, 2, 1024]))
@examples(50)
def test_rates_scale_with_the_rates_they_are_made_of(schedule, times, factor) -> None:
    # Multiplying by a power of two is exact, so the answers are equal to the last bit.
    t = np.array(times, dtype=np.float64)
    expected = factor * schedule(t)
    exact = (expected == 0) | (expected > 1e-290)  # below lie numbers with fewer bits
    assert (with_rates_times(schedule, factor)(t) == expected)[exact].all()


def test_a_recurrence_does_not_scale_with_its_rate() -> None:
    assert Recurrence(0.2, rule="sin")(10) < 0.9999 * 2 * Recurrence(0.1, rule="sin")(10)


# --- an oracle, over random parameters -----------------------------------------------------------


@pytest.mark.parametrize("cls", simple_schedules(grid_durations))
def test_each_class_agrees_with_the_oracle(cls: type) -> None:
    @given(simple_schedules(grid_durations)[cls], st.lists(grid_times, min_size=4, max_size=8))
    @examples(30)
    def agree(schedule, times) -> None:
        peak = lowest_and_highest(schedule)[1]
        for t in times:
            expected, rate = oracle.rate(schedule, t), schedule(t)
            assert rate == pytest.approx(expected, rel=0, abs=1e-12 * peak)
            if expected > 1e-6 * peak:  # relative to the rate itself: small ones count as well
                assert rate == pytest.approx(expected, rel=1e-8)

    agree()


@given(any_schedule(grid_durations), st.lists(grid_times, min_size=1, max_size=5))
@examples(75)
def test_compositions_agree_with_the_oracle(schedule, times) -> None:
    peak = lowest_and_highest(schedule)[1]
    for t in times:
        assert schedule(t) == pytest.approx(oracle.rate(schedule, t), rel=0, abs=1e-12 * peak)


# --- comparison by value -------------------------------------------------------------------------


@given(any_schedule(), time_lists)
@examples(75)
def test_config_repr_copies_and_pickles_give_an_equal_schedule(schedule, times) -> None:
    names = vars(lrlab.schedules)
    again = [
        Schedule.from_config(json.loads(json.dumps(schedule.to_config(), allow_nan=False))),
        eval(repr(schedule), names),
        copy.deepcopy(schedule),
        pickle.loads(pickle.dumps(schedule)),
    ]
    for other in again:
        assert other == schedule
        assert hash(other) == hash(schedule)
        assert repr(other) == repr(schedule)
        assert other(times).tolist() == schedule(times).tolist()


CHANGES = [(cls, name) for cls, parameters in SAMPLES.items() for name in parameters]


@pytest.mark.parametrize(("cls", "name"), CHANGES)
def test_every_parameter_counts(cls: type, name: str) -> None:
    """Another value gives another schedule, other rates, another config and another repr."""
    one, same, other = sample(cls), sample(cls), sample(cls, **{name: SAMPLES[cls][name][1]})
    t = np.linspace(0, 12, 121)
    assert one == same
    assert hash(one) == hash(same)
    assert len({one, same, other}) == 2
    assert one != other
    assert (one(t) != other(t)).any()
    assert one.to_config() != other.to_config()
    assert repr(one) != repr(other)


def test_schedules_of_different_classes_differ_even_if_their_rates_agree() -> None:
    line = lrlab.schedules.LinearDecay(0.1, total_epochs=5)
    power = lrlab.schedules.PolynomialDecay(0.1, total_epochs=5, power=1)
    assert line != power
    assert line(np.arange(9)).tolist() == power(np.arange(9)).tolist()


@pytest.mark.parametrize(("cls", "name"), CHANGES)
def test_a_schedule_cannot_be_changed(cls: type, name: str) -> None:
    schedule = sample(cls)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(schedule, name, SAMPLES[cls][name][1])
    with pytest.raises(dataclasses.FrozenInstanceError):
        delattr(schedule, name)
    with pytest.raises(dataclasses.FrozenInstanceError):
        schedule.something_new = 1
    assert schedule == sample(cls)


def test_a_list_handed_over_may_change_afterwards() -> None:
    milestones, pieces = [1.0, 2.0], [Constant(1), Constant(2)]
    schedule, joined = MultiStepDecay(1, gamma=0.5, milestones=milestones), join(pieces, at=[1])
    milestones.append(0.0)
    pieces[0] = Constant(3)
    assert schedule.milestones == (1, 2)
    assert joined(0) == 1


def test_a_config_is_plain_and_complete() -> None:
    assert warmup(CosineDecay(0.3, total_epochs=20, final_lr=0.01), 5).to_config() == {
        "class": "Warmup",
        "schedule": {"class": "CosineDecay", "lr": 0.3, "total_epochs": 20.0, "final_lr": 0.01},
        "epochs": 5.0,
        "begin_lr": 0.0,
        "power": 1.0,
        "clock": "own",
    }
    config = join(
        [Constant(1), MultiStepDecay(1, gamma=0.5, milestones=[2, 3])], at=[4]
    ).to_config()
    assert config["at"] == [4.0]
    assert config["schedules"][1]["milestones"] == [2.0, 3.0]


def test_from_config_fills_in_defaults_and_leaves_the_config_alone() -> None:
    config = {"class": "CosineDecay", "lr": 0.3, "total_epochs": 20}
    kept = dict(config)
    assert Schedule.from_config(config) == CosineDecay(0.3, total_epochs=20)
    assert config == kept


def test_a_class_of_ones_own_takes_part() -> None:
    @dataclasses.dataclass(frozen=True)
    class Sawtooth(Schedule):
        lr: lrlab.schedules.Rate

        def _rates(self, t):
            return self.lr * (1 - t % 1)

    schedule = warmup(Sawtooth(0.8), 1)
    assert schedule([0.5, 1, 1.25, 2]) == pytest.approx([0.4, 0.8, 0.6, 0.8])
    assert Schedule.from_config(schedule.to_config()) == schedule
    with pytest.raises(ValueError, match=r"^lr must be"):
        Sawtooth(-1)


def test_a_class_without_rates_is_refused() -> None:
    class Unfinished(Schedule):
        pass

    with pytest.raises(TypeError, match=r"abstract class Unfinished .*_rates"):
        Unfinished()


# --- moments that floats cannot hold -------------------------------------------------------------
# A boundary such as 0.7 and the moment e + k/n at which it should act are rounded differently; the
# cut has to come in its step all the same.

STEPS = st.integers(1, 200)


def cuts_so_far(schedule: Schedule, times: np.ndarray) -> list[float]:
    """How often a rate of 1 has been multiplied by 0.99."""
    return (np.log(schedule(times)) / np.log(0.99)).round(6).tolist()


@given(n=STEPS, whole=st.integers(0, 40))
@examples(50)
def test_a_cut_in_every_step_acts_in_every_step(n, whole) -> None:
    schedule, steps = StepDecay(1, gamma=0.99, step_epochs=1 / n), np.arange(2 * n)
    assert cuts_so_far(schedule, whole + steps / n) == (whole * n + steps).tolist()
    assert cuts_so_far(schedule, steps / n) == steps.tolist()
    assert cuts_so_far(schedule, steps * (1 / n)) == steps.tolist()


@given(n=STEPS, whole=st.integers(1, 90))
@examples(50)
def test_so_it_does_on_the_clock_of_a_piece(n, whole) -> None:
    piece, steps = StepDecay(1, gamma=0.99, step_epochs=1 / n), np.arange(2 * n)
    assert cuts_so_far(warmup(piece, whole), whole + steps / n) == steps.tolist()
    assert cuts_so_far(warmup(piece, whole / n), (whole + steps) / n) == steps.tolist()
    joined = join([Constant(1), piece], at=[whole])
    assert cuts_so_far(joined, whole + steps / n) == steps.tolist()


@given(n=STEPS, whole=st.integers(0, 40))
@examples(50)
def test_milestones_and_joints_act_in_their_step(n, whole) -> None:
    count = range(1, n + 1)
    moments = [(whole * n + k) / n for k in count]
    steps = [whole + k / n for k in count]
    assert cuts_so_far(MultiStepDecay(1, gamma=0.99, milestones=moments), steps) == list(count)
    pieces = join([Constant(k) for k in range(n + 1)], at=moments)
    assert pieces(steps).tolist() == list(count)


def test_a_recurrence_acts_at_whole_epochs_of_its_own_clock() -> None:
    rule = Recurrence(0.5, rule="power", exponent=2)
    for start in (0.1, 0.3, 0.7, 1.1, 2.9):
        late = warmup(rule, start)
        for epoch in range(8):
            assert late(start + epoch) == 0.5**2**epoch


@pytest.mark.parametrize("offset", [1e-6, 1e-8, 1e-9])
def test_the_slack_makes_nothing_happen_early(offset: float) -> None:
    for boundary in (0.1, 1, 3, 17, 100):
        before, after = boundary * (1 - offset), boundary * (1 + offset)
        for schedule in (
            StepDecay(1, gamma=0.5, step_epochs=boundary),
            MultiStepDecay(1, gamma=0.5, milestones=[boundary]),
            join([Constant(1), Constant(0.5)], at=[boundary]),
        ):
            assert [schedule(t) for t in (before, boundary, after)] == [1, 0.5, 0.5]


@given(rates)
@examples(50)
def test_a_rate_too_large_to_grow_stays_finite(lr) -> None:
    # The exponent overflows after some epochs; the rate is then 0, and no warning is shown.
    rule = Recurrence(min(lr, 1), rule="power", exponent=10)
    assert rule(400) == (1 if lr >= 1 else 0)

"""A schedule and a plateau policy together: rates, what is watched, states, what is refused."""

import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrlab import Constant, CosineDecay, ReduceOnPlateau, join, warmup
from lrlab.plateau.following import PlateauSchedule, lowered_by
from tests.support.strategies import examples

POLICY = ReduceOnPlateau(0.5, convention="pytorch", factor=0.5, patience=1, min_delta=0)
RAMP = warmup(Constant(0.5), 2)

# Rates and factors that no arithmetic but the right one gives exactly.
policies = st.builds(
    ReduceOnPlateau,
    st.floats(1e-3, 10),
    convention=st.sampled_from(["keras", "pytorch"]),
    factor=st.floats(0.1, 0.9),
    patience=st.integers(0, 3),
    cooldown=st.integers(0, 3),
)
metric_lists = st.lists(st.sampled_from([math.nan, 1.0, 2.0, 3.0]), max_size=20)


def rates(lowered, metrics, steps=1):
    """The rates of a run, step by step, as a loop applies them."""
    state, used = lowered.policy.start(), []
    for epoch in range(len(metrics) + 1):
        used += [lowered.rate(state.lr, epoch + k / steps) for k in range(steps)]
        if epoch < len(metrics):
            state = lowered.update(state, epoch, metrics[epoch])
    return used


def test_a_warmup_and_then_the_policy_by_hand() -> None:
    lowered = PlateauSchedule(POLICY, schedule=RAMP, first_epoch=2)
    flat = [3.0] * 7
    # Epoch 2 sets the best, 3 and 4 are bad: a cut; 5 and 6 are bad: another.
    assert rates(lowered, flat) == [0, 0.25, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125]
    assert rates(lowered, flat[:3], steps=2) == [0, 0.125, 0.25, 0.375, 0.5, 0.5, 0.5, 0.5]


def test_a_schedule_that_goes_on_is_scaled() -> None:
    peak_and_half = join([Constant(0.5), Constant(0.25)], at=[3])
    lowered = PlateauSchedule(POLICY, schedule=peak_and_half)
    assert rates(lowered, [3.0] * 5) == [0.5, 0.5, 0.5, 0.125, 0.125, 0.0625]
    floor = dataclasses.replace(POLICY, min_lr=0.25)
    lowered = PlateauSchedule(floor, schedule=peak_and_half)
    assert rates(lowered, [3.0] * 9)[-1] == 0.125


@given(policies, metric_lists, st.integers(0, 5))
@examples(75)
def test_at_a_constant_rate_it_is_the_policy_from_its_epoch_on(policy, metrics, w) -> None:
    state = policy.start()
    expected = [state.lr] * (min(w, len(metrics)) + 1)
    for metric in metrics[w:]:
        state = policy.update(state, metric)
        expected.append(state.lr)
    for schedule in (None, Constant(policy.lr)):
        lowered = lowered_by(policy, schedule=schedule, first_epoch=w)
        assert rates(lowered, metrics) == expected
        assert [state.lr for state in lowered.replay(metrics)] == expected


@given(policies, metric_lists, st.integers(1, 5), st.integers(1, 4))
@examples(50)
def test_all_moments_at_once_are_the_same(policy, metrics, w, steps) -> None:
    ramp = warmup(CosineDecay(policy.lr, total_epochs=9), w, begin_lr=0.1 * policy.lr)
    lowered = PlateauSchedule(policy, schedule=ramp, first_epoch=w)
    lrs = np.repeat([state.lr for state in lowered.replay(metrics)], steps)
    moments = np.array([e + k / steps for e in range(len(metrics) + 1) for k in range(steps)])
    assert lowered.rate(lrs, moments).tolist() == rates(lowered, metrics, steps)


@given(policies, st.floats(0, 30))
@examples(50)
def test_before_the_first_cut_it_is_the_schedule(policy, t) -> None:
    ramp = warmup(CosineDecay(policy.lr, total_epochs=9), 3, begin_lr=0.1 * policy.lr)
    lowered = PlateauSchedule(policy, schedule=ramp, first_epoch=3)
    kept = 1e-7 if policy.convention == "keras" else 4e-16  # float32 and float64
    assert lowered.rate(policy.start().lr, t) == pytest.approx(ramp(t), rel=kept, abs=0)


def test_what_came_before_the_watch_leaves_no_trace() -> None:
    lowered = lowered_by(POLICY, first_epoch=2)
    good_then_flat = [-9.0, math.nan, 3.0, 2.0, 1.0]
    last = lowered.replay(good_then_flat)[-1]
    assert (last.lr, last.best, last.epochs, last.non_finite_at) == (0.5, 1.0, 3, None)
    assert lowered.replay(good_then_flat)[:3] == [POLICY.start()] * 3
    watched = lowered_by(POLICY).replay(good_then_flat)[-1]
    assert (watched.lr, watched.best) == (0.125, -9.0)


def test_a_state_survives_json() -> None:
    lowered = PlateauSchedule(POLICY, schedule=RAMP, first_epoch=2)
    for state in lowered.replay([3.0] * 5):
        saved = json.loads(json.dumps(lowered.to_dict(state), allow_nan=False))
        assert lowered.restore(saved | {"more": 1}) == state


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lowered_by(POLICY, first_epoch=2), "the saved state has schedule {.*Constant"),
        (
            PlateauSchedule(POLICY, schedule=RAMP, first_epoch=3),
            "the saved state has first_epoch 3, this scheduler 2",
        ),
        (
            PlateauSchedule(dataclasses.replace(POLICY, cooldown=1), schedule=RAMP, first_epoch=2),
            "state must be one of .*'cooldown': 0.* received one of .*'cooldown': 1",
        ),
    ],
    ids=["schedule", "first_epoch", "policy"],
)
def test_a_state_of_another_one_is_refused(other, message: str) -> None:
    saved = other.to_dict(other.policy.start())
    with pytest.raises(ValueError, match=message):
        PlateauSchedule(POLICY, schedule=RAMP, first_epoch=2).restore(saved)
    assert other.restore(saved) == other.policy.start()


@pytest.mark.parametrize("saved", [None, "text", ["schedule"]])
def test_what_is_no_state_is_refused(saved) -> None:
    with pytest.raises(ValueError, match=r"^state_dict must be what .* gives, received"):
        lowered_by(POLICY).restore(saved)


LR = r"policy.lr must be the rate of the schedule in epoch first_epoch"
REFUSED = [
    ({"policy": 0.5}, "policy must be a ReduceOnPlateau, received 0.5"),
    ({"policy": ReduceOnPlateau(0)}, "policy.lr must be .* greater than 0, received 0.0"),
    ({"schedule": 0.5}, "schedule must be a schedule of lrlab, received 0.5"),
    ({"first_epoch": -1}, "first_epoch must be an integer of at least 0, received -1"),
    ({"first_epoch": 2.0}, "first_epoch must be an integer of at least 0, received 2.0"),
    ({"first_epoch": 1}, rf"{LR}, schedule\(1\) = 0.25, received 0.5"),
    ({"policy": ReduceOnPlateau(0.1)}, rf"{LR}, schedule\(2\) = 0.5, received 0.1"),
]


@pytest.mark.parametrize(("changes", "message"), REFUSED, ids=str)
def test_what_does_not_fit_is_refused(changes: dict, message: str) -> None:
    arguments = {"policy": POLICY, "schedule": RAMP, "first_epoch": 2} | changes
    with pytest.raises(ValueError, match=f"^{message}$"):
        lowered_by(arguments.pop("policy"), **arguments)


def test_both_sides_of_the_end_of_the_warmup() -> None:
    for epoch in (2, 3, np.int64(9)):
        assert PlateauSchedule(POLICY, schedule=RAMP, first_epoch=epoch).first_epoch == epoch
    assert type(lowered_by(POLICY, first_epoch=np.int64(9)).first_epoch) is int

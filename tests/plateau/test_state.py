"""States: every counter moves, and a run goes on from a stored one as if never interrupted."""

import dataclasses
import itertools
import json

import pytest
from hypothesis import given

from lrlab.plateau.policy import ReduceOnPlateau
from lrlab.plateau.state import PlateauState
from tests.support.policies import INF, NAN, keras, metric_lists, policies, pytorch, states
from tests.support.strategies import examples


def test_every_counter_moves() -> None:
    policy = keras(patience=2, cooldown=2)
    seen = [
        (state.wait, state.cooldown_left, state.spell, state.epochs)
        for state in states(policy, [3, 3, 3, 3, 3, 2])
    ]
    assert seen == [
        (0, 0, 0, 0),
        (0, 0, 0, 1),
        (1, 0, 1, 2),
        (0, 1, 2, 3),
        (0, 0, 3, 4),
        (1, 0, 4, 5),
        (0, 0, 0, 6),
    ]


@pytest.mark.parametrize("make", [keras, pytorch])
@pytest.mark.parametrize("first", [NAN, INF, -INF])
def test_the_state_says_when_a_metric_was_not_finite(make, first: float) -> None:
    seen = [state.non_finite_at for state in states(make(), [3, first, 3, NAN, 2])]
    assert seen == [None, None, 1, 1, 1, 1]
    assert states(make(), [3, 1e300, 2])[-1].non_finite_at is None


def test_a_state_of_another_policy_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"state must be one of .*patience=3.*received.*patience=2"
    ):
        keras(patience=3).update(keras(patience=2).start(), 1.0)
    with pytest.raises(ValueError, match=r"state must be one of .* received one of {'lr': 1}"):
        keras().update({"lr": 1}, 1.0)
    assert keras().update(keras().start(), 1.0).epochs == 1  # equal is enough


@given(policies, metric_lists)
@examples(50)
def test_nothing_is_changed_in_place(policy, metrics) -> None:
    first = states(policy, metrics)
    before = [state.to_dict() for state in first]
    assert [state.to_dict() for state in states(policy, metrics)] == before
    assert [state.to_dict() for state in first] == before
    with pytest.raises(dataclasses.FrozenInstanceError):
        first[0].lr = 1.0


def revived(state: PlateauState) -> PlateauState:
    """The state after a journey through strict JSON, with a policy that made one too."""
    config, stored = json.loads(
        json.dumps([state.policy.to_config(), state.to_dict()], allow_nan=False)
    )
    return ReduceOnPlateau.from_config(config).restore(stored)


@given(policies, metric_lists)
@examples(75)
def test_a_run_goes_on_as_if_never_interrupted(policy, metrics) -> None:
    whole = states(policy, metrics)
    for epoch, state in enumerate(whole):
        resumed = revived(state)
        for metric, expected in zip(metrics[epoch:], whole[epoch + 1 :], strict=True):
            resumed = resumed.policy.update(resumed, metric)
            assert resumed.to_dict() == expected.to_dict()


@pytest.mark.parametrize("make", [keras, pytorch])
def test_interrupted_in_the_middle_of_a_wait_and_of_a_cooldown(make) -> None:
    policy, metrics = make(patience=3, cooldown=4), [3.0] * 16
    whole = states(policy, metrics)
    waiting = [epoch for epoch, state in enumerate(whole) if 0 < state.wait < policy.cuts_after]
    cooling = [epoch for epoch, state in enumerate(whole) if state.cooldown_left > 0]
    assert len(waiting) > 2
    assert len(cooling) > 2
    for epoch in waiting + cooling:
        resumed = revived(whole[epoch])
        rest = itertools.accumulate(metrics[epoch:], resumed.policy.update, initial=resumed)
        assert list(rest) == whole[epoch:]
        forgetful = dataclasses.replace(whole[epoch], wait=0, cooldown_left=0)
        rest = itertools.accumulate([3.0] * 16, policy.update, initial=forgetful)
        going_on = itertools.accumulate([3.0] * 16, policy.update, initial=resumed)
        assert [state.lr for state in rest] != [state.lr for state in going_on]


STORED = states(keras(), [3.0, INF])[-1].to_dict()


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        ("text", "state must be a dict as to_dict.. gives it, received 'text'"),
        ({}, "state must be a dict as to_dict.. gives it, received {}"),
        (STORED | {"more": 1}, "state must be a dict as to_dict.. gives it"),
        (STORED | {"lr": -1}, "lr must be a finite real number of at least 0, received -1"),
        (STORED | {"best": "low"}, "best must be a real number, .*, received 'low'"),
        (STORED | {"wait": -1}, "wait must be an integer of at least 0, received -1"),
        (STORED | {"cooldown_left": 0.5}, "cooldown_left must be an integer .* received 0.5"),
        (STORED | {"spell": None}, "spell must be an integer of at least 0, received None"),
        (STORED | {"epochs": "2"}, "epochs must be an integer of at least 0, received '2'"),
        (STORED | {"non_finite_at": -1}, "non_finite_at must be an integer .* received -1"),
        (keras(factor=0.25).start().to_dict(), "state must be one of .*0.5.* received .*0.25"),
        (pytorch().start().to_dict(), "state must be one of .*keras.* received .*pytorch"),
    ],
    ids=str,
)
def test_a_stored_state_that_does_not_fit_is_refused(stored, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        keras().restore(stored)
    assert keras().restore(STORED).to_dict() == STORED

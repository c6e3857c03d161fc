"""A policy as a torch scheduler and as a Keras callback: one contract, update by update.

In PyTorch the rate is read from the optimizer; in Keras it is weighed (see support/one_weight.py).
"""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from lrlab import Constant, CosineDecay, ReduceOnPlateau, warmup
from tests.support.backends import Keras, PyTorch, policy_of

# Keras 3.15's callbacks convert in a way that NumPy 2 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

POLICY = ReduceOnPlateau(0.5, factor=0.5, patience=1, cooldown=2)  # of Keras' convention
RAMP = warmup(Constant(0.5), 3, begin_lr=0.125)
# Improvements, ties, improvements too small to count, a number that is none.
METRICS = [9.0, 9.0, 9.0, 5.0, 4.95, 4.9, 4.8, 3.0, np.nan, 3.0, 2.95, 3.0]


def rates(backend, policy, metrics, **arguments):
    return backend.used_rates(policy, metrics, **arguments)[0]


# --- rates ---------------------------------------------------------------------------------------

BY_ITSELF = {
    "patience 0, no threshold": {"patience": 0, "factor": 0.7, "min_delta": 0.0},
    "cooldown": {"patience": 1, "cooldown": 3, "min_delta": 0.1},
    "floor": {"patience": 1, "factor": 0.3, "min_lr": 0.01, "mode": "max"},
}


@pytest.mark.parametrize("own", BY_ITSELF.values(), ids=BY_ITSELF)
def test_by_itself_it_is_the_frameworks_own(backend, own):
    policy = policy_of(backend, 0.1, **own)
    expected = backend.own_plateau(policy, METRICS)
    assert len(set(expected)) > 2
    assert rates(backend, policy, METRICS) == expected


# Epoch 3 sets the best; 4 is bad, a cut, and 5 does not count; 6 is bad again, another.
RISING = [1.0, 1.0, 1.0, 5.0, 5.0, 5.0, 5.0, 5.0]


@pytest.mark.parametrize(
    ("first_epoch", "expected"),
    [
        (3, [0.125, 0.25, 0.375, 0.5, 0.5, 0.25, 0.25, 0.125]),
        (4, [0.125, 0.25, 0.375, 0.5, 0.5, 0.5, 0.25, 0.25]),
    ],
)
def test_a_warmup_and_then_the_policy_by_hand(backend, first_epoch, expected):
    assert rates(backend, POLICY, RISING, schedule=RAMP, first_epoch=first_epoch) == expected


def test_within_epochs_the_schedule_goes_on(backend):
    ramp = warmup(CosineDecay(0.5, total_epochs=4), 2, begin_lr=0.1)
    found = rates(backend, POLICY, [1.0] * 7, schedule=ramp, first_epoch=2, steps=3)
    factors = np.repeat([1, 1, 1, 1, 0.5, 0.5, 0.25], 3)
    expected = factors * ramp(np.arange(21) / 3)
    assert found == pytest.approx(expected, rel=max(backend.rounding, 1e-15))
    assert len(set(found)) > 15


def test_a_rate_given_as_an_integer(backend):
    policy = ReduceOnPlateau(1, factor=0.5, patience=1)
    assert rates(backend, policy, [1.0] * 4) == [1, 1, 0.5, 0.25]


@pytest.mark.parametrize("convention", ["keras", "pytorch"])
def test_either_convention_keeps_its_own_rates_as_well_as_the_optimizer_can(backend, convention):
    policy = ReduceOnPlateau(0.1, convention=convention, patience=1, factor=0.3)
    state, expected = policy.start(), []
    for metric in METRICS:
        expected.append(state.lr)
        state = policy.update(state, metric)
    found = rates(backend, policy, METRICS)
    assert found == backend.as_kept(expected)
    assert (found == expected) is (backend is PyTorch or convention == "keras")
    assert len(set(found)) > 2


# --- interrupted ---------------------------------------------------------------------------------

WAITING = replace(POLICY, patience=2, cooldown=3, min_delta=0.1)
WATCHED = {"schedule": RAMP, "first_epoch": 3}


def test_interrupted_after_any_epoch_it_goes_on(backend):
    """While it waits, while it cools down, after another bad epoch."""
    whole = rates(backend, WAITING, METRICS, **WATCHED)
    assert len(set(whole[3:])) == 3
    found, state = [], None
    for first, last in pairwise([0, 5, 7, 9, 12]):
        part, state = backend.used_rates(
            WAITING, METRICS[:last], state=state, first=first, **WATCHED
        )
        found += part
        state = json.loads(json.dumps(state, allow_nan=False))
    assert found == whole


OTHERS = {
    "policy": (
        (replace(WAITING, patience=3), WATCHED),
        "state must be one of .*'patience': 2.* received one of .*'patience': 3",
    ),
    "schedule": ((WAITING, {"first_epoch": 3}), "has schedule {.*Constant.*, this scheduler"),
    "first epoch": ((WAITING, WATCHED | {"first_epoch": 4}), "first_epoch 4, this scheduler 3"),
}
NONE = {
    "no plateau": ({"plateau": None}, "state must be a dict as to_dict.. gives it, received None"),
    "no schedule": ({"schedule": None}, "the saved state has schedule None"),
}


@pytest.fixture(scope="module")
def own(backend):
    """The state after seven epochs."""
    return backend.used_rates(WAITING, METRICS[:7], **WATCHED)[1]


@pytest.mark.parametrize("kind", [*OTHERS, *NONE, "None"])
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(backend, own, kind):
    state, message = None, "state_dict must be what state_dict.. gives, received None"
    if kind in OTHERS:
        (policy, arguments), message = OTHERS[kind]
        state = backend.plateau(policy, **arguments).state_dict()
    elif kind in NONE:
        changes, message = NONE[kind]
        state = own | changes
    scheduler = backend.plateau(WAITING, **WATCHED)
    scheduler.load_state_dict(own)
    with pytest.raises(ValueError, match=message):
        scheduler.load_state_dict(state)
    assert scheduler.state_dict() == own != backend.plateau(WAITING, **WATCHED).state_dict()


# --- misused -------------------------------------------------------------------------------------

BAD = {
    "policy": ({"policy": 0.5}, "policy must be a ReduceOnPlateau, received 0.5"),
    "schedule": ({"schedule": 0.5}, "schedule must be a schedule of lrlab, received 0.5"),
    "first epoch": ({"first_epoch": 1.5}, "first_epoch must be an integer of at least 0, rec"),
    "rate": ({"first_epoch": 2}, r"the schedule .*, schedule\(2\) = 0.375, received 0.5"),
}
BAD_IN = {
    PyTorch: ({"steps_per_epoch": 0}, "steps_per_epoch must be a positive integer, received 0"),
    Keras: ({"per": "batch"}, "per must be one of epoch, step, received 'batch'"),
}


@pytest.mark.parametrize("name", [*BAD, "one of its own"])
def test_arguments_that_break_a_rule_are_named(backend, name):
    changes, message = BAD.get(name) or BAD_IN[backend]
    arguments = {"policy": POLICY, **WATCHED, **changes}
    with pytest.raises(ValueError, match=message):
        backend.plateau(arguments.pop("policy"), **arguments)

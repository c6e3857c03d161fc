"""The policy by itself: by hand, each argument, what is refused, rates that rise again."""

import dataclasses
import json
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given

from lrlab.plateau.policy import ReduceOnPlateau
from tests.support.policies import INF, NAN, keras, metric_lists, policies, pytorch, rates, states
from tests.support.strategies import examples

# --- by hand -------------------------------------------------------------------------------------


FLAT = [3] * 6
BY_HAND = {
    "keras": (keras(patience=2), FLAT, [1, 1, 1, 0.5, 0.5, 0.25, 0.25]),
    "pytorch": (pytorch(patience=2), FLAT, [1, 1, 1, 1, 0.5, 0.5, 0.5]),
    "patience 0, keras": (keras(patience=0), [3, 3, 2, 3], [1, 1, 0.5, 0.5, 0.25]),
    "patience 0, pytorch": (pytorch(patience=0), [3, 3, 2, 3], [1, 1, 0.5, 0.5, 0.25]),
    "improvement": (keras(patience=2), [3, 3, 2, 2, 1], [1, 1, 1, 1, 1, 1]),
    "cooldown 1, keras": (keras(patience=1, cooldown=1), FLAT[:4], [1, 1, 0.5, 0.25, 0.125]),
    "cooldown 2, keras": (keras(patience=1, cooldown=2), FLAT[:4], [1, 1, 0.5, 0.5, 0.25]),
    "cooldown 1, pytorch": (pytorch(patience=0, cooldown=1), FLAT[:4], [1, 1, 0.5, 0.5, 0.25]),
    "best in cooldown": (keras(patience=1, cooldown=3), [3, 3, 1, 2, 2], [1, 1, *[0.5] * 3, 0.25]),
    "max": (keras(patience=1, mode="max"), [1, 2, 1, 3], [1, 1, 1, 0.5, 0.5]),
    "abs": (keras(patience=1, min_delta=0.5), [3, 2.25, 1.75, 1], [1, 1, 1, 0.5, 0.5]),
    "rel": (pytorch(patience=0, min_delta=0.25), [4, 3, 2.75, 2.25], [1, 1, 0.5, 0.5, 0.25]),
    "floor": (keras(patience=1, min_lr=0.375), FLAT[:4], [1, 1, 0.5, 0.375, 0.375]),
    "eps": (pytorch(patience=0, eps=0.25), FLAT[:4], [1, 1, 0.5, 0.5, 0.5]),
    "first NaN, keras": (keras(patience=1), [NAN, 2, 1], [1, 1, 0.5, 0.25]),
    "first NaN, pytorch": (pytorch(patience=0), [NAN, 2, 1], [1, 0.5, 0.5, 0.5]),
    "first infinity, keras": (keras(patience=1), [INF, 2, 2], [1, 1, 1, 0.5]),
    "first infinity, pytorch": (pytorch(patience=0), [INF, 2, 2], [1, 0.5, 0.5, 0.25]),
    "minus infinity": (keras(patience=1), [3, -INF, 2, 1], [1, 1, 1, 0.5, 0.25]),
}


@pytest.mark.parametrize(("policy", "metrics", "expected"), BY_HAND.values(), ids=BY_HAND)
def test_rates_computed_by_hand(policy, metrics, expected) -> None:
    assert rates(policy, metrics) == expected


def test_a_relative_threshold_below_zero_lets_the_best_drift() -> None:
    """At b = -1 whatever is below -0.75 is "better", a tie and a loss of ground included."""
    policy = pytorch(patience=0, min_delta=0.25)
    worse_and_worse = [-1.0, -1.0, -0.8, -0.61, -0.46]
    assert rates(policy, worse_and_worse) == [1] * 6
    assert states(policy, worse_and_worse)[-1].best == -0.46
    absolute = dataclasses.replace(policy, threshold_mode="abs")
    assert rates(absolute, worse_and_worse) == [1, 1, 0.5, 0.25, 0.125, 0.0625]


def test_keras_rates_are_those_of_float32() -> None:
    assert ReduceOnPlateau(0.1).start().lr == float(np.float32(0.1)) != 0.1
    assert ReduceOnPlateau(0.1, convention="pytorch").start().lr == 0.1


NUMBERS = [2, 2.0, np.float32(2), np.int64(2), np.array(2.0), Fraction(2), torch.tensor(2.0)]


@pytest.mark.parametrize("metric", NUMBERS)
def test_a_metric_may_be_any_real_number(metric) -> None:
    state = keras().update(keras().start(), metric)
    assert (state.best, type(state.best)) == (2.0, float)


# --- arguments -----------------------------------------------------------------------------------

METRICS = [3, 2.95, 2.93, 2.9, *[2.8] * 12]


@pytest.mark.parametrize(
    "changes",
    [
        {"lr": 2.0},
        {"convention": "keras", "eps": 1e-8, "threshold_mode": "abs"},
        {"factor": 0.25},
        {"patience": 2},
        {"mode": "max"},
        {"min_delta": 0.1},
        {"threshold_mode": "abs"},
        {"cooldown": 2},
        {"min_lr": 0.5},
        {"eps": 0.5},
        {"raise_after": 4, "raise_factor": 2.0},
        {"raise_after": 3, "raise_factor": 1.5},
    ],
    ids=str,
)
def test_every_argument_changes_the_rates(changes) -> None:
    policy = pytorch(patience=1, min_delta=0.03, raise_after=5, raise_factor=2.0, min_lr=0.01)
    assert rates(dataclasses.replace(policy, **changes), METRICS) != rates(policy, METRICS)


def test_the_defaults_are_those_of_the_design() -> None:
    assert ReduceOnPlateau(0.5) == ReduceOnPlateau(
        0.5,
        convention="keras",
        factor=0.1,
        patience=10,
        mode="min",
        min_delta=1e-4,
        threshold_mode="abs",
        cooldown=0,
        min_lr=0.0,
        eps=1e-8,
        raise_after=None,
        raise_factor=None,
    )
    assert ReduceOnPlateau(0.5, convention="pytorch").threshold_mode == "rel"


TORCH = {"convention": "pytorch"}
RISE = {"raise_factor": 2}
NUMBER = "must be a finite real number"
REFUSED = [
    ({"lr": -1}, f"lr {NUMBER} of at least 0, received -1"),
    ({"lr": NAN}, f"lr {NUMBER} of at least 0, received nan"),
    ({"lr": 3.41e38}, f"lr {NUMBER} that float32, in which Keras .* can hold, received 3.41e.38"),
    ({"lr": 1e308}, f"lr {NUMBER} that float32, in which Keras .* can hold, received 1e.308"),
    ({"convention": "torch"}, "convention must be one of keras, pytorch, received 'torch'"),
    ({"factor": 1}, rf"factor {NUMBER} in \(0, 1\), received 1"),
    ({"factor": 0}, rf"factor {NUMBER} in \(0, 1\), received 0"),
    ({"factor": -0.5}, rf"factor {NUMBER} in \(0, 1\), received -0.5"),
    ({"patience": -1}, "patience must be an integer of at least 0, received -1"),
    ({"patience": 2.5}, "patience must be an integer of at least 0, received 2.5"),
    ({"mode": "auto"}, "mode must be one of min, max, received 'auto'"),
    ({"mode": "mni"}, "mode must be one of min, max, received 'mni'"),
    ({"min_delta": -0.1}, f"min_delta {NUMBER} of at least 0, received -0.1"),
    (TORCH | {"min_delta": 1}, rf"min_delta {NUMBER} in \[0, 1\) for .*'rel'.* received 1.0"),
    ({"threshold_mode": "rel"}, "threshold_mode must be one of abs, received 'rel'"),
    (TORCH | {"threshold_mode": "r"}, "threshold_mode must be one of rel, abs, received 'r'"),
    ({"cooldown": -2}, "cooldown must be an integer of at least 0, received -2"),
    ({"min_lr": 0.6}, rf"min_lr {NUMBER} in \[0, lr\], received 0.6"),
    ({"min_lr": -0.1}, f"min_lr {NUMBER} of at least 0, received -0.1"),
    (TORCH | {"eps": -1}, f"eps {NUMBER} of at least 0, received -1"),
    ({"eps": 0}, "eps belongs to convention 'pytorch' alone, received 0.0"),
    (RISE, "raise_after must be a positive integer, received None"),
    (RISE | {"raise_after": 10.5}, "raise_after must be a positive integer, received 10.5"),
    (RISE | {"raise_after": 9}, "raise_after .* of at least 10, since .* received 9"),
    (RISE | TORCH | {"raise_after": 10}, "raise_after .* of at least 11, since .* received 10"),
    ({"raise_after": 11}, "raise_factor .* greater than 1 where raise_after .* received None"),
    ({"raise_after": 11, "raise_factor": 1}, "raise_factor .* greater than 1 .* received 1.0"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED, ids=str)
def test_what_makes_no_sense_is_refused(arguments: dict, message: str) -> None:
    arguments = {"lr": 0.5} | arguments
    with pytest.raises(ValueError, match=f"^{message}$"):
        ReduceOnPlateau(arguments.pop("lr"), **arguments)


def test_a_rate_may_be_as_large_as_the_framework_can_keep_it() -> None:
    assert ReduceOnPlateau(3.4e38).start().lr == float(np.float32(3.4e38))
    policy = ReduceOnPlateau(1e308, convention="pytorch", threshold_mode="abs", eps=0)
    assert policy.start().lr == 1e308
    with pytest.raises(ValueError, match="float32"):
        policy.translate("keras")


def test_a_factor_next_to_1_is_a_factor_like_any_other() -> None:
    policy = pytorch(patience=0, factor=1 - 1e-9, threshold_mode="abs", eps=0)
    assert rates(policy, [1, 1, 1]) == [1, 1, 1 - 1e-9, (1 - 1e-9) ** 2]
    # Keras keeps the rate in float32, which has nothing between 1 - 6e-8 and 1.
    assert rates(policy.translate("keras"), [1, 1, 1]) == [1, 1, 1, 1]


def test_a_large_relative_threshold_makes_sense_for_a_maximum() -> None:
    policy = pytorch(patience=0, mode="max", min_delta=1)
    assert rates(policy, [1, 2.5, 4.5, 4.75]) == [1, 1, 1, 0.5, 0.25]


NO_METRICS = [
    *(None, "0.5", b"0.5", bytearray(b"1"), memoryview(b"1"), True, np.bool_(True), [1.0], 1j),
    *(10**400, 10**10_000, np.complex128(1), np.timedelta64(1, "D"), np.datetime64("2026-01-01")),
    *(np.array("0.5"), np.array([1.0, 2.0]), torch.ones(2), Decimal("sNaN"), object()),
]


@pytest.mark.parametrize("metric", NO_METRICS, ids=lambda metric: type(metric).__name__)
def test_a_metric_that_is_no_number_is_refused(metric) -> None:
    with pytest.raises(ValueError, match="metric must be a real number, NaN and infinities allow"):
        keras().update(keras().start(), metric)


# --- configs ---------------------------------------------------------------------


@given(policies)
@examples(50)
def test_a_policy_survives_its_config(policy) -> None:
    config = json.loads(json.dumps(policy.to_config(), allow_nan=False))
    again = ReduceOnPlateau.from_config(config)
    assert again == policy
    assert hash(again) == hash(policy)
    assert eval(repr(policy)) == policy


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (None, "config must be a dict as to_config.. gives it, received None"),
        ({"class": "StepDecay", "lr": 1}, "config must name a class out of ReduceOnPlateau, rec"),
        ({"class": "ReduceOnPlateau"}, "config does not fit ReduceOnPlateau: .*missing.*'lr'"),
        ({"class": "ReduceOnPlateau", "lr": 1, "verbose": 1}, "does not fit .*'verbose'"),
        ({"class": "ReduceOnPlateau", "lr": 1, "factor": 2}, "factor must be .* received 2"),
    ],
)
def test_a_config_that_does_not_fit_is_refused(config, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ReduceOnPlateau.from_config(config)


@given(policies, metric_lists)
@examples(75)
def test_rates_stay_between_the_floor_and_the_first(policy, metrics) -> None:
    course = rates(policy, metrics)
    assert all(np.float32(policy.min_lr) <= lr <= policy.lr for lr in course)
    if policy.raise_after is None:
        assert course == sorted(course, reverse=True)


# --- rates that rise again -----------------------------------------------------------------------


def rising(**arguments) -> ReduceOnPlateau:
    return keras(**{"patience": 2, "raise_after": 5, "raise_factor": 4.0} | arguments)


def test_the_rate_rises_after_a_spell_in_which_cuts_did_not_help() -> None:
    # The first epoch sets the best. Bad epochs 2 and 4 bring cuts, 5 the rise; the count of
    # epochs that bring a rise goes on, the count of those that bring a cut begins anew.
    course = rates(rising(), [3.0] * 12)[1:]
    assert course == [1, 1, 0.5, 0.5, 0.25, 1, 1, 0.5, 0.5, 0.25, 1, 1]


def test_a_rise_takes_the_place_of_a_cut() -> None:
    assert rates(rising(raise_after=4, raise_factor=1.5), [3.0] * 7)[1:] == [
        *(1, 1, 0.5, 0.5, 0.75, 0.75),
        0.375,
    ]


def test_a_rise_is_followed_by_the_cooldown() -> None:
    # Cooldown 3 skips two epochs: cut, two skipped, two bad would be the next cut, but the rise
    # comes first, and then two are skipped and two bad again.
    course = rates(rising(cooldown=3), [3.0] * 11)[1:]
    assert course == [1, 1, 0.5, 0.5, 0.5, 1, 1, 1, 1, 0.5, 1]


def test_an_improvement_ends_the_spell() -> None:
    assert rates(rising(), [3, 3, 3, 3, 3, 2, 2, 2, 2, 2])[6:] == [0.25, 0.25, 0.125, 0.125, 0.0625]
    assert rates(rising(), [3, 3, 3, 3, 3, 2, 2, 2, 2, 2, 2])[-1] == 0.25


def test_the_first_rate_is_never_exceeded() -> None:
    assert max(rates(rising(raise_factor=1e6), [3.0] * 40)) == 1
    # Where there is nothing to take back, a cut that is due is made.
    assert rates(rising(patience=1, raise_after=2), [3.0] * 4)[1:] == [1, 0.5, 1, 0.5]


def test_a_metric_that_is_not_finite_never_raises_the_rate() -> None:
    assert rates(rising(), [3, 3, 3, 3, 3, NAN])[-1] == 0.25
    assert rates(rising(), [3, 3, 3, 3, NAN, 3])[-1] == 1


@given(policies.filter(lambda policy: policy.raise_after is not None), metric_lists)
@examples(75)
def test_without_a_spell_long_enough_rising_policies_are_like_the_others(policy, metrics) -> None:
    plain = dataclasses.replace(policy, raise_after=None, raise_factor=None)
    long = next(
        (i for i, state in enumerate(states(plain, metrics)) if state.spell >= policy.raise_after),
        len(metrics) + 1,
    )
    assert rates(policy, metrics)[:long] == rates(plain, metrics)[:long]

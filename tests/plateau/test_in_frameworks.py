"""The policy against both frameworks' own objects, and the two frameworks against each other.

Keras' callback gets its logs from a loop instead of ``fit``, with the metric as a Python float, as
``fit`` hands it over; one test runs ``fit`` itself.
"""

import dataclasses
import itertools
import math
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from tensorflow.data import Dataset

from lrlab.plateau.policy import ReduceOnPlateau
from tests.support.strategies import examples

# Keras 3.15's callback converts the rate in a way that NumPy 2 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

NAN, INF = math.nan, math.inf
OPTIMIZER = keras.optimizers.SGD(1.0)  # one for all, since making it takes longer than using it


def keras_course(policy: ReduceOnPlateau, metrics) -> list[tuple]:
    """Rate, best and wait before and after each epoch of ``keras.callbacks.ReduceLROnPlateau``."""
    names = ("factor", "patience", "mode", "min_delta", "cooldown", "min_lr")
    arguments = {name: getattr(policy, name) for name in names}
    callback = keras.callbacks.ReduceLROnPlateau("metric", **arguments)
    callback.set_model(SimpleNamespace(optimizer=OPTIMIZER))
    OPTIMIZER.learning_rate = policy.lr
    callback.on_train_begin()
    course = [(float(OPTIMIZER.learning_rate), callback.best, callback.wait)]
    for epoch, metric in enumerate(metrics):
        callback.on_epoch_end(epoch, {"metric": metric})
        course.append((float(OPTIMIZER.learning_rate), callback.best, callback.wait))
    return course


def torch_course(policy: ReduceOnPlateau, metrics) -> list[tuple]:
    """The same of ``torch.optim.lr_scheduler.ReduceLROnPlateau``, and the cooldown that is left."""
    names = ("factor", "patience", "mode", "threshold_mode", "cooldown", "min_lr", "eps")
    arguments = {name: getattr(policy, name) for name in names}
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=policy.lr)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, threshold=policy.min_delta, **arguments
    )
    course = []
    for metric in [None, *metrics]:
        if metric is not None:
            scheduler.step(metric)
        lr, waits = scheduler.get_last_lr()[0], scheduler.num_bad_epochs
        course.append((lr, scheduler.best, waits, scheduler.cooldown_counter))
    return course


def their_rates(policy: ReduceOnPlateau, metrics) -> list[float]:
    """The rates of the framework whose convention the policy follows."""
    course = keras_course if policy.convention == "keras" else torch_course
    return [row[0] for row in course(policy, metrics)]


def our_states(policy: ReduceOnPlateau, metrics) -> list:
    return list(itertools.accumulate(metrics, policy.update, initial=policy.start()))


def our_rates(policy: ReduceOnPlateau, metrics) -> list[float]:
    return [state.lr for state in our_states(policy, metrics)]


def cuts(rates) -> list[int]:
    """The epochs that end with a change of the rate, beyond rounding, counted from 1."""
    pairs = enumerate(itertools.pairwise(rates), start=1)
    return [epoch for epoch, (a, b) in pairs if abs(a - b) > 1e-6 * a]


# --- cut for cut ---------------------------------------------------------------------------------


def some(elements: st.SearchStrategy) -> st.SearchStrategy:
    """Lists of any length up to 40, where Hypothesis by itself prefers the short ones."""
    return st.integers(1, 40).flatmap(lambda n: st.lists(elements, min_size=n, max_size=n))


any_deltas = st.sampled_from([0.0, 1e-4, 0.25]) | st.floats(0, 0.99)


def policies(convention: str, deltas: st.SearchStrategy = any_deltas) -> st.SearchStrategy:
    """Any policy of a convention whose rate does not rise."""
    own, modes = {}, [None, "abs"]
    if convention == "pytorch":
        own, modes = {"eps": st.sampled_from([0, 1e-8, 1e-8, 1e-3, 0.1])}, [None, "abs", "rel"]
    return st.builds(
        lambda lr, floor, **others: ReduceOnPlateau(lr, min_lr=floor * lr, **others),
        lr=st.floats(1e-3, 10) | st.sampled_from([0.1, 1e-6, 1.0, 0.0]),
        floor=st.sampled_from([0.0, 0.01]) | st.floats(0, 1),
        convention=st.just(convention),
        factor=st.floats(1e-3, 0.999) | st.sampled_from([0.1, 0.5]),
        patience=st.integers(0, 4),
        mode=st.sampled_from(["min", "max"]),
        min_delta=deltas,
        threshold_mode=st.sampled_from(modes),
        cooldown=st.integers(0, 5),
        **own,
    )


@st.composite
def metric_lists(draw, policy: ReduceOnPlateau) -> list[float]:
    """Metrics that often tie, differ by the threshold, or are not finite; the first one too."""
    finite = st.floats(-3e38, 3e38) | st.floats(-2, 2) | st.sampled_from([0.0, 1.0, 0.3, 1e-40])
    pool = draw(st.lists(finite, min_size=1, max_size=4))
    delta = policy.min_delta
    for value in pool[:2]:
        steps = (value + delta, value - delta, value * (1 - delta), value * (1 + delta))
        pool = [*pool, *steps, math.nextafter(value, -INF), float(np.float32(value))]
    pool += draw(st.sampled_from([[], [NAN], [INF], [-INF], [NAN, INF, -INF]]))
    assume(all(abs(value) < 3.4e38 or not math.isfinite(value) for value in pool))
    return draw(some(st.sampled_from(pool)))


def check_against_keras(policy: ReduceOnPlateau, metrics) -> None:
    ours, theirs = our_states(policy, metrics), keras_course(policy, metrics)
    assert [state.lr for state in ours] == [row[0] for row in theirs]
    for state, (lr, best, wait) in zip(ours, theirs, strict=True):
        assert (state.best, best) == (None, None) or np.array_equal(state.best, best, True)
        if lr > np.float32(policy.min_lr):  # at the floor Keras goes on waiting, for nothing
            assert state.wait == wait


def check_against_torch(policy: ReduceOnPlateau, metrics) -> None:
    ours, theirs = our_states(policy, metrics), torch_course(policy, metrics)
    assert [(s.lr, s.best, s.wait, s.cooldown_left) for s in ours] == theirs


@given(st.data(), policies("keras"))
@examples(100)
def test_keras_cut_for_cut(data, policy) -> None:
    check_against_keras(policy, data.draw(metric_lists(policy)))


@given(st.data(), policies("pytorch"))
@examples(150)
def test_torch_cut_for_cut(data, policy) -> None:
    check_against_torch(policy, data.draw(metric_lists(policy)))


@pytest.mark.parametrize("convention", ["keras", "pytorch"])
@pytest.mark.parametrize("other", [{"patience": 2}, {"cooldown": 2}, {"min_delta": 0.11}])
def test_the_comparison_would_notice_a_difference(convention: str, other: dict) -> None:
    policy = ReduceOnPlateau(0.1, convention=convention, patience=1, min_delta=0.01)
    metrics = [3, 2.9, 2.8, 2.8, 2.8, 2.8, 2.8]
    assert our_rates(policy, metrics) == their_rates(policy, metrics)
    changed = ReduceOnPlateau(
        0.1, convention=convention, **{"patience": 1, "min_delta": 0.01} | other
    )
    if convention == "keras" or "min_delta" not in other:
        assert our_rates(changed, metrics) != their_rates(policy, metrics)
    assert our_rates(changed, metrics) == their_rates(changed, metrics)


@pytest.mark.parametrize("mode", ["min", "max"])
def test_keras_in_fit(mode: str) -> None:
    """Real logs of a real run, the loss falling for some epochs and then standing still."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.compile(keras.optimizers.SGD(0.1), loss="mse", run_eagerly=True)
    model.layers[0].kernel.assign([[1.0]])
    policy = ReduceOnPlateau(0.1, factor=0.5, patience=2, mode=mode, min_delta=0.05, cooldown=2)
    names = ("factor", "patience", "mode", "min_delta", "cooldown")
    arguments = {name: getattr(policy, name) for name in names}
    callback = keras.callbacks.ReduceLROnPlateau("loss", **arguments)
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append((logs["loss"], float(self.model.optimizer.learning_rate)))

    batch = Dataset.from_tensors((np.ones((4, 1), np.float32), np.zeros((4, 1), np.float32)))
    model.fit(batch, shuffle=False, epochs=16, verbose=0, callbacks=[callback, Watch()])
    losses, rates = zip(*seen, strict=True)
    assert {type(loss) for loss in losses} == {float}
    assert our_rates(policy, losses)[1:] == list(rates)
    assert len(set(rates)) > 2


# --- one convention in terms of the other --------------------------------------------------------

# Epochs of the cuts on a metric that never improves, counted from 1: (patience, cooldown) as given,
# then torch's and Keras' cuts up to epoch 12.
TABLE = {
    (0, 0): (list(range(2, 13)), list(range(2, 13))),
    (1, 0): ([3, 5, 7, 9, 11], list(range(2, 13))),
    (2, 0): ([4, 7, 10], [3, 5, 7, 9, 11]),
    (2, 1): ([4, 8, 12], [3, 5, 7, 9, 11]),
    (2, 2): ([4, 9], [3, 6, 9, 12]),
}


@pytest.mark.parametrize(("given_numbers", "expected"), TABLE.items(), ids=str)
def test_the_same_numbers_cut_in_different_epochs(given_numbers, expected) -> None:
    patience, cooldown = given_numbers
    for convention, epochs in zip(("pytorch", "keras"), expected, strict=True):
        policy = ReduceOnPlateau(
            1.0, convention=convention, factor=0.5, patience=patience, cooldown=cooldown
        )
        assert cuts(their_rates(policy, [1.0] * 12)) == epochs
        assert cuts(our_rates(policy, [1.0] * 12)) == epochs


# On a grid every sum is exact in float32 too, so that both compare alike.
grid = st.integers(-16, 16).map(lambda k: k / 8)
grid_deltas = st.sampled_from([0.0, 0.125, 0.25])
translatable = policies("keras", grid_deltas) | policies("pytorch", grid_deltas).filter(
    lambda policy: policy.threshold_mode == "abs" or policy.min_delta == 0
).map(lambda policy: dataclasses.replace(policy, eps=0))


def other(policy: ReduceOnPlateau) -> ReduceOnPlateau:
    return policy.translate("pytorch" if policy.convention == "keras" else "keras")


@given(translatable, some(grid))
@examples(100)
def test_the_translation_law(policy, metrics) -> None:
    """The two frameworks' own objects agree, each fed the parameters that the law gives it."""
    one, two = their_rates(policy, metrics), their_rates(other(policy), metrics)
    assume(min(one) > 1e-37 or policy.lr == 0)  # no rate may leave the range of float32
    assert cuts(one) == cuts(two)
    # Each cut rounds a rate to float32 once more.
    assert two == pytest.approx(one, rel=1e-7 * (1 + len(cuts(one))), abs=0)


@given(translatable, some(grid), st.integers(0, 5))
@examples(50)
def test_translations_agree_also_where_the_rate_rises(policy, metrics, extra) -> None:
    policy = dataclasses.replace(
        policy,
        lr=1.0,
        factor=0.5,
        min_lr=0.0,
        raise_after=policy.cuts_after + extra,
        raise_factor=4.0,
    )
    there, back = other(policy), other(other(policy))
    assert our_rates(policy, metrics) == our_rates(there, metrics) == our_rates(back, metrics)


def test_every_order_of_good_and_bad_epochs() -> None:
    for patience, cooldown in itertools.product(range(3), repeat=2):
        policy = ReduceOnPlateau(1.0, factor=0.5, patience=patience, cooldown=cooldown)
        theirs = policy.translate("pytorch")
        expected = (max(patience, 1) - 1, max(cooldown - 1, 0))
        assert (theirs.patience, theirs.cooldown) == expected
        again = theirs.translate("keras")
        assert again.patience == max(patience, 1)
        assert again.cooldown == (cooldown if cooldown > 1 else 0)
        for order in itertools.product([0.0, 1.0], repeat=7):
            metrics = [-i * good for i, good in enumerate(order)]
            ours = our_rates(policy, metrics)
            assert ours == our_rates(theirs, metrics) == our_rates(again, metrics)


def test_a_translation_into_the_own_convention_is_the_policy_itself() -> None:
    for convention in ("keras", "pytorch"):
        policy = ReduceOnPlateau(0.1, convention=convention)
        assert policy.translate(convention) is policy


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ({}, "threshold_mode must be 'abs', or min_delta 0, .* received 'rel' and 0.0001"),
        ({"min_delta": 0}, "eps must be 0, since Keras has none, received 1e-08"),
        ({"threshold_mode": "abs", "eps": 1e-300}, "eps must be 0, .* received 1e-300"),
    ],
)
def test_what_keras_cannot_do_is_not_translated(policy: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ReduceOnPlateau(0.1, convention="pytorch", **policy).translate("keras")


def test_a_translation_into_no_convention_is_refused() -> None:
    with pytest.raises(ValueError, match="convention must be one of keras, pytorch, received 'op"):
        ReduceOnPlateau(0.1).translate("optax")


# --- exceptions to the law -----------------------------------------------------------------------

KERAS = ReduceOnPlateau(1.0, factor=0.5, patience=2, min_delta=0)


def both(metrics, policy: ReduceOnPlateau = KERAS) -> tuple[list[int], list[int]]:
    """The cuts of Keras and of torch under the same law; ours are the same as theirs."""
    for one in (policy, other(policy)):
        assert our_rates(one, metrics) == their_rates(one, metrics)
    return cuts(their_rates(policy, metrics)), cuts(their_rates(other(policy), metrics))


FALLING = [8.0, 7.0, 6.0, 5.0, 4.0, 3.0]


def test_after_a_first_nan_keras_sees_no_improvement_ever_again() -> None:
    assert both([NAN, *FALLING]) == ([3, 5, 7], [])
    assert both([9.0, NAN, *FALLING]) == ([], [])  # a later one is a bad epoch in both


def test_a_first_infinity_is_a_bad_epoch_in_torch_alone() -> None:
    assert both([INF, INF, INF, INF]) == ([3], [2, 4])
    assert both([INF, *FALLING]) == ([], [])
    assert both([9.0, INF, INF, INF, INF]) == ([3, 5], [3, 5])
    assert both([-INF, -INF, -INF, -INF]) == ([3], [3])


def test_what_float32_cannot_tell_apart_is_no_improvement_in_keras() -> None:
    assert both([1 - k * 1e-9 for k in range(6)]) == ([3, 5], [])
    assert both([1 - k * 1e-7 for k in range(6)]) == ([], [])
    assert both([1e-40, 0.0, -1e-40]) == ([3], [])  # TensorFlow takes all three for 0


def test_a_threshold_met_exactly_is_a_matter_of_rounding() -> None:
    one = ReduceOnPlateau(1.0, factor=0.5, patience=1, min_delta=0.1)
    assert both([0.8, 0.7], one) == ([2], [])  # 0.7 < 0.8 - 0.1 in float64


def test_below_the_range_of_float32_keras_rates_are_zero() -> None:
    one = ReduceOnPlateau(1.0, factor=1e-10, patience=1)
    keras_rates, torch_rates = (their_rates(p, [1.0] * 7) for p in (one, other(one)))
    assert keras_rates[-1] == 0
    assert torch_rates[-1] == pytest.approx(1e-60)
    assert our_rates(one, [1.0] * 7) == keras_rates


def test_keras_compares_float64_numbers_of_numpy_in_float64() -> None:
    """`fit` hands over Python floats, which become float32; a callback's NumPy number does not."""
    metrics = [1 - k * 1e-9 for k in range(6)]
    assert cuts(their_rates(KERAS, np.array(metrics))) == []
    assert cuts(their_rates(KERAS, metrics)) == cuts(our_rates(KERAS, np.array(metrics))) == [3, 5]


def test_a_finite_metric_beyond_float32_stops_keras() -> None:
    with pytest.raises(ValueError, match="out of range"):
        their_rates(KERAS, [1.0, 1e39])
    assert our_rates(KERAS, [1.0, 1e39, 1e39]) == our_rates(KERAS, [1.0, INF, INF])


# --- what the frameworks let through -------------------------------------------------------------


@pytest.mark.parametrize("arguments", [{"factor": -0.5}, {"patience": -3}, {"factor": 0.0}])
def test_both_frameworks_accept_what_makes_no_sense(arguments: dict) -> None:
    keras.callbacks.ReduceLROnPlateau(**arguments)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **arguments)
    with pytest.raises(ValueError, match=f"{next(iter(arguments))} must be"):
        ReduceOnPlateau(0.1, **arguments)


def test_keras_guesses_where_the_mode_is_misspelt() -> None:
    with pytest.warns(UserWarning, match="mode 'mni' is unknown, fallback to auto"):
        callback = keras.callbacks.ReduceLROnPlateau("val_loss", mode="mni")
    assert callback.mode == "auto"


def test_keras_finds_out_after_an_epoch_that_it_cannot_guess() -> None:
    callback = keras.callbacks.ReduceLROnPlateau("val_something")  # the default mode is "auto"
    callback.set_model(SimpleNamespace(optimizer=OPTIMIZER))
    callback.on_train_begin()
    with pytest.raises(ValueError, match="isn't able to automatically determine"):
        callback.on_epoch_end(0, {"val_something": 1.0})


def test_keras_forgets_its_wait_where_training_goes_on() -> None:
    callback = keras.callbacks.ReduceLROnPlateau("loss", mode="min", patience=3)
    callback.set_model(SimpleNamespace(optimizer=OPTIMIZER))
    callback.on_train_begin()
    for epoch in range(3):
        callback.on_epoch_end(epoch, {"loss": 1.0})
    assert (callback.wait, callback.best) == (2, 1.0)
    callback.on_train_begin()
    assert callback.wait == 0

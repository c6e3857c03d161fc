"""What every optimizer does and refuses, whichever it is."""

import json
import math
import re
from dataclasses import fields, replace

import numpy as np
import pytest

from lrlab.landscapes import Quadratic, descend
from lrlab.optimizers.adam import Adam, AdamW
from lrlab.optimizers.adaptive import AdaDelta, AdaGrad, RMSProp
from lrlab.optimizers.base import Optimizer
from lrlab.optimizers.lion import Lion
from lrlab.optimizers.muon import SCALINGS, Muon
from lrlab.optimizers.schedule_free import ScheduleFreeAdamW, ScheduleFreeSGD
from lrlab.optimizers.sgd import SGD, Momentum
from lrlab.schedules import Constant
from tests.support.optimizer_samples import (
    CONVENTIONS,
    GRADS,
    LRS,
    SAMPLES,
    WITH_CONVENTION,
    W,
    follow,
    sample,
    variants,
)

ALL = list(variants(*SAMPLES))
ELEMENTWISE = [optimizer for optimizer in ALL if not isinstance(optimizer, Muon)]
SCHEDULE_FREE = (ScheduleFreeSGD, ScheduleFreeAdamW)


def arrays_of(state) -> dict:
    return {name: value for name, value in vars(state).items() if isinstance(value, np.ndarray)}


@pytest.mark.parametrize("optimizer", ELEMENTWISE, ids=repr)
def test_each_weight_goes_its_own_way(optimizer) -> None:
    path, state = follow(optimizer, W, GRADS, LRS)
    assert path.shape == (21, 2, 3)
    assert path.dtype == np.float64
    assert all(value.shape == (2, 3) for value in arrays_of(state).values())
    for index in np.ndindex(2, 3):
        alone, _ = follow(optimizer, W[index], GRADS[:, *index], LRS)
        assert alone.tolist() == path[:, *index].tolist()
    empty, _ = optimizer.step(
        np.ones((0, 2)), np.ones((0, 2)), optimizer.start(np.ones((0, 2))), 0.1
    )
    assert empty.shape == (0, 2)


@pytest.mark.parametrize("optimizer", ALL, ids=repr)
def test_a_step_changes_nothing_in_place(optimizer) -> None:
    w, grad = W.copy(), GRADS[-1].copy()
    _, state = follow(optimizer, w, GRADS, LRS)
    for array in (w, grad, *arrays_of(state).values()):
        array.setflags(write=False)
    first, after = optimizer.step(w, grad, state, 0.1)
    again, after_again = optimizer.step(w, grad, state, 0.1)
    assert first.tolist() == again.tolist() != w.tolist()
    assert arrays_of(after).keys() == arrays_of(after_again).keys() == arrays_of(state).keys()
    for name, array in arrays_of(after).items():
        assert array.tolist() == arrays_of(after_again)[name].tolist()
        assert not np.shares_memory(array, grad)
    still, _ = optimizer.step(w, grad, state, 0.0)
    assert not np.shares_memory(still, w)


@pytest.mark.parametrize("optimizer", ALL, ids=repr)
def test_a_rate_of_0_keeps_the_weights_and_still_learns(optimizer) -> None:
    w, state = optimizer.step(W, GRADS[0], optimizer.start(W), 0)
    assert w.tolist() == W.tolist()
    folded = isinstance(optimizer, Momentum) and optimizer.convention == "keras"
    kept = [value.any() for value in arrays_of(state).values()]
    assert any(kept) != (folded or isinstance(optimizer, SGD))


PARAMETERS = {(cls, name) for cls, names in SAMPLES.items() for name in names}


# The rest of a network, and the conventions of Muon, whose memories differ by a factor alone.
NOWHERE = {(Muon, "rest_scale"), (Muon, "convention")}


@pytest.mark.parametrize(("cls", "name"), sorted(PARAMETERS - NOWHERE, key=str))
def test_every_parameter_leads_elsewhere(cls, name) -> None:
    assert set(SAMPLES[cls]) == {item.name for item in fields(cls)} - {"rest", "decay_vectors"}
    first, second = (sample(cls, **{name: value}) for value in SAMPLES[cls][name])
    if (cls, name) == (Momentum, "nesterov"):
        assert first.dampening == 0
    # At rates that rise: others weigh alike in an average.
    paths = [follow(optimizer, W, GRADS, LRS[::-1])[0] for optimizer in (first, second)]
    assert np.abs(paths[0] - paths[1]).max() > 1e-4


def test_only_what_is_needed_is_remembered() -> None:
    numbers = {
        Momentum(): 1,
        AdaGrad(): 1,
        RMSProp(): 1,
        RMSProp(centered=True): 2,
        RMSProp(centered=True, momentum=0.5): 3,
        AdaDelta(): 2,
        Adam(): 2,
        Adam(amsgrad=True): 3,
        Lion(): 1,
        ScheduleFreeSGD(): 1,
        ScheduleFreeAdamW(): 2,
    }
    for optimizer, count in numbers.items():
        assert (
            len(arrays_of(optimizer.start(W)))
            == len(arrays_of(follow(optimizer, W, GRADS, LRS)[1]))
            == count
        )


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("cls", [cls for cls in WITH_CONVENTION if cls not in SCHEDULE_FREE])
def test_weight_decay_is_in_the_gradient_or_before_the_step(cls, convention) -> None:
    optimizer = cls(weight_decay=0.5, convention=convention)
    plain = replace(optimizer, weight_decay=0)
    _, state = follow(plain, W, GRADS, LRS)
    w, grad = W + GRADS[0], GRADS[1]
    if convention == "pytorch" and cls not in {AdamW, Muon}:
        expected, after = plain.step(w, grad + 0.5 * w, state, 0.25)
    else:
        expected, after = plain.step(w - 0.125 * w, grad, state, 0.25)
    moved, remembered = optimizer.step(w, grad, replace(state, optimizer=optimizer), 0.25)
    assert moved.tolist() == expected.tolist()
    for name, array in arrays_of(after).items():
        assert arrays_of(remembered)[name].tolist() == array.tolist()


@pytest.mark.parametrize("cls", [cls for cls in SAMPLES if cls not in SCHEDULE_FREE])
def test_the_weights_are_evaluated_where_they_are(cls) -> None:
    optimizer = cls()
    w, state = optimizer.step(W, GRADS[0], optimizer.start(W), 0.1)
    assert optimizer.evaluated(w, state) is w


# --- numbers at the end of the range --------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ELEMENTWISE, ids=repr)
def test_no_warning_without_an_overflow(optimizer) -> None:
    # Gradients whose squares are too small for a float, 0 from the start, and 0 after others.
    course = [[0.0, 1e-200, 1.0, -1e-320, 1e150]] * 3 + [[0.0] * 5] * 1200
    with np.errstate(all="raise"):
        path, _ = follow(optimizer, np.zeros(5), np.array(course), [0.1] * len(course))
    assert np.isfinite(path).all()
    assert (path[:, 0] == 0).all()
    assert (path[1, [2, 4]] < 0).all()


@pytest.mark.parametrize("optimizer", ELEMENTWISE, ids=repr)
def test_an_overflow_ends_a_descent(optimizer) -> None:
    path = descend(Quadratic([1, 9]), optimizer, Constant(1e200), start=[1, 1], steps=50)
    assert path.stopped.startswith("diverged after")
    assert path.steps < 50


# --- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ALL, ids=repr)
def test_an_optimizer_is_a_value(optimizer) -> None:
    again = eval(repr(optimizer))
    assert again == optimizer
    assert hash(again) == hash(optimizer)
    assert [other == optimizer for other in ALL].count(True) == 1
    for item in fields(optimizer):
        assert f"{item.name}={getattr(optimizer, item.name)!r}" in repr(optimizer)
        with pytest.raises(AttributeError):
            setattr(optimizer, item.name, 0)


def test_the_repr_shows_what_is_in_effect() -> None:
    assert repr(SGD(weight_decay=0.1)) == "SGD(weight_decay=0.1)"
    shown = "AdaGrad(eps=1e-07, initial_accumulator=0.1, weight_decay=0.0, convention='keras')"
    assert repr(AdaGrad(convention="keras")) == shown
    assert AdamW(convention="keras") == AdamW(eps=1e-7, weight_decay=0.004, convention="keras")
    assert AdamW(convention="keras") != AdamW()
    assert Adam(weight_decay=0.01) != AdamW()
    assert replace(RMSProp(), convention="keras").rho == 0.99  # a value by now, not a default


@pytest.mark.parametrize("cls", SAMPLES)
def test_parameters_are_given_by_name(cls) -> None:
    with pytest.raises(TypeError):
        cls(0.1)


@pytest.mark.parametrize("optimizer", ALL, ids=repr)
def test_a_config_is_plain_and_gives_the_optimizer_back(optimizer) -> None:
    config = optimizer.to_config()
    assert config["class"] == type(optimizer).__name__
    assert set(config) == {"class"} | {item.name for item in fields(optimizer)}
    assert Optimizer.from_config(json.loads(json.dumps(config))) == optimizer


def test_a_config_of_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match=r"config must name a class out of .*received 'Constant'"):
        Optimizer.from_config(Constant(0.1).to_config())


def test_a_state_can_be_handed_to_another_optimizer() -> None:
    optimizer, other = Momentum(momentum=0.5), Momentum(momentum=0.25)
    w, state = optimizer.step([0.0], [8.0], optimizer.start([0.0]), 1)
    w, state = other.step(w, [0.0], replace(state, optimizer=other), 1)
    assert (w.tolist(), state.velocity.tolist()) == ([-10], [2])


def test_the_repr_of_a_state_is_its_numbers() -> None:
    assert repr(Momentum().start([1.0])) == "MomentumState(velocity=array([0.]), steps=0)"


def test_an_optimizer_has_to_say_how_it_moves() -> None:
    class Halves(Optimizer):
        pass

    with pytest.raises(TypeError, match=r"abstract class Halves .*_update"):
        Halves()
    with pytest.raises(ValueError, match="config does not fit Optimizer: "):
        Optimizer.from_config({"class": "Optimizer"})


# --- what is refused ------------------------------------------------------------------------------

NO_NUMBERS = [math.nan, math.inf, True, "0.1", [0.1]]
BELOW_ONE = (r"in \[0, 1\)", [-1e-300, 1, 1.5, None], [0, 1e-300, math.nextafter(1, 0)])
AT_LEAST_0 = ("of at least 0", [-1e-300, -1], [0, 1e-300, 7])
KINDS = {
    **dict.fromkeys(["momentum", "dampening", "beta1", "beta2", "rho"], BELOW_ONE),
    **dict.fromkeys(["weight_decay", "initial_accumulator", "r"], AT_LEAST_0),
    **dict.fromkeys(["weight_lr_power", "rest_scale"], AT_LEAST_0),
    "eps": ("greater than 0", [0, -0.0, -1e-300], [1e-300, 1]),
}
FRACTION = (r"in \(0, 1\)", [0, -1e-300, 1, 1.5, None], [1e-300, math.nextafter(1, 0)])
OWN = {(ScheduleFreeAdamW, "beta1"), (ScheduleFreeSGD, "momentum"), (Lion, "beta1")}
NUMBERS = [(cls, name) for cls, names in SAMPLES.items() for name in names if name in KINDS]
FLAGS = [(cls, name) for cls, names in SAMPLES.items() for name in names if True in names[name]]


@pytest.mark.parametrize(("cls", "name"), NUMBERS)
def test_a_number_out_of_range_is_refused(cls, name) -> None:
    words, refused, _ = FRACTION if (cls, name) in OWN else KINDS[name]
    for value in [*NO_NUMBERS, *refused]:
        if value is None and name == "rho":
            continue  # has a default
        message = (
            rf"^{name} must be a finite real number {words}, received {re.escape(repr(value))}$"
        )
        with pytest.raises(ValueError, match=message):
            sample(cls, **{name: value})


@pytest.mark.parametrize(("cls", "name"), NUMBERS)
def test_a_number_at_the_edge_is_taken(cls, name) -> None:
    for value in (FRACTION if (cls, name) in OWN else KINDS[name])[2]:
        stored = getattr(sample(cls, **{name: value}), name)
        assert (type(stored), stored) == (float, value)


@pytest.mark.parametrize(("cls", "name"), FLAGS)
def test_an_option_is_true_or_false(cls, name) -> None:
    for value in (0, 1, None, "yes"):
        message = rf"^{name} must be True or False, received {value!r}$"
        with pytest.raises(ValueError, match=message):
            sample(cls, **{name: value})
    assert getattr(sample(cls, **{name: np.True_}), name) is True


def test_every_parameter_is_tested() -> None:
    others = {name for _, name in PARAMETERS - {*NUMBERS, *FLAGS}}
    assert others == {"convention", "scaling", "ns_steps"}
    assert (len(NUMBERS), len(FLAGS)) == (38, 7)


@pytest.mark.parametrize("value", [0, "Original", "rms"])
def test_an_unknown_scaling_is_refused(value) -> None:
    with pytest.raises(ValueError, match=f"scaling must be one of {', '.join(SCALINGS)}, received"):
        Muon(scaling=value)


@pytest.mark.parametrize("value", [0, -1, 1.5, True])
def test_a_number_of_steps_is_a_count(value) -> None:
    with pytest.raises(ValueError, match="ns_steps must be a positive integer, received"):
        Muon(ns_steps=value)


@pytest.mark.parametrize("cls", WITH_CONVENTION)
@pytest.mark.parametrize("value", ["torch", "Keras", None, 1])
def test_an_unknown_convention_is_refused(cls, value) -> None:
    message = f"convention must be one of pytorch, keras, received {value!r}"
    with pytest.raises(ValueError, match=message):
        cls(convention=value)


@pytest.mark.parametrize("cls", SAMPLES)
@pytest.mark.parametrize("lr", [-0.1, math.nan, math.inf, True, "0.1"])
def test_a_rate_out_of_range_is_refused(cls, lr) -> None:
    optimizer = cls()
    with pytest.raises(ValueError, match=rf"lr must be .* of at least 0, received {lr!r}"):
        optimizer.step(W, W, optimizer.start(W), lr)


@pytest.mark.parametrize("cls", SAMPLES)
@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 1)])
def test_a_gradient_of_another_shape_is_refused(cls, shape) -> None:
    optimizer = cls()
    message = re.escape(f"grad must have the shape of w, (2, 3), received one of shape {shape}")
    with pytest.raises(ValueError, match=message):
        optimizer.step(W, np.ones(shape), optimizer.start(W), 0.1)


@pytest.mark.parametrize("cls", [cls for cls in SAMPLES if cls not in {SGD, Muon}])
@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 1)])
def test_a_state_of_another_shape_is_refused(cls, shape) -> None:
    optimizer = cls()
    message = (
        f"w must have the shape that the state started with, {shape}, received one of shape (2,)"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        optimizer.step(np.ones(2), np.ones(2), optimizer.start(np.ones(shape)), 0.1)


def test_a_state_of_another_optimizer_is_refused() -> None:
    states = {optimizer: optimizer.start(W) for optimizer in ALL}
    assert len(states) > 60
    for optimizer in states:
        others = [states[other] for other in states if other != optimizer]
        for state in [*others, None, optimizer, W, ()]:
            message = f"state must be one of {optimizer!r}, received one of "
            with pytest.raises(ValueError, match=re.escape(message)):
                optimizer.step(W, W, state, 0.1)

"""Update rules: by hand, against what the papers say of them, and without side effects.

That they are the frameworks' own is tested in test_updates_frameworks.py.
"""

import math
import re
from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrlab.landscapes import Quadratic, descend
from lrlab.optimizers.adam import Adam, AdamW
from lrlab.optimizers.adaptive import AdaDelta, AdaGrad, RMSProp
from lrlab.optimizers.base import CONVENTIONS, RememberingRule
from lrlab.optimizers.sgd import SGD, Momentum
from lrlab.schedules import Constant
from tests.support.optimizer_samples import (
    REMEMBERING,
    SAMPLES,
    sample,
    variants,
)
from tests.support.strategies import examples

ALL = list(variants(*SAMPLES))


def follow(rule, w, grads, lrs):
    """The path under given gradients, of shape (steps + 1, ...), and the last state."""
    path, state = [np.asarray(w, dtype=float)], rule.start(w)
    for grad, lr in zip(grads, lrs, strict=True):
        w, state = rule.step(path[-1], grad, state, lr)
        path.append(w)
    return np.array(path), state


def arrays_of(state) -> dict:
    values = vars(state) if is_dataclass(state) else {}
    return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}


GRADS = np.random.default_rng(5).normal(0.5, 1, (20, 2, 3))
LRS = np.linspace(0.2, 0.01, 20)
W = np.full((2, 3), 2.0)


# --- by hand -------------------------------------------------------------------------------------


def test_sgd_by_hand() -> None:
    w, grad = np.array([[1.0, -2.0]]), np.array([[4.0, 0.5]])
    plain, decayed = SGD(), SGD(weight_decay=0.5)
    assert plain.step(w, grad, plain.start(w), 0.25)[0].tolist() == [[0, -2.125]]
    assert decayed.step(w, grad, decayed.start(w), 0.25)[0].tolist() == [[-0.125, -1.875]]
    assert plain.step(w, grad, plain.start(w), 0)[0].tolist() == w.tolist()
    assert plain.step(3, 2, (), 0.5) == (2, ())


@pytest.mark.parametrize(
    ("options", "w", "velocity"),
    [
        # Gradients 8, 4, 0 at the rates 1/2, 1/4, 1, from w = 0, with momentum 1/2.
        ({}, [0, -4, -6, -10], [8, 8, 4]),
        ({"dampening": 0.75}, [0, -4, -5.25, -7.75], [8, 5, 2.5]),
        ({"nesterov": True}, [0, -6, -8, -10], [8, 8, 4]),
        ({"convention": "keras"}, [0, -4, -7, -8.5], [-4, -3, -1.5]),
        ({"convention": "keras", "nesterov": True}, [0, -6, -8.5, -9.25], [-4, -3, -1.5]),
        ({"momentum": 0.0}, [0, -4, -5, -5], [8, 4, 0]),
    ],
)
def test_momentum_by_hand(options, w, velocity) -> None:
    rule, path, velocities = Momentum(**{"momentum": 0.5} | options), [np.zeros(1)], []
    state = rule.start(path[0])
    for grad, lr in zip([8.0, 4.0, 0.0], [0.5, 0.25, 1.0], strict=True):
        moved, state = rule.step(path[-1], [grad], state, lr)
        path.append(moved)
        velocities.append(state.velocity)
    assert np.ravel(path).tolist() == w
    assert np.ravel(velocities).tolist() == velocity


@pytest.mark.parametrize(
    ("convention", "w", "velocity"),
    [("pytorch", [0, -4, -5.5, -7], 0.75), ("keras", [0, -4, -7, -8.5], 1.5)],
)
def test_rmsprop_with_momentum_by_hand(convention, w, velocity) -> None:
    # With no memory of squares, a gradient counts for its sign: here 1, 1, 0 at the rates 4, 1, 2.
    rule = RMSProp(rho=0.0, momentum=0.5, eps=1e-40, convention=convention)
    path, state = follow(rule, 0.0, [8.0, 4.0, 0.0], [4.0, 1.0, 2.0])
    assert (path.tolist(), state.velocity) == (w, velocity)


def test_adadelta_by_hand() -> None:
    path, state = follow(AdaDelta(rho=0.75, eps=0.25), 0.0, [2.0, 3.0], [0.5, 2.0])
    first = 2 * math.sqrt(0.25 / (1 + 0.25))
    second = 3 * math.sqrt((0.25 * first**2 + 0.25) / (0.75 + 0.25 * 9 + 0.25))
    assert path == pytest.approx(np.array([0, -0.5 * first, -0.5 * first - 2 * second]), rel=1e-14)
    assert state.v == 0.75 + 0.25 * 9
    assert state.u == pytest.approx(0.75 * 0.25 * first**2 + 0.25 * second**2, rel=1e-14)


# --- what is said of them ------------------------------------------------------------------------


def test_momentum_of_0_is_plain_descent() -> None:
    for weight_decay, convention in ((0.0, "pytorch"), (0.5, "pytorch"), (0.0, "keras")):
        rule = Momentum(momentum=0, weight_decay=weight_decay, convention=convention)
        plain, _ = follow(SGD(weight_decay=weight_decay), W, GRADS, LRS)
        assert follow(rule, W, GRADS, LRS)[0].tolist() == plain.tolist()


def test_keras_heavy_ball_is_polyaks_at_any_rate() -> None:
    for convention in CONVENTIONS:
        path, _ = follow(Momentum(momentum=0.8, convention=convention), W, GRADS, LRS)
        w, before = [W], W
        for k, (grad, lr) in enumerate(zip(GRADS, LRS, strict=True)):
            scale = lr / LRS[k - 1] if convention == "pytorch" and k else 1.0
            w.append(w[-1] - lr * grad + 0.8 * scale * (w[-1] - before))
            before = w[-2]
        assert path == pytest.approx(np.array(w), rel=1e-12)


def test_nesterov_looks_ahead() -> None:
    curvatures, mu = np.array([0.5, 2.0]), 0.75
    rule = Momentum(momentum=mu, nesterov=True, convention="keras")
    w = theta = np.array([3.0, -1.0])
    velocity, state = np.zeros(2), rule.start(w)
    for lr in LRS:
        velocity = mu * velocity - lr * curvatures * (theta + mu * velocity)
        theta = theta + velocity
        w, state = rule.step(w, curvatures * w, state, lr)
        assert w == pytest.approx(theta + mu * velocity, rel=1e-12)
        assert state.velocity == pytest.approx(velocity, rel=1e-12)


def test_a_lasting_gradient_moves_the_weights_by_its_share() -> None:
    # The velocity's limit, in units of the gradient: what stays over what comes in.
    limits = {
        Momentum(momentum=0.9): 10,
        Momentum(momentum=0.9, nesterov=True): 10,
        Momentum(momentum=0.9, convention="keras"): 10,
        Momentum(momentum=0.9, dampening=0.9): 1,
        RMSProp(rho=0.5, momentum=0.75, eps=1e-14): 4,
        RMSProp(rho=0.5, momentum=0.75, eps=1e-28, convention="keras"): 4,
    }
    for rule, limit in limits.items():
        path, _ = follow(rule, 0.0, [2.0] * 400, [0.01] * 400)
        gradient = 1 if isinstance(rule, RMSProp) else 2
        assert path[-2] - path[-1] == pytest.approx(0.01 * gradient * limit, rel=1e-9)


def test_a_dampened_first_step_is_a_whole_one() -> None:
    for momentum in (0.5, 0.9):
        path, _ = follow(Momentum(momentum=momentum, dampening=momentum), 0.0, [1.0] * 9, [1.0] * 9)
        assert path == pytest.approx(-np.arange(10.0), rel=1e-12)


def test_adagrad_falls_as_the_root_of_time() -> None:
    for start in (0.0, 3.0):
        rule = AdaGrad(initial_accumulator=start, eps=1e-14)
        path, state = follow(rule, 0.0, [2.0] * 50, [0.5] * 50)
        steps = 0.5 * 2 / np.sqrt(start + 4 * np.arange(1, 51))
        assert -np.diff(path) == pytest.approx(steps, rel=1e-12)
        assert state.v == start + 4 * 50


def test_adam_without_mean_and_correction_is_rmsprop() -> None:
    adam = Adam(beta1=0, beta2=0.9, eps=1e-3, bias_correction=False)
    for convention in CONVENTIONS:  # without the correction its ε is in the same place in both
        ours, _ = follow(replace(adam, convention=convention), W, GRADS, LRS)
        assert ours == pytest.approx(
            follow(RMSProp(rho=0.9, eps=1e-3), W, GRADS, LRS)[0], rel=1e-13
        )


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize("bias_correction", [False, True])
def test_adam_is_a_sum_over_all_gradients(convention, amsgrad, bias_correction) -> None:
    options = {"amsgrad": amsgrad, "bias_correction": bias_correction, "convention": convention}
    rule = Adam(beta1=0.5, beta2=0.75, eps=0.1, **options)
    path, state = follow(rule, W, GRADS, LRS)
    w, largest = [W], 0.0
    for t in range(1, len(GRADS) + 1):
        age = np.arange(t)[::-1, None, None]
        m, v = (0.5 * 0.5**age * GRADS[:t]).sum(0), (0.25 * 0.75**age * GRADS[:t] ** 2).sum(0)
        largest = np.maximum(largest, v)
        root, one, two = np.sqrt(largest if amsgrad else v), 1 - 0.5**t, math.sqrt(1 - 0.75**t)
        if not bias_correction:
            w.append(w[-1] - LRS[t - 1] * m / (root + 0.1))
        elif convention == "pytorch":
            w.append(w[-1] - LRS[t - 1] * (m / one) / (root / two + 0.1))
        else:
            w.append(w[-1] - LRS[t - 1] * two / one * m / (root + 0.1))
    assert path == pytest.approx(np.array(w), rel=1e-12)
    assert (state.m, state.v) == (pytest.approx(m, rel=1e-12), pytest.approx(v, rel=1e-12))
    assert state.steps == 20
    assert (state.v_max == pytest.approx(largest, rel=1e-12)) if amsgrad else state.v_max is None


def test_what_leaving_out_the_correction_does() -> None:
    lengths = {}
    for corrected in (True, False):
        path, _ = follow(Adam(bias_correction=corrected), 0.0, [3.0] * 30, [1.0] * 30)
        lengths[corrected] = -np.diff(path)
    assert lengths[True] == pytest.approx(1, rel=1e-8)
    assert lengths[False][0] == pytest.approx(0.1 / math.sqrt(0.001), rel=1e-6)
    assert (lengths[False].argmax() + 1, round(lengths[False].max(), 1)) == (12, 6.6)


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("cls", REMEMBERING)
def test_weight_decay_is_in_the_gradient_or_before_the_step(cls, convention) -> None:
    rule = cls(weight_decay=0.5, convention=convention)
    plain = replace(rule, weight_decay=0)
    _, state = follow(plain, W, GRADS, LRS)
    w, grad = W + GRADS[0], GRADS[1]
    if convention == "pytorch" and cls is not AdamW:
        expected, after = plain.step(w, grad + 0.5 * w, state, 0.25)
    else:
        expected, after = plain.step(w - 0.125 * w, grad, state, 0.25)
    moved, remembered = rule.step(w, grad, replace(state, rule=rule), 0.25)
    assert moved.tolist() == expected.tolist()
    for name, array in arrays_of(after).items():
        assert arrays_of(remembered)[name].tolist() == array.tolist()


@given(st.sampled_from([AdaGrad, RMSProp, Adam, AdamW]), st.sampled_from(CONVENTIONS), st.data())
@examples(40)
def test_the_unit_of_the_loss_does_not_matter(cls, convention, data) -> None:
    """Gradients of 2^k times the size, ε in the same unit: the same path, bit for bit."""
    power, eps = data.draw(st.integers(-20, 20)), data.draw(st.floats(1e-6, 0.1))
    start = {"initial_accumulator": 0.25} if cls is AdaGrad else {}
    rule = cls(eps=eps, convention=convention, **start)
    in_root = convention == "keras" and cls in (AdaGrad, RMSProp)
    scaled = replace(rule, eps=eps * 2.0 ** (power * (1 + in_root)))
    if cls is AdaGrad:
        scaled = replace(scaled, initial_accumulator=0.25 * 4.0**power)
    path, _ = follow(rule, W, GRADS, LRS)
    assert follow(scaled, W, GRADS * 2.0**power, LRS)[0].tolist() == path.tolist()


# --- properties of every rule --------------------------------------------------------------------


@pytest.mark.parametrize("rule", ALL, ids=repr)
def test_each_weight_goes_its_own_way(rule) -> None:
    path, state = follow(rule, W, GRADS, LRS)
    assert path.shape == (21, 2, 3)
    assert path.dtype == np.float64
    assert all(value.shape == (2, 3) for value in arrays_of(state).values())
    for index in np.ndindex(2, 3):
        alone, _ = follow(rule, W[index], GRADS[:, *index], LRS)
        assert alone.tolist() == path[:, *index].tolist()
    empty, _ = rule.step(np.ones((0, 2)), np.ones((0, 2)), rule.start(np.ones((0, 2))), 0.1)
    assert empty.shape == (0, 2)


@pytest.mark.parametrize("rule", ALL, ids=repr)
def test_a_step_changes_nothing_in_place(rule) -> None:
    w, grad = W.copy(), GRADS[-1].copy()
    _, state = follow(rule, w, GRADS, LRS)
    for array in (w, grad, *arrays_of(state).values()):
        array.setflags(write=False)
    first, after = rule.step(w, grad, state, 0.1)
    again, after_again = rule.step(w, grad, state, 0.1)
    assert first.tolist() == again.tolist() != w.tolist()
    assert arrays_of(after).keys() == arrays_of(after_again).keys() == arrays_of(state).keys()
    for name, array in arrays_of(after).items():
        assert array.tolist() == arrays_of(after_again)[name].tolist()
        assert not np.shares_memory(array, grad)
    still, _ = rule.step(w, grad, state, 0.0)
    assert not np.shares_memory(still, w)


@pytest.mark.parametrize("rule", ALL, ids=repr)
def test_a_rate_of_0_keeps_the_weights_and_still_learns(rule) -> None:
    w, state = rule.step(W, GRADS[0], rule.start(W), 0)
    assert w.tolist() == W.tolist()
    folded = isinstance(rule, Momentum) and rule.convention == "keras"
    kept = [value.any() for value in arrays_of(state).values()]
    assert any(kept) != (folded or isinstance(rule, SGD))


@pytest.mark.parametrize(("cls", "name"), [(c, n) for c, names in SAMPLES.items() for n in names])
def test_every_parameter_leads_elsewhere(cls, name) -> None:
    assert set(SAMPLES[cls]) == {item.name for item in fields(cls)}
    first, second = (sample(cls, **{name: value}) for value in SAMPLES[cls][name])
    if (cls, name) == (Momentum, "nesterov"):
        assert first.dampening == 0
    paths = [follow(rule, W, GRADS, LRS)[0] for rule in (first, second)]
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
    }
    for rule, count in numbers.items():
        assert (
            len(arrays_of(rule.start(W))) == len(arrays_of(follow(rule, W, GRADS, LRS)[1])) == count
        )


def test_the_variance_is_that_of_the_moving_averages() -> None:
    _, state = follow(RMSProp(rho=0.75, centered=True), W, GRADS, LRS)
    weights = 0.25 * 0.75 ** np.arange(20)[::-1, None, None]
    mean = (weights * GRADS).sum(0)
    assert state.mean == pytest.approx(mean, rel=1e-12)
    assert state.v == pytest.approx((weights * GRADS**2).sum(0) - mean**2, rel=1e-12)


# --- numbers at the end of the range -------------------------------------------------------------


@pytest.mark.parametrize("rule", ALL, ids=repr)
def test_no_warning_without_an_overflow(rule) -> None:
    # Gradients whose squares are too small for a float, 0 from the start, and 0 after others.
    course = [[0.0, 1e-200, 1.0, -1e-320, 1e150]] * 3 + [[0.0] * 5] * 1200
    with np.errstate(all="raise"):
        path, _ = follow(rule, np.zeros(5), np.array(course), [0.1] * len(course))
    assert np.isfinite(path).all()
    assert (path[:, 0] == 0).all()
    assert (path[1, [2, 4]] < 0).all()


@pytest.mark.parametrize("rule", ALL, ids=repr)
def test_an_overflow_ends_a_descent(rule) -> None:
    path = descend(Quadratic([1, 9]), rule, Constant(1e200), start=[1, 1], steps=50)
    assert path.stopped.startswith("diverged after")
    assert path.steps < 50


@pytest.mark.parametrize("cls", [AdaGrad, RMSProp, AdaDelta, Adam])
def test_an_overflow_is_not_hidden(cls) -> None:
    rule = cls()
    with np.errstate(all="raise"), pytest.raises(FloatingPointError, match="overflow"):
        rule.step(np.zeros(1), np.array([1e200]), rule.start(np.zeros(1)), 0.1)


# --- values --------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ALL, ids=repr)
def test_a_rule_is_a_value(rule) -> None:
    again = eval(repr(rule))
    assert again == rule
    assert hash(again) == hash(rule)
    assert [other == rule for other in ALL].count(True) == 1
    for item in fields(rule):
        assert f"{item.name}={getattr(rule, item.name)!r}" in repr(rule)
        with pytest.raises(AttributeError):
            setattr(rule, item.name, 0)


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


def test_a_state_can_be_handed_to_another_rule() -> None:
    rule, other = Momentum(momentum=0.5), Momentum(momentum=0.25)
    w, state = rule.step([0.0], [8.0], rule.start([0.0]), 1)
    w, state = other.step(w, [0.0], replace(state, rule=other), 1)
    assert (w.tolist(), state.velocity.tolist()) == ([-10], [2])


def test_the_repr_of_a_state_is_its_numbers() -> None:
    assert repr(Momentum().start([1.0])) == "MomentumState(velocity=array([0.]), steps=0)"


def test_a_rule_has_to_say_how_it_starts_and_moves() -> None:
    class Halves(RememberingRule):
        pass

    for method, arguments in (("start", ([1.0],)), ("_update", ([1.0], None, 0.1))):
        with pytest.raises(NotImplementedError, match=rf"Halves must define {method}\("):
            getattr(Halves.__new__(Halves), method)(*arguments)


# --- what is refused -----------------------------------------------------------------------------

NO_NUMBERS = [math.nan, math.inf, True, "0.1", [0.1]]
BELOW_ONE = (r"in \[0, 1\)", [-1e-300, 1, 1.5, None], [0, 1e-300, math.nextafter(1, 0)])
AT_LEAST_0 = ("of at least 0", [-1e-300, -1], [0, 1e-300, 7])
KINDS = {
    **dict.fromkeys(["momentum", "dampening", "beta1", "beta2", "rho"], BELOW_ONE),
    **dict.fromkeys(["weight_decay", "initial_accumulator"], AT_LEAST_0),
    "eps": ("greater than 0", [0, -0.0, -1e-300], [1e-300, 1]),
}
NUMBERS = [(cls, name) for cls, names in SAMPLES.items() for name in names if name in KINDS]
FLAGS = [(cls, name) for cls, names in SAMPLES.items() for name in names if True in names[name]]


@pytest.mark.parametrize(("cls", "name"), NUMBERS)
def test_a_number_out_of_range_is_refused(cls, name) -> None:
    rule, refused, _ = KINDS[name]
    for value in [*NO_NUMBERS, *refused]:
        if value is None and name == "rho":
            continue  # has a default
        message = (
            rf"^{name} must be a finite real number {rule}, received {re.escape(repr(value))}$"
        )
        with pytest.raises(ValueError, match=message):
            sample(cls, **{name: value})


@pytest.mark.parametrize(("cls", "name"), NUMBERS)
def test_a_number_at_the_edge_is_taken(cls, name) -> None:
    for value in KINDS[name][2]:
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
    others = {(cls, name) for cls, names in SAMPLES.items() for name in names}
    assert {name for _, name in others - {*NUMBERS, *FLAGS}} == {"convention"}
    assert (len(NUMBERS), len(FLAGS)) == (22, 6)


@pytest.mark.parametrize("cls", REMEMBERING)
@pytest.mark.parametrize("value", ["torch", "Keras", None, 1])
def test_an_unknown_convention_is_refused(cls, value) -> None:
    message = f"convention must be one of pytorch, keras, received {value!r}"
    with pytest.raises(ValueError, match=message):
        cls(convention=value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"dampening": 0.5, "convention": "keras"},
            "dampening belongs to convention 'pytorch' alone, received 0.5",
        ),
        (
            {"dampening": 0.5, "momentum": 0},
            "dampening must be 0 where momentum is 0, since torch then ignores it, received 0.5",
        ),
        (
            {"dampening": 0.5, "nesterov": True},
            "nesterov must be False unless momentum is above 0 and dampening 0, "
            "received True, 0.9 and 0.5",
        ),
        (
            {"momentum": 0, "nesterov": True},
            "nesterov must be False unless momentum is above 0 and dampening 0, "
            "received True, 0.0 and 0.0",
        ),
    ],
)
def test_momentum_refuses_what_does_not_go_together(options, message) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        Momentum(**options)


@pytest.mark.parametrize("cls", SAMPLES)
@pytest.mark.parametrize("lr", [-0.1, math.nan, math.inf, True, "0.1"])
def test_a_rate_out_of_range_is_refused(cls, lr) -> None:
    rule = cls()
    with pytest.raises(ValueError, match=rf"lr must be .* of at least 0, received {lr!r}"):
        rule.step(np.ones(2), np.ones(2), rule.start(np.ones(2)), lr)


@pytest.mark.parametrize("cls", SAMPLES)
@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 1)])
def test_a_gradient_of_another_shape_is_refused(cls, shape) -> None:
    rule = cls()
    message = re.escape(f"grad must have the shape of w, (2,), received one of shape {shape}")
    with pytest.raises(ValueError, match=message):
        rule.step(np.ones(2), np.ones(shape), rule.start(np.ones(2)), 0.1)


@pytest.mark.parametrize("cls", REMEMBERING)
@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 1)])
def test_a_state_of_another_shape_is_refused(cls, shape) -> None:
    rule = cls()
    message = (
        f"w must have the shape that the state started with, {shape}, received one of shape (2,)"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        rule.step(np.ones(2), np.ones(2), rule.start(np.ones(shape)), 0.1)


def test_a_state_of_another_rule_is_refused() -> None:
    states = {rule: rule.start(W) for rule in ALL}
    assert len(states) > 60
    for rule in states:
        for state in [*(states[other] for other in states if other != rule), None, rule, W]:
            if isinstance(rule, SGD):
                message = "state must be (), since SGD remembers nothing, received "
                if isinstance(state, tuple):
                    continue  # that of another SGD is its own
            else:
                message = f"state must be one of {rule!r}, received one of "
            with pytest.raises(ValueError, match=re.escape(message)):
                rule.step(W, W, state, 0.1)

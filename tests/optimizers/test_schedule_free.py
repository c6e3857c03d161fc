"""Schedule-free descent: the paper's three sequences, the published package, Keras' own way."""

import math
from dataclasses import replace

import numpy as np
import pytest
import schedulefree
import torch

from lrlab import Constant
from lrlab.landscapes import Quadratic, descend
from lrlab.optimizers.adam import Adam
from lrlab.optimizers.schedule_free import ScheduleFreeAdamW, ScheduleFreeSGD
from lrlab.optimizers.sgd import SGD
from tests.support.optimizer_samples import GRADS, LRS, W, follow

STEPS = 300
RNG = np.random.default_rng(3)
NOISE = RNG.normal(0.2, 1, (STEPS, 5)) * [1, 1e-3, 30, 1, 1]
RULES = [
    ScheduleFreeSGD(),
    ScheduleFreeSGD(momentum=0.6, weight_decay=0.1, r=0.5, weight_lr_power=1.5),
    ScheduleFreeAdamW(),
    ScheduleFreeAdamW(beta1=0.6, beta2=0.9, eps=0.01, weight_decay=0.2, r=1.5, weight_lr_power=0.5),
]
# Rates that rise, fall, jump and are 0 for a while, also at the beginning.
RATES = {
    "constant": np.full(STEPS, 0.05),
    "from 0": np.r_[np.zeros(20), np.linspace(0, 0.1, 80), np.linspace(0.1, 0, 150), np.zeros(50)],
    "random": np.where(RNG.random(STEPS) < 0.2, 0, RNG.uniform(0, 0.1, STEPS)),
}


def of_the_package(rule, lrs, **options):
    """The weights y and x after each step of the published optimizer, on a bowl under noise."""
    if isinstance(rule, ScheduleFreeSGD):
        make, own = schedulefree.SGDScheduleFree, {"momentum": rule.momentum}
    else:
        own = {"betas": (rule.beta1, rule.beta2), "eps": rule.eps}
        make = schedulefree.AdamWScheduleFree
    own |= {name: getattr(rule, name) for name in ("weight_decay", "r", "weight_lr_power")}
    weights = torch.ones(5, dtype=torch.float64, requires_grad=True)
    optimizer = make([weights], **own, **options)
    paths = {"train": [], "eval": []}
    for lr, noise in zip(lrs, torch.tensor(NOISE), strict=True):
        optimizer.train()
        weights.grad = noise + 0.5 * weights.detach()
        optimizer.param_groups[0]["lr"] = float(lr)
        optimizer.step()
        for mode, path in paths.items():
            getattr(optimizer, mode)()
            path.append(weights.detach().numpy().copy())
    return np.array(paths["train"]), np.array(paths["eval"])


def of_the_rule(rule, lrs):
    w, state = np.ones(5), rule.start(np.ones(5))
    path, averages = [], []
    for lr, noise in zip(lrs, NOISE, strict=True):
        w, state = rule.step(w, noise + 0.5 * w, state, lr)
        path.append(w)
        averages.append(rule.evaluated(w, state))
    return np.array(path), np.array(averages)


@pytest.mark.parametrize("rates", RATES)
@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_300_steps_are_those_of_the_package(rule, rates) -> None:
    for ours, theirs in zip(
        of_the_rule(rule, RATES[rates]), of_the_package(rule, RATES[rates]), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_the_packages_warm_up_is_a_schedule(rule) -> None:
    ramp = 0.05 * np.minimum(np.arange(1, STEPS + 1) / 40, 1)
    theirs = of_the_package(rule, np.full(STEPS, 0.05), warmup_steps=40)
    for path, expected in zip(of_the_rule(rule, ramp), theirs, strict=True):
        np.testing.assert_allclose(path, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_the_rule_is_the_papers_three_sequences(rule) -> None:
    """With the averages' weights as the paper's, each sequence in a place of its own."""
    adaptive, lrs = isinstance(rule, ScheduleFreeAdamW), RATES["random"]
    beta = rule.beta1 if adaptive else rule.momentum
    x = z = np.ones(5)
    v, weights = np.zeros(5), np.zeros(0)
    path, averages = of_the_rule(rule, lrs)
    for t, (lr, noise) in enumerate(zip(lrs, NOISE, strict=True), 1):
        y = (1 - beta) * z + beta * x
        g = noise + 0.5 * y
        if adaptive:
            v = rule.beta2 * v + (1 - rule.beta2) * g**2
            g = g / (np.sqrt(v / (1 - rule.beta2**t)) + rule.eps)
        z = z - lr * (g + rule.weight_decay * y)
        weights = np.append(weights, t**rule.r * lrs[:t].max() ** rule.weight_lr_power)
        c = weights[-1] / weights.sum() if weights.any() else 0.0
        x = (1 - c) * x + c * z
        np.testing.assert_allclose(averages[t - 1], x, rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(path[t - 1], (1 - beta) * z + beta * x, rtol=1e-9, atol=1e-11)


def test_by_hand() -> None:
    optimizer = ScheduleFreeSGD(momentum=0.5)
    w, state = optimizer.step([0.0], [-4.0], optimizer.start([0.0]), 0.5)
    assert (w, state.z, optimizer.evaluated(w, state)) == (2, 2, 2)
    w, state = optimizer.step(w, [-8.0], state, 0.5)  # z 6, x (2 + 6)/2
    assert (w, state.z, optimizer.evaluated(w, state)) == (5, 6, 4)
    # At twice the rate a step weighs four times as much: x (4 · 2 + 4 · 2)/6 + 4 · 4/6.
    w, state = optimizer.step(w, [2.0], state, 1.0)
    assert state.z == 4
    assert optimizer.evaluated(w, state) == pytest.approx((4 * 2 + 4 * 4) / 6)
    # At half the rate as much as the one before; at 0 too, and y goes on towards z.
    w, state = optimizer.step(w, [0.0], state, 0.0)
    assert optimizer.evaluated(w, state) == pytest.approx((4 * 2 + 4 * 4 + 4 * 4) / 10)
    assert w == pytest.approx(0.5 * 4 + 0.5 * 4)


def test_at_a_constant_rate_the_average_is_the_plain_mean() -> None:
    for optimizer, plain in (
        (ScheduleFreeSGD(), SGD()),
        (ScheduleFreeAdamW(), Adam(beta1=0)),
    ):
        w, state = W, optimizer.start(W)
        for grad in GRADS:
            w, state = optimizer.step(w, grad, state, 0.1)
        path, _ = follow(plain, W, GRADS, [0.1] * 20)  # under given gradients z is this
        assert state.z == pytest.approx(path[-1], rel=1e-12)
        assert optimizer.evaluated(w, state) == pytest.approx(path[1:].mean(axis=0), rel=1e-12)


@pytest.mark.parametrize("rule", RULES, ids=repr)
@pytest.mark.parametrize("scale", [2.0**-1000, 2.0**1000])
def test_the_unit_of_the_rate_does_not_matter_to_the_average(rule, scale) -> None:
    """The weights of steps are ratios, which neither overflow nor vanish at any power."""
    grads = GRADS / scale if isinstance(rule, ScheduleFreeSGD) else GRADS
    for power in (2.0, 300.0):
        optimizer = replace(rule, weight_lr_power=power, weight_decay=0.0)
        state = optimizer.start(W)
        for grad, lr in zip(grads, LRS[::-1], strict=True):
            _, state = optimizer.step(W, grad, state, lr * scale)
        plain = optimizer.start(W)
        for grad, lr in zip(GRADS, LRS[::-1], strict=True):
            _, plain = optimizer.step(W, grad, plain, lr)
        assert state.total == plain.total


def test_a_descent_shows_the_averages() -> None:
    bowl, optimizer = Quadratic([1, 9]), ScheduleFreeSGD()
    path = descend(bowl, optimizer, Constant(0.2), start=[1, 1], steps=9)
    w, state = np.ones(2), optimizer.start(np.ones(2))
    for k in range(9):
        w, state = optimizer.step(w, bowl.grad(w), state, 0.2)
        assert path.w[k + 1].tolist() == optimizer.evaluated(w, state).tolist()
        assert path.loss[k + 1] == bowl.loss(path.w[k + 1])
    assert np.abs(path.w[-1] - w).min() > 1e-3


# --- Keras, whose steps are compared in test_in_frameworks ----------------------------------------


def test_in_keras_beta1_is_without_effect() -> None:
    """It is the rule with an interpolation of 1, far from the one that was asked for."""
    paths = {}
    for convention in ("keras", "pytorch"):
        for beta1 in (0.5, 0.9, math.nextafter(1, 0)):
            optimizer = ScheduleFreeAdamW(beta1=beta1, convention=convention)
            paths[convention, beta1] = follow(optimizer, W, GRADS, [0.1] * 20)[0]
    for beta1 in (0.5, 0.9):
        assert paths["keras", beta1].tolist() == paths["keras", math.nextafter(1, 0)].tolist()
    assert paths["keras", 0.5] == pytest.approx(paths["pytorch", math.nextafter(1, 0)], rel=1e-9)
    far = np.abs(paths["pytorch", 0.5] - W).max()
    assert 0.2 < np.abs(paths["keras", 0.5] - paths["pytorch", 0.5]).max() / far < 0.6


def test_in_keras_all_steps_weigh_alike() -> None:
    ramp, grads = np.linspace(0.01, 0.2, 20), np.ones((20, 1))
    for convention, evaluated in (("keras", True), ("pytorch", False)):
        optimizer = ScheduleFreeAdamW(convention=convention)
        w, state = np.zeros(1), optimizer.start(np.zeros(1))
        for grad, lr in zip(grads, ramp, strict=True):
            w, state = optimizer.step(w, grad, state, lr)
        z = -np.cumsum(ramp)
        assert (optimizer.evaluated(w, state) is w) == evaluated
        weights = np.ones(20) if convention == "keras" else ramp**2
        mean = np.average(z, weights=weights)
        assert optimizer.evaluated(w, state) == pytest.approx(mean, rel=1e-6)


def test_in_keras_weight_decay_never_reaches_z() -> None:
    """Without gradients the package's z shrinks with y; Keras' stays, and pulls y back up."""
    still = np.zeros((STEPS, 1))
    lefts = {}
    for convention in ("keras", "pytorch"):
        optimizer = ScheduleFreeAdamW(weight_decay=0.5, convention=convention)
        path, state = follow(optimizer, np.ones(1), still, [0.1] * STEPS)
        lefts[convention] = path[-1].item(), state.z.item()
    assert lefts["keras"][1] == 1
    assert lefts["keras"][0] == pytest.approx(1 / (0.05 * STEPS), rel=0.1)
    assert abs(lefts["pytorch"][1]) < 0.2
    assert lefts["pytorch"][0] < 0.5 * lefts["keras"][0]


@pytest.mark.parametrize("name", ["r", "weight_lr_power"])
def test_what_keras_lacks_is_refused(name) -> None:
    with pytest.raises(ValueError, match=r"^r and weight_lr_power must be 0 in Keras, .* received"):
        ScheduleFreeAdamW(convention="keras", **{name: 0.5})

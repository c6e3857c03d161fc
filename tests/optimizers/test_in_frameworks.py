"""Every optimizer against both frameworks' own optimisers over 100 steps, and where the two differ.

All of it in float64, which Keras computes in too when its ``floatx`` says so; one test leaves it at
float32. Paths are compared weight by weight: they may differ by a part of how far the weight went.
"""

import math
from dataclasses import dataclass, fields, replace

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from hypothesis import given
from hypothesis import strategies as st

from lrlab.optimizers.adam import Adam, AdamW
from lrlab.optimizers.adaptive import AdaDelta, AdaGrad, RMSProp
from lrlab.optimizers.lion import Lion
from lrlab.optimizers.sgd import SGD, Momentum
from lrlab.schedules import Constant, CosineDecay, CyclicCosine, LinearDecay, Schedule, StepDecay
from tests.support.framework_paths import (
    CASES,
    PUBLISHED,
    arguments,
    error,
    floatx,
    framework_class,
    in_float32,
    keras_path,
    our_path,
    their_path,
    torch_path,
)
from tests.support.optimizer_samples import CONVENTIONS, NOT_IN_KERAS, WITHOUT_CONVENTION
from tests.support.strategies import examples

STEPS = 100
ROUNDING = 1e-10  # hundreds of random paths differed by 1.2e-11 at most

# --- the same weights over 100 steps -------------------------------------------------------------

decay_rates = st.sampled_from([0.5, 0.9, 0.999]) | st.floats(0.5, 0.999)
momenta = st.sampled_from([0.0, 0.9]) | st.floats(0.01, 0.95)
OPTIONS = {
    "eps": st.none() | st.floats(-9, -1).map(lambda power: 10**power),
    "weight_decay": st.just(0.0) | st.floats(1e-3, 0.1),
    "initial_accumulator": st.none() | st.floats(0, 1),
    "rho": st.none() | decay_rates,
    "momentum": momenta,
    "dampening": st.sampled_from([0.0, 0.25, 0.9]),
    "nesterov": st.booleans(),
    "centered": st.booleans(),
    "beta1": momenta,
    "beta2": decay_rates,
    "amsgrad": st.booleans(),
    "r": st.sampled_from([0.0, 1.0]) | st.floats(0, 3),
    "weight_lr_power": st.sampled_from([0.0, 2.0]) | st.floats(0, 3),
}


@st.composite
def optimizers(draw, cls, convention):
    """Any optimizer that the framework has as well."""
    own = {} if cls in WITHOUT_CONVENTION else {"convention": convention}
    for item in fields(cls):
        if item.name in OPTIONS and (convention != "keras" or item.name not in NOT_IN_KERAS):
            own[item.name] = draw(OPTIONS[item.name])
    if cls in {Lion, *PUBLISHED}:  # which refuse 0
        own |= {name: own[name] or 0.5 for name in ("momentum", "beta1") if name in own}
    if cls is Momentum:
        if convention == "pytorch" and (not own["momentum"] or own["nesterov"]):
            own["dampening"] = 0.0
        own["nesterov"] = own["nesterov"] and own["momentum"] > 0
    return in_float32(cls(**own)) if convention == "keras" else cls(**own)


@dataclass(frozen=True)
class Problem:
    """Gradients of all sizes, given beforehand and often 0, or those of bowls under noise."""

    schedule: Schedule
    shape: tuple[int, ...]
    is_bowl: bool
    seed: int

    def arrays(self):
        rng, shape = np.random.default_rng(self.seed), (STEPS, *self.shape)
        w, noise = rng.normal(size=self.shape), rng.normal(size=shape)
        lrs = self.schedule(np.arange(STEPS))
        if self.is_bowl:
            return w, lrs, noise, rng.uniform(0.1, 3, self.shape)
        sizes, present = 10 ** rng.uniform(-3, 3, self.shape), rng.random(shape) < 0.7
        return w, lrs, sizes * noise * present, np.zeros(self.shape)


KINDS = [
    Constant,
    lambda lr: StepDecay(lr, gamma=0.3, step_epochs=23),
    lambda lr: CosineDecay(lr, total_epochs=STEPS, final_lr=lr / 10),
    lambda lr: CyclicCosine(lr, cycle_epochs=13),
    lambda lr: LinearDecay(lr, total_epochs=66),  # 0 from there on
]
problems = st.builds(
    Problem,
    st.builds(lambda kind, lr: kind(lr), st.sampled_from(KINDS), st.floats(1e-3, 0.3)),
    st.lists(st.integers(1, 4), max_size=3).map(tuple),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)


@pytest.mark.parametrize(("cls", "convention"), CASES)
def test_an_optimizer_is_the_frameworks(cls, convention) -> None:
    drawn = []

    @given(optimizers(cls, convention), problems)
    @examples(9)
    def compare(optimizer, problem) -> None:
        drawn.append((optimizer, problem))
        problem = problem.arrays()
        assert (
            error(our_path(optimizer, *problem), their_path(optimizer, convention, *problem))
            < ROUNDING
        )

    compare()
    absent = {"convention", "bias_correction", "decay_vectors"}
    absent |= NOT_IN_KERAS if convention == "keras" else set()
    for name in {item.name for item in fields(cls)} - absent:
        assert len({getattr(optimizer, name) for optimizer, _ in drawn}) > 1, f"only one {name}"
    assert {problem.is_bowl for _, problem in drawn} == {True, False}
    assert len({type(problem.schedule) for _, problem in drawn}) >= 3


@pytest.mark.parametrize(("cls", "convention"), CASES)
def test_the_defaults_are_the_frameworks(cls, convention) -> None:
    optimizer = cls() if cls in WITHOUT_CONVENTION else cls(convention=convention)
    make = framework_class(cls, convention)
    theirs = make().get_config() if convention == "keras" else make([torch.ones(1)]).defaults
    ours = arguments(optimizer, convention)
    if cls is Momentum:
        assert (ours.pop("momentum"), theirs["momentum"]) == (0.9, 0)
    assert ours
    for name, value in ours.items():
        assert (theirs[name] or 0) == value, name  # Keras has None for no weight decay


def noisy_problem(schedule, size=4, w=0.0):
    noise = np.random.default_rng(7).normal(0.3, 1, (STEPS, size))
    return np.full(size, w), schedule(np.arange(STEPS)), noise


def test_keras_does_in_graphs_what_it_does_op_by_op() -> None:
    w, lrs, noise = noisy_problem(StepDecay(0.1, gamma=0.5, step_epochs=30))
    with floatx("float64"):
        weights, optimizer = keras.Variable(w, dtype="float64"), keras.optimizers.Adam(1.0)
        for lr, grad in zip(lrs, noise, strict=True):
            optimizer.learning_rate = lr
            optimizer.apply([tf.constant(grad)], [weights])
    assert error(keras_path(Adam, {}, w, lrs, noise)[[0, -1]], np.array([w, weights])) < 1e-13


# --- where they differ ---------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [Momentum, RMSProp])
def test_keras_folds_the_rate_into_the_velocity(cls) -> None:
    beta, options = 0.875, {} if cls is Momentum else {"rho": 0.9375, "eps": 1e-14}
    lag = np.subtract.outer(np.arange(STEPS), np.arange(STEPS))
    memory = np.where(lag >= 0, beta ** np.abs(lag), 0)
    for schedule in (Constant(0.1), StepDecay(0.1, gamma=0.25, step_epochs=30)):
        w, lrs, noise = noisy_problem(schedule)
        torchs, kerass = (
            their_path(cls(momentum=beta, convention=name, **options), name, w, lrs, noise)
            for name in CONVENTIONS
        )
        inputs = noise  # of the velocity
        if cls is RMSProp:
            inputs = -np.diff(our_path(RMSProp(**options), w, np.ones(STEPS), noise), axis=0)
        steps = (memory * -np.subtract.outer(lrs, lrs)) @ inputs
        expected = np.concatenate([[w], np.cumsum(steps, axis=0)])
        assert torchs - kerass == pytest.approx(expected, rel=0, abs=1e-9)
        if isinstance(schedule, Constant):
            assert (expected == 0).all()
        else:
            assert (expected[:31] == 0).all()  # the first step at another rate is step 30
            assert (np.abs(expected[31:]).min(axis=1) > 1e-5).all()


def first_step(optimizer, convention, grads):
    """How far each gradient moves its weight in the first step at rate 1: ours and theirs."""
    problem = np.zeros(len(grads)), np.ones(1), np.array([grads])
    theirs = their_path(optimizer, convention, *problem)[1]
    assert -our_path(optimizer, *problem)[1] == pytest.approx(-theirs, rel=1e-12, abs=0)
    return -theirs


def test_the_place_of_epsilon() -> None:
    g, eps, rho = np.array([1e-9, 1e-5, 1e-2, 10]), 2.0**-20, 0.875
    ada = {"initial_accumulator": 0, "eps": eps}
    steps = {
        (AdaGrad, "pytorch"): g / (g + eps),
        (AdaGrad, "keras"): g / np.sqrt(g**2 + eps),
        (RMSProp, "pytorch"): g / (np.sqrt((1 - rho) * g**2) + eps),
        (RMSProp, "keras"): g / np.sqrt((1 - rho) * g**2 + eps),
        (AdaDelta, "pytorch"): g * np.sqrt(eps / ((1 - rho) * g**2 + eps)),
        (AdaDelta, "keras"): g * np.sqrt(eps / ((1 - rho) * g**2 + eps)),
        (Adam, "pytorch"): g / (g + eps),
        (Adam, "keras"): g / (g + eps / np.sqrt(1 - rho)),
    }
    for (cls, convention), expected in steps.items():
        options = {AdaGrad: ada, Adam: {"beta1": 0.5, "beta2": rho, "eps": eps}}
        optimizer = cls(convention=convention, **options.get(cls, {"rho": rho, "eps": eps}))
        assert first_step(optimizer, convention, g) == pytest.approx(expected, rel=1e-12, abs=0)


def test_weight_decay_is_coupled_in_torch_except_in_adamw() -> None:
    lr, decay, w = 0.25, 0.5, np.array([0.01, -1.0, 50.0])
    problem = w, np.full(STEPS, lr), np.zeros((STEPS, 3))
    shrunk = w * (1 - lr * decay) ** np.arange(STEPS + 1)[:, None]
    sign = w - lr * np.sign(w)  # Adam's first step under any gradient
    for cls, convention in [case for case in CASES if case[0] not in {SGD, Lion, *PUBLISHED}]:
        optimizer = cls(weight_decay=decay, convention=convention)
        path = our_path(optimizer, *problem)
        assert error(path, their_path(optimizer, convention, *problem)) < ROUNDING
        is_shrunk = path == pytest.approx(shrunk, rel=1e-12, abs=0)
        assert is_shrunk == (convention == "keras" or cls is AdamW) == optimizer.decoupled
        if cls is Adam:
            assert (path[1] == pytest.approx(sign, rel=1e-5)) == (convention == "pytorch")


def test_keras_adam_is_its_adamw_with_another_default() -> None:
    problem = noisy_problem(Constant(0.01), w=1.0)
    adam, adamw = (cls(weight_decay=0.125, convention="keras") for cls in (Adam, AdamW))
    assert (our_path(adam, *problem) == our_path(adamw, *problem)).all()
    theirs = [keras_path(cls, {"weight_decay": 0.125}, *problem) for cls in (Adam, AdamW)]
    assert (theirs[0] == theirs[1]).all()


def test_the_frameworks_amsgrad_rises_with_its_correction() -> None:
    beta2 = 0.984375
    noise = np.ones((STEPS, 1))
    noise[0] = 100
    problem, t = (np.zeros(1), np.ones(STEPS), noise), np.arange(2, STEPS + 1)
    largest = math.sqrt((1 - beta2) * 100**2)
    for convention in CONVENTIONS:
        optimizer = Adam(beta1=0, beta2=beta2, eps=1e-14, amsgrad=True, convention=convention)
        corrected = their_path(optimizer, convention, *problem)
        assert error(our_path(optimizer, *problem), corrected) < ROUNDING
        rates = -np.diff(corrected[1:, 0])
        assert rates == pytest.approx(np.sqrt(1 - beta2**t) / largest, rel=1e-9)
        assert rates[-1] / rates[0] > 4
        as_published = our_path(replace(optimizer, bias_correction=False), *problem)
        assert -np.diff(as_published[1:, 0]) == pytest.approx(1 / largest, rel=1e-9)


def test_the_frameworks_centred_rmsprop_breaks_under_a_lasting_gradient() -> None:
    rho, grads = 0.5, np.array([0.1, 0.1 * 2**30])
    problem, t = (np.zeros(2), np.ones(STEPS), np.tile(grads, (STEPS, 1))), np.arange(1, STEPS + 1)
    for convention in CONVENTIONS:
        optimizer = RMSProp(rho=rho, eps=1e-3, centered=True, convention=convention)
        broken = np.isnan(their_path(optimizer, convention, *problem)).any(axis=0)
        assert broken.tolist() == ([True, True] if convention == "pytorch" else [False, True])
        variance = np.outer((1 - rho**t) * rho**t, grads**2)
        root = np.sqrt(variance + 1e-3) if convention == "keras" else np.sqrt(variance) + 1e-3
        steps = -np.diff(our_path(optimizer, *problem), axis=0)
        assert steps == pytest.approx(grads / root, rel=1e-9)


def test_adadelta_differs_in_its_defaults_alone() -> None:
    problem = noisy_problem(StepDecay(0.5, gamma=0.5, step_epochs=30))
    ours = [AdaDelta(rho=0.5, eps=1e-3, convention=name) for name in CONVENTIONS]
    assert (our_path(ours[0], *problem) == our_path(ours[1], *problem)).all()


def test_torchs_lr_decay_is_a_schedule() -> None:
    w, lrs, noise = noisy_problem(Constant(0.1))
    theirs = torch_path(AdaGrad, {"lr_decay": 0.25}, w, lrs, noise)
    ours = our_path(AdaGrad(), w, lrs / (1 + 0.25 * np.arange(STEPS)), noise)
    assert error(ours, theirs) < ROUNDING


def test_keras_rounds_hyperparameters_to_float32_even_in_float64() -> None:
    problem = noisy_problem(Constant(0.1))
    theirs = keras_path(Momentum, {"momentum": 0.9}, *problem)
    optimizer = Momentum(momentum=0.9, convention="keras")
    assert 1e-9 < error(our_path(optimizer, *problem), theirs) < 1e-6
    assert error(our_path(in_float32(optimizer), *problem), theirs) < ROUNDING


@pytest.mark.parametrize("cls", [cls for cls, convention in CASES if convention == "keras"])
def test_by_default_keras_computes_in_float32(cls) -> None:
    problem = noisy_problem(CosineDecay(0.01, total_epochs=STEPS))
    optimizer = cls() if cls in WITHOUT_CONVENTION else cls(convention="keras")
    optimizer = in_float32(optimizer)
    theirs = keras_path(cls, arguments(optimizer, "keras"), *problem, dtype="float32")
    # Each step rounds about ten times, by at most 2^-24 each.
    assert 1e-8 < error(our_path(optimizer, *problem), theirs) < STEPS * 10 * 2**-24

"""Training in Keras with an optimizer: the weights are those that it gives in NumPy.

That each optimiser is ours, whatever the parameters, is in tests/optimizers/test_in_frameworks.py.
"""

from dataclasses import replace

import keras
import numpy as np
import pytest

from lrlab import Constant, CosineDecay
from lrlab.data import Dataset
from lrlab.keras.fitting import fit
from lrlab.keras.optimizers import make_optimizer
from lrlab.optimizers import (
    SGD,
    TWINS,
    Adam,
    AdamW,
    Muon,
)
from lrlab.training import Recipe, lr_deviation
from tests.support.eager import quiet
from tests.support.optimizer_samples import telling

SCHEDULE = CosineDecay(0.05, total_epochs=4)
TRAINED = list(telling("keras"))


def points():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (20, 1, 2, 1), dtype=np.uint8)
    y = rng.integers(0, 3, 20)
    return Dataset("points", x, y, x, y, tuple("abc"), "embedded")


START = np.random.default_rng(1).normal(size=(2, 3)).astype(np.float32)


def run(optimizer):
    """A run whose one batch holds all points, so that their order does not matter."""
    layers = [keras.layers.Flatten(), keras.layers.Dense(3, use_bias=False)]
    model = keras.Sequential([keras.Input((1, 2, 1)), *layers])
    model.set_weights([START])
    recipe = Recipe(SCHEDULE, epochs=4, batch_size=20, optimizer=optimizer)
    history = fit(model, points(), recipe)
    return history, model.get_weights()[0]


@quiet
@pytest.mark.usefixtures("eager")  # in graphs: tests/optimizers
@pytest.mark.parametrize("optimizer", TRAINED, ids=lambda optimizer: type(optimizer).__name__)
def test_a_trained_network_has_the_weights_of_its_optimizer(optimizer):
    history, trained = run(optimizer)
    dataset = points()
    x, w = dataset.x_train.reshape(20, 2) / 127.5 - 1, START.astype(float)
    state = optimizer.start(w)
    for epoch in range(4):
        p = np.exp(x @ w) / np.exp(x @ w).sum(axis=1, keepdims=True)
        p[np.arange(20), dataset.y_train] -= 1
        w, state = optimizer.step(w, x.T @ p / 20, state, SCHEDULE(epoch))
    np.testing.assert_allclose(trained - START, w - START, rtol=1e-3, atol=1e-6)
    assert np.abs(w - START).max() > 1e-3
    assert lr_deviation(history) <= 1e-7
    assert history.recipe.optimizer == optimizer


def test_the_optimizers_of_that_test_are_all_there_are():
    with_twin = {cls for cls in TWINS if "keras" in TWINS[cls]}
    assert {type(optimizer) for optimizer in TRAINED} == with_twin - {Muon}


def test_fit_refuses_what_keras_does_not_have():
    with pytest.raises(ValueError, match="optimizer must be of convention 'keras' here"):
        run(Adam())


def test_the_rate_is_set():
    assert float(make_optimizer(SGD(), 0.5).learning_rate) == 0.5


def test_gradients_are_clipped_by_their_norm_over_all_weights():
    # Gradients (3, 0) and 4 have the norm 5 together.
    for clip_norm, share in ((None, 1), (10, 1), (2.5, 0.5)):
        weights = [keras.Variable([0.0, 0.0]), keras.Variable([0.0])]
        made = make_optimizer(SGD(), 1.0, clip_norm=clip_norm)
        made.apply([keras.ops.array([3.0, 0.0]), keras.ops.array([4.0])], weights)
        moved = np.concatenate([np.asarray(w) for w in weights])
        np.testing.assert_allclose(moved, [-3 * share, 0, -4 * share], rtol=1e-6)


@pytest.mark.parametrize("clip_norm", [0, -1, float("nan"), "1"])
def test_a_norm_out_of_range_is_refused(clip_norm):
    with pytest.raises(ValueError, match=r"clip_norm must be .*greater than 0, received"):
        make_optimizer(SGD(), 0.1, clip_norm)


@quiet
def test_muon_leaves_the_last_matrix_to_its_rest():
    layers = [keras.layers.Flatten(), keras.layers.Dense(4), keras.layers.Dense(3)]
    model = keras.Sequential([keras.Input((1, 2, 1)), *layers])
    muon = Muon(rest_scale=0.0, weight_decay=0.0, convention="keras")
    muon = replace(muon, rest=replace(muon.rest, weight_decay=0.0))
    before = model.get_weights()
    fit(model, points(), Recipe(SCHEDULE, epochs=2, batch_size=20, optimizer=muon))
    moved = [(a != b).any() for a, b in zip(before, model.get_weights(), strict=True)]
    assert moved == [True, False, False, False]


@quiet
@pytest.mark.usefixtures("eager")
def test_weight_decay_may_leave_vectors_alone():
    """A rate so small that nothing but the decay is seen; Keras multiplies it by the rate."""
    gains = {}
    for decays in (True, False):
        layers = [keras.layers.Flatten(), keras.layers.LayerNormalization(), keras.layers.Dense(3)]
        model = keras.Sequential([keras.Input((1, 2, 1)), *layers])
        before = model.get_weights()
        decay = AdamW(weight_decay=1e5, decay_vectors=decays, convention="keras")
        fit(model, points(), Recipe(Constant(1e-6), epochs=1, batch_size=20, optimizer=decay))
        gain, kernel = (
            after / first
            for after, first in zip(model.get_weights()[::2], before[::2], strict=True)
        )
        assert kernel == pytest.approx(0.9, abs=1e-3)
        gains[decays] = gain
    assert gains[True] == pytest.approx(0.9, abs=1e-3)
    assert gains[False] == pytest.approx(1.0, abs=1e-3)

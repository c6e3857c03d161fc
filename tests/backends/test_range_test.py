"""The range test: the same contract in PyTorch and in Keras.

The oracle is a linear network trained in NumPy, in float64, on the same images in the same order.
"""

from dataclasses import replace

import numpy as np
import pytest

from lrlab import Constant, CosineDecay, Recipe
from lrlab.data import as_floats, load
from tests.support import backends
from tests.support.backends import momentum
from tests.support.eager import quiet

DIGITS = load("digits", 300, test_limit=20)
pytestmark = [pytest.mark.usefixtures("eager"), quiet]
LOW, HIGH, STEPS = 1e-3, 1.0, 10


def run(backend, recipe, network=None, **options):
    options = {"low": LOW, "high": HIGH, "steps": STEPS, **options}
    return backend.range_test(network or backend.linear(), DIGITS, recipe, **options)


def losses_by_hand(backend, recipe, rates):
    """The loss of each batch before its update, in float64."""
    w = backend.weights(backend.linear()).astype(np.float64)
    pixels = as_floats(DIGITS.x_train).reshape(300, -1).astype(np.float64)
    x, y = np.hstack([pixels, np.ones((300, 1))]), np.eye(10)[DIGITS.y_train]
    orders, size = backend.orders(recipe.seed, 300, len(rates)), recipe.batch_size
    batches = [order[start:][:size] for order in orders for start in range(0, 300, size)]
    losses, state = [], recipe.optimizer.start(w)
    for lr, batch in zip(rates, batches, strict=False):
        p = np.exp(x[batch] @ w)
        p /= p.sum(axis=1, keepdims=True)
        losses.append(-np.log(p[y[batch] == 1]).mean())
        grad = x[batch].T @ (p - y[batch]) / len(batch)
        if recipe.clip_norm is not None:
            grad *= min(1.0, recipe.clip_norm / np.linalg.norm(grad))
        w, state = recipe.optimizer.step(w, grad, state, lr)
    return losses


@pytest.mark.parametrize(("clip_norm", "size"), [(None, 0.0), (0.5, 0.9)])
def test_rates_and_losses_are_those_of_a_loop_in_numpy(backend, clip_norm, size):
    """Three updates an epoch, the last of 44 images; the fourth epoch ends after one."""
    optimizer = momentum(backend, size)
    recipe = Recipe(Constant(9), epochs=1, optimizer=optimizer, clip_norm=clip_norm, seed=5)
    found = run(backend, recipe)
    rates = LOW * (HIGH / LOW) ** (np.arange(STEPS) / (STEPS - 1))
    np.testing.assert_allclose(found.lr, rates, rtol=max(backend.rounding, 1e-12))
    np.testing.assert_allclose(found.loss, losses_by_hand(backend, recipe, rates), rtol=1e-5)
    assert (found.steps, found.stopped) == (STEPS, None)


def test_nothing_of_the_recipe_counts_but_optimizer_batches_clipping_and_seed(backend):
    recipe = Recipe(Constant(9), epochs=1, optimizer=momentum(backend), seed=5)
    found = run(backend, recipe)
    other = replace(recipe, schedule=CosineDecay(1, total_epochs=3), epochs=9, per="step")
    assert run(backend, other).loss == pytest.approx(found.loss, rel=1e-6)
    for change in ({"seed": 6}, {"batch_size": 50}, {"clip_norm": 0.01}):
        assert run(backend, replace(recipe, **change)).loss != pytest.approx(found.loss, rel=1e-3)


def test_it_leaves_the_network_as_it_was_and_can_be_repeated(backend):
    network = backend.stateful()
    before, recipe = backend.state(network), Recipe(Constant(9), epochs=1)
    first, second = run(backend, recipe, network), run(backend, recipe, network)
    assert first == second
    for one, other in zip(before, backend.state(network), strict=True):
        np.testing.assert_array_equal(one, other)


def test_refused(backend, monkeypatch):
    recipe = Recipe(Constant(9), epochs=1)
    told = r"recipe.batch_size must be at most the 300 training examples .+, received 301"
    with pytest.raises(ValueError, match=told):
        run(backend, replace(recipe, batch_size=301))
    with pytest.raises(ValueError, match=r"low must be less than high, received 2 and 1\.0"):
        run(backend, recipe, low=2)
    with pytest.raises(ValueError, match="steps must be at least 10 in a range test, received 9"):
        run(backend, recipe, steps=9)
    lost = np.full((64, 10), np.nan), np.zeros(10)
    monkeypatch.setattr(backends, "kernel_and_bias", lambda *_: lost)
    with pytest.raises(ValueError, match=r"loss must be finite before the first .+ received nan"):
        run(backend, recipe)


def test_it_stops_where_the_loss_explodes(backend):
    found = run(backend, Recipe(Constant(9), epochs=1, batch_size=100), low=1, high=1e6)
    assert found.stopped.startswith("diverged: the smoothed loss exceeds 4 times its minimum")
    assert 1 < len(found.lr) < STEPS

"""The range test in Keras: any compiled model, of which nothing is changed."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from lrlab import Constant, Recipe
from lrlab.data import load
from lrlab.keras import ShuffledBatches, range_test, range_test_of
from tests.support.eager import quiet

pytestmark = [pytest.mark.usefixtures("eager"), quiet]
RNG = np.random.default_rng(5)
X, Y = RNG.normal(size=(50, 6)).astype(np.float32), RNG.integers(3, size=50)
BATCHES = [(X[:20], Y[:20]), (X[20:40], Y[20:40]), (X[40:], Y[40:])]
STEPS = 10


class Noise(layers.Layer):
    """Draws from every generator, and can call for an end."""

    ends_at = None
    calls = 0

    def call(self, x):
        random.random(), np.random.rand()  # noqa: NPY002
        type(self).calls += 1
        if self.calls == self.ends_at:
            raise KeyboardInterrupt
        return x + 0.01 * keras.random.normal((x.shape[1],))  # from the generator of all


@pytest.fixture(autouse=True)
def ends_at(monkeypatch):
    def at(call):
        monkeypatch.setattr(Noise, "calls", 0)
        monkeypatch.setattr(Noise, "ends_at", call)

    at(None)
    return at


class OwnStep(keras.Sequential):
    """A training step of one's own, which counts."""

    def train_step(self, data):
        type(self).steps = getattr(type(self), "steps", 0) + 1
        return super().train_step(data)


def stack(width=6, classes=3):
    frozen = layers.Dense(5)
    frozen.trainable = False
    norms = [layers.BatchNormalization() for _ in range(2)]
    norms[1].trainable = False
    return [keras.Input((width,)), frozen, layers.Dense(5), norms[0], Noise(), layers.Dropout(0.3),
            norms[1], layers.Dense(classes)]  # fmt: skip


def mid_training(optimizer=None):
    """A compiled model in the middle of a training of one's own, with numbers in its metrics."""
    keras.utils.set_random_seed(0)
    model = OwnStep(stack())
    model.compile(
        optimizer or keras.optimizers.Adam(0.01),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    for x, y in BATCHES:
        model.train_on_batch(x, y)
    return model


GLOBAL = keras.src.backend.common.global_state


def bits(variables):
    return [(id(v), v.name, v.numpy().tobytes()) for v in variables]


def all_of(model):
    """All that a range test must leave alone, to the last bit and to the very object."""
    state = GLOBAL.get_global_attribute("global_seed_generator")
    seen = {
        "weights": bits(model.weights),
        "trained": [layer.trainable for layer in model.layers],
        "drawn": bits(v for v in model.variables if v.name == "seed_generator_state"),
        "keras": state and bits([state.state]),
        "numpy": str(np.random.get_state(legacy=False)),  # noqa: NPY002
        "python": random.getstate(),
    }
    if model.optimizer is not None:
        seen["metrics"] = bits(model.metrics_variables)
        seen["optimizer"] = (id(model.optimizer), bits(model.optimizer.variables))
        seen["rate"] = (id(model.optimizer.learning_rate), model.optimizer.learning_rate.numpy())
    return seen


def test_the_check_notices_every_change():
    model = mid_training()
    before = all_of(model)
    model.optimizer.learning_rate = 0.5
    model.train_on_batch(X, Y)
    after = all_of(model)
    assert {name for name in before if before[name] == after[name]} == {"trained"}


# --- nothing is left of it -----------------------------------------------------------------------


def test_a_training_of_ones_own_goes_on_as_if_nothing_had_been(ends_at):
    """However often it is tested, and at whichever step it is interrupted."""
    model = mid_training()
    before = all_of(model)
    assert len(range_test_of(model, BATCHES, steps=STEPS).lr) == STEPS
    assert all_of(model) == before
    for call in range(1, STEPS + 1):
        ends_at(call)
        with pytest.raises(KeyboardInterrupt):
            range_test_of(model, BATCHES, steps=STEPS)
        assert Noise.calls == call
        assert all_of(model) == before, call


@pytest.mark.parametrize("owner", [(OwnStep, "train_on_batch"), (keras.optimizers.Adam, "apply")])
def test_wherever_it_is_interrupted(owner, monkeypatch):
    model = mid_training()
    before, do = all_of(model), getattr(*owner)

    def interrupted(*args, **kwargs):
        do(*args, **kwargs)
        raise KeyboardInterrupt  # after the harm is done

    monkeypatch.setattr(*owner, interrupted)
    with pytest.raises(KeyboardInterrupt):
        range_test_of(model, BATCHES, steps=STEPS)
    assert all_of(model) == before


def test_on_a_data_set_what_the_model_is_compiled_with_is_not_touched(ends_at):
    keras.utils.set_random_seed(0)
    model = OwnStep([keras.Input((8, 8, 1)), layers.Flatten(), *stack(64, 10)[1:]])
    model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    digits = load("digits", 60, test_limit=10)
    model.train_on_batch(digits.x_test.astype("float32"), digits.y_test)
    before, recipe = all_of(model), Recipe(Constant(9), epochs=1, batch_size=20)
    range_test(model, digits, recipe, steps=STEPS)
    assert all_of(model) == before
    for call in (1, 2, 7):  # the first looks at the outputs
        ends_at(call)
        with pytest.raises(KeyboardInterrupt):
            range_test(model, digits, recipe, steps=STEPS)
        assert all_of(model) == before


def test_a_model_that_has_never_been_trained():
    model = keras.Sequential(stack())
    model.compile("sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    GLOBAL.set_global_attribute("global_seed_generator", None)  # as before the first draw
    before = all_of(model)
    range_test_of(model, BATCHES, steps=STEPS)
    after = all_of(model)
    for name in ("weights", "drawn", "keras", "numpy", "python", "rate"):
        assert after[name] == before[name]
    assert all(not metric.any() for metric in map(np.asarray, model.get_metrics_result().values()))
    assert int(model.optimizer.iterations.numpy()) == 0


# --- what it measures ----------------------------------------------------------------------------


def linear(optimizer="sgd", **compiled):
    model = keras.Sequential([keras.Input((6,)), layers.Dense(3, kernel_initializer="ones")])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss=loss, **compiled)
    return model


def by_hand(weights, batches, rates):
    """Batch losses of a linear network under gradient descent, in float64."""
    (w, b), losses = (np.float64(each) for each in weights), []
    for lr, (x, y, *own) in zip(rates, batches, strict=True):
        share = (own[0] if own else np.ones(len(y))) / len(y)
        p = np.exp(x @ w + b)
        p /= p.sum(axis=1, keepdims=True)
        losses.append(-share @ np.log(p[np.arange(len(y)), y]))
        p[np.arange(len(y)), y] -= 1
        w, b = w - lr * x.T @ (p * share[:, None]), b - lr * (p * share[:, None]).sum(axis=0)
    return losses


WEIGHTED = [(x, y, np.linspace(0.5, 1.5, len(y)).astype("float32")) for x, y in BATCHES]


@pytest.mark.parametrize(
    ("batches", "same"),
    [
        (BATCHES, BATCHES),
        (WEIGHTED, WEIGHTED),
        (lambda: tf.data.Dataset.from_tensor_slices((X, Y)).batch(20), BATCHES),
    ],
    ids=["pairs", "weighted", "tf.data"],
)
def test_rates_and_losses_are_those_of_a_loop_by_hand(batches, same):
    """Each loss is that of its batch alone, though Keras reports means over all so far."""
    model = linear(metrics=["accuracy"])
    batches = batches() if callable(batches) else batches
    found = range_test_of(model, batches, low=1e-3, high=1, steps=13)
    rates = [10 ** (-3 + k / 4) for k in range(13)]
    np.testing.assert_allclose(found.lr, rates, rtol=2**-23)
    expected = by_hand(model.get_weights(), [*same * 4, same[0]], rates)
    np.testing.assert_allclose(found.loss, expected, rtol=1e-5)


def test_in_a_graph_it_gives_the_same():
    eager = range_test_of(linear("adam"), BATCHES, steps=STEPS)
    tf.config.run_functions_eagerly(False)
    try:
        model = linear("adam")
        before = all_of(model)["weights"]
        graph = range_test_of(model, BATCHES, steps=STEPS)
    finally:
        tf.config.run_functions_eagerly(True)
    np.testing.assert_allclose(graph.loss, eager.loss, rtol=1e-5)
    assert all_of(model)["weights"] == before


def test_batches_of_a_pydataset_keep_their_orders():
    batches, untouched = (ShuffledBatches(X, Y, batch_size=20, seed=3) for _ in range(2))
    model = linear()
    found = range_test_of(model, batches, steps=10, low=1e-3)
    orders = [np.random.default_rng((3, epoch)).permutation(50) for epoch in range(4)]
    parts = [part for order in orders for part in (order[:20], order[20:40], order[40:])][:10]
    expected = by_hand(model.get_weights(), [(X[part], Y[part]) for part in parts], found.lr)
    np.testing.assert_allclose(found.loss, expected, rtol=1e-5)
    for each in (batches, untouched):
        each.on_epoch_begin()
    for (one, _), (other, _) in zip(batches, untouched, strict=True):
        np.testing.assert_array_equal(one, other)


def test_its_own_train_step_is_taken():
    model = mid_training()
    OwnStep.steps = 0
    range_test_of(model, BATCHES, steps=STEPS)
    assert OwnStep.steps == STEPS


def test_it_stops_where_the_loss_explodes():
    found = range_test_of(linear(), BATCHES, low=1e-3, high=1e6)
    assert found.stopped.startswith("diverged: the smoothed loss exceeds 4 times its minimum")
    assert found.smoothed[-1] > 4 * found.smoothed.min() >= found.smoothed[-2]


# --- refused -------------------------------------------------------------------------------------


def refusing(told, model, batches=BATCHES, **plan):
    with pytest.raises(ValueError, match=told):
        range_test_of(model, batches, **{"steps": STEPS, **plan})


def test_refused():
    refusing("low must be less than high, received 1 and 1", linear(), low=1, high=1)
    refusing("received 0: are the data fewer than a batch, and drop_last", linear(), [])
    refusing("begun anew where they end, received 3", linear(), iter(BATCHES))
    refusing("before the first update of a range test, received nan", linear(), [(X * np.nan, Y)])
    refusing("model must have its weights", keras.Sequential([layers.Dense(3)]))
    plain = keras.Sequential([keras.Input((6,)), layers.Dense(3)])
    refusing("model must be compiled with one optimizer .+ received one with none", plain)
    several = linear()
    several.other = keras.optimizers.SGD()
    refusing("received one with optimizer, other", several)
    decay = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    refusing("learning_rate of the optimizer must be a number", linear(keras.optimizers.SGD(decay)))

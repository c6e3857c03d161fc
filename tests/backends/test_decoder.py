"""The decoder: the same weights, logits and training in PyTorch and in Keras.

The oracle is the decoder written out in NumPy, in float64, from the numbers that
`lrlab.networks.draw` gives.
"""

from dataclasses import replace
from math import erf

import keras
import numpy as np
import pytest

import lrlab.keras as lrkeras
from lrlab import Constant, Recipe, pytorch
from lrlab.data import LANGUAGE, load
from lrlab.networks import decoder_shapes, draw
from lrlab.optimizers import SGD
from tests.support.eager import quiet

SMALL = {"layers": 1, "width": 8, "heads": 2}  # Keras traces it in a moment
pytestmark = [
    quiet,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # Keras 3.15
]
TEXT = load("markov", 128, test_limit=20)
OTHER = {"symbols": 9, "length": 7, "layers": 3, "width": 12, "heads": 3}


@pytest.fixture(params=[pytorch, lrkeras], ids=["pytorch", "keras"])
def room(request):
    return request.param


def by_hand(text, normalise, *, symbols=24, length=32, layers=2, width=64, heads=4, seed=0):
    shapes = decoder_shapes(symbols, length, layers=layers, width=width, heads=heads)
    drawn = draw(shapes, "kaiming_uniform", seed)
    weights = {n: (k.astype(np.float64), b.astype(np.float64)) for n, (k, b) in drawn.items()}

    def dense(name, x):
        return x @ weights[name][0].T + weights[name][1]

    def norm(x):
        x = x - x.mean(axis=-1, keepdims=True)
        return x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + 1e-5)

    def attend(name, x):
        """Symbol by symbol, head by head."""
        query, key, value = (dense(f"{name}.{part}", x) for part in ("query", "key", "value"))
        mixed, size = np.empty_like(x), width // heads
        for head in range(heads):
            own = slice(head * size, (head + 1) * size)
            for place in range(x.shape[1]):
                before = key[:, : place + 1, own]
                scores = np.einsum("nd,npd->np", query[:, place, own], before) / np.sqrt(size)
                share = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
                mixed[:, place, own] = np.einsum("np,npd->nd", share, value[:, : place + 1, own])
        return dense(f"{name}.output", mixed)

    def transform(name, x):
        x = dense(f"{name}.expand", x)
        return dense(f"{name}.contract", x * (1 + np.vectorize(erf)(x / np.sqrt(2))) / 2)

    x = weights["symbols"][0].T[text] + weights["places"][0].T[: text.shape[1]]
    for i in range(1, layers + 1):
        for part in (attend, transform):
            name = f"block{i}"
            x = x + part(name, norm(x)) if normalise == "before" else norm(x + part(name, x))
    return dense("head", norm(x) if normalise == "before" else x)


@pytest.mark.parametrize("normalise", ["before", "after"])
@pytest.mark.parametrize("options", [{}, OTHER], ids=["default", "other"])
def test_the_logits_are_those_of_the_formula(room, normalise, options):
    shape = options.get("length", 32), options.get("symbols", 24)
    text = np.random.default_rng(1).integers(0, shape[1], (5, shape[0]), dtype=np.uint8)
    network = room.Decoder(normalise=normalise, seed=2, **options)
    expected = by_hand(text, normalise, seed=2, **options)
    np.testing.assert_allclose(room.logits(network, text), expected, atol=3e-6)
    assert expected.std() > 0.2


@pytest.mark.parametrize("normalise", ["before", "after"])
def test_a_symbol_changes_nothing_before_it(room, normalise):
    network, text = room.Decoder(normalise=normalise), TEXT.x_test[:4].copy()
    before = room.logits(network, text)
    text[:, 20] = (text[:, 20] + 1) % 24
    after = room.logits(network, text)
    np.testing.assert_array_equal(after[:, :20], before[:, :20])
    assert np.abs(after - before).max(axis=(0, 2))[20:].min() > 1e-3


@pytest.mark.usefixtures("eager")
def test_an_epoch_trains_on_its_own_sequences(room):
    """A rate of 0 leaves the weights, so an epoch's loss is that of the sequences it took."""
    dataset, network = replace(TEXT, per_epoch=48), room.Decoder(**SMALL)
    recipe = Recipe(Constant(0.0), epochs=3, batch_size=20, optimizer=SGD())
    history = room.fit(network, dataset, recipe)
    parts = (slice(0, 48), slice(48, 96), slice(0, 48))
    expected = [loss(room.logits(network, TEXT.x_train[p]), TEXT.y_train[p]) for p in parts]
    np.testing.assert_allclose(history.train_loss, expected, rtol=1e-5)
    assert abs(expected[1] - expected[0]) > 1e-3
    assert (history.train_images, history.steps_per_epoch, history.network) == (48, 3, "Decoder")


@pytest.mark.usefixtures("eager")
def test_both_frameworks_train_alike():
    """One batch an epoch, so that the order of the sequences is no matter."""
    dataset = replace(TEXT, per_epoch=64)
    recipe = Recipe(Constant(0.3), epochs=4, batch_size=64)
    torch, keras = (r.fit(r.Decoder(**SMALL), dataset, recipe) for r in (pytorch, lrkeras))
    for curve in ("train_loss", "test_loss", "test_accuracy"):
        np.testing.assert_allclose(getattr(keras, curve), getattr(torch, curve), rtol=1e-4)
    assert torch.test_loss[-1] < torch.test_loss[0] - 0.01


@pytest.mark.usefixtures("eager")
def test_a_range_test_of_it_takes_new_sequences_in_each_epoch(room):
    """At rates too small to matter, each batch loses what it loses before any update."""
    dataset, network = replace(TEXT, per_epoch=64), room.Decoder(**SMALL)
    recipe = Recipe(Constant(1.0), epochs=1, batch_size=64)
    found = room.range_test(network, dataset, recipe, low=1e-9, high=1e-8, steps=10)
    halves = (slice(0, 64), slice(64, 128))
    expected = [loss(room.logits(network, TEXT.x_train[p]), TEXT.y_train[p]) for p in halves]
    np.testing.assert_allclose(found.loss, expected * 5, rtol=1e-5)


def test_an_evaluation_is_the_mean_over_all_symbols(room):
    network = room.Decoder(seed=3)
    outputs = room.logits(network, TEXT.x_test)
    found = room.evaluate(network, TEXT)
    assert found.loss == pytest.approx(loss(outputs, TEXT.y_test), rel=1e-5)
    assert found.accuracy == pytest.approx((outputs.argmax(-1) == TEXT.y_test).mean(), rel=1e-5)
    assert found.loss > LANGUAGE.entropy(32)


def loss(outputs, labels):
    outputs = outputs.astype(np.float64)
    chosen = np.take_along_axis(outputs, labels[..., np.newaxis], axis=-1)[..., 0]
    return np.mean(np.log(np.exp(outputs).sum(axis=-1)) - chosen)


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"heads": 5}, "width must be a multiple of the 5 heads, received 64"),
        ({"layers": 0}, "layers must be"),
        ({"length": 0}, "length must be"),
        ({"normalise": "between"}, "normalise must be one of"),
        ({"init": "zeros"}, "init must be one of"),
    ],
)
def test_a_decoder_that_cannot_be_is_refused(room, options, rule):
    with pytest.raises(ValueError, match=rule):
        room.Decoder(**options)


def test_a_network_with_too_few_symbols_is_refused(room):
    recipe = Recipe(Constant(0.0), epochs=1, batch_size=128)
    with pytest.raises(ValueError, match=r"logits of shape \(N, 32, 24\) .*, gives \(N, 32, 23\)"):
        room.fit(room.Decoder(symbols=23, **SMALL), TEXT, recipe)


def test_keras_can_save_it_and_load_it(tmp_path):
    network = lrkeras.Decoder(seed=1, **SMALL)
    network.save(tmp_path / "decoder.keras")
    again = keras.saving.load_model(tmp_path / "decoder.keras")
    expected = lrkeras.logits(network, TEXT.x_test)
    np.testing.assert_array_equal(lrkeras.logits(again, TEXT.x_test), expected)


def test_models_of_sequences_are_not_trained_together():
    recipe = Recipe(Constant(0.0), epochs=1)
    with pytest.raises(ValueError, match="dataset must be of images, all of which an epoch"):
        pytorch.fit_many([pytorch.Decoder(**SMALL)], TEXT, [recipe], device="cpu")

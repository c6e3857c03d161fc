"""The loop of one's own: the rate is changed by hand, and each update uses the new one."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from lrlab import StepDecay, data
from lrlab.keras.custom_loop import train_by_hand
from lrlab.training import Recipe
from tests.support.backends import Keras

DIGITS = data.load("digits", limit=300, test_limit=100)


def run(network=None, **arguments):
    usual = {"epochs": 4, "lr": 0.5, "change": lambda _, lr: lr / 2, "batch_size": 64}
    return train_by_hand(network or Keras.linear(), DIGITS, **usual | arguments)


def test_change_gives_each_further_epochs_rate():
    asked = []

    def change(epoch, lr):
        asked.append((epoch, lr))
        return lr / 2 if epoch == 2 else lr

    assert run(change=change) == [0.5, 0.5, 0.25, 0.25]
    assert asked == [(1, 0.5), (2, 0.5), (3, 0.25)]


def test_the_compiled_update_uses_each_new_rate():
    """One batch holds all images, so that the order does not matter: the weights are those of fit.

    A rate frozen when the update was traced would give others.
    """
    ours, theirs, frozen = Keras.linear(), Keras.linear(), Keras.linear()
    run(ours, batch_size=300)
    run(frozen, batch_size=300, change=lambda _, lr: lr)
    schedule = StepDecay(0.5, gamma=0.5, step_epochs=1)
    Keras.fit(theirs, DIGITS, Recipe(schedule, epochs=4, batch_size=300))
    expected = Keras.weights(theirs)
    np.testing.assert_allclose(Keras.weights(ours), expected, rtol=1e-4, atol=1e-5)
    assert np.abs(Keras.weights(frozen) - expected).max() > 0.01


def test_it_learns_from_small_batches():
    network = Keras.linear()
    before = Keras.evaluate(network, DIGITS)
    run(network, change=lambda _, lr: lr)
    after = Keras.evaluate(network, DIGITS)
    assert after.accuracy > 0.8 > before.accuracy
    assert after.loss < before.loss


def test_another_backend_is_refused(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match="KERAS_BACKEND must be tensorflow here, received 'jax'"):
        run()


@pytest.mark.parametrize("dataset", [replace(DIGITS, per_epoch=100), data.load("markov", 10)])
def test_an_epoch_that_is_not_all_images_is_refused(dataset):
    with pytest.raises(ValueError, match="dataset must be of images, all of which an epoch takes"):
        train_by_hand(Keras.linear(), dataset, epochs=1, lr=0.1, change=lambda _, lr: lr)

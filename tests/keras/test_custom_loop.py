"""The custom loop does what `fit` does, with the rate changed by hand."""

import keras
import numpy as np
import pytest

from lrlab import StepDecay, data
from lrlab.keras.custom_loop import train_with_manual_rate
from lrlab.keras.fitting import fit


@pytest.fixture(scope="module")
def digits():
    return data.load("digits", limit=300, test_limit=100)


def linear(classes=10):
    layers = [keras.layers.Flatten(), keras.layers.Dense(classes, kernel_initializer="zeros")]
    return keras.Sequential([keras.Input((8, 8, 1)), *layers], name="linear")


def run(dataset, **arguments):
    usual = {"epochs": 4, "lr": 0.5, "change": lambda _, lr: lr / 2, "batch_size": 64}
    return train_with_manual_rate(linear(), dataset, **usual | arguments)


def test_change_gives_each_further_epochs_rate(digits):
    asked = []

    def change(epoch, lr):
        asked.append((epoch, lr))
        return lr / 2 if epoch == 2 else lr

    history = run(digits, change=change)
    assert asked == [(1, 0.5), (2, 0.5), (3, 0.25)]
    assert history.lr_changes == [(0, 0.5), (2, 0.25)]
    assert history.lr == [0.5, 0.5, 0.25, 0.25]


def test_the_compiled_update_uses_each_new_rate(digits):
    """One batch holds all images, so that the order does not matter: the curves are those of fit.

    A rate frozen when the update was traced would give others.
    """
    schedule = StepDecay(0.5, gamma=0.5, step_epochs=1)
    ours = run(digits, batch_size=300)
    expected = fit(linear(), digits, epochs=4, schedule=schedule, batch_size=300)
    frozen = run(digits, batch_size=300, change=lambda _, lr: lr)
    assert ours.lr_deviation(schedule) == 0
    for curve in ("train_loss", "test_loss", "test_accuracy"):
        np.testing.assert_allclose(getattr(ours, curve), getattr(expected, curve), rtol=2e-6)
    assert abs(frozen.train_loss[-1] / ours.train_loss[-1] - 1) > 0.01


def test_a_last_incomplete_batch_counts_by_its_size(digits):
    history = run(digits, lr=0.0, batch_size=128, epochs=1)
    assert history.train_loss == [pytest.approx(np.log(10), rel=1e-6)]
    assert history.config["steps_per_epoch"] == 3


def test_a_seed_is_one_run_to_the_last_bit(digits):
    first, again, other = (run(digits, seed=seed).train_loss for seed in (1, 1, 2))
    assert first == again != other


def test_batch_size_and_lr_change_the_run(digits):
    base = run(digits).test_loss
    assert base != run(digits, batch_size=32).test_loss
    assert base != run(digits, lr=0.25).test_loss


def test_what_is_on_record(digits):
    history = run(digits, seed=3)
    assert history.config["schedule"] is None
    assert (history.config["lr"], history.config["seed"]) == (0.5, 3)
    assert history.config["model"] == "linear"
    assert history.test_accuracy[-1] > 0.5
    assert history.stopped is None
    assert type(history).from_json(history.to_json()) == history


def test_a_run_that_diverges_ends_early_and_says_so(digits):
    history = run(digits, lr=1e38)
    assert history.epochs < 4
    assert "no longer finite" in history.stopped


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"lr": -0.1}, "lr must be a finite real number of at least 0, received -0.1"),
        ({"epochs": 0}, "epochs must be a positive integer, received 0"),
        ({"batch_size": 0}, "batch_size must be a positive integer, received 0"),
        ({"change": 0.5}, "change must be a function of epoch and lr, received 0.5"),
        (
            {"change": lambda _, lr: -lr},
            r"change\(epoch, lr\) must be .* at least 0, received -0.5",
        ),
        ({"change": lambda *_: None}, r"change\(epoch, lr\) must be .* received None"),
    ],
)
def test_arguments_that_break_a_rule_are_named(digits, changed, message):
    with pytest.raises(ValueError, match=message):
        run(digits, **changed)


def test_a_model_with_fewer_outputs_than_classes_is_refused(digits):
    with pytest.raises(ValueError, match=r"model must give logits of shape \(N, 10\)"):
        train_with_manual_rate(linear(9), digits, epochs=1, lr=0.1, change=lambda _, lr: lr)


def test_another_backend_is_refused(digits, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match="KERAS_BACKEND must be tensorflow here, received 'jax'"):
        run(digits)

"""The loop: whom it calls when, how far it goes, what it measures and at which weights."""

import numpy as np
import pytest
import torch
from torch import nn

from lrlab import Constant, LinearDecay, ReduceOnPlateau
from lrlab.data import load
from lrlab.pytorch import loop
from lrlab.pytorch.evaluation import evaluate
from lrlab.pytorch.fitting import fit
from lrlab.pytorch.loop import Observer, Training
from lrlab.training import Recipe, Watch
from tests.support.backends import PyTorch

DIGITS = load("digits", 300, test_limit=100)
FALLING = LinearDecay(0.3, total_epochs=3)
RECIPE = Recipe(FALLING, epochs=3, batch_size=128)  # 3 updates an epoch


class Log(Observer):
    """Notes the event, the time and the rate, and may stop the training at one of its events."""

    def __init__(self, events, stop_at=None):
        self.events, self.stop_at = events, stop_at

    def note(self, name, training):
        self.events.append((name, training.epoch, training.step, round(training.lr, 12)))
        if (name, training.epoch, training.step) == self.stop_at:
            training.stopped = "enough"

    def before_update(self, training):
        self.note("before", training)

    def after_update(self, training):
        self.note("after", training)

    def after_epoch(self, training):
        self.note("end", training)


def train(recipe=RECIPE, *, steps=None, stop_at=None, others=()):
    """The training when it has ended, and what was logged of it."""
    events, training = [], Training(PyTorch.linear(), DIGITS, recipe, device="cpu")
    training.run([Log(events, stop_at), *others], steps=steps)
    return training, events


# --- whom it calls when --------------------------------------------------------------------------


@pytest.mark.parametrize("per", ["epoch", "step"])
def test_observers_see_the_rate_of_the_update_and_then_that_of_the_next_epoch(per):
    events = train(Recipe(FALLING, epochs=2, batch_size=128, per=per))[1]
    expected = []
    for epoch in range(2):
        for step in range(3):
            rate = round(FALLING(epoch + (step / 3 if per == "step" else 0)), 12)
            expected += [(name, epoch, step, rate) for name in ("before", "after")]
        expected.append(("end", epoch, 2, round(FALLING(epoch + 1), 12)))
    assert events == expected


def test_an_observer_sees_time_loss_and_weights_before_and_after():
    """The loss has its graph before the update and is a number on the device after it."""

    class Sees(Observer):
        def before_update(self, training):
            assert training.loss.requires_grad
            self.loss = training.loss.item()
            self.start = PyTorch.weights(training.model).copy()
            assert training.t == training.epoch + training.step / 3

        def after_update(self, training):
            assert not training.loss.requires_grad
            assert training.loss.item() == self.loss
            assert (PyTorch.weights(training.model) != self.start).any()
            seen.append(self.loss)

        def after_epoch(self, training):
            assert training.metrics()["train_loss"] == pytest.approx(
                np.average(seen[-3:], weights=[128, 128, 44]), rel=1e-6
            )

    seen = []
    train(others=[Sees()])
    assert len(seen) == 9


# --- how far it goes -----------------------------------------------------------------------------


@pytest.mark.parametrize(("steps", "updates", "ends"), [(1, 1, 0), (3, 3, 1), (4, 4, 1), (9, 9, 3)])
def test_it_ends_after_so_many_steps(steps, updates, ends):
    training, events = train(steps=steps)
    names = [event[0] for event in events]
    assert (names.count("after"), names.count("end")) == (updates, ends)
    assert training.stopped is None
    whole = train()[1]
    assert events == whole[: len(events)]


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (10, "steps must be at most the 9 of the recipe's 3 epochs, received 10"),
        (0, "steps must be a positive integer, received 0"),
        (1.5, "steps must be a positive integer, received 1.5"),
    ],
)
def test_more_steps_than_the_recipe_has_are_refused(steps, message):
    training = Training(PyTorch.linear(), DIGITS, RECIPE, device="cpu")
    start = PyTorch.weights(training.model).copy()
    with pytest.raises(ValueError, match=message):
        training.run([], steps=steps)
    np.testing.assert_array_equal(PyTorch.weights(training.model), start)


@pytest.mark.parametrize(
    ("stop_at", "updates", "last"),
    [
        (("before", 1, 1), 4, "before"),
        (("after", 1, 1), 5, "after"),
        (("after", 1, 2), 6, "after"),  # the last of its epoch, which is then not finished
        (("end", 1, 2), 6, "end"),
    ],
)
def test_an_observer_stops_the_training(stop_at, updates, last):
    training, events = train(stop_at=stop_at)
    assert training.stopped == "enough"
    assert sum(event[0] == "after" for event in events) == updates
    assert events[-1][:3] == stop_at
    assert events[-1][0] == last
    if last == "before":
        torch.testing.assert_close(
            training.model.state_dict(), train(steps=updates)[0].model.state_dict()
        )


def test_a_training_runs_once():
    training, _ = train(steps=2)
    with pytest.raises(ValueError, match="a training runs once: make another one"):
        training.run([])


@pytest.mark.parametrize(("stop_at", "epochs"), [(("after", 1, 0), 1), (("end", 1, 2), 2)])
def test_a_history_says_that_an_observer_stopped_it(stop_at, epochs):
    history = fit(PyTorch.linear(), DIGITS, RECIPE, observers=[Log([], stop_at)])
    assert history.stopped == "enough"
    assert history.epochs == epochs
    assert fit(PyTorch.linear(), DIGITS, RECIPE, observers=[Log([])]).stopped is None


# --- what it measures ----------------------------------------------------------------------------


class Asks(Observer):
    def after_epoch(self, training):
        self.metrics = training.metrics()


def test_metrics_are_computed_once_an_epoch_and_only_for_whoever_asks(monkeypatch):
    evaluated, own = [], loop.evaluate_on_device
    monkeypatch.setattr(
        loop, "evaluate_on_device", lambda *a: evaluated.append(1) or own(*a), raising=True
    )
    train()
    assert len(evaluated) == 0
    watch = Watch(ReduceOnPlateau(0.3, convention="pytorch"), metric="train_loss")
    asks = Asks()
    train(Recipe(Constant(0.3), epochs=3, watch=watch), others=[asks, Asks()])
    assert len(evaluated) == 3
    assert set(asks.metrics) == {"train_loss", "test_loss", "test_accuracy", "seconds"}


class Shifted(torch.optim.SGD):
    """Trains at half the weights that it wants to be judged by."""

    def __init__(self, parameters, lr):
        super().__init__(parameters, lr=lr)
        self.modes = []

    def _move(self, by):
        with torch.no_grad():
            for group in self.param_groups:
                for weight in group["params"]:
                    weight *= by

    def eval(self):
        self.modes.append("eval")
        self._move(2.0)

    def train(self):
        self.modes.append("train")
        self._move(0.5)


def test_an_optimizer_that_trains_at_others_is_judged_at_its_own_weights(monkeypatch):
    monkeypatch.setattr(loop, "make_optimizer", lambda _, parameters, lr: Shifted(parameters, lr))
    asks = Asks()
    training, _ = train(Recipe(Constant(0.0), epochs=2), others=[asks])
    assert training.optimizer.modes == ["eval", "train"] * 2
    doubled = PyTorch.linear()
    doubled.load_state_dict({name: 2 * w for name, w in doubled.state_dict().items()})
    assert asks.metrics["test_loss"] == evaluate(doubled, DIGITS).loss
    assert asks.metrics["test_loss"] != evaluate(PyTorch.linear(), DIGITS).loss
    np.testing.assert_array_equal(
        PyTorch.weights(training.model), PyTorch.weights(PyTorch.linear())
    )


def test_its_weights_come_back_also_when_the_evaluation_fails(monkeypatch):
    monkeypatch.setattr(loop, "make_optimizer", lambda _, parameters, lr: Shifted(parameters, lr))
    monkeypatch.setattr(loop, "evaluate_on_device", lambda *_: 1 / 0)
    training = Training(PyTorch.linear(), DIGITS, RECIPE, device="cpu")
    with pytest.raises(ZeroDivisionError):
        training.run([Asks()])
    assert training.optimizer.modes == ["eval", "train"]


# --- on the device -------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [10, 150])
def test_nothing_waits_for_the_device_within_an_epoch(monkeypatch, batch_size):
    """Numbers are fetched three times an epoch (two losses, one count), however many batches."""
    fetched, item = [], torch.Tensor.item
    monkeypatch.setattr(torch.Tensor, "item", lambda tensor: fetched.append(1) or item(tensor))
    recipe = Recipe(Constant(0.1), epochs=2, batch_size=batch_size)
    fit(PyTorch.linear(), DIGITS, recipe, device="cpu")
    assert len(fetched) == 2 * 3


def test_the_model_is_trained_in_train_mode_and_left_in_eval_mode():
    modes, model = [], PyTorch.linear()
    model.register_forward_hook(lambda module, *_: modes.append(module.training))
    fit(model, DIGITS, Recipe(Constant(0.1), epochs=2, batch_size=300), device="cpu")
    # One look at the outputs; then an update and an evaluation in each epoch.
    assert modes == [False, True, False, True, False]


def test_on_a_cpu_images_and_kernels_lie_pixel_by_pixel():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(144, 10))
    training = Training(model, DIGITS, RECIPE, device="cpu")
    assert training.train[0].is_contiguous(memory_format=torch.channels_last)
    assert model[0].weight.is_contiguous(memory_format=torch.channels_last)

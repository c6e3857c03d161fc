"""PyTorch and Keras behind the same few names, so that one test asks both.

Networks are linear, with weights that NumPy can multiply by as well, or `stateful`: with dropout
and batch normalisation, all that a snapshot has to keep.
"""

from types import SimpleNamespace

import keras
import numpy as np
import torch
from keras import layers
from torch import nn

import lrlab.keras as lrkeras
from lrlab import pytorch
from lrlab.data import as_floats
from lrlab.keras import evaluation as keras_evaluation
from lrlab.keras import fitting as keras_fitting
from lrlab.optimizers import Momentum
from lrlab.plateau import ReduceOnPlateau
from lrlab.pytorch import averaging, loop
from lrlab.pytorch import evaluation as torch_evaluation
from tests.support.one_weight import Metric, make_model, train


def kernel_and_bias(shape, classes, seed):
    rng = np.random.default_rng(seed)
    kernel = rng.normal(size=(int(np.prod(shape)), classes)).astype(np.float32) / 8
    return kernel, rng.normal(size=classes).astype(np.float32) / 8


class PyTorch:
    name, suffix, resume = "pytorch", ".pt", "resume.pt"
    rounding = 0.0  # of a rate: it is kept in float64
    fit, evaluate = staticmethod(pytorch.fit), staticmethod(pytorch.evaluate)
    logits, member_logits = staticmethod(pytorch.logits), staticmethod(pytorch.member_logits)
    load_snapshot = staticmethod(pytorch.load_snapshot)
    range_test = staticmethod(pytorch.range_test)
    Plateau = pytorch.PlateauLR
    # Modules whose names are patched: of evaluate, of the evaluation in fit, of member_logits.
    evaluation, fit_evaluation, loads_members = torch_evaluation, torch_evaluation, averaging

    @staticmethod
    def linear(shape=(8, 8, 1), classes=10, seed=0, dropout=0.0):
        dense = nn.Linear(int(np.prod(shape)), classes)
        kernel, bias = kernel_and_bias(shape, classes, seed)
        with torch.no_grad():
            dense.weight.copy_(torch.from_numpy(kernel.T))
            dense.bias.copy_(torch.from_numpy(bias))
        return nn.Sequential(nn.Flatten(), nn.Dropout(dropout), dense)

    @staticmethod
    def stateful(seed=0, units=6):
        torch.manual_seed(seed)
        hidden = [nn.Linear(64, units, bias=False), nn.BatchNorm1d(units), nn.Dropout(0.5)]
        return nn.Sequential(nn.Flatten(), *hidden, nn.Linear(units, 10, bias=False))

    @staticmethod
    def weights(network):
        """Kernel and bias of a linear network, one below the other."""
        kernel, bias = (p.detach().numpy() for p in network.parameters())
        return np.vstack([kernel.T, bias])

    @staticmethod
    def state(network):
        return [value.numpy().copy() for value in network.state_dict().values()]

    @staticmethod
    def orders(seed, images, epochs):
        """In which order each epoch meets the images."""
        generator = torch.Generator().manual_seed(seed)
        return [torch.randperm(images, generator=generator).numpy() for _ in range(epochs)]

    @staticmethod
    def observer(update=lambda *_: None, updated=lambda *_: None, epoch=lambda _: None):
        """Calls functions before an update, after it, and at the end of an epoch."""

        class Looks(pytorch.Observer):
            def before_update(self, training):
                update(training.epoch, training.step)

            def after_update(self, training):
                updated(training.epoch, training.step)

            def after_epoch(self, training):
                epoch(training.epoch)

        return Looks()

    @staticmethod
    def come_late(patch):
        """Break the bridges: a rate comes an epoch late, a metric is heard an epoch late."""

        class LateLR(pytorch.ScheduleLR):
            def _rate(self, t):
                return super()._rate(max(t - 1, 0))

        class DeafLR(pytorch.PlateauLR):
            last = 1e9

            def step(self, metric=None):
                if metric is not None:
                    metric, self.last = self.last, metric
                super().step(metric)

        patch.setattr(loop, "ScheduleLR", LateLR)
        patch.setattr(loop, "PlateauLR", DeafLR)

    @staticmethod
    def own_plateau(policy, metrics):
        """The rates of ``torch.optim.lr_scheduler.ReduceLROnPlateau`` in these epochs."""
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=policy.lr)
        names = ("factor", "patience", "mode", "cooldown", "min_lr", "eps")
        own = {name: getattr(policy, name) for name in names}
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer, threshold=policy.min_delta, threshold_mode=policy.threshold_mode, **own
        )
        rates = []
        for metric in metrics:
            rates.append(scheduler.get_last_lr()[0])
            scheduler.step(metric)
        return rates

    @staticmethod
    def plateau(policy, **arguments):
        """What brings a policy to an optimizer, and its first epoch."""
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=9.0)
        return pytorch.PlateauLR(optimizer, policy, **arguments)

    @classmethod
    def used_rates(cls, policy, metrics, *, steps=1, state=None, first=0, **arguments):
        """The rate of each update of epochs that end with these metrics, and the state then."""
        if steps > 1:
            arguments["steps_per_epoch"] = steps
        scheduler = cls.plateau(policy, **arguments)
        if state is not None:
            scheduler.load_state_dict(state)
        rates = []
        for metric in metrics[first:]:
            for step in range(steps):
                rates.append(scheduler.optimizer.param_groups[0]["lr"])
                scheduler.optimizer.step()
                scheduler.step(*[metric] * (step == steps - 1))
        return rates, scheduler.state_dict()

    @staticmethod
    def as_kept(rates):
        return list(rates)


class Keras:
    name, suffix, resume = "keras", ".keras", "resume.keras"
    rounding = 2**-23  # of a rate: it is kept in float32
    fit, evaluate = staticmethod(lrkeras.fit), staticmethod(lrkeras.evaluate)
    logits, member_logits = staticmethod(lrkeras.logits), staticmethod(lrkeras.member_logits)
    load_snapshot = staticmethod(lrkeras.load_snapshot)
    range_test = staticmethod(lrkeras.range_test)
    Plateau = lrkeras.PlateauCallback
    evaluation, fit_evaluation, loads_members = keras_evaluation, keras_fitting, keras_evaluation

    @staticmethod
    def linear(shape=(8, 8, 1), classes=10, seed=0, dropout=0.0):
        hidden = [layers.Flatten(), layers.Dropout(dropout)]
        model = keras.Sequential([keras.Input(shape), *hidden, layers.Dense(classes)], name="Net")
        model.layers[-1].set_weights(list(kernel_and_bias(shape, classes, seed)))
        return model

    @staticmethod
    def stateful(seed=0, units=6):
        keras.utils.set_random_seed(seed)
        first, last = (layers.Dense(number, use_bias=False) for number in (units, 10))
        hidden = [first, layers.BatchNormalization(), layers.Dropout(0.5)]
        stack = [keras.Input((8, 8, 1)), layers.Flatten(), *hidden, last]
        return keras.Sequential(stack, name="Net")

    @staticmethod
    def weights(network):
        return np.vstack(network.layers[-1].get_weights())

    @staticmethod
    def state(network):
        return [value.copy() for value in network.get_weights()]

    @staticmethod
    def orders(seed, images, epochs):
        return [np.random.default_rng((seed, epoch)).permutation(images) for epoch in range(epochs)]

    @staticmethod
    def observer(update=lambda *_: None, updated=lambda *_: None, epoch=lambda _: None):
        class Looks(keras.callbacks.Callback):
            def on_epoch_begin(self, number, logs=None):
                self.number = number

            def on_train_batch_begin(self, batch, logs=None):
                update(self.number, batch)

            def on_train_batch_end(self, batch, logs=None):
                updated(self.number, batch)

            def on_epoch_end(self, number, logs=None):
                epoch(number)

        return Looks()

    @staticmethod
    def come_late(patch):
        class LateCallback(lrkeras.ScheduleCallback):
            def _rate(self, t):
                return super()._rate(max(t - 1, 0))

        class DeafCallback(lrkeras.PlateauCallback):
            last = 1e9

            def on_epoch_end(self, epoch, logs=None):
                late, self.last = self.last, logs[self.monitor]
                super().on_epoch_end(epoch, {self.monitor: late})

        patch.setattr(keras_fitting, "ScheduleCallback", LateCallback)
        patch.setattr(keras_fitting, "PlateauCallback", DeafCallback)

    @staticmethod
    def own_plateau(policy, metrics):
        """The rates of ``keras.callbacks.ReduceLROnPlateau`` in these epochs."""
        names = ("factor", "patience", "mode", "min_delta", "cooldown", "min_lr")
        own = {name: getattr(policy, name) for name in names}
        callback = keras.callbacks.ReduceLROnPlateau("metric", **own)
        callback.set_model(SimpleNamespace(optimizer=keras.optimizers.SGD(policy.lr)))
        callback.on_train_begin()
        rates = []
        for epoch, metric in enumerate(metrics):
            rates.append(float(callback.model.optimizer.learning_rate))
            callback.on_epoch_end(epoch, {"metric": metric})
        return rates

    @staticmethod
    def plateau(policy, **arguments):
        return lrkeras.PlateauCallback(policy, **arguments)

    @classmethod
    def used_rates(cls, policy, metrics, *, steps=1, state=None, first=0, **arguments):
        if steps > 1:
            arguments["per"] = "step"
        callback = cls.plateau(policy, **arguments)
        if state is not None:
            callback.load_state_dict(state)
        rates = train(
            make_model(9.0, run_eagerly=True),
            steps=steps,
            epochs=len(metrics),
            initial_epoch=first,
            callbacks=[Metric(metrics), callback],
        )
        return rates, callback.state_dict()

    @staticmethod
    def as_kept(rates):
        return np.asarray(rates, np.float32).astype(float).tolist()


def momentum(backend, size=0.9):
    return Momentum(momentum=size, convention=backend.name)


def policy_of(backend, lr, **arguments):
    return ReduceOnPlateau(lr, convention=backend.name, **arguments)


def by_hand(backend, network, dataset, recipe):
    """Train a linear network in NumPy, in float64; its weights and its three curves."""
    w = backend.weights(network).astype(np.float64)
    x = {part: _with_ones(getattr(dataset, f"x_{part}")) for part in ("train", "test")}
    n, size = len(x["train"]), recipe.batch_size
    state, curves = recipe.optimizer.start(w), []
    for epoch, order in enumerate(backend.orders(recipe.seed, n, recipe.epochs)):
        batches, total = np.split(order, range(size, n, size)), 0.0
        for step, batch in enumerate(batches):
            losses, p = _softmax(x["train"][batch] @ w, dataset.y_train[batch])
            p[np.arange(len(batch)), dataset.y_train[batch]] -= 1
            grad = x["train"][batch].T @ p / len(batch)
            if recipe.clip_norm is not None:
                grad *= min(1.0, recipe.clip_norm / np.sqrt((grad**2).sum()))
            t = epoch + (step / len(batches) if recipe.per == "step" else 0)
            w, state = recipe.optimizer.step(w, grad, state, recipe.schedule(t))
            total += losses.sum()
        losses, p = _softmax(x["test"] @ w, dataset.y_test)
        accuracy = (p.argmax(axis=1) == dataset.y_test).mean()
        curves.append((total / n, losses.mean(), accuracy))
    return w, np.array(curves).T


def _with_ones(images):
    pixels = as_floats(images).reshape(len(images), -1).astype(np.float64)
    return np.hstack([pixels, np.ones((len(images), 1))])


def _softmax(outputs, labels):
    shifted = outputs - outputs.max(axis=1, keepdims=True)
    p = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
    return -np.log(p[np.arange(len(labels)), labels]), p

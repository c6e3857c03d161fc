"""Whose rate is set and noted: the optimizer that trains, or the run is refused."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from lrlab import Constant, LinearDecay, ReduceOnPlateau
from lrlab.keras import PlateauCallback, RateRecorder, ScheduleCallback
from tests.support.one_weight import as_float32, make_model, skips, train

DATA = np.ones((2, 1), np.float32)
MAKE = {
    "schedule": lambda **own: ScheduleCallback(Constant(0.5), **own),
    "plateau": lambda **own: PlateauCallback(ReduceOnPlateau(0.5), monitor="loss", **own),
    "recorder": lambda **own: RateRecorder(**own),
}
callback = pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)


class Two(keras.Model):
    """Two weights, each with an optimizer of its own, as in a GAN; both gradients are 1.

    Every optimizer makes its updates in some epochs alone, if these are given.
    """

    def __init__(self, **epochs):
        super().__init__()
        self.weights_of = {
            name: self.add_weight(name=name, initializer="zeros") for name in ("judge", "forger")
        }
        self.only_in = epochs

    def compile(self, judge, forger):
        super().compile()  # Keras then keeps an optimizer that nobody asked for
        self.judge_optimizer, self.others = judge, {"forger": [forger]}

    def train_step(self, data):
        optimizers = {"judge": self.judge_optimizer, "forger": self.others["forger"][0]}
        for name, optimizer in optimizers.items():
            if self.epoch in self.only_in.get(name, (self.epoch,)):
                optimizer.apply([tf.ones(())], [self.weights_of[name]])
        return {"loss": 1.0}

    def fit(self, *callbacks, **arguments):
        class Look(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                self.model.epoch = epoch

        self.run_eagerly = True
        callbacks = [Look(), *callbacks]
        return super().fit(DATA, batch_size=1, verbose=0, callbacks=callbacks, **arguments)


def two(**epochs):
    model = Two(**epochs)
    model.compile(keras.optimizers.SGD(9.0), keras.optimizers.SGD(9.0, name="forging"))
    return model


@callback
def test_one_of_several_must_be_named(make):
    model = two()
    places = r"keeps optimizer, judge_optimizer, others\['forger'\]\[0\], received None"
    with pytest.raises(ValueError, match=f"optimizer must be named for .*{places}"):
        model.fit(make())
    assert float(model.weights_of["judge"]) == 0


def test_each_has_a_rate_of_its_own():
    model, line = two(), LinearDecay(0.5, total_epochs=2)
    named = {"judge": model.judge_optimizer, "forger": model.others["forger"][0]}
    setters = [
        ScheduleCallback(line, optimizer=named["judge"], per="step"),
        PlateauCallback(
            ReduceOnPlateau(0.25, patience=1),
            monitor="loss",
            optimizer=named["forger"],
        ),
    ]
    recorders = [RateRecorder(optimizer=optimizer) for optimizer in named.values()]
    logs = model.fit(*setters, *recorders, epochs=2).history
    assert float(model.weights_of["judge"]) == -(0.5 + 0.375 + 0.25 + 0.125)
    assert float(model.weights_of["forger"]) == -4 * 0.25
    assert [r.lr_changes for r in recorders] == [
        [(0.0, 0.5), (0.5, 0.375), (1.0, 0.25), (1.5, 0.125)],
        [(0.0, 0.25)],
    ]
    assert {name: rates for name, rates in logs.items() if name != "loss"} == {
        "learning_rate_judge_optimizer": [0.375, 0.125],
        "learning_rate_forging": [0.25, 0.25],
    }


def test_one_that_rests_in_the_first_epochs_may_be_named():
    model = two(forger=(1,))
    setter = ScheduleCallback(LinearDecay(0.5, total_epochs=2), optimizer=model.others["forger"][0])
    model.fit(setter, epochs=2)
    assert float(model.weights_of["forger"]) == -2 * 0.25


class Hidden(keras.Sequential):
    """Trains with an optimizer that the model itself does not keep."""

    trains = None

    def train_step(self, data):
        self.trains.apply([tf.ones((1, 1))], self.trainable_variables)
        return {"loss": 1.0}


def hides():
    Hidden.trains = keras.optimizers.SGD(9.0, name="hidden")
    layers = [keras.Input((1,)), keras.layers.Dense(1, use_bias=False)]
    model = Hidden(layers)
    model.compile(keras.optimizers.SGD(9.0, name="idle"), run_eagerly=True)
    return model


@callback
def test_one_that_does_not_train_is_found_out_after_an_epoch(make):
    model, stale = hides(), keras.optimizers.SGD(9.0, name="stale")
    for arguments, name in ({}, "idle"), ({"optimizer": stale}, "stale"):
        message = f"the one that trains .* received .*, and '{name}' has made no update in epoch 0"
        with pytest.raises(ValueError, match=message):
            train(model, steps=2, callbacks=[make(**arguments)])


def test_one_that_the_model_does_not_keep_may_be_named():
    model = hides()
    recorder = RateRecorder(optimizer=Hidden.trains)
    setter = ScheduleCallback(LinearDecay(0.5, total_epochs=2), optimizer=Hidden.trains)
    assert train(model, steps=2, epochs=2, callbacks=[setter, recorder]) == [0.5, 0.5, 0.25, 0.25]
    assert recorder.lr_changes == [(0.0, 0.5), (1.0, 0.25)]
    assert model.history.history["learning_rate_hidden"] == [0.5, 0.25]


@pytest.mark.parametrize("named", ["outer", "inner", None])
def test_a_wrapped_one_is_itself_and_what_it_wraps(named):
    model = make_model(9.0, optimizer=skips, run_eagerly=True)
    outer = model.optimizer
    own = {"optimizer": {"outer": outer, "inner": outer.inner_optimizer, None: None}[named]}
    recorder, line = RateRecorder(**own), LinearDecay(0.5, total_epochs=1)
    callbacks = [ScheduleCallback(line, per="step", **own), recorder]
    assert train(model, steps=3, broken=[0], callbacks=callbacks) == as_float32([0, 0.5, 0.5 / 3])
    assert [t for t, _ in recorder.lr_changes] == [0, 2 / 3]
    assert list(model.history.history) == ["loss", "learning_rate"]


def test_mixed_precision_wraps_the_optimizer_by_itself():
    dense = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros", dtype="mixed_float16")
    model = keras.Sequential([keras.Input((1,)), dense])
    model.dtype_policy = keras.dtype_policies.get("mixed_float16")
    inner = keras.optimizers.SGD(9.0)
    model.compile(inner, loss="mean_absolute_error")
    assert model.optimizer.inner_optimizer is inner
    recorder = RateRecorder(optimizer=inner)
    callbacks = [ScheduleCallback(LinearDecay(0.5, total_epochs=2)), recorder]
    assert train(model, steps=2, epochs=2, callbacks=callbacks) == [0.5, 0.5, 0.25, 0.25]
    assert recorder.lr_changes == [(0.0, 0.5), (1.0, 0.25)]


@pytest.mark.skipif(not hasattr(keras.optimizers, "MultiOptimizer"), reason="a newer Keras has it")
def test_the_parts_of_a_multi_optimizer():
    parts = [keras.optimizers.SGD(9.0, name="first"), keras.optimizers.SGD(0.0, name="second")]

    def make(lr):
        return keras.optimizers.MultiOptimizer(lambda variable: parts["bias" in variable.path])

    layer = keras.layers.Dense(1, kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((1,)), layer])
    model.compile(make(9.0), loss="mean_absolute_error")
    model.optimizer.build(model.trainable_variables)
    message = r"keeps optimizer.optimizers\[0\], optimizer.optimizers\[1\], received None"
    with pytest.raises(ValueError, match=message):
        train(model, steps=1, callbacks=[ScheduleCallback(Constant(0.5))])
    setter = ScheduleCallback(LinearDecay(0.5, total_epochs=2), optimizer=parts[0])
    assert train(model, steps=1, epochs=2, callbacks=[setter]) == [0.5, 0.25]
    assert model.history.history["learning_rate_first"] == [0.5, 0.25]


class Ahead(keras.optimizers.SGD):
    """A wrapper of the reader's own, whose rate is not the one that trains."""

    def __init__(self, trains):
        super().__init__(9.0)
        self.trains, trains.owner = trains, self

    def build(self, variables):
        super().build(variables)
        self.trains.build(variables)

    def update_step(self, gradient, variable, learning_rate):
        self.trains.update_step(gradient, variable, self.trains.learning_rate)


def test_a_wrapper_of_ones_own():
    model = make_model(9.0, optimizer=lambda lr: Ahead(keras.optimizers.SGD(lr)), run_eagerly=True)
    with pytest.raises(ValueError, match=r"keeps optimizer, optimizer\.trains, received None"):
        train(model, steps=1, callbacks=[ScheduleCallback(Constant(0.5))])
    setter = ScheduleCallback(Constant(0.5), optimizer=model.optimizer.trains)
    assert train(model, steps=1, callbacks=[setter]) == [0.5]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras 3.12
def test_a_model_of_which_nothing_is_trained():
    model = make_model(9.0)
    model.trainable = False
    model.compile(keras.optimizers.SGD(9.0), loss="mean_absolute_error")
    with pytest.warns(UserWarning, match="does not have any trainable weights"):
        assert train(model, steps=1, callbacks=[ScheduleCallback(Constant(0.5))]) == [0]


def test_a_model_without_an_optimizer():
    model = Hidden([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer=None)
    with pytest.raises(ValueError, match="the model keeps none, received None"):
        train(model, steps=1, callbacks=[ScheduleCallback(Constant(0.5))])


@callback
def test_what_is_no_optimizer_is_refused(make):
    with pytest.raises(ValueError, match="optimizer must be an optimizer of Keras, received 'sgd'"):
        make(optimizer="sgd")


def test_a_model_that_is_compiled_anew_keeps_the_new_one():
    model = make_model(9.0, run_eagerly=True)
    for lr in (0.5, 0.25):
        model.compile(keras.optimizers.SGD(9.0), loss="mean_absolute_error", run_eagerly=True)
        assert train(model, steps=1, callbacks=[ScheduleCallback(Constant(lr))]) == [lr]

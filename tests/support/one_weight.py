"""A model whose only weight tells which rate an update used: the oracle of the Keras tests.

The model is y = w · 1, the loss |y + 10|, so the gradient is 1 and SGD subtracts the rate. The
weight is put back to 0 before each update; afterwards it is the rate itself, bit for bit.
"""

from functools import partial

import keras
import numpy as np
from tensorflow.data import Dataset, Options

# Datasets that tune themselves start a thread in every epoch, and wait for its end.
PLAIN = Options()
PLAIN.autotune.enabled = False


def make_model(learning_rate, *, optimizer=None, **compiled):
    """The model; its optimizer is SGD at this rate, or what a function makes of that."""
    dense = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((1,)), dense])
    made = (optimizer or keras.optimizers.SGD)(learning_rate)
    model.compile(made, loss="mean_absolute_error", **compiled)
    return model


def sums_up(batches):
    """Makes an optimizer that sums up the gradients of so many batches for an update."""
    return partial(keras.optimizers.SGD, gradient_accumulation_steps=batches)


def skips(lr):
    """Make an optimizer that leaves out the batches whose gradients are no numbers."""
    return keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(lr), initial_scale=1.0)


class UsedRates(keras.callbacks.Callback):
    """Weighs every update; nothing here asks the optimiser for its rate."""

    def __init__(self, rates=None):
        super().__init__()
        self.rates = [] if rates is None else rates

    def on_train_batch_begin(self, batch, logs=None):
        self.model.layers[-1].kernel.assign([[0.0]])

    def on_train_batch_end(self, batch, logs=None):
        self.rates.append(-self.model.layers[-1].kernel.numpy().item())


class Metric(keras.callbacks.Callback):
    """Puts a metric of its own into the logs."""

    def __init__(self, values, name="val_loss"):
        super().__init__()
        self.values, self.name = values, name

    def on_epoch_end(self, epoch, logs=None):
        logs[self.name] = self.values[epoch]


def train(model, *, steps, callbacks=(), broken=(), used=None, batch_size=1, **arguments):
    """Run `fit` with so many steps an epoch and return the rate that each update used.

    A batch that makes no update counts as one of rate 0; the gradients of ``broken`` ones are NaN.
    A list ``used`` is filled even if the run is interrupted. The data are no arrays, as Keras would
    take longer to cut these into batches than to train.
    """
    weighs = UsedRates(used)
    x, y = np.ones((steps, 1), np.float32), np.full((steps, 1), -10, np.float32)
    x[list(broken)] = np.nan
    batches = Dataset.from_tensor_slices((x, y)).batch(batch_size).with_options(PLAIN)
    model.fit(batches, shuffle=False, verbose=0, callbacks=[*callbacks, weighs], **arguments)
    return weighs.rates


def as_float32(rates):
    """The float32 nearest to each rate, as Python floats."""
    return np.asarray(rates, np.float32).astype(float).tolist()

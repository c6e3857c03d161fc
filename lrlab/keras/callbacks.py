"""Callbacks: one sets the rate that a schedule asks for, one reads back the rate in use."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from lrlab import checks
from lrlab.history import History
from lrlab.schedule_base import Schedule


class ScheduleCallback(keras.callbacks.Callback):
    r"""Sets the optimiser's rate before the update that uses it.

    In epoch e the rate is :math:`s(e)`, or with ``per="step"`` :math:`s(e + k/n)` before update
    k of the n of an epoch, both counted from 0. Epochs are those of ``model.fit``: with
    ``initial_epoch=5`` the first rate is :math:`s(5)`.

    Args:
        schedule: The rate over time in epochs.
        per: Set the rate once an ``"epoch"`` or at every ``"step"``.

    Raises:
        ValueError: ``schedule`` is no schedule, or ``per`` none of the two words. When training
            begins: the optimiser's rate is no number but a ``LearningRateSchedule`` or a function;
            or, per step, the number of batches is unknown or a call runs several.

    Example:
        >>> from lrlab import LinearDecay
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> model.compile(keras.optimizers.SGD(), loss="mse")
        >>> decay = ScheduleCallback(LinearDecay(0.5, total_epochs=4))
        >>> data = ops.zeros((4, 1))
        >>> _ = model.fit(data, data, epochs=4, initial_epoch=1, callbacks=[decay], verbose=0)
        >>> float(model.optimizer.learning_rate)  # that of epoch 3, the last one
        0.125
    """

    def __init__(self, schedule: Schedule, *, per: str = "epoch"):
        super().__init__()
        if not isinstance(schedule, Schedule):
            raise ValueError(f"schedule must be a schedule of lrlab, received {schedule!r}")
        self.schedule = schedule
        self.per = checks.choice("per", per, ("epoch", "step"))

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Check that the rate can be set."""
        if not isinstance(self.model.optimizer.learning_rate, keras.Variable):
            raise ValueError(
                f"learning_rate of the optimizer must be a number for {type(self).__name__} to "
                "change it, received a LearningRateSchedule or a function; use one way or the other"
            )
        if self.per == "step":
            check_steps(self)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Set the rate of the epoch."""
        self._epoch = epoch
        if self.per == "epoch":
            self._set_rate(epoch)

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Set the rate of the update."""
        if self.per == "step":
            self._set_rate(self._epoch + batch / self.params["steps"])

    def _set_rate(self, t: float) -> None:
        fetch_state(self.model)
        self.model.optimizer.learning_rate = self._rate(t)

    def _rate(self, t: float) -> float:
        return self.schedule(t)


class RateRecorder(keras.callbacks.Callback):
    """Notes in a `History` the rate that each update uses, as the optimiser holds it.

    The rate is read at the last moment before the update, from the variable that the update
    multiplies by, or by evaluating the optimiser's ``LearningRateSchedule`` at the count of
    updates that it will see. After the update it would be too late: a ``LearningRateSchedule``
    then answers with the rate of the next one, and a callback at the end of every batch makes
    Keras wait for the batch's metrics. The values stay on the device until the epoch ends, so
    nothing waits for the device within an epoch.

    List it after every callback that sets the rate, or it will see the rate before the change.

    Args:
        history: Where to note the rates.

    Raises:
        ValueError: When training begins: the number of batches in an epoch is unknown, or a call
            runs several.

    Example:
        >>> from lrlab import LinearDecay
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> model.compile(keras.optimizers.SGD(), loss="mse")
        >>> decay, history = LinearDecay(0.5, total_epochs=2), History({}, {})
        >>> callbacks = [ScheduleCallback(decay, per="step"), RateRecorder(history)]
        >>> data = ops.zeros((4, 1))
        >>> _ = model.fit(data, data, batch_size=2, epochs=2, callbacks=callbacks, verbose=0)
        >>> history.lr_changes
        [(0.0, 0.5), (0.5, 0.375), (1.0, 0.25), (1.5, 0.125)]
    """

    def __init__(self, history: History):
        super().__init__()
        self.history = history

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Check that every update can be seen."""
        check_steps(self)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Begin the epoch's list of rates."""
        self._moments, self._used = [], []

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep a copy of the rate, on the device."""
        fetch_state(self.model)
        self._moments.append(batch / self.params["steps"])
        self._used.append(ops.copy(self.model.optimizer.learning_rate))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the epoch's rates."""
        used = ops.convert_to_numpy(ops.stack(self._used))
        for moment, lr in zip(self._moments, used, strict=True):
            self.history.record_lr(epoch + moment, float(lr))


def check_steps(callback: keras.callbacks.Callback) -> None:
    """Refuse a run in which a callback cannot tell which step of how many comes next.

    Args:
        callback: A callback whose training begins.

    Raises:
        ValueError: The number of batches in an epoch is unknown, or a call runs several.
    """
    name = type(callback).__name__
    if callback.params["steps"] is None:
        raise ValueError(
            f"steps_per_epoch must be given to fit, since {name} has to know the number of "
            "batches in an epoch, received None"
        )
    if callback.model.steps_per_execution != 1:
        raise ValueError(
            f"steps_per_execution must be 1 for {name} to come between any two updates, received "
            f"{callback.model.steps_per_execution!r}"
        )


def fetch_state(model: keras.Model) -> None:
    """Make a model's variables readable; under JAX they are empty during an epoch until asked for.

    Args:
        model: A model in training.
    """
    if keras.backend.backend() == "jax":
        model.jax_state_sync()


def callback_rates(function: Callable[[int], float], *, epochs: int, first: int = 0) -> np.ndarray:
    """Return the rates that Keras uses when its own callback asks a function for them.

    A model of one weight is trained with ``keras.callbacks.LearningRateScheduler``, and Keras'
    record of its rates is read.

    Args:
        function: Rate of an epoch; a schedule is such a function.
        epochs: Number of the epoch to end before.
        first: Number of the first epoch.

    Returns:
        float64 array of shape ``(epochs - first,)``; the values carry the rounding of float32.

    Raises:
        ValueError: The function returns something else than a Python float (Keras' own check).

    Example:
        >>> callback_rates(lambda epoch: 0.5**epoch, epochs=3)
        array([1.  , 0.5 , 0.25])
    """
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(), loss="mse")
    setter = keras.callbacks.LearningRateScheduler(function)
    data = np.zeros((1, 1))
    with warnings.catch_warnings():
        # Keras 3.15's own callback converts a tensor in a way that NumPy 2 deprecates.
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        record = model.fit(
            data, data, epochs=epochs, initial_epoch=first, verbose=0, callbacks=[setter]
        )
    return np.array(record.history["learning_rate"])

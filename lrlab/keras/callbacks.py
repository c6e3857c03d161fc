"""Callbacks: one sets the rate of a schedule, one reads it back.

Both count updates in the same way. Keras' optimizers may let several batches pass before they make
one: those whose gradients they sum up, and those that a ``LossScaleOptimizer`` skips because their
gradients overflowed. An update begins where the one before it ended, or where the epoch begins if
that is later, and that is its time.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from lrlab.keras.optimizers import kept_optimizers, may_wait, unwrapped
from lrlab.schedules import Schedule
from lrlab.training import note_change
from lrlab.utils import checks


class OptimizerCallback(keras.callbacks.Callback):
    """What the callbacks of this room share: they know the optimizer that trains.

    Args:
        optimizer: The optimizer that is meant; None for the only one that the model keeps.

    Raises:
        ValueError: ``optimizer`` is no optimizer. When training begins: the model keeps none or
            several, and none is named. When the first epoch ends: the optimizer has made no update,
            and was not named as one of the model's.
    """

    def __init__(self, optimizer: keras.optimizers.Optimizer | None = None) -> None:
        super().__init__()
        if not isinstance(optimizer, keras.optimizers.Optimizer | None):
            raise ValueError(f"optimizer must be an optimizer of Keras, received {optimizer!r}")
        self._named = optimizer
        self._optimizer: Any = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Find the optimizer."""
        kept = ours = kept_optimizers(self.model)
        if self._named is not None:  # the model may have wrapped it
            inner = unwrapped(self._named)
            ours = {place: other for place, other in kept.items() if unwrapped(other) is inner}
        elif len(kept) != 1:
            raise ValueError(
                f"optimizer must be named for {type(self).__name__}, since the model keeps "
                f"{', '.join(kept) or 'none'}, received None"
            )
        place, self._optimizer = next(iter(ours.items()), ("", self._named))
        self._is_known = self._named is not None and place != ""
        self._log_name = "learning_rate"
        if kept != ours:  # Keras' own callbacks name the parts of a MultiOptimizer so
            name = place if place.isidentifier() else unwrapped(self._optimizer).name
            self._log_name += f"_{name}"
        self._updates_before: int | None = None

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note how many updates have been made before the first epoch."""
        if self._updates_before is None:
            self._updates_before = self._updates()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """See that the optimizer trains."""
        must_train = self.model.trainable_variables and not may_wait(self._optimizer)
        if must_train and not self._is_known and self._updates() == self._updates_before:
            raise ValueError(
                f"optimizer must be the one that trains for {type(self).__name__}, received "
                f"{self._named!r}, and {unwrapped(self._optimizer).name!r} has made no update in "
                f"epoch {epoch}"
            )
        self._is_known = True

    def _updates(self) -> int:
        """How many updates the optimizer has made."""
        fetch_state(self.model)
        return int(ops.convert_to_numpy(ops.copy(unwrapped(self._optimizer).iterations)))


class ScheduleCallback(OptimizerCallback):
    r"""Sets the optimizer's rate before the update that uses it.

    In epoch e the rate is :math:`s(e)`, or with ``per="step"`` :math:`s(e + k/n)` for an update
    that begins with batch k of the n of an epoch, both counted from 0. Epochs are those of
    ``model.fit``: with ``initial_epoch=5`` the first rate is :math:`s(5)`, and so it is when
    ``keras.callbacks.BackupAndRestore`` goes on in epoch 5.

    With ``gradient_accumulation_steps=a`` an update begins with the first of its a batches. What
    is left of an epoch goes into the first update of the next, whose rate is that of this epoch's
    beginning. A batch whose gradients overflow under a ``LossScaleOptimizer`` belongs to the update
    that comes at last.

    The rate is put among the logs of an epoch as ``learning_rate``, as Keras' own callbacks do, or
    as ``learning_rate_NAME`` where the model keeps several optimizers: it is what the epoch ended
    with. List this callback before those that save or read it, such as ``CSVLogger`` and
    ``ModelCheckpoint``.

    Keras' optimizers have no groups of parameters, and so no rates of their own for some of them.
    A ``MultiOptimizer``, where Keras has it, does the same: give each of its ``optimizers`` a
    callback. Nor can a callback change their momentum while they train: it is a number compiled
    into the training step.

    Args:
        schedule: The rate over time in epochs.
        per: Set the rate once an ``"epoch"`` or at every ``"step"``.
        optimizer: Which optimizer's rate to set, for a model that keeps several or trains with one
            that it does not keep; by default the model's only one.

    Raises:
        ValueError: ``schedule`` is no schedule, ``per`` none of the two words, or ``optimizer`` no
            optimizer. When training begins: the model keeps none or several optimizers, and none is
            named; the optimizer's rate is no number but a ``LearningRateSchedule`` or a function;
            or, per step, the number of batches is unknown or a call runs several. When the first
            epoch ends: the optimizer made no update in it, and was not named as one of the model's.

    Example:
        >>> from lrlab import LinearDecay
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> model.compile(keras.optimizers.SGD(), loss="mse")
        >>> decay = ScheduleCallback(LinearDecay(0.5, total_epochs=4))
        >>> data = ops.zeros((4, 1))
        >>> run = model.fit(data, data, epochs=4, initial_epoch=1, callbacks=[decay], verbose=0)
        >>> run.history["learning_rate"]  # of epochs 1, 2 and 3
        [0.375, 0.25, 0.125]
    """

    def __init__(
        self,
        schedule: Schedule,
        *,
        per: str = "epoch",
        optimizer: keras.optimizers.Optimizer | None = None,
    ):
        super().__init__(optimizer)
        if not isinstance(schedule, Schedule):
            raise ValueError(f"schedule must be a schedule of lrlab, received {schedule!r}")
        self.schedule = schedule
        self.per = checks.choice("per", per, ("epoch", "step"))

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Check that the rate can be set."""
        super().on_train_begin(logs)
        rate = self._optimizer.learning_rate
        if all(variable is not rate for variable in self._optimizer.variables):
            raise ValueError(
                f"learning_rate of the optimizer must be a number for {type(self).__name__} to "
                "change it, received a LearningRateSchedule or a function; use one way or the other"
            )
        if self.per == "step":
            check_steps(self)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Set the rate of the epoch."""
        super().on_epoch_begin(epoch, logs)
        self._epoch, self._made_before = epoch, 0
        if self.per == "epoch":
            self._set_rate(epoch)

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Set the rate of the update."""
        if self.per == "step" and self._begins_update(batch):
            self._set_rate(self._epoch + batch / self.params["steps"])

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Put the rate among the epoch's logs."""
        super().on_epoch_end(epoch, logs)
        if logs is not None:
            rate = ops.copy(self._optimizer.learning_rate)
            logs[self._log_name] = float(ops.convert_to_numpy(rate))

    def _begins_update(self, batch: int) -> bool:
        if not may_wait(self._optimizer):  # then there is no need to wait for the device
            return True
        before, self._made_before = self._made_before, self._updates()
        return batch == 0 or self._made_before != before

    def _set_rate(self, t: float) -> None:
        fetch_state(self.model)
        self._optimizer.learning_rate = self._rate(t)

    def _rate(self, t: float) -> float:
        return self.schedule(t)


class RateRecorder(OptimizerCallback):
    """Notes the rate that each update uses, as the optimizer holds it.

    The rate is read at the last moment before the update, from the variable that the update
    multiplies by, or by evaluating the optimizer's ``LearningRateSchedule`` at the count of
    updates that it will see. After the update it would be too late: a ``LearningRateSchedule``
    then answers with the rate of the next one, and a callback at the end of every batch makes
    Keras wait for the batch's metrics. The values stay on the device until the epoch ends, so
    nothing waits for the device within an epoch.

    List it after every callback that sets the rate, or it will see the rate before the change.

    Args:
        optimizer: Which optimizer's rate to note, see `ScheduleCallback`.

    Attributes:
        lr_changes: Pairs (time in epochs, rate): every moment at which the rate differed from the
            one before, the first update included. The time is that at which the update begins, see
            `ScheduleCallback`; batches that make no update leave no trace.

    Raises:
        ValueError: ``optimizer`` is no optimizer. When training begins: the model keeps none or
            several optimizers, and none is named; the number of batches in an epoch is unknown, or
            a call runs several. When the first epoch ends: see `ScheduleCallback`.

    Example:
        >>> from lrlab import LinearDecay
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> model.compile(keras.optimizers.SGD(), loss="mse")
        >>> decay, recorder = LinearDecay(0.5, total_epochs=2), RateRecorder()
        >>> callbacks = [ScheduleCallback(decay, per="step"), recorder]
        >>> data = ops.zeros((4, 1))
        >>> _ = model.fit(data, data, batch_size=2, epochs=2, callbacks=callbacks, verbose=0)
        >>> recorder.lr_changes
        [(0.0, 0.5), (0.5, 0.375), (1.0, 0.25), (1.5, 0.125)]
    """

    def __init__(self, *, optimizer: keras.optimizers.Optimizer | None = None) -> None:
        super().__init__(optimizer)
        self.lr_changes: list[tuple[float, float]] = []

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Check that every update can be seen."""
        super().on_train_begin(logs)
        check_steps(self)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Begin the epoch's list of rates."""
        super().on_epoch_begin(epoch, logs)
        self._moments: list[float] = []
        self._used: list[Any] = []
        self._made: list[Any] = []

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep copies of the rate and of the count of updates, on the device."""
        fetch_state(self.model)
        self._moments.append(batch / self.params["steps"])
        self._used.append(ops.copy(self._optimizer.learning_rate))
        self._made.append(ops.copy(unwrapped(self._optimizer).iterations))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the epoch's rates."""
        super().on_epoch_end(epoch, logs)
        used = ops.convert_to_numpy(ops.stack(self._used))
        made = [*ops.convert_to_numpy(ops.stack(self._made)).tolist(), self._updates()]
        begin, self._any_update = 0, made[-1] > made[0]
        for batch, lr in enumerate(used):
            if made[batch + 1] > made[batch]:
                note_change(self.lr_changes, epoch + self._moments[begin], float(lr))
                begin = batch + 1


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

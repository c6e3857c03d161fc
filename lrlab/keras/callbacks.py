"""Callbacks: one sets the rate of a schedule, one that of a plateau policy, one reads it back."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from lrlab.plateau import ReduceOnPlateau, lowered_by
from lrlab.schedules import Schedule
from lrlab.training import note_change
from lrlab.utils import checks


class ScheduleCallback(keras.callbacks.Callback):
    r"""Sets the optimizer's rate before the update that uses it.

    In epoch e the rate is :math:`s(e)`, or with ``per="step"`` :math:`s(e + k/n)` before update
    k of the n of an epoch, both counted from 0. Epochs are those of ``model.fit``: with
    ``initial_epoch=5`` the first rate is :math:`s(5)`.

    Args:
        schedule: The rate over time in epochs.
        per: Set the rate once an ``"epoch"`` or at every ``"step"``.

    Raises:
        ValueError: ``schedule`` is no schedule, or ``per`` none of the two words. When training
            begins: the optimizer's rate is no number but a ``LearningRateSchedule`` or a function;
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
    """Notes the rate that each update uses, as the optimizer holds it.

    The rate is read at the last moment before the update, from the variable that the update
    multiplies by, or by evaluating the optimizer's ``LearningRateSchedule`` at the count of
    updates that it will see. After the update it would be too late: a ``LearningRateSchedule``
    then answers with the rate of the next one, and a callback at the end of every batch makes
    Keras wait for the batch's metrics. The values stay on the device until the epoch ends, so
    nothing waits for the device within an epoch.

    List it after every callback that sets the rate, or it will see the rate before the change.

    Attributes:
        lr_changes: Pairs (time in epochs, rate): every moment at which the rate differed from the
            one before, the first update included.

    Raises:
        ValueError: When training begins: the number of batches in an epoch is unknown, or a call
            runs several.

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

    def __init__(self) -> None:
        super().__init__()
        self.lr_changes: list[tuple[float, float]] = []

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Check that every update can be seen."""
        check_steps(self)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Begin the epoch's list of rates."""
        self._moments: list[float] = []
        self._used: list[Any] = []

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep a copy of the rate, on the device."""
        fetch_state(self.model)
        self._moments.append(batch / self.params["steps"])
        self._used.append(ops.copy(self.model.optimizer.learning_rate))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the epoch's rates."""
        used = ops.convert_to_numpy(ops.stack(self._used))
        for moment, lr in zip(self._moments, used, strict=True):
            note_change(self.lr_changes, epoch + moment, float(lr))


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


class PlateauCallback(ScheduleCallback):
    r"""Sets the optimizer's rate to what a schedule and a plateau policy make of it.

    At time t of epoch e the rate is :math:`\eta_e\, s(t)/\eta`, where :math:`\eta_e` is the rate of
    the policy's state and η its first one (`lrlab.plateau.PlateauSchedule`); it is set before the
    update that uses it, as by `ScheduleCallback`. The policy decides when an epoch ends, and the
    next epoch begins at the new rate. By itself, a policy of convention ``"keras"`` gives the rates
    of ``keras.callbacks.ReduceLROnPlateau`` bit for bit. Keras' optimizers keep rates in float32;
    the policy's own rates under the convention ``"keras"`` already are such numbers.

    A warm-up in front is part of the schedule: in Keras' own ``LearningRateScheduler`` and
    ``ReduceLROnPlateau`` each would overwrite the other's rate. Unlike the latter the callback does
    not forget when training begins anew: the next ``fit`` goes on, as long as its ``initial_epoch``
    does. `state_dict` is what to save beside a model for a callback in another process. List this
    callback before those that save or read the rate.

    Args:
        policy: What lowers the rate, of either convention.
        monitor: Name of the metric in the logs of an epoch.
        schedule: The rate over time in epochs if nothing lowered it; by default ``policy.lr``.
        first_epoch: First epoch whose metric counts, such as the one after a warm-up; an integer of
            at least 0. The schedule is at ``policy.lr`` there.
        per: Set the rate once an ``"epoch"`` or at every ``"step"``.

    Attributes:
        state: The policy's state, a `lrlab.plateau.PlateauState`.

    Raises:
        ValueError: An argument breaks its rule. When training begins: see `ScheduleCallback`; or
            its first epoch is not the one after the last. When an epoch ends: the metric is not
            in the logs, which without ``validation_data`` hold none of the validation.

    Example:
        >>> import keras
        >>> from lrlab import Constant, warmup
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> model.compile(keras.optimizers.SGD(), loss="mse")
        >>> policy = ReduceOnPlateau(0.5, factor=0.5, patience=1, min_delta=100)
        >>> ramp = warmup(Constant(0.5), 2)
        >>> plateau = PlateauCallback(policy, monitor="loss", schedule=ramp, first_epoch=2)
        >>> data = keras.ops.zeros((4, 1))
        >>> _ = model.fit(data, data, epochs=5, callbacks=[plateau], verbose=0)
        >>> float(model.optimizer.learning_rate)  # that of epoch 4; 2 set the best, 3 was no better
        0.25
    """

    def __init__(
        self,
        policy: ReduceOnPlateau,
        *,
        monitor: str = "val_loss",
        schedule: Schedule | None = None,
        first_epoch: int = 0,
        per: str = "epoch",
    ):
        self.lowered = lowered_by(policy, schedule, first_epoch)
        super().__init__(self.lowered.schedule, per=per)
        self.monitor = monitor
        self.state = policy.start()
        self._next_epoch: int | None = None

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Set the rate of the epoch."""
        if self._next_epoch not in (None, epoch):
            raise ValueError(
                f"initial_epoch must be {self._next_epoch} for PlateauCallback to go on where it "
                f"stood, received {epoch}; a run from the beginning needs a new callback"
            )
        super().on_epoch_begin(epoch, logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Let the policy decide on the rate of the next epoch."""
        logs = logs or {}
        if self.monitor not in logs:
            raise ValueError(
                f"monitor must be one of the metrics in the logs, {', '.join(logs)}, received "
                f"{self.monitor!r}"
            )
        self.state = self.lowered.update(self.state, epoch, logs[self.monitor])
        self._next_epoch = epoch + 1

    def _rate(self, t: float) -> float:
        return self.lowered.rate(self.state.lr, t)

    def state_dict(self) -> dict[str, Any]:
        """Return plain values only, fit for ``json.dump``."""
        return {
            **self.lowered.to_dict(self.state),
            "per": self.per,
            "monitor": self.monitor,
            "next_epoch": self._next_epoch,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where the saved callback stood; ``initial_epoch`` of the next ``fit`` follows it.

        Raises:
            ValueError: The state belongs to another policy, schedule, beginning of the watch, way
                of setting the rate or metric, or it is incomplete.
        """
        state = self.lowered.restore(state_dict)
        checks.same_parameters(state_dict, {"per": self.per, "monitor": self.monitor})
        next_epoch = state_dict.get("next_epoch", "nothing")
        if next_epoch is not None:  # as it is before the first epoch
            checks.whole("next_epoch", next_epoch)
        self.state, self._next_epoch = state, next_epoch

"""A callback that sets the rate which a plateau policy makes of a schedule."""

from __future__ import annotations

from typing import Any

import keras

from lrlab.keras.callbacks import ScheduleCallback
from lrlab.plateau import ReduceOnPlateau, lowered_by
from lrlab.schedules import Schedule
from lrlab.utils import checks


class PlateauCallback(ScheduleCallback):
    r"""Sets the optimizer's rate to what a schedule and a plateau policy make of it.

    At time t of epoch e the rate is :math:`\eta_e\, s(t)/\eta`, where :math:`\eta_e` is the rate of
    the policy's state and η its first one (`lrlab.plateau.PlateauSchedule`); it is set before the
    update that uses it, as by `ScheduleCallback`. The policy decides when an epoch ends, and the
    next epoch begins at the new rate. By itself, a policy of convention ``"keras"`` gives the rates
    of ``keras.callbacks.ReduceLROnPlateau`` bit for bit. Keras' optimizers keep rates in float32;
    the policy's own rates under the convention ``"keras"`` already are such numbers.

    A warm-up in front is part of the schedule: in Keras' own ``LearningRateScheduler`` and
    ``ReduceLROnPlateau`` each would overwrite the other's rate. An epoch does not count if its logs
    lack the metric, as with ``validation_freq=2``.

    Unlike ``ReduceLROnPlateau`` the callback does not forget when training begins anew: the next
    ``fit`` goes on, as long as its ``initial_epoch`` does. `state_dict` is what to save beside a
    model for a callback in another process. ``keras.callbacks.BackupAndRestore`` saves model and
    optimizer alone, so list behind both a ``keras.callbacks.LambdaCallback`` whose
    ``on_epoch_end`` saves the state as well, and hand it to `load_state_dict` where it is found
    when the program starts: a new callback refuses to go on in the middle of a run.

    Args:
        policy: What lowers the rate, of either convention.
        monitor: Name of the metric in the logs of an epoch.
        schedule: The rate over time in epochs if nothing lowered it; by default ``policy.lr``.
        first_epoch: First epoch whose metric counts, such as the one after a warm-up; an integer of
            at least 0. The schedule is at ``policy.lr`` there.
        per: Set the rate once an ``"epoch"`` or at every ``"step"``.
        optimizer: Which optimizer's rate to set, see `ScheduleCallback`.

    Attributes:
        state: The policy's state, a `lrlab.plateau.PlateauState`.

    Raises:
        ValueError: An argument breaks its rule. When training begins: see `ScheduleCallback`; or
            its first epoch is not the one after the last, or for a new callback lies beyond
            ``first_epoch`` while the optimizer has already made updates. When training ends: the
            metric was in the logs of no epoch, which without ``validation_data`` hold none of the
            validation.

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
        optimizer: keras.optimizers.Optimizer | None = None,
    ):
        self.lowered = lowered_by(policy, schedule, first_epoch)
        super().__init__(self.lowered.schedule, per=per, optimizer=optimizer)
        self.monitor = monitor
        self.state = policy.start()
        self._next_epoch: int | None = None
        self._heard = False  # of the metric

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Set the rate of the epoch."""
        if self._next_epoch not in (None, epoch):
            raise ValueError(
                f"initial_epoch must be {self._next_epoch} for PlateauCallback to go on where it "
                f"stood, received {epoch}; a run from the beginning needs a new callback"
            )
        first = self.lowered.first_epoch
        if self._next_epoch is None and epoch > first and self._updates():
            raise ValueError(
                f"initial_epoch must be at most {first} for a new PlateauCallback, which does not "
                f"know the state of a run that has begun, received {epoch}; hand it the saved one "
                f"with load_state_dict, or let it begin to watch here with first_epoch={epoch}"
            )
        super().on_epoch_begin(epoch, logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Let the policy decide on the rate of the next epoch."""
        super().on_epoch_end(epoch, logs)
        self._names = list(logs or {})
        metric = (logs or {}).get(self.monitor)
        if metric is not None:
            self.state, self._heard = self.lowered.update(self.state, epoch, metric), True
        self._next_epoch = epoch + 1

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """See that the metric came."""
        if self._heard or self._next_epoch is None or self.model.stop_training:
            return
        names = ", ".join(name for name in self._names if name != self._log_name)
        raise ValueError(
            f"monitor must be one of the metrics in the logs, {names}, received {self.monitor!r}"
        )

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
        self.state, self._next_epoch, self._heard = state, next_epoch, state.epochs > 0

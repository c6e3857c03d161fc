"""A plateau policy, after a warm-up or by itself, as a Keras callback."""

from __future__ import annotations

from typing import Any

from lrlab import checks
from lrlab.keras.callbacks import ScheduleCallback
from lrlab.plateau import ReduceOnPlateau
from lrlab.reacting import ReactingSchedule, check_same
from lrlab.schedule_base import Schedule


class PlateauCallback(ScheduleCallback):
    r"""Sets the optimiser's rate to what a schedule and a plateau policy make of it.

    At time t of epoch e the rate is :math:`\eta_e\, s(t)/\eta`, where :math:`\eta_e` is the rate of
    the policy's state and η its first one (`lrlab.reacting.ReactingSchedule`); it is set before the
    update that uses it, as by `ScheduleCallback`. The policy decides when an epoch ends, and the
    next epoch begins at the new rate. By itself, a policy of convention ``"keras"`` gives the rates
    of ``keras.callbacks.ReduceLROnPlateau`` bit for bit. Keras' optimisers keep rates in float32;
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
        watch_from: First epoch whose metric counts, such as the one after a warm-up; an integer of
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
        >>> plateau = PlateauCallback(policy, monitor="loss", schedule=ramp, watch_from=2)
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
        watch_from: int = 0,
        per: str = "epoch",
    ):
        self.reacting = ReactingSchedule(policy, schedule=schedule, watch_from=watch_from)
        super().__init__(self.reacting.schedule, per=per)
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
        if self.monitor not in logs:
            raise ValueError(
                f"monitor must be one of the metrics in the logs, {', '.join(logs)}, received "
                f"{self.monitor!r}"
            )
        self.state = self.reacting.update(self.state, epoch, logs[self.monitor])
        self._next_epoch = epoch + 1

    def _rate(self, t: float) -> float:
        return self.reacting.rate(self.state.lr, t)

    def state_dict(self) -> dict[str, Any]:
        """Return plain values only, fit for ``json.dump``."""
        return {
            **self.reacting.to_dict(self.state),
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
        state = self.reacting.restore(state_dict)
        check_same(state_dict, {"per": self.per, "monitor": self.monitor})
        next_epoch = state_dict.get("next_epoch", "nothing")
        if next_epoch is not None:  # as it is before the first epoch
            checks.seed("next_epoch", next_epoch)
        self.state, self._next_epoch = state, next_epoch

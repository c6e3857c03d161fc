"""Any schedule as a Keras ``LearningRateSchedule``."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from lrlab.schedules import FrameworkLines, Schedule
from lrlab.utils import checks


@keras.saving.register_keras_serializable(package="lrlab")
class KerasSchedule(keras.optimizers.schedules.LearningRateSchedule):
    r"""Gives update k the rate :math:`s(k/n)`, or :math:`s(\lfloor k/n \rfloor)` per epoch.

    Here n is ``steps_per_epoch``, and the optimizer itself counts the updates k, so the rate is
    right in a compiled training step and after a saved model was loaded. Batches that make no
    update do not count: those that ``gradient_accumulation_steps`` adds to the next one, and those
    that a ``LossScaleOptimizer`` skips. Keras' own schedules are handed a count of batches in the
    first case; a `KerasSchedule` asks the optimizer.

    A schedule is a pure function, so its rates are computed in advance, in float64, and looked up
    in a float32 table; they are exact to the last bit of float32, where Keras' own schedules also
    round on the way.

    The table ends at :math:`t = E`, the end of the planned ``epochs``. Whoever trains on keeps
    the last rate :math:`s(E)`, 0 for many a decay: plan for as many epochs as will ever be run.

    A model saved with this rate is loaded where ``lrlab.keras`` has been imported before, and the
    class of the schedule defined, if it is the reader's own.

    Args:
        schedule: The rate over time in epochs.
        epochs: Length E of the table in epochs.
        steps_per_epoch: Updates n in an epoch, the last incomplete batch included: with
            ``gradient_accumulation_steps=a`` the number of batches divided by a.
        per: Change the rate at every ``"step"`` or once an ``"epoch"``.

    Raises:
        ValueError: ``schedule`` is no schedule, ``epochs`` or ``steps_per_epoch`` no positive
            integer, or ``per`` none of the two words.

    Example:
        >>> from lrlab import StepDecay
        >>> decay = StepDecay(0.5, gamma=0.5, step_epochs=1)
        >>> rate = KerasSchedule(decay, epochs=2, steps_per_epoch=3)
        >>> [float(rate(step)) for step in range(9)]
        [0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125, 0.125, 0.125]
        >>> optimizer = keras.optimizers.SGD(learning_rate=rate)
    """

    def __init__(self, schedule: Schedule, *, epochs: int, steps_per_epoch: int, per: str = "step"):
        if not isinstance(schedule, Schedule):
            raise ValueError(f"schedule must be a schedule of lrlab, received {schedule!r}")
        self.schedule = schedule
        self.epochs = checks.count("epochs", epochs)
        self.steps_per_epoch = checks.count("steps_per_epoch", steps_per_epoch)
        self.per = checks.choice("per", per, ("step", "epoch"))
        rates_per_epoch = self.steps_per_epoch if per == "step" else 1
        moments = np.arange(self.epochs * rates_per_epoch + 1) / rates_per_epoch
        self._updates_per_rate = self.steps_per_epoch // rates_per_epoch
        self._rates = schedule(moments).astype(np.float32)

    def __call__(self, step: Any) -> Any:
        """Return the rate of an update as a float32 tensor of the backend.

        Args:
            step: Updates made before, as ``optimizer.iterations`` holds them: a number or a tensor
                of any shape, integer or float. A fraction of an update is cut off.

        Returns:
            A tensor of the shape of ``step``.
        """
        index = ops.floor_divide(step, self._updates_per_rate * _batches_per_update(step))
        index = ops.cast(ops.clip(index, 0, len(self._rates) - 1), "int32")
        return ops.take(self._rates, index)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments as plain values."""
        return {
            "schedule": self.schedule.to_config(),
            "epochs": self.epochs,
            "steps_per_epoch": self.steps_per_epoch,
            "per": self.per,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> KerasSchedule:
        """Rebuild what `get_config` described.

        Raises:
            ValueError: The config does not describe a known schedule.
        """
        try:
            schedule = Schedule.from_config(config["schedule"])
        except ValueError as error:
            raise ValueError(
                f"{error}. Define a schedule class of your own before you load a model with it"
            ) from error
        return cls(**{**config, "schedule": schedule})


def _batches_per_update(step: Any) -> int:
    """Return how many batches make an update of the optimizer whose count of batches this is.

    Keras' optimizers hand a schedule that count where they accumulate gradients, too. The count is
    all that they hand over, it does not know its optimizer, and no schedule is told to which one it
    is given (Keras 3.11 to 3.15). So the calls on the way here are looked through: one of them is a
    method of the optimizer. It need not be the last, as another schedule may stand in between. Any
    other count is one of updates.
    """
    frame = sys._getframe(1) if hasattr(step, "assign") else None  # only a variable is a count kept
    while frame is not None:
        asks = frame.f_locals.get("self")
        if isinstance(asks, keras.optimizers.Optimizer) and asks._iterations is step:
            return asks.gradient_accumulation_steps or 1
        frame = frame.f_back
    return 1


def rates_of(
    schedule: keras.optimizers.schedules.LearningRateSchedule, *, steps: int
) -> np.ndarray:
    """Return the rates that a Keras schedule object gives in its first updates.

    Args:
        schedule: Keras' own, or a `KerasSchedule`.
        steps: How many rates.

    Returns:
        float64 array of shape ``(steps,)``; the values carry the rounding of float32.

    Example:
        >>> halving = keras.optimizers.schedules.ExponentialDecay(0.5, 1, 0.5)
        >>> rates_of(halving, steps=3)
        array([0.5  , 0.25 , 0.125])
    """
    return np.array([float(schedule(step)) for step in range(steps)])


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


def rates_of_line(lines: FrameworkLines, *, n: int) -> np.ndarray:
    """Run Keras' line of a schedule and return the rates that it gives in 30 epochs.

    Args:
        lines: One of `lrlab.schedules.FRAMEWORK_LINES`.
        n: Updates in an epoch. A callback sets the rate once per epoch, whatever n is.

    Returns:
        float64 array of shape ``(30 * n,)``; the values carry the rounding of float32.

    Example:
        >>> from lrlab.schedules import FRAMEWORK_LINES
        >>> rates_of_line(FRAMEWORK_LINES["step"], n=1)[[0, 9, 10, 29]].round(6)
        array([0.1  , 0.1  , 0.05 , 0.025])
    """
    names = {**vars(keras.optimizers.schedules), **vars(keras.callbacks), "n": checks.count("n", n)}
    made = eval(lines.keras, names)
    if lines.per_epoch:
        return np.repeat(callback_rates(made.schedule, epochs=30), n)
    return rates_of(made, steps=30 * n)

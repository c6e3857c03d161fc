"""What is measured within a training, every so many updates."""

from __future__ import annotations

import math

from torch import Tensor

from lrlab.pytorch.curvature import sharpness
from lrlab.pytorch.loop import Observer, Training
from lrlab.pytorch.weight_rates import divisor_of
from lrlab.utils import checks


class LossMeter(Observer):
    """Notes the loss of a batch, before its update, every so many updates.

    Args:
        every: From how many updates one is noted, the first one included.

    Attributes:
        rows: One for each measurement: ``step``, the number of updates before it, ``lr``, the rate
            of the update to come, and ``loss``, the mean loss of its batch.
            ``pandas.DataFrame(meter.rows)`` makes a table of them.

    Raises:
        ValueError: An argument breaks its rule.

    Example:
        >>> from torch import nn
        >>> from lrlab import Constant, Recipe, data
        >>> from lrlab.pytorch import fit
        >>> network, meter = nn.Sequential(nn.Flatten(), nn.Linear(2, 3)), LossMeter(every=3)
        >>> recipe = Recipe(Constant(0.5), epochs=1)
        >>> history = fit(network, data.load("blobs"), recipe, observers=[meter])
        >>> [row["step"] for row in meter.rows]
        [0, 3]
    """

    def __init__(self, *, every: int = 1) -> None:
        self.every = checks.count("every", every)
        self.rows: list[dict[str, float]] = []

    def before_update(self, training: Training) -> None:
        step = training.epoch * training.steps + training.step
        if step % self.every == 0:
            more = self._measure(training, step)
            row = {"step": step, "lr": training.lr, "loss": training.loss.item()}
            self.rows.append(row | more)

    def _measure(self, training: Training, step: int) -> dict[str, float]:
        """What a subclass measures besides."""
        return {}


class SharpnessMeter(LossMeter):
    """Notes the `sharpness` of a training every so many updates.

    It stands for the loss of all training images, or of the first ones, in training mode. Where a
    batch is all of them, it is that of the loss that the update makes smaller.

    Args:
        every: From how many updates one is measured, the first one included.
        images: How many of the training images count; None for all.
        preconditioned: Whether the optimizer's memory counts. Before its first step it has none,
            and the first value is NaN. Where its divisor is not known, as in Lion, a ValueError
            ends the training before its first step.
        chunk: How many images are in memory with all their activations at a time.
        seed: As for `sharpness`.

    Attributes:
        rows: One for each measurement: ``step``, the number of updates before it, ``lr``, the rate
            of the update to come, ``loss``, the mean loss of its batch, and ``sharpness``.
            ``pandas.DataFrame(meter.rows)`` makes a table of them.

    Raises:
        ValueError: An argument breaks its rule.

    Example:
        >>> from torch import nn
        >>> from lrlab import Constant, Recipe, data
        >>> from lrlab.pytorch import fit
        >>> network, meter = nn.Sequential(nn.Flatten(), nn.Linear(2, 3)), SharpnessMeter(every=5)
        >>> recipe = Recipe(Constant(0.1), epochs=9, batch_size=500)
        >>> history = fit(network, data.load("blobs"), recipe, observers=[meter])
        >>> [(row["step"], row["lr"]) for row in meter.rows]
        [(0, 0.1), (5, 0.1)]
    """

    def __init__(
        self,
        *,
        every: int = 1,
        images: int | None = None,
        preconditioned: bool = False,
        chunk: int = 1_000,
        seed: int = 0,
    ) -> None:
        super().__init__(every=every)
        self.images = None if images is None else checks.count("images", images)
        self.preconditioned = checks.flag("preconditioned", preconditioned)
        self.chunk, self.seed = checks.count("chunk", chunk), checks.whole("seed", seed)
        self._last: Tensor | None = None

    def _measure(self, training: Training, step: int) -> dict[str, float]:
        if self.preconditioned and step == 0:
            divisor_of(training.optimizer)  # one that is not known is told now, not an hour later
            return {"sharpness": math.nan}
        inputs, labels = (both[: self.images] for both in training.train)
        value, self._last = sharpness(
            training.model,
            inputs,
            labels,
            optimizer=training.optimizer if self.preconditioned else None,
            start=self._last,
            chunk=self.chunk,
            seed=self.seed,
        )
        return {"sharpness": value}

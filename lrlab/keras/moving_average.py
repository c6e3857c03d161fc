"""The moving average of weights that an optimizer keeps, and that callbacks exchange for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np

from lrlab.keras.optimizers import kept_optimizers, unwrapped
from lrlab.keras.snapshot_files import assign, copied


class MovingAverage:
    """Knows the trained weights of a model whose optimizer also keeps their moving average.

    ``keras.callbacks.SwapEMAWeights`` puts the average into the model when an epoch ends, and the
    weights back when the next one begins. What training goes on from is then not what the model
    holds; in the last epoch of a ``fit`` it is nowhere; and with TensorFlow each exchange rounds.
    So weights and average are copied after an epoch's last update, and an epoch that comes after
    an exchange begins with the copies, in an undisturbed run as in a resumed one.

    Args:
        model: A model in training; where its optimizer keeps no average, nothing is ever done.
    """

    def __init__(self, model: keras.Model) -> None:
        self._model, self._exchanged = model, False
        self._kept: list[tuple[keras.Variable, np.ndarray]] = []  # weight, average, weight, ...

    def keep(self) -> None:
        """Copy the weights and their average."""
        self._kept = copied(_weights_and_averages(self._model))

    def look(self) -> bool:
        """Return whether weights and average have been exchanged since they were copied."""
        size = {"weights": 0.0, "average": 0.0}
        for (weight, trained), (_, average) in zip(self._kept[::2], self._kept[1::2], strict=True):
            now = weight.numpy().astype(float)
            size["weights"] += float(np.abs(now - trained).sum())
            size["average"] += float(np.abs(now - average).sum())
        # Never quite the same: an exchange rounds.
        self._exchanged = self._exchanged or size["average"] < size["weights"]
        return self._exchanged

    def put_back(self) -> None:
        """Give the model its trained weights if they have been exchanged."""
        if self._exchanged:
            assign(self._kept)
        self._exchanged = False

    @contextmanager
    def trained(self) -> Iterator[None]:
        """Give the model its trained weights for a while."""
        now = copied(variable for variable, _ in self._kept)
        assign(self._kept)
        try:
            yield
        finally:
            assign(now)


def _weights_and_averages(model: keras.Model) -> Iterator[keras.Variable]:
    for optimizer in map(unwrapped, kept_optimizers(model).values()):
        averages = getattr(optimizer, "_model_variables_moving_average", [])
        for weight, average in zip(optimizer._trainable_variables, averages, strict=False):
            if average is not None:  # as for a variable that its gradient overwrites
                yield weight
                yield average

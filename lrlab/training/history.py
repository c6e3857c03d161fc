"""What a training run leaves behind: its curves and the rates that it really used."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from lrlab.schedules import SLACK, Schedule
from lrlab.training.recipe import Recipe
from lrlab.utils import write_text

#: The format of a history's JSON; the one before had no recipe.
FORMAT = 2
CURVES = ("lr", "train_loss", "test_loss", "test_accuracy", "seconds")


@dataclass
class History:
    """The record of one run.

    Lists hold one value per finished epoch.

    Args:
        recipe: What the run was asked to do.
        network: Class of the network.
        dataset: Name of the data set.
        train_images: How many images it trained on.
        provenance: Versions, device, data fingerprint and date.
        lr: Rate that the optimizer used in the first update of the epoch.
        train_loss: Mean loss over the epoch's training batches, as they were met.
        test_loss: Mean loss over the test images after the epoch.
        test_accuracy: Share of test images classified correctly after the epoch, in [0, 1].
        seconds: Duration of the epoch, evaluation included.
        lr_changes: Pairs (time in epochs, rate): every moment at which the rate read back from
            the optimizer differed from the one before, the first update included.
        stopped: Why the run ended before its last epoch; None if it did not.
        thinned: Whether ``lr_changes`` was cut down to whole epochs by `thin`.
        measured: What else was measured when the run was over, as plain values.
    """

    recipe: Recipe
    network: str
    dataset: str
    train_images: int
    provenance: dict[str, str]
    lr: list[float] = field(default_factory=list)
    train_loss: list[float] = field(default_factory=list)
    test_loss: list[float] = field(default_factory=list)
    test_accuracy: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    lr_changes: list[tuple[float, float]] = field(default_factory=list)
    stopped: str | None = None
    thinned: bool = False
    measured: dict[str, Any] = field(default_factory=dict)

    @property
    def epochs(self) -> int:
        """Number of finished epochs."""
        return len(self.train_loss)

    @property
    def schedule(self) -> Schedule:
        """The schedule that the run was to follow."""
        return self.recipe.schedule

    @property
    def steps_per_epoch(self) -> int:
        """Number of updates in an epoch."""
        return self.recipe.steps_per_epoch(self.train_images)

    def identity(self) -> dict[str, Any]:
        """Return what makes the run the one that it is; how long it goes on is no part of it."""
        return {
            "recipe": {**self.recipe.to_config(), "epochs": None},
            "network": self.network,
            "dataset": self.dataset,
            "train_images": self.train_images,
            "data": self.provenance["data"],
        }

    def record_lr(self, t: float, lr: float) -> None:
        """Note the rate that an update at time ``t`` (epochs) used."""
        note_change(self.lr_changes, t, lr)

    def record_epoch(
        self, *, train_loss: float, test_loss: float, test_accuracy: float, seconds: float
    ) -> None:
        """Append one epoch; a loss that is no longer finite stops the run.

        Afterwards ``stopped`` says so, and the caller is expected to end the run.
        """
        self.lr.append(float(self.used_lr(np.array(self.epochs))))
        self.train_loss.append(train_loss)
        self.test_loss.append(test_loss)
        self.test_accuracy.append(test_accuracy)
        self.seconds.append(seconds)
        if not (math.isfinite(train_loss) and math.isfinite(test_loss)):
            self.stopped = f"diverged: the loss is no longer finite in epoch {self.epochs - 1}"

    def used_lr(self, t: np.ndarray) -> np.ndarray:
        """Return the rates that were in force at the moments ``t``, an array in epochs.

        Raises:
            ValueError: No update is on record at one of the moments, or before it.
        """
        moments, rates = np.array(self.lr_changes).reshape(-1, 2).T
        latest = np.searchsorted(moments, t * SLACK, side="right") - 1
        if np.any(latest < 0):
            raise ValueError(f"t must not lie before the first update on record, received {t!r}")
        return np.asarray(rates[latest])

    def thin(self) -> None:
        """Forget how the rate changed within epochs, which for a rate set at every step is long.

        Measure `lr_deviation` before: afterwards it can compare the epochs' first rates only.
        """
        self.lr_changes = []
        for epoch, lr in enumerate(self.lr):
            self.record_lr(float(epoch), lr)
        self.thinned = True

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain values for strict JSON; NaN and infinities become text."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        encoded: dict[str, Any] = _encode({**values, "recipe": self.recipe.to_config()})
        return {"format": FORMAT, **encoded}

    @classmethod
    def from_dict(cls, values: Any) -> History:
        """Rebuild the record that `to_dict` described.

        Raises:
            ValueError: The values are no such record.
        """
        try:
            values = dict(values)
            if (number := values.pop("format", None)) != FORMAT:
                raise ValueError(f"format must be {FORMAT}, received {number!r}")
            values["recipe"] = Recipe.from_config(values["recipe"])
            for name in CURVES:
                values[name] = [float(value) for value in values[name]]
            values["lr_changes"] = [(float(t), float(lr)) for t, lr in values["lr_changes"]]
            values["measured"] = _decode(values.get("measured", {}))
            return cls(**values)
        except (TypeError, KeyError, ValueError) as error:
            raise ValueError(f"this is no record of a run: {error}") from error

    def to_json(self) -> str:
        """Return the record as strict JSON."""
        return json.dumps(self.to_dict(), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> History:
        """Rebuild the record that `to_json` wrote.

        Raises:
            ValueError: The text is no such record.
        """
        try:
            values = json.loads(text)
        except ValueError as error:
            raise ValueError(f"this is no record of a run: {error}") from error
        return cls.from_dict(values)

    def save(self, path: Path | str) -> None:
        """Write the record as JSON, whole or not at all."""
        write_text(path, self.to_json() + "\n")

    @classmethod
    def load(cls, path: Path | str) -> History:
        """Read a record that `save` wrote.

        Raises:
            ValueError: The file holds no such record; the message names it.
        """
        try:
            return cls.from_json(Path(path).read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{Path(path).name}: {error}") from error


def note_change(changes: list[tuple[float, float]], t: float, lr: float) -> None:
    """Append the moment ``t`` and the rate to a list of changes if the rate is another one."""
    if not changes or changes[-1][1] != lr:
        changes.append((t, lr))


def _decode(value: Any) -> Any:
    """The numbers that `_encode` wrote as text."""
    if isinstance(value, dict):
        return {key: _decode(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_decode(item) for item in value]
    return float(value) if isinstance(value, str) and value in ("nan", "inf", "-inf") else value


def _encode(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_encode(item) for item in value]
    return repr(value) if isinstance(value, float) and not math.isfinite(value) else value

"""What a training run leaves behind: its curves and the rates that it really used."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from lrlab.schedules import SLACK, Schedule
from lrlab.training.plain_values import CURVES, FORMAT, decode, encode
from lrlab.training.recipe import Recipe
from lrlab.utils import checks, parse_json, read_text, write_text

TOLD = 500  # letters of what is wrong with a record


@dataclass
class History:
    """The record of one run.

    Lists hold one value per finished epoch.

    Args:
        recipe: What the run was asked to do.
        network: Class of the network.
        dataset: Name of the data set.
        train_images: How many images, or sequences, an epoch trained on.
        provenance: Versions, device, data fingerprint and date.
        lr: Rate that the optimizer used in the first update of the epoch.
        train_loss: Mean loss over the epoch's training batches, as they were met.
        test_loss: Mean loss over the test images, or the symbols of the test sequences, after the
            epoch.
        test_accuracy: Share of them classified correctly after the epoch, in [0, 1].
        seconds: Duration of the epoch, evaluation included.
        lr_changes: Pairs (time in epochs, rate): every moment at which the rate read back from
            the optimizer differed from the one before, the first update included.
        stopped: Why the run ended before its last epoch; None if it did not.
        thinned: Whether ``lr_changes`` was cut down to whole epochs by `thin`.
        measured: What else was measured, within the run or when it was over, as plain values.
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
        encoded: dict[str, Any] = encode({**values, "recipe": self.recipe.to_config()})
        return {"format": FORMAT, **encoded}

    @classmethod
    def from_dict(cls, values: Any) -> History:
        """Rebuild the record that `to_dict` described.

        Control characters in text come back written out, so that a terminal obeys none of them.

        Raises:
            ValueError: The values are no such record: one is missing, foreign, of another kind or
                out of its range, or they contradict one another.
        """
        try:
            history = cls(**decode(values))
            _check_consistent(history)
            return history
        except Exception as error:  # what a hostile table raises has no narrower class
            told = checks.printable(error, TOLD)
            raise ValueError(f"this is no record of a run: {told}") from error

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
            values = parse_json(text)
        except ValueError as error:
            raise ValueError(f"this is no record of a run: {checks.printable(error)}") from error
        return cls.from_dict(values)

    def save(self, path: Path | str) -> None:
        """Write the record as JSON, whole or not at all.

        Raises:
            OSError: The file cannot be written; the message names it and the remedy.
        """
        try:
            write_text(path, self.to_json() + "\n")
        except OSError as error:
            told = f"{error.strerror}. Nothing is lost: make room there, or save it elsewhere"
            raise OSError(error.errno, told, str(path)) from error

    @classmethod
    def load(cls, path: Path | str) -> History:
        """Read a record that `save` wrote.

        Raises:
            ValueError: The file holds no such record; the message names it.
            OSError: The file cannot be read; the message names it.
        """
        try:
            return cls.from_json(read_text(path))
        except ValueError as error:
            raise ValueError(f"{checks.printable(path)}: {checks.printable(error)}") from error


def note_change(changes: list[tuple[float, float]], t: float, lr: float) -> None:
    """Append the moment ``t`` and the rate to a list of changes if the rate is another one."""
    if not changes or changes[-1][1] != lr:
        changes.append((t, lr))


def _check_consistent(history: History) -> None:
    """Refuse values that are possible each by itself, and not together."""
    lengths = {len(getattr(history, name)) for name in CURVES}
    if len(lengths) > 1:
        raise ValueError(f"its curves have different lengths, {sorted(lengths)}")
    if history.epochs > history.recipe.epochs:
        raise ValueError(f"it holds {history.epochs} of {history.recipe.epochs} epochs")
    losses = list(zip(history.train_loss, history.test_loss, strict=True))
    lost = [not (math.isfinite(a) and math.isfinite(b)) for a, b in losses]
    if any(lost[:-1]) or (any(lost) and history.stopped is None):
        raise ValueError("it goes on after a loss that is not finite")
    if any(t >= later for (t, _), (later, _) in pairwise(history.lr_changes)):
        raise ValueError("lr_changes must be in the order of time")
    if history.lr != history.used_lr(np.arange(history.epochs)).tolist():
        raise ValueError("lr must be the rates of lr_changes at the beginning of each epoch")

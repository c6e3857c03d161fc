"""What a training run leaves behind: its curves, the rates it really used, where it was made."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from lrlab.data import Dataset
from lrlab.plateau import PlateauState, ReactingSchedule, ReduceOnPlateau
from lrlab.schedules import SLACK, Schedule, relative_difference
from lrlab.utils import checks, write_text

# What a plateau policy may watch, and the mode that suits it.
MONITORS = {"train_loss": "min", "test_loss": "min", "test_accuracy": "max"}


@dataclass
class History:
    """The record of one run.

    Lists hold one value per finished epoch.

    Args:
        config: What `fit` was asked for, as plain values; the network and its initial weights
            are the caller's.
        provenance: Versions, device, data fingerprint and date.
        lr: Rate that the optimiser used in the first update of the epoch.
        train_loss: Mean loss over the epoch's training batches, as they were met.
        test_loss: Mean loss over the test images after the epoch.
        test_accuracy: Share of test images classified correctly after the epoch, in [0, 1].
        seconds: Duration of the epoch, evaluation included.
        lr_changes: Pairs (time in epochs, rate): every moment at which the rate read back from
            the optimiser differed from the one before, the first update included.
        stopped: Why the run ended before its last epoch; None if it did not.
        thinned: Whether ``lr_changes`` was cut down to whole epochs by `thin`.
        measured: What else was measured when the run was over, as plain values.
    """

    config: dict[str, Any]
    provenance: dict[str, Any]
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
        return Schedule.from_config(self.config["schedule"])

    @property
    def reacting(self) -> ReactingSchedule | None:
        """That schedule with the plateau policy that was to lower its rates; None without one."""
        if self.config.get("plateau") is None:
            return None
        policy = ReduceOnPlateau.from_config(self.config["plateau"])
        watch_from = self.config["watch_from"]
        return ReactingSchedule(policy, schedule=self.schedule, watch_from=watch_from)

    @property
    def cut_epochs(self) -> list[int]:
        """The epochs that were to begin at a rate that the run's plateau policy had just cut.

        They are computed from the metrics on record; a run without a policy has none.
        """
        pairs = enumerate(pairwise(self._states()), start=1)
        return [epoch for epoch, (before, after) in pairs if after.lr < before.lr]

    def record_lr(self, t: float, lr: float) -> None:
        """Note the rate that an update at time ``t`` (epochs) used."""
        if not self.lr_changes or self.lr_changes[-1][1] != lr:
            self.lr_changes.append((t, lr))

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
        return rates[latest]

    def lr_deviation(self, schedule: Schedule | None = None) -> float:
        """Return how far the used rates were from those intended, at worst.

        The moments compared are those at which the run was to set its rate (``config["per"]``):
        every epoch, or every step of the finished epochs; of a thinned record every epoch. To these
        come all moments at which the used rate changed.

        The rates that a plateau policy intended are those that it gives for the metrics on record.

        Args:
            schedule: What the rates should have been; by default the run's own schedule, and its
                plateau policy if it has one.

        Returns:
            Largest absolute difference, divided by the largest intended rate.

        Raises:
            ValueError: No epoch is finished.
        """
        every_step = self.config["per"] == "step" and not self.thinned
        steps = self.config["steps_per_epoch"] if every_step else 1
        if self.epochs == 0:
            raise ValueError("the run has no finished epoch to compare")
        grid = np.arange(self.epochs * steps) / steps
        changed = [t for t, _ in self.lr_changes if t < self.epochs]
        t = np.concatenate([grid, changed])
        set_at = np.floor(t * steps * SLACK) / steps
        intended = schedule(set_at) if schedule else self._intended(set_at)
        return relative_difference(intended, self.used_lr(t))

    def _intended(self, t: np.ndarray) -> np.ndarray:
        """The rates that the run was to set at moments of its finished epochs."""
        if self.reacting is None:
            return self.schedule(t)
        lrs = np.array([state.lr for state in self._states()])
        return self.reacting.rate(lrs[np.floor(t).astype(int)], t)

    def _states(self) -> list[PlateauState]:
        """The plateau policy's state in each epoch, from the metrics on record; [] without one."""
        if self.reacting is None:
            return []
        return self.reacting.replay(getattr(self, self.config["monitor"])[:-1])

    def thin(self) -> None:
        """Forget how the rate changed within epochs, which for a rate set at every step is long.

        Measure `lr_deviation` before: afterwards it can compare the epochs' first rates only.
        """
        rates = self.lr
        self.lr_changes = []
        for epoch, lr in enumerate(rates):
            self.record_lr(float(epoch), lr)
        self.thinned = True

    def to_json(self) -> str:
        """Return the record as strict JSON; a number that is not finite becomes a string."""
        return json.dumps(_encode(asdict(self)), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> History:
        """Rebuild the record that `to_json` wrote.

        Raises:
            ValueError: The text is no such record.
        """
        try:
            values = json.loads(text)
            history = cls(**values)
            for name in ("lr", "train_loss", "test_loss", "test_accuracy", "seconds"):
                setattr(history, name, [float(value) for value in values[name]])
            history.lr_changes = [(float(t), float(lr)) for t, lr in values["lr_changes"]]
        except (TypeError, KeyError, ValueError) as error:
            raise ValueError(f"this is no record of a run: {error}") from error
        return history

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


def run_config(
    dataset: Dataset,
    *,
    model: str,
    epochs: int,
    schedule: Schedule,
    batch_size: int,
    momentum: float,
    per: str,
    seed: int,
    plateau: ReduceOnPlateau | None = None,
    monitor: str = "test_loss",
    watch_from: int = 0,
) -> dict[str, Any]:
    """Check the arguments that every training run has, and write them down as plain values.

    Only a run with a plateau policy says what it watched, and from when.

    Raises:
        ValueError: An argument breaks its rule.
    """
    if not isinstance(schedule, Schedule):
        raise ValueError(f"schedule must be a schedule of lrlab, received {schedule!r}")
    images = len(dataset.x_train)
    mode = MONITORS[checks.choice("monitor", monitor, tuple(MONITORS))]
    watch_from = checks.whole("watch_from", watch_from)
    watched = {}
    if plateau is not None:
        ReactingSchedule(plateau, schedule=schedule, watch_from=watch_from)  # checks that all fits
        if plateau.mode != mode:
            rule = f"{mode!r} where {monitor} is watched"
            raise ValueError(f"plateau.mode must be {rule}, received {plateau.mode!r}")
        watched = {"plateau": plateau.to_config(), "monitor": monitor, "watch_from": watch_from}
    return {
        "model": model,
        "dataset": dataset.name,
        "train_images": images,
        "epochs": checks.count("epochs", epochs),
        "batch_size": checks.count("batch_size", batch_size),
        "steps_per_epoch": -(-images // batch_size),
        "schedule": schedule.to_config(),
        "per": checks.choice("per", per, ("epoch", "step")),
        "momentum": checks.number("momentum", momentum, "in [0, 1)", lambda m: 0 <= m < 1),
        "seed": checks.whole("seed", seed),
        **watched,
    }


def _encode(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_encode(item) for item in value]
    return repr(value) if isinstance(value, float) and not math.isfinite(value) else value

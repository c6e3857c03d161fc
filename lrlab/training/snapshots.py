"""A folder of snapshots: which epochs leave one, how the files are named, whose they are.

What a file holds of a network is the business of `lrlab.pytorch` and `lrlab.keras`.
"""

from __future__ import annotations

import json
import re
import warnings
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any

from lrlab.schedules import Schedule
from lrlab.training.archives import REMEDY, SnapshotError, read_state
from lrlab.utils import checks, differences, remove_abandoned


@dataclass(frozen=True)
class Snapshots:
    """Where a run keeps snapshots of its network, and when it takes them.

    A folder belongs to one run. The same call of ``fit`` made again goes on where the run was
    interrupted, in the middle of a cycle too, and ends with the same weights to the last bit as an
    uninterrupted run (same machine and threads). A finished run is not made again: its history is
    returned, and its last weights are loaded. More ``epochs`` than before continue it. The network
    must have the class and the shapes that it had; its other properties are not compared.

    Args:
        folder: The folder; it is created when missing.
        ends: After how many epochs to take a snapshot, increasing integers from 1. By default where
            the cycles of the run's `CyclicCosine` end; the epochs after the last complete cycle are
            trained and leave none, and a warning says so. A run that ends early leaves the
            snapshots of its complete cycles.

    Example:
        >>> from lrlab import CyclicCosine
        >>> Snapshots("run").ends_of(CyclicCosine(0.1, cycle_epochs=2), epochs=4)
        (2, 4)

    References:
        Huang, Li, Pleiss, Liu, Hopcroft, Weinberger 2017, arXiv:1704.00109.
    """

    folder: Path | str
    _: KW_ONLY
    ends: tuple[int, ...] | None = None

    def ends_of(self, schedule: Schedule, epochs: int) -> tuple[int, ...]:
        """Return after how many epochs a run of that schedule and length leaves a snapshot.

        Raises:
            ValueError: The ends break their rule, or the schedule has no cycles.
        """
        if self.ends is None:
            return schedule.ends(epochs)
        ends = tuple(checks.count("ends", end) for end in self.ends)
        if not ends or list(ends) != sorted(set(ends)) or ends[-1] > epochs:
            raise ValueError(
                f"ends must be one or more increasing integers from 1 to {epochs}, received {ends}"
            )
        return ends


class RunFolder:
    """The folder of one run: which files lie there, and that all of them are this run's.

    Args:
        snapshots: Where, and when.
        config: What makes the run the one that it is, how long it goes on excepted: plain values.
        schedule: The schedule of the run.
        epochs: How many epochs it is to have.
        suffix: ``".pt"`` or ``".keras"``.

    Attributes:
        path: The folder.
        ends: After how many epochs a snapshot is left.
        resume: The file of the whole state after the last finished epoch.
        config: What makes the run the one that it is; once it has begun, with a digest of its
            initial weights, by which runs of one plan differ.

    Raises:
        ValueError: The ends do not suit the run, or JSON cannot hold its config.
    """

    def __init__(
        self,
        snapshots: Snapshots,
        config: dict[str, Any],
        *,
        schedule: Schedule,
        epochs: int,
        suffix: str,
    ) -> None:
        self.path, self.suffix = Path(snapshots.folder), suffix
        self.resume = self.path / f"resume{suffix}"
        self.ends, self.epochs = snapshots.ends_of(schedule, epochs), epochs
        if snapshots.ends is None and (left := epochs - self.ends[-1]):
            warnings.warn(
                f"the last {left} of {epochs} epochs begin a cycle that is not completed, and "
                "leave no snapshot",
                stacklevel=4,
            )
        try:
            self.config: dict[str, Any] = json.loads(json.dumps(config, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"schedule must have parameters that JSON can hold, for its run to be resumed, "
                f"received {schedule!r}: {error}"
            ) from error

    def state(self) -> dict[str, Any]:
        """Return the state of the run after its last finished epoch; {} before it has begun.

        Raises:
            SnapshotError: The folder is another run's, or the state cannot be used.
        """
        remove_abandoned(self.path)
        snapshots = _numbered(self.path, self.suffix).values()
        if self.resume.exists():
            state = read_run(self.resume)
            self.begin(state["config"]["initial_weights"])
            self._check_same(state)
            if snapshots:
                _check_one_run(*snapshots)
            return state
        if snapshots:
            raise SnapshotError(
                f"{self.path} holds snapshots but no {self.resume.name}, so they are another "
                "run's. Name another folder"
            )
        return {}

    def begin(self, weights: str) -> None:
        """Note the digest of the weights with which the run begins, or once began."""
        self.config["initial_weights"] = weights

    def described(self, done: int) -> dict[str, Any]:
        """Return what the state after so many finished epochs says of the run."""
        return {"config": self.config, "ends": list(self.ends), "epoch": done}

    def snapshots(self, done: int) -> list[Path]:
        """Return the file of the snapshot after so many epochs, or [] if there is to be none."""
        numbers = [number for number, end in enumerate(self.ends, start=1) if end == done]
        return [snapshot_path(self.path, number, self.suffix) for number in numbers]

    def _check_same(self, state: dict[str, Any]) -> None:
        """Refuse to continue a run that was to do something else up to now."""
        done, before = state["epoch"], state["ends"]
        found = differences(state["config"], self.config)
        if [end for end in before if end <= done] != [end for end in self.ends if end <= done]:
            found.append(f"ends was {before} and is {list(self.ends)}")
        if done > self.epochs:
            found.append(f"{done} epochs are finished and {self.epochs} asked for")
        if found:
            raise SnapshotError(
                f"{self.resume} belongs to another run: {'; '.join(found)}. Name another folder"
            )


def snapshot_path(folder: Path | str, number: int, suffix: str) -> Path:
    """Return the file of a snapshot.

    Args:
        folder: Where the snapshots of a run lie.
        number: Which one, counted from 1 as in the documents.
        suffix: ``".pt"`` or ``".keras"``.

    Example:
        >>> snapshot_path("run", 3, ".keras").name
        'snapshot-3.keras'
    """
    return Path(folder) / f"snapshot-{checks.count('number', number)}{suffix}"


def snapshot_paths(folder: Path | str, suffix: str) -> tuple[Path, ...]:
    """Return the snapshots of a folder in the order in which they were made.

    Args:
        folder: Where the snapshots of one run lie.
        suffix: ``".pt"`` or ``".keras"``.

    Raises:
        SnapshotError: There is no such folder, it holds no snapshot, one is missing in between, or
            one was saved under another name or by another run.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise SnapshotError(f"{folder} is not a folder, so it holds no snapshots")
    found = _numbered(folder, suffix)
    if not found:
        raise SnapshotError(f"{folder} holds no file snapshot-K{suffix}: no cycle has ended yet")
    if absent := sorted(set(range(1, max(found))) - set(found)):
        raise SnapshotError(
            f"{folder} holds snapshot {max(found)} but not {', '.join(map(str, absent))}"
        )
    paths = tuple(found.values())
    _check_one_run(*paths)
    return paths


def read_run(path: Path) -> dict[str, Any]:
    """Return the state of a run, to go on from.

    Raises:
        SnapshotError: The file is missing, damaged, changed, or no such state.
    """
    if not (state := read_state(path)):
        raise SnapshotError(f"{path} is no state of a run that lrlab saved. {REMEDY}")
    return state


def check_snapshot(path: Path) -> None:
    """Refuse a file that is not what its name and its folder say; other archives may pass.

    Raises:
        SnapshotError: The file is missing, damaged, changed, was saved under another name, or by
            another run than the folder's.
    """
    read_state(path)
    if _NUMBERED.fullmatch(path.stem):
        _check_one_run(path)


_NUMBERED = re.compile(r"snapshot-([1-9]\d*)")


def _numbered(folder: Path, suffix: str) -> dict[int, Path]:
    """The snapshots in a folder, in order."""
    files = [f for f in folder.glob("snapshot-*") if f.suffix == suffix]
    found = {int(match[1]): f for f in files if (match := _NUMBERED.fullmatch(f.stem))}
    return dict(sorted(found.items()))


def _check_one_run(*snapshots: Path) -> None:
    """Refuse snapshots of one folder of which one was saved by another run than the others."""
    first = snapshots[0].with_name(f"resume{snapshots[0].suffix}")
    try:
        wanted = read_state(first, contents=False)
    except SnapshotError:  # without it a snapshot can be read all the same
        first = snapshots[0]
        wanted = read_state(first, contents=False)
    for path in snapshots:
        state = read_state(path, contents=False)
        found = differences(state.get("config", {}), wanted.get("config", {}))
        if found:
            reasons = "; ".join(found) if state else "lrlab did not save it"
            raise SnapshotError(
                f"{path} is of another run than {first.name}: {reasons}. Take it away, or name a "
                "folder that holds one run"
            )

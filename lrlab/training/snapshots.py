"""A folder of snapshots: which epochs leave one, how the files are named, what is wrong with them.

What a file holds is the business of `lrlab.pytorch` and `lrlab.keras`.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import KW_ONLY, dataclass
from pathlib import Path

from lrlab.schedules import Schedule
from lrlab.utils import checks


class SnapshotError(ValueError):
    """A snapshot cannot be read, or is not the one that is wanted; the message names the file."""


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


def warn_of_rest(ends: tuple[int, ...], epochs: int) -> None:
    """Warn of the last epochs of a run if they begin a cycle that it does not complete."""
    if left := epochs - ends[-1]:
        warnings.warn(
            f"the last {left} of {epochs} epochs begin a cycle that is not completed, and "
            "leave no snapshot",
            stacklevel=4,
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
        SnapshotError: There is no such folder, it holds no snapshot, or one is missing in between.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise SnapshotError(f"{folder} is not a folder, so it holds no snapshots")
    pattern = re.compile(r"snapshot-([1-9]\d*)" + re.escape(suffix))
    numbers = sorted(int(m[1]) for f in folder.iterdir() if (m := pattern.fullmatch(f.name)))
    if not numbers:
        raise SnapshotError(f"{folder} holds no file snapshot-K{suffix}: no cycle has ended yet")
    if absent := sorted(set(range(1, numbers[-1])) - set(numbers)):
        raise SnapshotError(
            f"{folder} holds snapshot {numbers[-1]} but not {', '.join(map(str, absent))}"
        )
    return tuple(snapshot_path(folder, number, suffix) for number in numbers)

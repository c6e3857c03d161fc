"""A folder of snapshots: which epochs leave one, how the files are named, what is wrong with them.

What a file holds is the business of `lrlab.pytorch` and `lrlab.keras`.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from pathlib import Path

from lrlab.schedules import CyclicCosine, Schedule
from lrlab.utils import checks


class SnapshotError(ValueError):
    """A snapshot cannot be read, or is not the one that is wanted; the message names the file."""


def cycle_ends(schedule: Schedule, epochs: int) -> tuple[int, ...]:
    """Return after how many epochs each complete cycle of a run ends.

    What follows the last one belongs to a cycle that the run does not complete; it leaves no
    snapshot.

    Args:
        schedule: A `CyclicCosine` whose cycles end with epochs: ``cycle_epochs`` and
            ``cycle_mult`` are whole numbers.
        epochs: Length of the run, a positive integer.

    Raises:
        ValueError: The schedule has no such cycles, or none that the run completes.

    Example:
        >>> cycle_ends(CyclicCosine(0.1, cycle_epochs=20), epochs=65)
        (20, 40, 60)
        >>> cycle_ends(CyclicCosine(0.1, cycle_epochs=10, cycle_mult=2), epochs=70)
        (10, 30, 70)
    """
    epochs = checks.count("epochs", epochs)
    if not isinstance(schedule, CyclicCosine):
        raise ValueError(f"schedule must be a CyclicCosine to have cycles, received {schedule!r}")
    for name in ("cycle_epochs", "cycle_mult"):
        value = getattr(schedule, name)
        if value != int(value):
            raise ValueError(
                f"{name} must be a whole number for cycles to end with epochs, received {value}"
            )
    length, ends = int(schedule.cycle_epochs), []
    while (end := sum(ends[-1:]) + length) <= epochs:
        ends.append(end)
        length *= int(schedule.cycle_mult)
    if not ends:
        raise ValueError(f"epochs must complete a cycle of {length} epochs, received {epochs}")
    return tuple(ends)


def warn_of_rest(ends: tuple[int, ...], epochs: int) -> None:
    """Warn of the last epochs of a run if they begin a cycle that it does not complete."""
    if left := epochs - ends[-1]:
        warnings.warn(
            f"the last {left} of {epochs} epochs begin a cycle that is not completed, and "
            "leave no snapshot",
            stacklevel=4,
        )


def checked_ends(ends: Iterable[int], epochs: int) -> tuple[int, ...]:
    """Return, after checks, the numbers of epochs after which a run leaves a snapshot.

    Raises:
        ValueError: They are not one or more increasing integers from 1 to ``epochs``.
    """
    ends = tuple(checks.count("ends", end) for end in ends)
    if not ends or list(ends) != sorted(set(ends)) or ends[-1] > epochs:
        raise ValueError(
            f"ends must be one or more increasing integers from 1 to {epochs}, received {ends}"
        )
    return ends


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

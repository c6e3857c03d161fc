"""Snapshots of a network at the ends of cycles, and what it takes to go on after an interruption.

In the folder of a run, ``snapshot-K.pt`` is the network's ``state_dict`` and nothing else, for
anybody to load; ``resume.pt`` is the whole state of the run after its last finished epoch. Both
hold tensors and plain values only (``torch.load(..., weights_only=True)``) and appear whole.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lrlab.schedules import Schedule
from lrlab.training import (
    History,
    SnapshotError,
    checked_ends,
    cycle_ends,
    snapshot_path,
    warn_of_rest,
)
from lrlab.utils import remove_abandoned, whole

RESUME = "resume.pt"


@dataclass(frozen=True)
class Snapshots:
    """Where `lrlab.pytorch.fit` keeps snapshots, and when it takes them.

    A folder belongs to one run. The same call of ``fit`` made again goes on where the run was
    interrupted, in the middle of a cycle too, and ends with the same weights to the last bit as an
    uninterrupted one (same machine and threads). A finished run is not made again: its history is
    returned, and its last weights are loaded. More ``epochs`` than before continue it. Of the
    network, class and shapes have to be the same; what else it consists of is the caller's to keep.

    Args:
        folder: The folder; it is created when missing.
        ends: After how many epochs to take one, increasing integers from 1. By default where the
            cycles of the run's `CyclicCosine` end; epochs after the last complete cycle are
            trained and leave none, which a warning says. A run that ends early leaves those of its
            complete cycles.

    Example:
        >>> import tempfile
        >>> from lrlab import CyclicCosine, data
        >>> from lrlab.pytorch import fit
        >>> from lrlab.training import snapshot_paths
        >>> folder = tempfile.TemporaryDirectory()
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(2, 3))
        >>> history = fit(
        ...     model,
        ...     data.load("blobs"),
        ...     epochs=4,
        ...     schedule=CyclicCosine(0.1, cycle_epochs=2),
        ...     snapshots=Snapshots(folder.name),
        ... )
        >>> [path.name for path in snapshot_paths(folder.name, ".pt")]
        ['snapshot-1.pt', 'snapshot-2.pt']
        >>> folder.cleanup()

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
        return (
            cycle_ends(schedule, epochs) if self.ends is None else checked_ends(self.ends, epochs)
        )


class Keeper:
    """Saves a run that is in progress, and restores one that was interrupted.

    Args:
        snapshots: Where, and when.
        history: The record of the run, still empty.
        parts: What has a ``state_dict``: ``"model"``, ``"optimizer"``, ``"scheduler"``.
        shuffle: The generator of the order of the images.

    Raises:
        ValueError: The snapshots are no `Snapshots`, or their ends do not suit the run.
        SnapshotError: The folder belongs to another run, or its ``resume.pt`` cannot be used.
    """

    def __init__(
        self,
        snapshots: Snapshots,
        history: History,
        parts: Mapping[str, Any],
        shuffle: torch.Generator,
    ):
        if not isinstance(snapshots, Snapshots):
            raise ValueError(f"snapshots must be a Snapshots, received {snapshots!r}")
        self.folder = Path(snapshots.folder)
        self.ends = snapshots.ends_of(history.schedule, history.config["epochs"])
        if snapshots.ends is None:
            warn_of_rest(self.ends, history.config["epochs"])
        self.history, self.parts, self.shuffle = history, parts, shuffle
        self.folder.mkdir(parents=True, exist_ok=True)
        remove_abandoned(self.folder)
        if (self.folder / RESUME).exists():
            self._restore()
        elif list(self.folder.glob("snapshot-*.pt")):
            raise SnapshotError(
                f"{self.folder} holds snapshots but no {RESUME}, so they are another run's. "
                "Name another folder"
            )
        else:  # what is interrupted in its first epoch begins again with the same weights
            self._save_run()

    def end_epoch(self) -> None:
        """Save the state after the epoch that the history has just recorded, and a snapshot."""
        done = self.history.epochs
        if done in self.ends:
            path = snapshot_path(self.folder, self.ends.index(done) + 1, ".pt")
            _save(self.parts["model"].state_dict(), path)
        # After the snapshot: if a kill comes between, the epoch is made again and so is it.
        self._save_run()

    def _save_run(self) -> None:
        state = {name: part.state_dict() for name, part in self.parts.items()}
        state |= {
            "ends": list(self.ends),
            "history": self.history.to_json(),
            "shuffle": self.shuffle.get_state(),
            "random": _random_state(),
        }
        _save(state, self.folder / RESUME)

    def _restore(self) -> None:
        path = self.folder / RESUME
        state = _read(path)
        wanted = {"ends", "history", "shuffle", "random", *self.parts}
        if set(state) != wanted:
            raise SnapshotError(f"{path} is not the state of a run. {_REMEDY}")
        try:
            before = History.from_json(state["history"])
            self._check_same(path, before, state["ends"])
            for name, part in self.parts.items():
                part.load_state_dict(state[name])
            self.shuffle.set_state(state["shuffle"])
            _set_random_state(state["random"])
        except SnapshotError:
            raise
        except (ValueError, RuntimeError, TypeError, KeyError, AttributeError) as error:
            raise SnapshotError(f"{path} does not fit this run: {error}. {_REMEDY}") from error
        now, before.config = self.history, self.history.config
        vars(now).update(vars(before))

    def _check_same(self, path: Path, before: History, ends: list[int]) -> None:
        """Refuse to continue a run that was to do something else up to now."""
        done = before.epochs
        asked = self.history.config | {"data": self.history.provenance["data"]}
        found = before.config | {"data": before.provenance["data"]}
        differences = [
            f"{name} was {found.get(name)!r} and is {asked.get(name)!r}"
            for name in sorted(asked | found)
            if name != "epochs" and found.get(name) != asked.get(name)
        ]
        if [end for end in ends if end <= done] != [end for end in self.ends if end <= done]:
            differences.append(f"ends was {ends} and is {list(self.ends)}")
        if done > asked["epochs"]:
            differences.append(f"{done} epochs are finished and {asked['epochs']} asked for")
        if differences:
            raise SnapshotError(
                f"{path} belongs to another run: {'; '.join(differences)}. Name another folder"
            )


def load_snapshot(path: Path | str, model: nn.Module) -> nn.Module:
    """Load a snapshot into a network, on whatever device that is.

    Args:
        path: A ``snapshot-K.pt``.
        model: A network of the same layers; its weights are overwritten.

    Returns:
        The network.

    Raises:
        SnapshotError: The file is missing, damaged, no ``state_dict``, or that of other layers; the
            network is then as it was.
    """
    state = _read(Path(path))
    own = model.state_dict()
    faults = [f"no {name}" for name in own if name not in state]
    for name, value in state.items():
        if name not in own:
            faults.append(f"a {name} that this network does not have")
        elif not isinstance(value, Tensor):
            faults.append(f"{name} is no tensor")
        elif value.shape != own[name].shape:
            faults.append(f"{name} of shape {tuple(value.shape)}, not {tuple(own[name].shape)}")
    if faults:
        more = f" and {len(faults) - 3} more" if len(faults) > 3 else ""
        raise SnapshotError(f"{path} is of another network: {', '.join(faults[:3])}{more}")
    model.load_state_dict(state)
    return model


_REMEDY = "Name another folder, or empty this one and make the run anew"


def _save(state: Mapping[str, Any], path: Path) -> None:
    # Into memory first: saved to a file, the bytes would depend on the file's name.
    content = io.BytesIO()
    torch.save(state, content)
    with whole(path) as partial:
        partial.write_bytes(content.getbuffer())


def _read(path: Path) -> dict[str, Any]:
    """What `_save` wrote, or a `SnapshotError`: no damage to the file gives other numbers.

    Torch's own reader looks at no checksum and believes a file's table of contents, so it is given
    a copy that is made of checked contents.
    """
    checked = io.BytesIO()
    try:
        with zipfile.ZipFile(path) as archive, zipfile.ZipFile(checked, "w") as copy:
            for name in archive.namelist():
                copy.writestr(name, archive.read(name))
        checked.seek(0)
        state = torch.load(checked, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise SnapshotError(f"{path} does not exist") from error
    except Exception as error:  # a damaged file makes the readers raise almost anything
        raise SnapshotError(
            f"{path} is damaged, or was not written by torch.save with tensors and plain values "
            f"alone. {_REMEDY}"
        ) from error
    if not isinstance(state, dict) or not all(isinstance(name, str) for name in state):
        raise SnapshotError(f"{path} holds no state_dict. {_REMEDY}")
    return state


def _random_state() -> dict[str, torch.Tensor]:
    """What dropout draws from."""
    cuda = {"cuda": torch.cuda.get_rng_state()} if torch.cuda.is_available() else {}
    return {"cpu": torch.get_rng_state()} | cuda


def _set_random_state(state: dict[str, torch.Tensor]) -> None:
    torch.set_rng_state(state["cpu"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])

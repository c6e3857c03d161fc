"""Snapshots of a network at the ends of cycles, and what it takes to go on after an interruption.

In the folder of a run, ``snapshot-K.pt`` is the network's ``state_dict`` and nothing else, for
anybody to load; ``resume.pt`` is the whole state of the run after its last finished epoch. Both
hold tensors and plain values only (``torch.load(..., weights_only=True)``) and appear whole.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lrlab.pytorch.device import sees_cuda
from lrlab.pytorch.loop import Observer, Training
from lrlab.training import History, SnapshotError, Snapshots, snapshot_path, warn_of_rest
from lrlab.utils import differences, instance, remove_abandoned, whole

RESUME = "resume.pt"


class SnapshotKeeper(Observer):
    """Saves a run that is in progress, and restores one that was interrupted.

    Args:
        snapshots: Where, and when.
        history: The record of the run, still empty.
        training: The training, before its first update.

    Raises:
        ValueError: The snapshots are no `Snapshots`, or their ends do not suit the run.
        SnapshotError: The folder belongs to another run, or its ``resume.pt`` cannot be used.
    """

    def __init__(self, snapshots: Snapshots, history: History, training: Training) -> None:
        instance(Snapshots, words="a Snapshots")("snapshots", snapshots)
        self.folder = Path(snapshots.folder)
        self.ends = snapshots.ends_of(history.schedule, history.recipe.epochs)
        if snapshots.ends is None:
            warn_of_rest(self.ends, history.recipe.epochs)
        self.history, self.training = history, training
        self.parts: dict[str, Any] = {
            "model": training.model,
            "optimizer": training.optimizer,
            "scheduler": training.scheduler,
        }
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

    def after_epoch(self, training: Training) -> None:
        """Save the state after the epoch that the history has just recorded, and a snapshot."""
        if self.history.stopped:  # it diverged; a run that an observer ends is kept
            return
        done = self.history.epochs
        if done in self.ends:
            path = snapshot_path(self.folder, self.ends.index(done) + 1, ".pt")
            _save(training.model.state_dict(), path)
        # After the snapshot: if a kill comes between, the epoch is made again and so is it.
        self._save_run()

    def _save_run(self) -> None:
        state = {name: part.state_dict() for name, part in self.parts.items()}
        state |= {
            "ends": list(self.ends),
            "history": self.history.to_json(),
            "shuffle": self.training.shuffle.get_state(),
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
            self.training.shuffle.set_state(state["shuffle"])
            _set_random_state(state["random"])
        except SnapshotError:
            raise
        except (ValueError, RuntimeError, TypeError, KeyError, AttributeError) as error:
            raise SnapshotError(f"{path} does not fit this run: {error}. {_REMEDY}") from error
        before.recipe = self.history.recipe  # it may have more epochs than before
        vars(self.history).update(vars(before))
        self.training.epoch = before.epochs

    def _check_same(self, path: Path, before: History, ends: list[int]) -> None:
        """Refuse to continue a run that was to do something else up to now."""
        done, asked = before.epochs, self.history.recipe.epochs
        found = differences(before.identity(), self.history.identity())
        if [end for end in ends if end <= done] != [end for end in self.ends if end <= done]:
            found.append(f"ends was {ends} and is {list(self.ends)}")
        if done > asked:
            found.append(f"{done} epochs are finished and {asked} asked for")
        if found:
            raise SnapshotError(
                f"{path} belongs to another run: {'; '.join(found)}. Name another folder"
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
    """What `_save` wrote, or a `SnapshotError` for a file that is damaged or of another kind."""
    try:
        with zipfile.ZipFile(path) as archive:
            if damaged := archive.testzip():  # torch's own reader looks at no checksum
                raise ValueError(f"{damaged} in it is damaged")
        state = torch.load(path, map_location="cpu", weights_only=True)
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
    cuda = {"cuda": torch.cuda.get_rng_state()} if sees_cuda() else {}
    return {"cpu": torch.get_rng_state()} | cuda


def _set_random_state(state: dict[str, torch.Tensor]) -> None:
    torch.set_rng_state(state["cpu"])
    if "cuda" in state and sees_cuda():
        torch.cuda.set_rng_state(state["cuda"])

"""Snapshots of a network at the ends of cycles, and what it takes to go on after an interruption.

In the folder of a run, ``snapshot-K.pt`` is the network's ``state_dict`` and nothing else, for
anybody to load; ``resume.pt`` is the whole state of the run after its last finished epoch. Both
hold tensors and plain values only (``torch.load(..., weights_only=True)``) and appear whole.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from lrlab.pytorch.generators import random_state, set_random_state
from lrlab.pytorch.loop import Observer, Training, evaluation_weights
from lrlab.training import (
    REMEDY,
    History,
    RunFolder,
    SnapshotError,
    Snapshots,
    check_snapshot,
    sealed,
)
from lrlab.utils import instance


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
        self.history, self.training = history, training
        self.folder = RunFolder(
            snapshots,
            history.identity(),
            schedule=history.schedule,
            epochs=history.recipe.epochs,
            suffix=".pt",
        )
        if state := self.folder.state():
            self._restore(state)
        else:  # what is interrupted in its first epoch begins again with the same weights
            initial = hashlib.sha256(_packed(bare(training.model).state_dict()))
            self.folder.begin(initial.hexdigest()[:16])
            self._save_run()
            _read(self.folder.resume)  # now, rather than after an interruption

    def after_epoch(self, training: Training) -> None:
        """Save the state after the epoch that the history has just recorded, and a snapshot."""
        if self.history.stopped:  # it diverged; a run that an observer ends is kept
            return
        done = self.history.epochs
        for path in self.folder.snapshots(done):
            described = {"config": self.folder.config, "epoch": done}
            with evaluation_weights(training.optimizer):
                _save(bare(training.model).state_dict(), path, described)
        # After the snapshot: if a kill comes between, the epoch is made again and so is it.
        self._save_run()

    def _save_run(self) -> None:
        training, done = self.training, self.history.epochs
        tensors = {
            "model": training.model.state_dict(),
            "optimizer": training.optimizer.state_dict(),
            "scheduler": training.scheduler.state_dict(),
            "shuffle": training.shuffle.get_state(),
            "random": random_state(training.device),
        }
        described = {**self.folder.described(done), "history": self.history.to_json()}
        _save(tensors, self.folder.resume, described)

    def _restore(self, state: dict[str, Any]) -> None:
        path, training = self.folder.resume, self.training
        tensors = _read(path)
        try:
            before = History.from_json(state["history"])
            # What may not fit comes first, so that a network is changed by its own run alone.
            training.optimizer.load_state_dict(tensors["optimizer"])
            training.scheduler.load_state_dict(tensors["scheduler"])
            _load(training.model, tensors["model"])
        except (ValueError, RuntimeError, TypeError, KeyError) as error:
            raise SnapshotError(f"{path} does not fit this run: {error}. {REMEDY}") from error
        training.shuffle.set_state(tensors["shuffle"])
        set_random_state(tensors["random"], training.device)
        before.recipe = self.history.recipe  # it may have more epochs than before
        vars(self.history).update(vars(before))
        training.epoch = before.epochs


def load_snapshot(path: Path | str, model: nn.Module) -> nn.Module:
    """Load a snapshot into a network, on whatever device that is.

    The networks inside of ``torch.compile``, ``DataParallel`` and ``AveragedModel`` are seen: the
    names that these put in front make no difference, neither in the file nor in the network.

    Args:
        path: A ``snapshot-K.pt``, or another ``state_dict`` that ``torch.save`` wrote.
        model: A network of the same layers; its weights are overwritten.

    Returns:
        The network.

    Raises:
        SnapshotError: The file is missing, damaged, changed, no ``state_dict``, that of other
            layers, or another snapshot than its name and its folder say; the network is then as it
            was.
    """
    path = Path(path)
    check_snapshot(path)
    state = _read(path)
    try:
        _load(model, state)
    except ValueError as error:
        raise SnapshotError(f"{path} is of another network: {error}") from error
    return model


def bare(model: nn.Module) -> nn.Module:
    """Return the network inside of what ``torch.compile``, ``DataParallel`` and the like return."""
    inner: Any = model
    while isinstance(inner, _WRAPPERS) or hasattr(inner, "_orig_mod"):
        inner = getattr(inner, "_orig_mod", None) or inner.module
    return inner


_WRAPPERS = nn.DataParallel, nn.parallel.DistributedDataParallel, AveragedModel
_COUNT = "n_averaged"  # what an AveragedModel has beside its network


def _load(model: nn.Module, state: Mapping[str, Any]) -> None:
    """Load a state, or raise a `ValueError` that says what does not fit, and change nothing."""
    own = model.state_dict()
    pairs, prefix = _pairs(own, state)
    faults = [f"no {name}" for name in own if name not in pairs and _plain(name) != _COUNT]
    more = [name for name in state if name not in pairs.values() and _plain(name) != _COUNT]
    faults += [f"a {name} that this network does not have" for name in more]
    for name, theirs in pairs.items():
        value, wanted = state[theirs], own[name]
        if isinstance(value, Tensor) is not isinstance(wanted, Tensor):
            faults.append(f"{theirs} is no tensor")
        elif isinstance(value, Tensor) and value.shape != wanted.shape:
            faults.append(f"{theirs} of shape {tuple(value.shape)}, not {tuple(wanted.shape)}")
    if faults:
        rest = f" and {len(faults) - 3} more" if len(faults) > 3 else ""
        wrapped = f" ({prefix!r} in front of names is no matter)" if prefix else ""
        raise ValueError(", ".join(faults[:3]) + rest + wrapped)
    model.load_state_dict(own | {name: state[theirs] for name, theirs in pairs.items()})


def _pairs(own: Iterable[str], state: Iterable[str]) -> tuple[dict[str, str], str]:
    """The names of a network with those of a file that mean the same, and a wrapper's prefix.

    The prefix is the one with which the most names agree, if it is put in front of all on one side.
    """
    ours, theirs = ({_plain(name): name for name in names} for names in (own, state))
    counts = {ours.pop(_COUNT, ""): theirs.pop(_COUNT, "")}
    found: dict[tuple[str, bool], dict[str, str]] = {("", True): {}}
    for short, long, in_file in ((ours, theirs, True), (theirs, ours, False)):
        for name in long:
            for cut in [0, *(dot.end() for dot in re.finditer(r"\.", name))]:
                if name[cut:] in short:
                    pair = short[name[cut:]], long[name]
                    one, other = pair if in_file else pair[::-1]
                    found.setdefault((name[:cut], in_file), {})[one] = other
    (prefix, _), pairs = max(found.items(), key=lambda item: len(item[1]))
    return pairs | {one: other for one, other in counts.items() if one and other}, prefix


def _plain(name: str) -> str:
    """A name without what ``torch.compile`` puts into it, wherever it does."""
    return name.replace("_orig_mod.", "")


def _packed(tensors: Mapping[str, Any]) -> memoryview:
    # Into memory: saved to a file, the bytes would depend on the file's name.
    content = io.BytesIO()
    torch.save(tensors, content)
    return content.getbuffer()


def _save(tensors: Mapping[str, Any], path: Path, described: dict[str, Any]) -> None:
    with sealed(path, described) as partial:
        partial.write_bytes(_packed(tensors))


def _read(path: Path) -> dict[str, Any]:
    """The tensors of a file whose checksums have been compared."""
    try:
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a foreign file makes the reader raise almost anything
        raise SnapshotError(
            f"{path} holds more than tensors and plain values, or was not written by torch.save. "
            f"{REMEDY}"
        ) from error
    if not isinstance(tensors, dict) or not all(isinstance(name, str) for name in tensors):
        raise SnapshotError(f"{path} holds no state_dict. {REMEDY}")
    return tensors

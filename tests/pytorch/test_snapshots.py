"""Snapshots in PyTorch: every kind of state, every file of a run, no code in a file.

What Keras promises as well is in tests/backends/test_snapshots.py.
"""

import copy
import io
import operator
import os
import pickle
import random
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from lrlab import Constant, CyclicCosine, ReduceOnPlateau
from lrlab.data import load
from lrlab.optimizers import SGD, Adam, Momentum
from lrlab.pytorch import snapshots
from lrlab.pytorch.device import deterministic, sees_cuda
from lrlab.pytorch.fitting import fit
from lrlab.pytorch.loop import Observer
from lrlab.pytorch.snapshots import load_snapshot
from lrlab.training import Recipe, SnapshotError, Snapshots, Watch, cut_epochs, read_state
from lrlab.utils import files
from tests.support.backends import PyTorch

DIGITS = load("digits", 60, test_limit=40)
EPOCHS, ENDS = 5, (2, 4)  # of 2 updates each


@pytest.fixture(autouse=True)
def _unsynced(monkeypatch):
    """Only a machine that stops needs files on its disk at once, and busy disks take long."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


def convolutional(seed=0):
    """Weights that lie pixel by pixel, and running statistics."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = [nn.Conv2d(1, 3, 3, stride=2), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten()]
        return nn.Sequential(*layers, nn.Linear(27, 10))


class Scaled(nn.Linear):
    """Draws from the global generators of NumPy and Python, and has a state that is no tensor."""

    seen = 0

    def forward(self, x):
        if not self.training:
            return super().forward(x)
        self.seen += 1
        return super().forward(x) * np.random.random() * random.random()  # noqa: NPY002

    def get_extra_state(self):
        return {"seen": self.seen}

    def set_extra_state(self, state):
        self.seen = state["seen"]


def drawing(seed=0):
    np.random.seed(seed)  # noqa: NPY002
    random.seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Flatten(), Scaled(64, 10))


PLATEAU = ReduceOnPlateau(0.2, convention="pytorch", factor=0.5, patience=0, min_delta=0.2)
LEVEL = {"schedule": Constant(0.2), "watch": Watch(PLATEAU)}
# What is trained, and how.
CASES = {
    "plain": (PyTorch.stateful, {}),
    "momentum per step": (
        PyTorch.linear,
        {"optimizer": Momentum(), "per": "step", "clip_norm": 1.0},
    ),
    "plateau": (PyTorch.linear, LEVEL),
    "plateau per step": (PyTorch.linear, LEVEL | {"per": "step"}),
    "convolutional": (convolutional, {"per": "step", "optimizer": Adam()}),
    "drawing": (drawing, {}),
}


class Interrupts(Observer):
    """Ctrl-C before the second update of an epoch."""

    def __init__(self, epoch):
        self.place = epoch, 1

    def before_update(self, training):
        if (training.epoch, training.step) == self.place:
            raise KeyboardInterrupt


def start(folder, case="plain", seed=0, observers=(), device="cpu", network=None):
    """Begin a case, or go on with it: another seed is that of weights which are not to matter."""
    make, changes = CASES[case]
    network = make(seed=seed) if network is None else network
    plan = {"schedule": CyclicCosine(0.2, cycle_epochs=2), **changes}
    recipe = Recipe(plan.pop("schedule"), epochs=EPOCHS, batch_size=40, **plan)
    kept = Snapshots(folder, ends=ENDS)
    options = {"device": device, "snapshots": kept, "observers": observers}
    return network, fit(network, DIGITS, recipe, **options)


def content(folder):
    return {file.name: file.read_bytes() for file in Path(folder).iterdir()}


def assert_same_bits(one, other):
    assert one.keys() == other.keys()
    assert len(one) > 0
    for name, value in one.items():
        same = torch.equal if isinstance(value, torch.Tensor) else operator.eq
        assert same(value, other[name]), name


def assert_same_run(folder, run, whole, reference):
    """The snapshots are equal byte for byte: a file holds nothing but its network."""
    assert run[1].train_loss == reference[1].train_loss
    assert run[1].lr_changes == reference[1].lr_changes
    assert_same_bits(run[0].state_dict(), reference[0].state_dict())
    ours, theirs = content(folder), content(whole)
    del ours["resume.pt"], theirs["resume.pt"]  # with the seconds that epochs took
    assert sorted(ours) == ["snapshot-1.pt", "snapshot-2.pt"]
    assert ours == theirs


@pytest.mark.parametrize("case", CASES)
def test_resumed_in_any_epoch_it_ends_with_the_same_bits(tmp_path, case):
    whole = start(tmp_path / "whole", case)
    assert bool(cut_epochs(whole[1])) is ("plateau" in case)
    for epoch in range(EPOCHS):
        folder = tmp_path / str(epoch)
        with pytest.raises(KeyboardInterrupt):
            start(folder, case, observers=[Interrupts(epoch)])
        run = start(folder, case, seed=9)
        assert_same_run(folder, run, tmp_path / "whole", whole)


def test_an_interruption_at_any_file_changes_nothing(tmp_path, monkeypatch):
    """Just before a file appears: also between a snapshot and the state of the run."""
    whole, replace = start(tmp_path / "whole"), os.replace
    written = 1 + EPOCHS + len(ENDS)
    for n in range(1, written + 1):
        folder, calls = tmp_path / str(n), count(1)

        def interrupt(*arguments, n=n, calls=calls):
            if next(calls) == n:
                raise KeyboardInterrupt
            replace(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(files.os, "replace", interrupt)
            with pytest.raises(KeyboardInterrupt):
                start(folder)
        assert not list(folder.glob(".*")), "nothing half-written stays"
        # Before there was any file, nothing can tell what the run began with.
        run = start(folder, seed=9 if n > 1 else 0)
        assert_same_run(folder, run, tmp_path / "whole", whole)
    assert next(calls) == written + 1, "there is no further file"


def test_a_state_that_could_not_be_read_again_is_refused_before_the_first_update(tmp_path):
    class Unsafe(Scaled):
        def get_extra_state(self):
            return {"seen": np.zeros(2)}

    network = nn.Sequential(nn.Flatten(), Unsafe(64, 10))
    before = copy.deepcopy(dict(network.named_parameters()))
    with pytest.raises(SnapshotError, match=r"resume\.pt holds more than tensors and plain values"):
        start(tmp_path, network=network)
    assert_same_bits(dict(network.named_parameters()), before)


@pytest.mark.skipif(not sees_cuda(), reason="no GPU")
def test_a_resumed_run_on_a_gpu_ends_with_the_same_bits(tmp_path):
    with deterministic():
        whole = start(tmp_path / "whole", device="cuda")
        with pytest.raises(KeyboardInterrupt):
            start(tmp_path / "cut", observers=[Interrupts(3)], device="cuda")
        run = start(tmp_path / "cut", seed=9, device="cuda")
    assert_same_run(tmp_path / "cut", run, tmp_path / "whole", whole)
    load_snapshot(tmp_path / "whole" / "snapshot-1.pt", PyTorch.stateful())


# --- what is no snapshot -------------------------------------------------------------------------


def tiny(seed=0):
    return PyTorch.linear((1, 1, 2), 3, seed)


def test_torchs_own_reader_does_not_notice_a_flipped_bit(tmp_path):
    """Why checksums are compared: a release of torch that does it itself is noticed here."""
    path, right = tmp_path / "snapshot-1.pt", tiny().state_dict()
    snapshots._save(right, path, {})
    data = bytearray(path.read_bytes())
    data[data.index(right["2.weight"].numpy().tobytes())] ^= 1
    path.write_bytes(data)
    assert not torch.equal(torch.load(path, weights_only=True)["2.weight"], right["2.weight"])
    with pytest.raises(SnapshotError, match=r"snapshot-1\.pt is damaged"):
        load_snapshot(path, tiny())


class Harm:
    """Unpickled, it would make a folder."""

    def __reduce__(self):
        return os.mkdir, ("harm",)


def saved(value, **options):
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


def npz():
    buffer = io.BytesIO()
    np.savez(buffer, a=np.zeros(3))
    return buffer.getvalue()


DAMAGED = " is damaged, or has been changed since it was saved"
UNSAFE = r" holds more than tensors and plain values, or was not written by torch\.save"
FOREIGN = {
    "npz": (npz(), UNSAFE),
    "pickle": (pickle.dumps(Harm()), DAMAGED),
    "code": (saved({"2.weight": Harm()}), UNSAFE),
    "network": (saved(tiny()), UNSAFE),
    "old format": (saved(tiny().state_dict(), _use_new_zipfile_serialization=False), DAMAGED),
    "tensor": (saved(torch.zeros(3)), " holds no state_dict"),
    "list": (saved([torch.zeros(3)]), " holds no state_dict"),
    "numbered": (saved({1: torch.zeros(3)}), " holds no state_dict"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_foreign_file_is_refused_and_its_code_is_not_run(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    data, message = FOREIGN[kind]
    os.mkdir("run")
    for name in ("snapshot-1.pt", "run/resume.pt"):
        Path(name).write_bytes(data)
    model = tiny(seed=9)
    with pytest.raises(SnapshotError, match=r"^snapshot-1\.pt" + message):
        load_snapshot("snapshot-1.pt", model)
    assert_same_bits(model.state_dict(), tiny(seed=9).state_dict())
    message = DAMAGED if message == DAMAGED else " is no state of a run that lrlab saved"
    with pytest.raises(SnapshotError, match=r"^run/resume\.pt" + message):
        start("run")
    assert sorted(os.listdir()) == ["run", "snapshot-1.pt"], "no code has run"
    assert content("run") == {"resume.pt": data}


OTHERS = {
    "nothing": ({}, "no 2.weight, no 2.bias$"),
    "more classes": (
        PyTorch.linear((1, 1, 2), 4).state_dict(),
        r"2.weight of shape \(4, 2\), not \(3, 2\), 2.bias of shape \(4,\), not \(3,\)$",
    ),
    "numbers": ({"2.weight": 3, "2.bias": None}, "2.weight is no tensor, 2.bias is no tensor$"),
    "deeper": (
        {**tiny().state_dict(), "3.weight": torch.zeros(3)},
        "a 3.weight that this network does not have$",
    ),
    "convolutional": (
        convolutional().state_dict(),
        "no 2.weight, no 2.bias, a 0.weight that this network does not have and 8 more$",
    ),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_another_networks_snapshot_is_told_apart_and_changes_nothing(tmp_path, kind):
    state, message = OTHERS[kind]
    snapshots._save(state, tmp_path / "snapshot-1.pt", {})
    model = tiny(seed=9)
    message = r"snapshot-1\.pt is of another network: " + message
    with pytest.raises(SnapshotError, match=message):
        load_snapshot(tmp_path / "snapshot-1.pt", model)
    assert_same_bits(model.state_dict(), tiny(seed=9).state_dict())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": convolutional().state_dict()}, "no 2.weight, no 2.bias, .* and 11 more"),
        ({"optimizer": {}}, "'param_groups'"),
        ({"scheduler": {}}, "the saved state has schedule None"),
    ],
    ids=["model", "optimizer", "scheduler"],
)
def test_a_state_of_another_kind_of_run_is_refused_and_changes_nothing(tmp_path, change, message):
    """Such as one that another version of torch has saved."""
    start(tmp_path)
    path = tmp_path / "resume.pt"
    state = read_state(path)
    del state["name"], state["format"]
    snapshots._save(snapshots._read(path) | change, path, state)
    before, network = content(tmp_path), PyTorch.stateful(9)
    with pytest.raises(SnapshotError, match=rf"resume\.pt does not fit this run: .*{message}"):
        start(tmp_path, network=network)
    assert content(tmp_path) == before
    assert_same_bits(network.state_dict(), PyTorch.stateful(9).state_dict())


def test_another_class_of_network_is_another_run(tmp_path):
    class Other(nn.Sequential):
        pass

    recipe = Recipe(Constant(0.1), epochs=1, optimizer=SGD())
    fit(PyTorch.linear(), DIGITS, recipe, snapshots=Snapshots(tmp_path, ends=(1,)))
    message = "belongs to another run: network was 'Sequential' and is 'Other'"
    with pytest.raises(SnapshotError, match=message):
        fit(Other(*PyTorch.linear()), DIGITS, recipe, snapshots=Snapshots(tmp_path, ends=(1,)))

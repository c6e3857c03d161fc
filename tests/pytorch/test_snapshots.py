"""Snapshots: the same bits after any interruption, and no file that is not what it should be."""

import io
import json
import math
import multiprocessing
import os
import pickle
import random
import time
import warnings
import zipfile
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from lrlab import Constant, CosineDecay, CyclicCosine, ReduceOnPlateau, join
from lrlab.data import load
from lrlab.optimizers import Adam
from lrlab.pytorch import fitting as training
from lrlab.pytorch import snapshots
from lrlab.pytorch.fitting import fit
from lrlab.pytorch.snapshots import Snapshots, load_snapshot
from lrlab.training import History, SnapshotError, snapshot_paths
from lrlab.utils import files

DIGITS = load("digits", 90, test_limit=40)
BLOBS = load("blobs", 40, test_limit=20)
CYCLES = CyclicCosine(0.2, cycle_epochs=2)
EPOCHS = 5  # two cycles, and the beginning of a third
PLATEAU = ReduceOnPlateau(0.2, convention="pytorch", factor=0.5, patience=0, min_delta=0.2)


@pytest.fixture(autouse=True)
def _unsynced(monkeypatch):
    """Only a machine that stops needs files on its disk at once, and busy disks take long."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


def dense(seed=0, outputs=10, dropout=False):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        middle = nn.Dropout(0.5) if dropout else nn.ReLU()
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 8), middle, nn.Linear(8, outputs))


def dropping(seed=0):
    return dense(seed, dropout=True)


def normed(seed=0):
    """Weights that lie pixel by pixel, and running statistics."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = [nn.Conv2d(1, 3, 3, stride=2), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten()]
        return nn.Sequential(*layers, nn.Linear(27, 10))


# What is trained, and how.
CASES = {
    "plain": (dense, {}),
    "momentum": (dense, {"momentum": 0.9}),
    "per step": (dense, {"momentum": 0.9, "per": "step"}),
    "adam": (dense, {"optimizer": Adam(), "schedule": CyclicCosine(0.01, cycle_epochs=2)}),
    "plateau": (dense, {"plateau": PLATEAU, "schedule": Constant(0.2), "ends": (2, 4)}),
    "plateau per step": (
        dense,
        {"plateau": PLATEAU, "schedule": Constant(0.2), "ends": (2, 4), "per": "step"},
    ),
    "dropout": (dropping, {"clip_norm": 1.0}),
    "normalised": (normed, {"per": "step", "optimizer": Adam()}),
}


# Most runs here end in the middle of a cycle, on purpose.
pytestmark = pytest.mark.filterwarnings("ignore:the last . of . epochs begin a cycle:UserWarning")


def run(folder, model=None, *, epochs=EPOCHS, ends=None, dataset=DIGITS, **options):
    kept = None if folder is None else Snapshots(folder, ends=ends)
    options = {"batch_size": 40, "schedule": CYCLES, "device": "cpu", **options}
    model = dense() if model is None else model
    return fit(model, dataset, epochs=epochs, snapshots=kept, **options)


def start(folder, case, seed=0, **options):
    """Begin a case, or go on with it: another seed is that of weights which are not to matter."""
    network, own = CASES[case]
    torch.manual_seed(seed)  # what dropout would draw from
    model = network(seed)
    return model, run(folder, model, **own, **options)


def told(history):
    """What a history says, but for what differs from one execution to another."""
    values = json.loads(history.to_json())
    del values["seconds"], values["provenance"]["date"]
    return values


def content(folder):
    return {file.name: file.read_bytes() for file in Path(folder).iterdir()}


def assert_same_bits(one, other):
    assert one.keys() == other.keys()
    assert len(one) > 0
    for name, value in one.items():
        assert torch.equal(value, other[name]), name


def assert_same_run(folder, model, history, whole, trained, reference):
    """A folder, a network and a history against those of the run that nothing interrupted."""
    assert told(history) == told(reference)
    assert_same_bits(model.state_dict(), trained.state_dict())
    ours, theirs = content(folder), content(whole)
    del ours["resume.pt"], theirs["resume.pt"]  # with the seconds that epochs took
    assert ours == theirs
    assert sorted(ours) == ["snapshot-1.pt", "snapshot-2.pt"]


@contextmanager
def interrupted(place, name, n):
    """Ctrl-C at the n-th call of a function, counted from 1; the block has to come that far."""
    calls, function = count(1), getattr(place, name)

    def interrupt(*arguments):
        if next(calls) == n:
            raise KeyboardInterrupt
        return function(*arguments)

    with pytest.raises(KeyboardInterrupt):  # noqa: PT012, SIM117 (the block is the caller's)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(place, name, interrupt)
            yield


# --- an interruption changes nothing --------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_resumed_in_any_epoch_it_ends_with_the_same_bits(tmp_path, case):
    whole = start(tmp_path / "whole", case)
    if "plateau" in case:
        assert whole[1].cut_epochs
    for epoch in range(EPOCHS):
        folder = tmp_path / str(epoch)
        with interrupted(training, "_update", 3 * epoch + 2):  # 3 updates an epoch
            start(folder, case)
        model, history = start(folder, case, seed=9)
        assert_same_run(folder, model, history, tmp_path / "whole", *whole)


@pytest.mark.parametrize("case", ["dropout", "normalised"])
def test_an_interruption_at_any_file_changes_nothing(tmp_path, case):
    """Just before a file appears: also between a snapshot and the state of the run."""
    whole = start(tmp_path / "whole", case)
    written = 1 + 2 + EPOCHS
    for n in range(1, written + 1):
        folder = tmp_path / str(n)
        with interrupted(files.os, "replace", n):
            start(folder, case)
        assert len(list(folder.iterdir())) <= 3, "nothing half-written stays"
        # Before there was any file, nothing can tell what the run began with.
        model, history = start(folder, case, seed=9 if n > 1 else 0)
        assert_same_run(folder, model, history, tmp_path / "whole", *whole)
    with pytest.raises(pytest.fail.Exception), interrupted(files.os, "replace", written + 1):
        start(tmp_path / "all", case)  # there is no further file


def test_an_interruption_in_every_epoch_changes_nothing(tmp_path):
    whole = start(tmp_path / "whole", "dropout")
    folder = tmp_path / "cut"
    for _ in range(EPOCHS - 1):
        with interrupted(training, "_update", 5):  # in the second epoch of this call
            start(folder, "dropout")
    model, history = start(folder, "dropout", seed=9)
    assert_same_run(folder, model, history, tmp_path / "whole", *whole)


def test_the_same_network_can_be_given_again_after_an_interruption_in_the_first_epoch(
    tmp_path,
):
    model, trained = dense(), dense()
    with interrupted(training, "_update", 3):
        run(tmp_path / "cut", model)
    history = run(tmp_path / "cut", model)
    assert told(history) == told(run(None, trained))
    assert_same_bits(model.state_dict(), trained.state_dict())


@pytest.mark.parametrize("case", CASES)
def test_keeping_snapshots_changes_nothing(tmp_path, case):
    network, own = CASES[case]
    torch.manual_seed(0)
    model = network()
    without = run(None, model, **{name: own[name] for name in own if name != "ends"})
    trained, history = start(tmp_path, case)
    assert told(history) == told(without)
    assert_same_bits(model.state_dict(), trained.state_dict())


def test_more_epochs_continue_a_run(tmp_path):
    whole = start(tmp_path / "whole", "dropout")
    for fewer in (2, 3, 4):
        folder = tmp_path / str(fewer)
        _, short = start(folder, "dropout", epochs=fewer)
        assert short.config["epochs"] == short.epochs == fewer
        model, history = start(folder, "dropout", seed=9)
        assert_same_run(folder, model, history, tmp_path / "whole", *whole)
        assert history.seconds[:fewer] == short.seconds


def test_a_finished_run_is_not_made_again(tmp_path, monkeypatch):
    trained, history = start(tmp_path, "dropout")
    before = content(tmp_path)
    monkeypatch.setattr(training, "_update", None)
    model, again = start(tmp_path, "dropout", seed=9)
    assert again == history
    assert_same_bits(model.state_dict(), trained.state_dict())
    assert content(tmp_path) == before


def test_a_diverged_run_keeps_its_complete_cycles_and_says_so_each_time(tmp_path):
    schedule = join([Constant(0.1), Constant(1e30)], at=[2])
    history = run(tmp_path, schedule=schedule, ends=(1, 2, 4))
    assert history.stopped == "diverged: the loss is no longer finite in epoch 2"
    before = content(tmp_path)
    assert sorted(before) == ["resume.pt", "snapshot-1.pt", "snapshot-2.pt"]
    again = run(tmp_path, dense(9), schedule=schedule, ends=(1, 2, 4))
    assert told(again) == told(history)
    assert content(tmp_path) == before


# --- what is in a snapshot ------------------------------------------------------------------------


def test_a_snapshot_is_the_network_at_the_end_of_its_cycle(tmp_path):
    run(tmp_path, normed(), momentum=0.9)
    paths = snapshot_paths(tmp_path, ".pt")
    assert [path.name for path in paths] == ["snapshot-1.pt", "snapshot-2.pt"]
    for path, epochs in zip(paths, (2, 4), strict=True):
        trained = normed()
        run(None, trained, epochs=epochs, momentum=0.9)
        assert_same_bits(torch.load(path, weights_only=True), trained.state_dict())
        loaded = load_snapshot(str(path), other := normed(9))
        assert loaded is other
        assert_same_bits(loaded.state_dict(), trained.state_dict())


@pytest.mark.parametrize("per", ["epoch", "step"])
def test_used_rates_are_the_documents_and_torchs(tmp_path, per):
    """60 epochs in cycles of 20 from a rate of 0.1, as a run with snapshots records them."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(2, 3))
    history = run(
        tmp_path, model, dataset=BLOBS, epochs=60, schedule=CyclicCosine(0.1, cycle_epochs=20),
        batch_size=20, per=per,
    )  # fmt: skip
    assert len(snapshot_paths(tmp_path, ".pt")) == 3
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    theirs = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 20)
    used = history.used_lr(np.arange(120) / 2)
    for k in range(120):
        e = k // 2 if per == "epoch" else k / 2  # 2 updates an epoch
        if per == "step" or not k % 2:
            optimizer.step()  # of nothing, to spare a warning
            theirs.step(e)
        printed = 0.05 * (1 + math.cos(math.pi * (e % 20) / 20))
        assert abs(used[k] - printed) <= 1e-12 * 0.1
        assert abs(used[k] - optimizer.param_groups[0]["lr"]) <= 1e-12 * 0.1
    assert history.lr == used[::2].tolist()


def _predict(path, queue):
    """In a process of its own."""
    with training.one_thread():
        model = load_snapshot(path, normed(9)).eval()
        images, _ = training.to_device(DIGITS.x_test, DIGITS.y_test, torch.device("cpu"))
        queue.put(model(images).detach().numpy().tobytes())


@pytest.fixture(scope="module")
def fresh():
    """Makes processes that have imported this module and share nothing with the tests' own."""
    return multiprocessing.get_context("spawn")


def test_a_fresh_process_predicts_the_same_bits(tmp_path, fresh):
    with training.one_thread():
        run(tmp_path, model := normed(), ends=(EPOCHS,))
        images, _ = training.to_device(DIGITS.x_test, DIGITS.y_test, torch.device("cpu"))
        with torch.inference_mode():
            expected = model.eval()(images).numpy().tobytes()
    queue = fresh.Queue()
    process = fresh.Process(target=_predict, args=(tmp_path / "snapshot-1.pt", queue))
    process.start()
    assert queue.get(timeout=60) == expected
    process.join()


# --- kills ----------------------------------------------------------------------------------------


def _train_all(folder):
    os.fsync = lambda _: None
    with training.one_thread():
        every = tuple(range(1, 13))
        start(folder, "dropout", epochs=12, ends=every)


@pytest.mark.skipif("CI" in os.environ, reason="starts and kills processes, by the clock")
def test_kills_at_random_moments_leave_whole_files_and_change_nothing(tmp_path, fresh):
    _train_all(tmp_path / "whole")  # where fsync is patched already, and comes back
    folder, rng, kills = tmp_path / "killed", random.Random(0), 0
    seen = set()
    for _ in range(2):
        process = fresh.Process(target=_train_all, args=(folder,))
        process.start()
        deadline = time.monotonic() + 120
        while len(names := seen_files(folder)) <= len(seen) and process.is_alive():
            assert time.monotonic() < deadline
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.02))
        process.kill()
        process.join()
        kills += process.exitcode == -9
        seen = seen_files(folder)
        assert names <= seen
        for name in seen:
            assert snapshots._read(folder / name)
    assert kills
    _train_all(folder)
    for k in range(1, 13):
        name = f"snapshot-{k}.pt"
        assert (folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def seen_files(folder):
    return {file.name for file in folder.glob("[!.]*")} if folder.is_dir() else set()


# --- damaged and foreign files --------------------------------------------------------------------


def tiny(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Flatten(), nn.Linear(2, 3))


def test_no_single_damaged_byte_loads_as_something_else(tmp_path):
    """One bit of each byte, and the one that makes torch itself read a tensor as it happens to be.

    A zip file says of each part whether it is a folder: bit 4 of a byte that no checksum covers.
    """
    right, path = tiny().state_dict(), tmp_path / "snapshot-1.pt"
    snapshots._save(right, path)
    good = path.read_bytes()
    numbers = right["1.weight"].numpy().tobytes()
    inside = range(good.index(numbers), good.index(numbers) + len(numbers))
    refused = set()
    for i in range(len(good)):
        for bit in {i % 8, 4}:
            path.write_bytes(good[:i] + bytes([good[i] ^ (1 << bit)]) + good[i + 1 :])
            model = tiny(seed=9)
            with suppress(SnapshotError):
                load_snapshot(path, model)
                assert_same_bits(model.state_dict(), right)
                continue
            assert_same_bits(model.state_dict(), tiny(seed=9).state_dict())
            refused.add(i)
    assert set(inside) <= refused
    assert len(refused) < len(good), "padding is nothing to complain about"


def test_torchs_own_reader_does_not_notice(tmp_path):
    """Why the contents are checked: a release of torch that checks them itself is noticed here."""
    snapshots._save(tiny().state_dict(), path := tmp_path / "snapshot-1.pt")
    good = path.read_bytes()
    where = good.index(tiny().state_dict()["1.weight"].numpy().tobytes())
    path.write_bytes(good[:where] + bytes([good[where] ^ 1]) + good[where + 1 :])
    assert not torch.equal(
        torch.load(path, weights_only=True)["1.weight"], tiny().state_dict()["1.weight"]
    )


def test_no_part_of_a_file_is_a_file(tmp_path):
    path = tmp_path / "snapshot-1.pt"
    snapshots._save(tiny().state_dict(), path)
    good = path.read_bytes()
    for length in [*range(0, len(good), 97), len(good) - 1]:
        path.write_bytes(good[:length])
        with pytest.raises(SnapshotError, match=r"snapshot-1\.pt is damaged"):
            load_snapshot(path, tiny())


class Harm:
    """Unpickled, it would make a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def saved(value, **options):
    content = io.BytesIO()
    torch.save(value, content, **options)
    return content.getvalue()


def archive(**parts):
    content = io.BytesIO()
    np.savez(content, **parts)
    return content.getvalue()


DAMAGED = r" is damaged, or was not written by torch\.save"
FOREIGN = {
    "empty": (b"", DAMAGED),
    "json": (b'{"1.weight": [1, 2]}', DAMAGED),
    "npz": (archive(a=np.zeros(3)), DAMAGED),
    "pickle": (pickle.dumps(Harm("harm")), DAMAGED),
    "code": (saved({"1.weight": Harm("harm")}), DAMAGED),
    "network": (saved(tiny()), DAMAGED),
    "old format": (saved(tiny().state_dict(), _use_new_zipfile_serialization=False), DAMAGED),
    "tensor": (saved(torch.zeros(3)), " holds no state_dict"),
    "list": (saved([torch.zeros(3)]), " holds no state_dict"),
    "numbered": (saved({1: torch.zeros(3)}), " holds no state_dict"),
}
OTHERS = {
    "nothing": ({}, "is of another network: no 1.weight, no 1.bias$"),
    "more classes": (
        nn.Sequential(nn.Flatten(), nn.Linear(2, 4)).state_dict(),
        r"1.weight of shape \(4, 2\), not \(3, 2\), 1.bias of shape \(4,\), not \(3,\)$",
    ),
    "turned": (
        {"1.weight": torch.zeros(2, 3), "1.bias": torch.zeros(3)},
        r"another network: 1.weight of shape \(2, 3\), not \(3, 2\)$",
    ),
    "numbers": ({"1.weight": 3, "1.bias": None}, "1.weight is no tensor, 1.bias is no tensor$"),
    "deeper": (
        {**tiny().state_dict(), "2.weight": torch.zeros(3)},
        "another network: a 2.weight that this network does not have$",
    ),
    "convolutional": (
        normed().state_dict(),
        "another network: a 0.weight .* have, a 0.bias .* have, 1.weight of shape .* and 5 more$",
    ),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_foreign_file_is_no_snapshot(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    data, message = FOREIGN[kind]
    Path("snapshot-1.pt").write_bytes(data)
    model = tiny(seed=9)
    with pytest.raises(SnapshotError, match=r"^snapshot-1\.pt" + message):
        load_snapshot("snapshot-1.pt", model)
    assert_same_bits(model.state_dict(), tiny(seed=9).state_dict())
    assert content(tmp_path) == {"snapshot-1.pt": data}, "no code has run"


@pytest.mark.parametrize("kind", OTHERS)
def test_another_networks_snapshot_is_none_of_this_one(tmp_path, kind):
    state, message = OTHERS[kind]
    snapshots._save(state, tmp_path / "snapshot-1.pt")
    model = tiny(seed=9)
    with pytest.raises(SnapshotError, match=message) as error:
        load_snapshot(tmp_path / "snapshot-1.pt", model)
    assert "snapshot-1.pt is of another network" in str(error.value)
    assert_same_bits(model.state_dict(), tiny(seed=9).state_dict())


def test_no_file_and_a_folder_in_its_place_are_named(tmp_path):
    path = tmp_path / "snapshot-1.pt"
    with pytest.raises(SnapshotError, match=r"snapshot-1\.pt does not exist"):
        load_snapshot(path, tiny())
    path.mkdir()
    with pytest.raises(SnapshotError, match=r"snapshot-1\.pt is damaged"):
        load_snapshot(path, tiny())


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_foreign_file_is_no_state_of_a_run(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    run("kept")
    data, message = FOREIGN[kind]
    Path("kept", "resume.pt").write_bytes(data)
    before = content("kept")
    with pytest.raises(SnapshotError, match=r"^kept/resume\.pt" + message):
        run("kept")
    assert content("kept") == before
    assert os.listdir() == ["kept"]


def spoilt(key, value):
    def change(state):
        state[key] = value(state[key]) if callable(value) else value

    return change


def without(*names):
    def change(text):
        values = json.loads(text)
        for name in names[:-1]:
            values = values[name]
        return json.dumps({key: values[key] for key in values if key != names[-1]})

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("shuffle"), "is not the state of a run. Name another folder"),
        (spoilt("more", 1), "is not the state of a run"),
        (spoilt("history", "{}"), "does not fit this run: this is no record of a run"),
        (spoilt("history", 3), "does not fit this run"),
        (spoilt("history", without("provenance")), "does not fit this run"),
        (spoilt("ends", 3), "does not fit this run"),
        (spoilt("ends", ["a"]), "does not fit this run"),
        (
            spoilt("model", dense(outputs=11).state_dict()),
            r"does not fit this run: [\s\S]*size mis",
        ),
        (spoilt("optimizer", {}), "does not fit this run"),
        (spoilt("optimizer", 3), "does not fit this run"),
        (spoilt("scheduler", {}), "does not fit this run: the saved state has schedule None"),
        (spoilt("shuffle", torch.zeros(3)), "does not fit this run"),
        (spoilt("shuffle", None), "does not fit this run"),
        (spoilt("random", {}), "does not fit this run"),
    ],
)
def test_a_state_that_is_not_whole_is_refused(tmp_path, change, message):
    run(tmp_path)
    state = snapshots._read(tmp_path / "resume.pt")
    change(state)
    snapshots._save(state, tmp_path / "resume.pt")
    before = content(tmp_path)
    with pytest.raises(SnapshotError, match=r"resume\.pt " + message):
        run(tmp_path)
    assert content(tmp_path) == before


def test_a_damaged_state_of_a_run_is_refused(tmp_path):
    run(tmp_path, tiny(), dataset=BLOBS)
    good = (tmp_path / "resume.pt").read_bytes()
    with zipfile.ZipFile(tmp_path / "resume.pt") as parts:
        biggest = max(parts.infolist(), key=lambda part: part.file_size)
        where = good.index(parts.read(biggest))
    for i in (where, where + biggest.file_size // 2):
        (tmp_path / "resume.pt").write_bytes(good[:i] + bytes([good[i] ^ 1]) + good[i + 1 :])
        with pytest.raises(SnapshotError, match=r"resume\.pt is damaged"):
            run(tmp_path, tiny(), dataset=BLOBS)


# --- another run's folder -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": 1}, "seed was 0 and is 1"),
        ({"batch_size": 41}, "batch_size was 40 and is 41"),
        ({"momentum": 0.5}, "momentum was 0.0 and is 0.5"),
        ({"per": "step"}, "per was 'epoch' and is 'step'"),
        ({"clip_norm": 1}, "clip_norm was None and is 1.0"),
        ({"optimizer": Adam()}, "optimizer was None and is {'class': 'Adam'"),
        ({"schedule": CyclicCosine(0.1, cycle_epochs=2)}, "schedule was {.*0.2.*} and is {.*0.1"),
        ({"plateau": PLATEAU, "schedule": Constant(0.2), "ends": (2, 4)}, "plateau was None"),
        ({"ends": (2, 3, 4)}, r"ends was \[2, 4\] and is \[2, 3, 4\]"),
        ({"epochs": 4}, "5 epochs are finished and 4 asked for"),
        ({"dataset": load("digits", 89, test_limit=40)}, "data was '.*' and is '.*'.*train_images"),
        ({"dataset": load("digits", 90, test_limit=39)}, "data was '[0-9a-f]*' and is '[0-9a-f]*'"),
    ],
)  # fmt: skip
def test_the_folder_of_another_run_is_left_alone(tmp_path, options, message):
    run(tmp_path)
    before = content(tmp_path)
    with pytest.raises(SnapshotError, match=rf"resume\.pt belongs to another run: .*{message}"):
        run(tmp_path, **options)
    assert content(tmp_path) == before


class Other(nn.Sequential):
    pass


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Other(*dense()), "belongs to another run: model was 'Sequential' and is 'Other'"),
        (dense(outputs=11), r"does not fit this run: [\s\S]*size mismatch"),
        (normed(), r"does not fit this run: [\s\S]*issing key"),
    ],
)
def test_the_folder_of_another_network_is_left_alone(tmp_path, model, message):
    run(tmp_path)
    before = content(tmp_path)
    with pytest.raises(SnapshotError, match=r"resume\.pt " + message):
        run(tmp_path, model)
    assert content(tmp_path) == before


def test_ends_still_to_come_may_change(tmp_path):
    run(tmp_path, epochs=2, ends=(1, 2))
    history = run(tmp_path, epochs=4, ends=(1, 2, 4))
    assert history.epochs == 4
    assert len(snapshot_paths(tmp_path, ".pt")) == 3


def test_snapshots_that_no_run_owns_are_left_alone(tmp_path):
    run(tmp_path)
    (tmp_path / "resume.pt").unlink()
    before = content(tmp_path)
    with pytest.raises(SnapshotError, match=rf"{tmp_path.name} holds snapshots but no resume\.pt"):
        run(tmp_path)
    assert content(tmp_path) == before


def test_old_parts_of_files_are_swept_away(tmp_path):
    part = tmp_path / ".resume.x.part.pt"
    part.write_bytes(b"half")
    os.utime(part, (time.time() - files.ABANDONED - 5,) * 2)
    run(tmp_path)
    assert not part.exists()


# --- when -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"schedule": Constant(0.1)}, "schedule must be a CyclicCosine to have cycles, received"),
        ({"epochs": 1}, "epochs must complete a cycle of 2 epochs, received 1"),
        ({"ends": (3, 6)}, "ends must be one or more increasing integers from 1 to 5, received"),
        ({"ends": ()}, "ends must be one or more increasing"),
    ],
)
def test_a_run_without_ends_is_refused_before_it_leaves_anything(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        run(tmp_path / "new", **options)
    assert list(tmp_path.iterdir()) == []


def test_any_schedule_may_have_ends(tmp_path):
    run(tmp_path, schedule=CosineDecay(0.1, total_epochs=5), ends=[1, 5])
    assert len(snapshot_paths(tmp_path, ".pt")) == 2


def test_snapshots_are_more_than_a_folder(tmp_path):
    with pytest.raises(ValueError, match="snapshots must be a Snapshots, received '"):
        fit(dense(), DIGITS, epochs=1, schedule=CYCLES, snapshots=str(tmp_path))


def test_a_history_without_measurements_is_an_old_one():
    values = json.loads(run(None, epochs=1).to_json())
    assert values.pop("measured") == {}
    assert History.from_json(json.dumps(values)).measured == {}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_resumed_run_on_a_gpu_ends_with_the_same_bits(tmp_path):
    options = {"device": "cuda", "deterministic": True}
    whole = start(tmp_path / "whole", "dropout", **options)
    for epoch in range(EPOCHS):
        folder = tmp_path / str(epoch)
        with interrupted(training, "_update", 3 * epoch + 2):
            start(folder, "dropout", **options)
        model, history = start(folder, "dropout", seed=9, **options)
        assert_same_run(folder, model, history, tmp_path / "whole", *whole)
    load_snapshot(tmp_path / "whole" / "snapshot-1.pt", dense())


def test_the_epochs_without_a_snapshot_are_told(tmp_path):
    schedule = CyclicCosine(0.1, cycle_epochs=2)
    with pytest.warns(UserWarning, match="the last 1 of 5 epochs begin a cycle that is not comple"):
        run(tmp_path / "a", schedule=schedule, epochs=5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(tmp_path / "b", schedule=schedule, epochs=4)
        run(tmp_path / "c", schedule=schedule, epochs=5, ends=[2])

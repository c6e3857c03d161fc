"""Snapshots: the same bits after any interruption, and no file that is not what it should be.

The network has all that a snapshot has to keep: momentum, running statistics, dropout.
"""

import json
import os
import shutil
import time
import zipfile
from contextlib import contextmanager
from itertools import count

import numpy as np
import pytest

from lrlab import Constant, CyclicCosine, join
from lrlab.data import load
from lrlab.optimizers import SGD, Adam
from lrlab.training import Recipe, SnapshotError, Snapshots, snapshot_path, snapshot_paths
from lrlab.utils import files
from tests.support.backends import momentum
from tests.support.eager import quiet

DIGITS = load("digits", 60, test_limit=40)
CYCLES = CyclicCosine(0.2, cycle_epochs=2)
EPOCHS = 4  # of 2 updates
pytestmark = [  # compiled as well: tests/keras/test_fitting.py
    pytest.mark.usefixtures("eager"),
    quiet,
]


@pytest.fixture(autouse=True)
def _unsynced(monkeypatch):
    """Only a machine that stops needs files on its disk at once, and busy disks take long."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


def start(
    backend, folder, *, weights=0, network=None, ends=None, observers=(), dataset=DIGITS, **changes
):
    """Begin a run, or go on with it: then other weights are given, which are not to matter."""
    arguments = {"epochs": EPOCHS, "batch_size": 40, "optimizer": momentum(backend), **changes}
    recipe = Recipe(arguments.pop("schedule", CYCLES), **arguments)
    network = backend.stateful(weights) if network is None else network
    kept = None if folder is None else Snapshots(folder, ends=ends)
    return network, backend.fit(network, dataset, recipe, snapshots=kept, observers=observers)


def told(history):
    """What a history says, but for what differs from one execution to another."""
    values = json.loads(history.to_json())
    del values["seconds"], values["provenance"]["date"]
    return values


def content(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def assert_same_bits(one, other):
    assert len(one) > 1
    for values, others in zip(one, other, strict=True):
        np.testing.assert_array_equal(values, others)


def members(backend, folder):
    """The states of the networks in a folder's snapshots."""
    paths = snapshot_paths(folder, backend.suffix)
    return [backend.state(backend.load_snapshot(path, backend.stateful(9))) for path in paths]


def assert_same_run(backend, folder, run, whole, ends=(2, 4)):
    """A folder, and the network and history of its run, against what nothing interrupted."""
    network, history = run
    assert told(history) == told(whole.run[1])
    assert_same_bits(backend.state(network), whole.states[-1])
    for member, end in zip(members(backend, folder), ends, strict=True):
        assert_same_bits(member, whole.states[end - 1])


@contextmanager
def interrupted(backend, epoch, step):
    """An observer that is Ctrl-C before an update; the block has to come that far."""

    def interrupt(*place):
        if place == (epoch, step):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        yield [backend.observer(update=interrupt)]


class Whole:
    """A run that nothing interrupts, and what an observer saw at the end of each epoch."""

    def __init__(self, backend, folder, **changes):
        self.folder, self.states, self.files = folder, [], []
        network = backend.stateful()

        def look(_):
            self.states.append(backend.state(network))
            if folder is not None:
                self.files.append(sorted(file.name for file in folder.glob("snapshot-*")))

        observers = [backend.observer(epoch=look)]
        self.run = start(backend, folder, network=network, observers=observers, **changes)


@pytest.fixture(scope="module")
def whole(backend, eager, tmp_path_factory):
    return Whole(backend, tmp_path_factory.mktemp("whole") / "new")


@pytest.fixture
def copy(whole, tmp_path):
    """The folder of the whole run, to be spoilt."""
    return shutil.copytree(whole.folder, tmp_path / "copy")


# --- what is kept ---------------------------------------------------------------------------------


def test_a_snapshot_is_the_network_at_the_end_of_its_cycle(backend, whole):
    names = [backend.resume, *(f"snapshot-{k}{backend.suffix}" for k in (1, 2))]
    assert sorted(content(whole.folder)) == names
    assert_same_run(backend, whole.folder, whole.run, whole)
    pairs = zip(whole.states[1], whole.states[3], strict=True)
    assert all((one != two).any() for one, two in pairs)
    assert whole.files == [[], [], names[1:2], names[1:2]], "observers come before the snapshot"


# --- neither keeping snapshots nor an interruption changes anything ------------------------------


def test_interrupted_in_every_epoch_it_ends_with_the_same_bits(backend, whole, tmp_path):
    """Interrupted in the first, it may be given the same network again, or another."""
    network = backend.stateful()
    for place in [(0, 1), (1, 0)]:
        with interrupted(backend, *place) as observers:
            start(backend, tmp_path, network=network, observers=observers)
    for weights, place in enumerate([(2, 1), (3, 1)]):
        with interrupted(backend, *place) as observers:
            start(backend, tmp_path, weights=weights, observers=observers)
    assert_same_run(backend, tmp_path, start(backend, tmp_path, weights=9), whole)


def test_a_run_that_keeps_nothing_ends_so_too_with_another_optimizer_and_a_rate_for_each_step(
    backend, tmp_path
):
    options = {"optimizer": Adam(convention=backend.name), "per": "step", "clip_norm": 1.0}
    options |= {"schedule": CyclicCosine(0.01, cycle_epochs=2), "epochs": 2}
    whole, kept = Whole(backend, None, **options), options | {"ends": (1, 2)}
    with interrupted(backend, 1, 1) as observers:
        start(backend, tmp_path, observers=observers, **kept)
    run = start(backend, tmp_path, weights=9, **kept)
    assert_same_run(backend, tmp_path, run, whole, ends=(1, 2))


def test_kills_between_the_files_of_an_epoch_and_more_epochs_change_nothing(
    backend, whole, tmp_path, monkeypatch
):
    """Files: the state at the start, that after epoch 0, then two at the end of the cycle."""
    replace = os.replace
    snapshot = f"snapshot-1{backend.suffix}"
    for weights, n, names in [(0, 3, []), (7, 2, [snapshot])]:
        calls = count(1)

        def killed(*arguments, calls=calls, n=n):
            if next(calls) == n:
                raise KeyboardInterrupt
            replace(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(files.os, "replace", killed)
            with pytest.raises(KeyboardInterrupt):
                start(backend, tmp_path, weights=weights, epochs=2)
        assert sorted(content(tmp_path)) == [backend.resume, *names], "nothing half-written stays"
    _, short = start(backend, tmp_path, weights=8, epochs=2, ends=(2,))
    assert short.epochs == short.recipe.epochs == 2
    run = start(backend, tmp_path, weights=9, ends=(2, 4))
    assert_same_run(backend, tmp_path, run, whole)
    assert run[1].seconds[:2] == short.seconds


def test_a_finished_run_is_not_made_again(backend, whole, copy):
    before = content(copy)
    observers = [backend.observer(update=lambda *_: pytest.fail("trained"))]
    network, history = start(backend, copy, weights=9, observers=observers)
    assert history == whole.run[1]
    assert_same_bits(backend.state(network), backend.state(whole.run[0]))
    assert content(copy) == before


def test_a_diverged_run_keeps_its_complete_cycles_and_says_so_each_time(backend, tmp_path):
    options = {"schedule": join([Constant(0.1), Constant(1e38)], at=[1]), "ends": (1, 3)}
    options |= {"optimizer": SGD(), "epochs": 3}
    _, history = start(backend, tmp_path, network=backend.linear(), **options)
    assert history.stopped == "diverged: the loss is no longer finite in epoch 1"
    before = content(tmp_path)
    assert len(before) == 2
    _, again = start(backend, tmp_path, network=backend.linear(seed=9), **options)
    assert repr(told(again)) == repr(told(history))
    assert content(tmp_path) == before


def test_the_epochs_without_a_snapshot_are_told(backend, copy):
    """That the other runs here end without a warning is pytest's to see."""
    with pytest.warns(UserWarning, match="the last 1 of 5 epochs begin a cycle that is not comple"):
        start(backend, copy, epochs=5)
    assert len(snapshot_paths(copy, backend.suffix)) == 2
    start(backend, copy, epochs=5, ends=[2, 4])


def test_what_a_kill_left_half_written_is_removed(backend, copy):
    part = copy / ".resume.x.part"
    part.write_bytes(b"half")
    os.utime(part, (time.time() - files.ABANDONED - 5,) * 2)
    start(backend, copy)
    assert not part.exists()


# --- another run's folder ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 1}, "recipe.seed was 0 and is 1"),
        ({"batch_size": 41}, "recipe.batch_size was 40 and is 41"),
        ({"optimizer": SGD()}, "recipe.optimizer.class was 'Momentum' and is 'SGD'"),
        ({"per": "step"}, "recipe.per was 'epoch' and is 'step'"),
        ({"clip_norm": 1}, "recipe.clip_norm was None and is 1.0"),
        ({"schedule": CyclicCosine(0.1, cycle_epochs=2)}, "schedule.lr was 0.2 and is 0.1"),
        ({"ends": (2, 3, 4)}, r"ends was \[2, 4\] and is \[2, 3, 4\]"),
        ({"epochs": 3, "ends": (2,)}, "4 epochs are finished and 3 asked for"),
        ({"dataset": load("digits", 59, test_limit=40)}, "data was .*train_images was 60 and is"),
        ({"dataset": load("digits", 60, test_limit=39)}, "data was '[0-9a-f]*' and is '[0-9a-f]*'"),
    ],
    ids=str,
)
def test_the_folder_of_another_run_is_left_alone(backend, copy, changes, message):
    before, network = content(copy), backend.stateful(9)
    state = backend.state(network)
    message = rf"{backend.resume} belongs to another run: .*{message}"
    with pytest.raises(SnapshotError, match=message):
        start(backend, copy, network=network, **changes)
    assert content(copy) == before
    assert_same_bits(backend.state(network), state)


@pytest.mark.parametrize("make", [lambda b: b.stateful(units=7), lambda b: b.linear()])
def test_the_folder_of_another_network_is_left_alone(backend, copy, make):
    files, network = content(copy), make(backend)
    before = backend.state(network)
    with pytest.raises(SnapshotError, match=rf"{backend.resume} (does not fit|is of another net)"):
        start(backend, copy, network=network)
    assert content(copy) == files
    assert_same_bits(backend.state(network), before)


def test_snapshots_that_no_run_owns_are_left_alone(backend, copy):
    (copy / backend.resume).unlink()
    before = content(copy)
    with pytest.raises(SnapshotError, match=rf"copy holds snapshots but no {backend.resume}"):
        start(backend, copy)
    assert content(copy) == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schedule": Constant(0.1)}, "schedule must be a CyclicCosine to have cycles, received"),
        ({"epochs": 1}, "epochs must complete a cycle of 2 epochs, received 1"),
        ({"ends": (3, 6)}, "ends must be one or more increasing integers from 1 to 4, received"),
    ],
    ids=str,
)
def test_a_run_without_ends_is_refused_before_it_leaves_anything(
    backend, tmp_path, changes, message
):
    with pytest.raises(ValueError, match=message):
        start(backend, tmp_path / "new", **changes)
    assert list(tmp_path.iterdir()) == []


# --- damaged and foreign files -------------------------------------------------------------------


def flipped(path):
    """One bit of the largest part, in its middle."""
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        part = max(archive.infolist(), key=lambda info: info.compress_size)
    name, extra = np.frombuffer(data, "<u2", count=2, offset=part.header_offset + 26)
    data[part.header_offset + 30 + int(name) + int(extra) + part.compress_size // 2] ^= 1
    return bytes(data)


def forged(change):
    """The same archive, its seal included, but for what a function does with its entries."""

    def write(path):
        with zipfile.ZipFile(path) as archive:
            found, seal = {n: archive.read(n) for n in archive.namelist()}, archive.comment
        change(found, next(name for name in found if name.endswith("lrlab.json")))
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in found.items():
                archive.writestr(name, data)
            archive.comment = seal
        return path.read_bytes()

    return write


def later(found, name):
    found[name] = json.dumps(json.loads(found[name]) | {"epoch": 1})


DAMAGES = {
    "one bit": flipped,
    "a forged epoch": forged(later),
    "no JSON": forged(lambda found, name: found.update({name: b"PK"})),
    "without a part": forged(lambda found, _: found.popitem()),
    "with a part more": forged(lambda found, name: found.update({f"{name}.bak": b"{}"})),
    "all but a byte": lambda path: path.read_bytes()[:-1],
    "half": lambda path: path.read_bytes()[: path.stat().st_size // 2],
    "nothing": lambda _: b"",
    "foreign": lambda _: b'{"dense": [1, 2]}',
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_or_foreign_file_is_refused(backend, copy, damage):
    snapshot, resume = snapshot_path(copy, 1, backend.suffix), copy / backend.resume
    for path in (snapshot, resume):
        path.write_bytes(DAMAGES[damage](path))
    before, network = content(copy), backend.stateful(9)
    state = backend.state(network)
    with pytest.raises(SnapshotError, match=rf"{snapshot.name} is damaged"):
        backend.load_snapshot(snapshot, network)
    with pytest.raises(SnapshotError, match=rf"{resume.name} is damaged"):
        start(backend, copy, network=network)
    assert content(copy) == before
    assert_same_bits(backend.state(network), state)


def test_exchanged_snapshots_are_noticed(backend, copy):
    first, second = snapshot_paths(copy, backend.suffix)
    for source, target in ((first, copy / "x"), (second, first), (copy / "x", second)):
        source.rename(target)
    message = rf"{first.name} was saved as {second.name}: it is another file under this name"
    with pytest.raises(SnapshotError, match=message):
        backend.load_snapshot(first, backend.stateful(9))
    with pytest.raises(SnapshotError, match=message):
        start(backend, copy)
    first.rename(copy / f"best{backend.suffix}")
    backend.load_snapshot(copy / f"best{backend.suffix}", backend.stateful(9))


def test_the_snapshot_of_another_run_is_noticed(backend, copy, tmp_path):
    """Of the same recipe and network, but other initial weights."""
    other = tmp_path / "other"
    start(backend, other, weights=1, epochs=2)
    path = shutil.copy(snapshot_path(other, 1, backend.suffix), copy)
    message = rf"snapshot-1{backend.suffix} is of another run than {backend.resume}: initial_weig"
    network = backend.stateful(9)
    state = backend.state(network)
    with pytest.raises(SnapshotError, match=message):
        backend.load_snapshot(path, network)
    with pytest.raises(SnapshotError, match=message):
        start(backend, copy, network=network)
    assert_same_bits(backend.state(network), state)


def test_a_file_that_is_not_there_is_named(backend, tmp_path):
    path = snapshot_path(tmp_path, 1, backend.suffix)
    with pytest.raises(SnapshotError, match=rf"{path.name} does not exist"):
        backend.load_snapshot(path, backend.linear())


@pytest.mark.parametrize("make", [lambda b: b.stateful(units=7), lambda b: b.linear()])
def test_another_networks_snapshot_is_refused(backend, whole, make):
    path, network = snapshot_path(whole.folder, 1, backend.suffix), make(backend)
    before = backend.state(network)
    with pytest.raises(SnapshotError, match=rf"{path.name} is of another network"):
        backend.load_snapshot(path, network)
    assert_same_bits(backend.state(network), before)

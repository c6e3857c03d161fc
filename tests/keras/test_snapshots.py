"""`SnapshotCallback` and `resume`: rates, which epochs leave a snapshot, how a run goes on.

What `fit` promises in both frameworks is in tests/backends/test_snapshots.py.
"""

import json
import os
import shutil
import zipfile

import keras
import numpy as np
import pytest
from tensorflow.data import Dataset

from lrlab import Constant, CyclicCosine
from lrlab.data import load
from lrlab.keras.batches import ShuffledBatches
from lrlab.keras.fitting import fit
from lrlab.keras.snapshot_files import load_snapshot
from lrlab.keras.snapshots import SnapshotCallback, resume
from lrlab.training import Recipe, SnapshotError, Snapshots
from tests.support.backends import Keras
from tests.support.one_weight import as_float32, make_model, train

CYCLES = CyclicCosine(0.1, cycle_epochs=3)
IMAGES = np.random.default_rng(0).normal(size=(23, 4)).astype(np.float32)
LABELS = np.random.default_rng(1).integers(0, 3, 23)
BATCHES = Dataset.from_tensor_slices((IMAGES, LABELS)).batch(8)
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
# Keras 3.15 converts what it saves in a way that NumPy 2 deprecates.
saves = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(autouse=True)
def _unsynced(monkeypatch):
    """Only a machine that stops needs files on its disk at once, and busy disks take long."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


def make():
    """All that has a state: momentum, running statistics, dropout."""
    keras.utils.set_random_seed(5)
    layers = [keras.layers.Dense(8), keras.layers.BatchNormalization(), keras.layers.Dropout(0.5)]
    model = keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(3)])
    model.compile(keras.optimizers.SGD(momentum=0.9), loss=LOSS, run_eagerly=True)
    return model


def tiny():
    """What takes no time to compile."""
    dense = keras.layers.Dense(3, kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((4,)), dense])
    model.compile(keras.optimizers.SGD(), loss=LOSS, run_eagerly=True)
    return model


def run(folder, *others, begin=tiny, epochs=9, schedule=CYCLES, per="epoch", **options):
    """Begin a run, or go on with it; the same call each time."""
    model, epoch = resume(folder, begin)
    cycles = SnapshotCallback(schedule, folder, per=per, **options)
    batches = BATCHES
    if begin is make:
        batches = ShuffledBatches(IMAGES, LABELS, batch_size=8, seed=3, initial_epoch=epoch)
    callbacks, place = [cycles, *others], {"epochs": epochs, "initial_epoch": epoch}
    model.fit(batches, shuffle=False, verbose=0, callbacks=callbacks, **place)
    return cycles


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def state_of(path):
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("lrlab.json"))


def arrays(path):
    return [v.numpy() for v in load_snapshot(path).weights]


# --- rates ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("per", "steps"), [("epoch", 2), ("step", 4)])
def test_updates_use_the_rates_of_the_formula(tmp_path, per, steps):
    """As the paper has it, e mod c included; Keras keeps a rate in float32."""
    lr, c = 0.3, 3
    cycles = SnapshotCallback(CyclicCosine(lr, cycle_epochs=c), tmp_path, per=per)
    used = train(make_model(9.0), steps=steps, epochs=6, callbacks=[cycles])
    moments = np.arange(6 * steps) / steps
    moments = moments if per == "step" else np.floor(moments)
    expected = lr / 2 * (1 + np.cos(np.pi * (moments % c) / c))
    np.testing.assert_allclose(used, expected, rtol=2**-23, atol=1e-12 * lr)
    assert cycles.lrs == dict(enumerate(used[::steps]))
    assert len(set(used)) > 1


def test_the_rate_on_record_is_read_back(tmp_path):
    class Halves(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if batch == 0:
                self.model.optimizer.learning_rate = float(self.model.optimizer.learning_rate) / 2

    cycles = SnapshotCallback(CYCLES, tmp_path)
    train(make_model(9.0, run_eagerly=True), steps=1, epochs=3, callbacks=[Halves(), cycles])
    assert list(cycles.lrs.values()) == as_float32(CYCLES(np.arange(3)) / 2)


# --- which epochs leave a snapshot ---------------------------------------------------------------


class Weights(keras.callbacks.Callback):
    """Keeps the weights after each epoch."""

    def __init__(self):
        super().__init__()
        self.after = {}

    def on_epoch_end(self, epoch, logs=None):
        self.after[epoch + 1] = [value.copy() for value in self.model.get_weights()]


@pytest.mark.parametrize(("mult", "epochs", "ends"), [(1, 5, [2, 4]), (2, 7, [2, 6])])
@pytest.mark.filterwarnings("ignore:the last . of:UserWarning")
def test_snapshots_are_the_model_at_the_ends_of_cycles(tmp_path, mult, epochs, ends):
    seen = Weights()
    schedule = CyclicCosine(0.1, cycle_epochs=2, cycle_mult=mult)
    run(tmp_path, seen, epochs=epochs, schedule=schedule)
    snapshots = [f"snapshot-{k + 1}.keras" for k in range(len(ends))]
    assert names(tmp_path) == ["resume.keras", *snapshots]
    for name, end in zip([*snapshots, "resume.keras"], [*ends, epochs], strict=True):
        for saved, own in zip(arrays(tmp_path / name), seen.after[end], strict=True):
            np.testing.assert_array_equal(saved, own)
    assert len(seen.after) == epochs


def test_snapshots_are_counted_from_epoch_0_wherever_the_run_begins(tmp_path):
    callback = SnapshotCallback(CYCLES, tmp_path)
    model = make_model(9.0, run_eagerly=True)
    train(model, steps=1, initial_epoch=4, epochs=6, callbacks=[callback])
    assert names(tmp_path) == ["resume.keras", "snapshot-2.keras"]
    assert callback.lrs == dict(zip((4, 5), as_float32(CYCLES(np.array([4, 5]))), strict=True))


class Stop(keras.callbacks.Callback):
    """Stops training at the end of an epoch, or after a batch of it."""

    def __init__(self, epoch, batch=None):
        super().__init__()
        self.epoch, self.batch = epoch, batch

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.now, batch) == (self.epoch, self.batch):
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.epoch:
            self.model.stop_training = True


@pytest.mark.parametrize(
    ("stop", "snapshots", "epoch"),
    [
        (Stop(4), 1, 5),  # in the middle of the second cycle
        (Stop(5, batch=1), 1, 5),  # in the middle of the epoch that ends it
        (Stop(5, batch=2), 2, 6),  # after the last of its batches
    ],
    ids=["within a cycle", "within an epoch", "at the end of both"],
)
def test_stopped_early_a_run_leaves_its_complete_cycles(tmp_path, stop, snapshots, epoch):
    run(tmp_path, stop)
    kept = [f"snapshot-{k + 1}.keras" for k in range(snapshots)]
    assert names(tmp_path) == ["resume.keras", *kept]
    assert resume(tmp_path, tiny)[1] == epoch


# --- resumed -------------------------------------------------------------------------------------


class Break(keras.callbacks.Callback):
    """Fails before a batch of an epoch."""

    def __init__(self, epoch, batch):
        super().__init__()
        self.place = epoch, batch

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if (self.now, batch) == self.place:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    run(folder, begin=make, epochs=6)
    return folder


def test_interrupted_a_run_ends_with_the_same_snapshots(tmp_path, undisturbed):
    for place in [(0, 1), (4, 2)]:
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, Break(*place), begin=make, epochs=6)
    cycles = run(tmp_path, begin=make, epochs=6)
    assert cycles.lrs == dict(enumerate(as_float32(CYCLES(np.arange(6)))))
    assert names(tmp_path) == names(undisturbed)
    for name in names(undisturbed):
        for one, other in zip(arrays(tmp_path / name), arrays(undisturbed / name), strict=True):
            np.testing.assert_array_equal(one, other)
        assert state_of(tmp_path / name) == state_of(undisturbed / name)


def test_what_a_resumed_run_needs_is_all_in_use(undisturbed):
    """Without one of the states the run above would not notice that it was forgotten."""
    first, second = (undisturbed / f"snapshot-{k}.keras" for k in (1, 2))
    assert all((a != b).any() for a, b in zip(arrays(first), arrays(second), strict=True))
    assert state_of(first)["generators"] != state_of(second)["generators"]
    assert [state_of(path)["updates"] for path in (first, second)] == [9, 18]


def test_a_model_that_is_still_there_may_go_on_in_a_second_fit(tmp_path):
    model, cycles = tiny(), SnapshotCallback(CYCLES, tmp_path)
    arguments = {"callbacks": [cycles], "verbose": 0, "shuffle": False}
    model.fit(BATCHES, epochs=3, **arguments)
    model.fit(BATCHES, epochs=6, initial_epoch=3, **arguments)
    assert names(tmp_path) == ["resume.keras", "snapshot-1.keras", "snapshot-2.keras"]
    assert list(cycles.lrs.values()) == as_float32(CYCLES(np.arange(6)))


def test_saving_that_fails_leaves_the_files_before(tmp_path, monkeypatch):
    run(tmp_path, epochs=3)
    before = content(tmp_path)

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        run(tmp_path, epochs=6)
    assert content(tmp_path) == before


def test_a_run_that_has_finished_no_epoch_begins(tmp_path):
    made = tiny()
    assert resume(tmp_path / "none", lambda: made) == (made, 0)


# --- refused -------------------------------------------------------------------------------------


def test_a_run_without_cycles_is_refused_before_its_first_update(tmp_path):
    model, callbacks = tiny(), [SnapshotCallback(Constant(0.1), tmp_path)]
    with pytest.raises(ValueError, match="schedule must be a CyclicCosine to have cycles, rec"):
        model.fit(IMAGES, LABELS, epochs=3, callbacks=callbacks, verbose=0)
    assert int(model.optimizer.iterations) == len(names(tmp_path)) == 0


def test_an_epoch_of_unknown_length_is_refused(tmp_path):
    def forever():
        while True:
            yield IMAGES, LABELS

    callbacks = [SnapshotCallback(CYCLES, tmp_path)]
    with pytest.raises(ValueError, match=r"steps_per_epoch must be given .* SnapshotCallback has"):
        tiny().fit(forever(), epochs=3, shuffle=False, callbacks=callbacks, verbose=0)


def go_on(folder, model, *, initial_epoch, schedule=CYCLES, per="epoch", ends=None):
    callbacks = [SnapshotCallback(schedule, folder, per=per, ends=ends)]
    place = {"initial_epoch": initial_epoch, "epochs": 6}
    model.fit(BATCHES, shuffle=False, callbacks=callbacks, verbose=0, **place)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """The folder of a run that stopped after four epochs of six."""
    folder = tmp_path_factory.mktemp("stopped")
    run(folder, Stop(3), epochs=6)
    return folder


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"initial_epoch": 0}, r"initial_epoch must be 4 to go on from .*resume.keras, received 0"),
        ({"initial_epoch": 5}, "initial_epoch must be 4 .*, received 5. To begin anew, name anot"),
        (
            {"begin": tiny},
            "is a model after 12 updates, and this is not that model. Go on w",
        ),
        ({"per": "step"}, "another run: per was 'epoch' and is 'step'. Name another folder"),
        ({"schedule": CyclicCosine(0.2, cycle_epochs=3)}, "schedule.lr was 0.1 and is 0.2. Name a"),
        ({"ends": (2, 6)}, r"another run: ends was \[3, 6\] and is \[2, 6\]. Name another"),
    ],
    ids=["anew", "too late", "new model", "per", "schedule", "ends"],
)
def test_a_folder_of_another_run_is_refused_and_kept(stopped, changes, message):
    before = content(stopped)
    model, epoch = resume(stopped, tiny)
    changes = {"initial_epoch": epoch, **changes}
    model = changes.pop("begin", lambda: model)()
    updates = int(model.optimizer.iterations)
    with pytest.raises(SnapshotError, match=message):
        go_on(stopped, model, **changes)
    assert int(model.optimizer.iterations) == updates
    assert content(stopped) == before


def test_a_network_of_the_same_shapes_without_dropout_is_another(tmp_path):
    recipe = Recipe(CyclicCosine(0.1, cycle_epochs=1), epochs=1)
    digits = load("digits", 90, test_limit=40)
    fit(Keras.linear(dropout=0.5), digits, recipe, snapshots=Snapshots(tmp_path))
    layers = [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10)]
    other = keras.Sequential(layers, name="Net")
    with pytest.raises(SnapshotError, match=r"resume.keras is of another network or optimizer"):
        fit(other, digits, recipe, snapshots=Snapshots(tmp_path))


# --- foreign files -------------------------------------------------------------------------------


@pytest.fixture
def snapshot(tmp_path, undisturbed):
    return shutil.copy(undisturbed / "snapshot-1.keras", tmp_path / "snapshot-1.keras")


def rewritten(path, **entries):
    """Replace some entries of the archive, or leave them out."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    for name, value in entries.items():
        key = next(found for found in content if found.startswith(name))
        content.pop(key)
        if value is not None:
            content[key] = value
    with zipfile.ZipFile(path, "w") as archive:
        for name, value in content.items():
            archive.writestr(name, value)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"config": None}, "There is no item named 'config.json'"),
        ({"model": None}, "Expected a model.weights.h5"),
        ({"config": b"{}"}, "holds no model"),
        ({"model": b"not HDF5"}, "holds no model"),
    ],
    ids=["no config", "no weights", "empty config", "no HDF5"],
)
def test_an_archive_that_is_no_model_is_foreign(snapshot, entries, message):
    rewritten(snapshot, lrlab=None, **entries)
    with pytest.raises(SnapshotError, match=r"\.keras holds no model .*: ") as caught:
        load_snapshot(snapshot)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@saves
def test_code_in_a_file_is_not_run(tmp_path):
    path = tmp_path / "code.keras"
    model = keras.Sequential([keras.Input((4,)), keras.layers.Lambda(lambda x: 2 * x)])
    model.save(path)
    with pytest.raises(SnapshotError, match=r"code.keras holds no model .*: .*Lambda"):
        load_snapshot(path)


def test_a_folder_and_a_file_of_another_kind_are_no_snapshot(tmp_path, snapshot):
    with pytest.raises(SnapshotError, match=f"{tmp_path.name} does not exist, or is no file"):
        load_snapshot(tmp_path)
    other = shutil.copy(snapshot, tmp_path / "other.pt")
    with pytest.raises(SnapshotError, match=r"other.pt holds no model .*: File format"):
        load_snapshot(other)


def test_a_model_that_is_not_the_state_of_a_run_loads_but_does_not_resume(snapshot):
    rewritten(snapshot, lrlab=None)
    model = load_snapshot(str(snapshot))
    assert len(model.weights) == 8
    assert not model.compiled
    shutil.copy(snapshot, snapshot.with_name("resume.keras"))
    with pytest.raises(SnapshotError, match=r"resume.keras is no state of a run that lrlab saved"):
        resume(snapshot.parent, None)

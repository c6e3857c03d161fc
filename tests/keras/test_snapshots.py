"""Snapshots: at which rates, after which epochs, whole, and the same however often interrupted."""

import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import zipfile

import keras
import numpy as np
import pytest

from lrlab import Constant, CyclicCosine
from lrlab.keras.batches import ShuffledBatches
from lrlab.keras.evaluation import member_logits
from lrlab.keras.snapshots import SnapshotCallback, load_snapshot, resume
from lrlab.training import SnapshotError
from tests.conftest import ROOT
from tests.support.one_weight import as_float32, make_model, train

CYCLES = CyclicCosine(0.1, cycle_epochs=3)
IMAGES = np.random.default_rng(0).normal(size=(23, 4)).astype(np.float32)
LABELS = np.random.default_rng(1).integers(0, 3, 23)


# Keras 3.15 converts what it saves in a way that NumPy 2 deprecates.
saves = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def make():
    """All that has a state: momentum, running statistics, dropout."""
    keras.utils.set_random_seed(5)
    layers = [keras.layers.Dense(8), keras.layers.BatchNormalization(), keras.layers.Dropout(0.5)]
    model = keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(3)])
    model.compile(keras.optimizers.SGD(momentum=0.9), loss=LOSS)
    return model


def tiny():
    """What takes no time to compile."""
    dense = keras.layers.Dense(3, kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((4,)), dense])
    model.compile(keras.optimizers.SGD(), loss=LOSS, run_eagerly=True)
    return model


def run(folder, *others, begin=tiny, epochs=9, schedule=CYCLES, per="epoch"):
    """Begin a run, or go on with it; the same call each time."""
    model, epoch = resume(folder, begin)
    cycles = SnapshotCallback(schedule, folder, per=per)
    batches = ShuffledBatches(IMAGES, LABELS, batch_size=8, seed=3, initial_epoch=epoch)
    callbacks, place = [cycles, *others], {"epochs": epochs, "initial_epoch": epoch}
    model.fit(batches, shuffle=False, verbose=0, callbacks=callbacks, **place)
    return cycles


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def weights(path):
    """Everything that a file holds: weights, statistics, the optimiser's state."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name != "metadata.json"}


def state_of(path):
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("lrlab.json"))


def arrays(path):
    model = load_snapshot(path)
    return [v.numpy() for v in model.weights]


def outputs(folder):
    return list(member_logits(folder, IMAGES))


def assert_same_run(folder, other):
    assert names(folder) == names(other)
    files = [name for name in names(folder) if name.endswith(".keras")]
    assert len(files) == 4
    for name in files:
        for one, two in zip(arrays(folder / name), arrays(other / name), strict=True):
            np.testing.assert_array_equal(one, two)
        assert state_of(folder / name) == state_of(other / name)
    np.testing.assert_array_equal(outputs(folder), outputs(other))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    run(folder, begin=make)
    return folder


# --- rates ---------------------------------------------------------------------------------------


def formula(t, lr, c):
    """As the document has it, e mod c included."""
    return lr / 2 * (1 + np.cos(np.pi * (t % c) / c))


@pytest.mark.parametrize(("lr", "c"), [(0.1, 2), (0.3, 3)])
@pytest.mark.parametrize(("per", "steps"), [("epoch", 2), ("step", 4)])
def test_updates_use_the_rates_of_the_formula(tmp_path, lr, c, per, steps):
    schedule = CyclicCosine(lr, cycle_epochs=c)
    cycles = SnapshotCallback(schedule, tmp_path, per=per)
    used = train(make_model(9.0), steps=steps, epochs=6, callbacks=[cycles])
    moments = np.arange(6 * steps) / steps
    moments = moments if per == "step" else np.floor(moments)
    expected = formula(moments, lr, c)
    np.testing.assert_allclose(schedule(moments), expected, rtol=0, atol=1e-12 * lr)
    # Keras keeps a rate in float32, whose spacing just below 1 is 2**-24 of the number.
    assert used == as_float32(schedule(moments))
    np.testing.assert_allclose(used, expected, rtol=2**-23, atol=1e-12 * lr)
    assert cycles.lrs == dict(enumerate(used[::steps]))
    assert len(set(used)) > 1


def test_the_rate_on_record_is_read_back(tmp_path):
    class Halves(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if batch == 0:
                self.model.optimizer.learning_rate = float(self.model.optimizer.learning_rate) / 2

    cycles = SnapshotCallback(CYCLES, tmp_path)
    train(make_model(9.0), steps=1, epochs=3, callbacks=[Halves(), cycles])
    assert list(cycles.lrs.values()) == as_float32(CYCLES(np.arange(3)) / 2)


# --- which epochs leave a snapshot ---------------------------------------------------------------


class Weights(keras.callbacks.Callback):
    """Keeps the weights after each epoch."""

    def __init__(self):
        super().__init__()
        self.after = {}

    def on_epoch_end(self, epoch, logs=None):
        values = [v.numpy() for v in self.model.weights]
        self.after[epoch + 1] = [value.copy() for value in values]


@pytest.mark.parametrize(
    ("mult", "epochs", "ends"),
    [(1, 6, [2, 4, 6]), (1, 7, [2, 4, 6]), (2, 6, [2, 6]), (2, 13, [2, 6])],
)
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


@pytest.mark.parametrize(("epochs", "left"), [(7, 1), (8, 2), (9, 0)])
def test_the_epochs_without_a_snapshot_are_told(tmp_path, recwarn, epochs, left):
    run(tmp_path, epochs=epochs)
    told = [str(w.message) for w in recwarn if w.category is UserWarning]
    text = f"the last {left} of {epochs} epochs begin a cycle that is not completed, and leave no"
    assert told == ([f"{text} snapshot"] if left else [])


def test_snapshots_are_counted_from_epoch_0_wherever_the_run_begins(tmp_path):
    callback = SnapshotCallback(CYCLES, tmp_path)
    train(make_model(9.0), steps=1, initial_epoch=4, epochs=6, callbacks=[callback])
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
        (Stop(5), 2, 6),
        (Stop(5, batch=1), 1, 5),  # in the middle of the epoch that ends it
        (Stop(5, batch=2), 2, 6),  # after the last of its batches
    ],
    ids=["within a cycle", "at its end", "within an epoch", "at the end of both"],
)
def test_stopped_early_a_run_leaves_its_complete_cycles(tmp_path, stop, snapshots, epoch):
    run(tmp_path, stop)
    assert names(tmp_path) == ["resume.keras"] + [
        f"snapshot-{k + 1}.keras" for k in range(snapshots)
    ]
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


def test_interrupted_anywhere_a_run_ends_with_the_same_snapshots(tmp_path, undisturbed):
    for place in [(0, 1), (2, 0), (2, 2), (4, 1), (6, 0)]:
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, Break(*place), begin=make)
    cycles = run(tmp_path, begin=make)
    assert_same_run(tmp_path, undisturbed)
    assert list(cycles.lrs.values()) == as_float32(CYCLES(np.arange(9)))
    assert list(cycles.lrs) == list(range(9))


def test_what_a_resumed_run_needs_is_all_in_use(undisturbed):
    """Without one of the states the run above would not notice that it was forgotten."""
    epochs = [arrays(undisturbed / f"snapshot-{k}.keras") for k in (1, 2, 3)]
    for first, second in itertools.pairwise(epochs):
        assert all((one != two).any() for one, two in zip(first, second, strict=True))
    states = [state_of(undisturbed / f"snapshot-{k}.keras") for k in (1, 2, 3)]
    assert len({json.dumps(state["generators"]) for state in states}) == 3
    assert [state["updates"] for state in states] == [9, 18, 27]


def test_a_kill_between_the_two_files_of_an_epoch_is_made_good(tmp_path, undisturbed):
    for name in ("resume.keras", "snapshot-1.keras", "snapshot-2.keras"):
        shutil.copy(undisturbed / name, tmp_path)
    run(tmp_path, begin=make)  # no epoch is left to train
    assert_same_run(tmp_path, undisturbed)


def test_a_cycle_of_one_epoch_may_be_killed_there_too(tmp_path):
    schedule = CyclicCosine(0.1, cycle_epochs=1)
    run(tmp_path / "whole", epochs=2, schedule=schedule)
    run(tmp_path / "killed", epochs=1, schedule=schedule)
    (tmp_path / "killed" / "snapshot-1.keras").unlink()
    run(tmp_path / "killed", epochs=2, schedule=schedule)
    assert names(tmp_path / "killed") == names(tmp_path / "whole")
    np.testing.assert_array_equal(outputs(tmp_path / "killed"), outputs(tmp_path / "whole"))


def test_more_epochs_continue_a_run(tmp_path, undisturbed):
    run(tmp_path, begin=make, epochs=3)
    run(tmp_path, begin=make, epochs=9)
    assert_same_run(tmp_path, undisturbed)


def test_a_model_that_is_still_there_may_go_on_in_a_second_fit(tmp_path):
    model, cycles = tiny(), SnapshotCallback(CYCLES, tmp_path)
    arguments = {"callbacks": [cycles], "verbose": 0, "shuffle": False}
    model.fit(IMAGES, LABELS, epochs=3, **arguments)
    model.fit(IMAGES, LABELS, epochs=6, initial_epoch=3, **arguments)
    assert names(tmp_path) == ["resume.keras", "snapshot-1.keras", "snapshot-2.keras"]
    assert list(cycles.lrs.values()) == as_float32(CYCLES(np.arange(6)))


def test_what_a_kill_left_half_written_is_swept_away(tmp_path):
    old = tmp_path / ".resume.x.part.keras"
    old.write_bytes(b"PK")
    os.utime(old, (time.time() - 3600,) * 2)
    run(tmp_path, epochs=3)
    assert names(tmp_path) == ["resume.keras", "snapshot-1.keras"]


def test_saving_that_fails_leaves_the_files_before(tmp_path, monkeypatch):
    run(tmp_path, epochs=3)
    before = {name: weights(tmp_path / name) for name in names(tmp_path)}

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        run(tmp_path, epochs=6)
    assert {name: weights(tmp_path / name) for name in names(tmp_path)} == before


PROGRAM = """
import sys
from pathlib import Path
sys.path[:0] = [{tests!r}]
import test_keras_snapshots as tests
tests.run(Path({folder!r}), begin=tests.make)
"""


def program(folder):
    code = PROGRAM.format(tests=os.path.dirname(__file__), folder=str(folder))
    return [sys.executable, "-c", code]


# How fast processes begin and end on a shared machine is nothing for CI to judge.
@pytest.mark.skipif("CI" in os.environ, reason="starts and kills processes, by the clock")
def test_kills_at_random_moments_change_no_snapshot(tmp_path, undisturbed):
    killed, rng = tmp_path / "killed", random.Random(0)
    for _ in range(2):
        process = subprocess.Popen(program(killed), cwd=ROOT)
        before = names(killed) if killed.exists() else []
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            if killed.exists() and names(killed) != before:
                break
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
        process.wait()
        for name in names(killed):
            if not name.startswith("."):
                load_snapshot(killed / name)
    run(killed, begin=make)
    for partial in killed.glob(".*"):
        partial.unlink()
    assert_same_run(killed, undisturbed)


def test_a_fresh_process_predicts_the_same_to_the_last_bit(tmp_path, undisturbed):
    code = (
        "import sys, numpy as np\n"
        "from lrlab.keras import member_logits\n"
        f"images = np.load({str(tmp_path / 'images.npy')!r})\n"
        f"members = member_logits({str(undisturbed)!r}, images, batch_size=8)\n"
        f"np.save({str(tmp_path / 'logits.npy')!r}, list(members))\n"
    )
    np.save(tmp_path / "images.npy", IMAGES)
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
    fresh = np.load(tmp_path / "logits.npy")
    assert fresh.shape == (3, 23, 3)
    for k, logits in enumerate(fresh, start=1):
        here = load_snapshot(undisturbed / f"snapshot-{k}.keras")
        np.testing.assert_array_equal(logits, here.predict(IMAGES, batch_size=8, verbose=0))


def test_a_snapshot_predicts_as_the_model_did(tmp_path):
    class Predicts(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch % 3 == 2:
                then.append(np.asarray(self.model(IMAGES, training=False)))

    then = []
    run(tmp_path, Predicts(), begin=make, epochs=6)
    np.testing.assert_array_equal(outputs(tmp_path), then)
    assert (then[0] != then[1]).all()


# --- refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "epochs", "message"),
    [
        (Constant(0.1), 3, "schedule must be a CyclicCosine to have cycles, received Constant"),
        (CyclicCosine(0.1, cycle_epochs=2.5), 5, "cycle_epochs must be a whole number"),
        (CYCLES, 2, "epochs must complete a cycle of 3 epochs, received 2"),
    ],
    ids=["constant", "2.5", "too short"],
)
def test_a_run_without_cycles_is_refused_before_its_first_update(
    tmp_path, schedule, epochs, message
):
    model = tiny()
    with pytest.raises(ValueError, match=message):
        model.fit(
            *(IMAGES, LABELS),
            epochs=epochs,
            callbacks=[SnapshotCallback(schedule, tmp_path)],
            verbose=0,
        )
    assert int(model.optimizer.iterations) == len(names(tmp_path)) == 0


def test_arguments_that_break_a_rule_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"schedule must be a schedule of lrlab, received 0\.1"):
        SnapshotCallback(0.1, tmp_path)
    with pytest.raises(ValueError, match="per must be one of epoch, step, received 'batch'"):
        SnapshotCallback(CYCLES, tmp_path, per="batch")


def test_an_epoch_of_unknown_length_is_refused(tmp_path):
    def forever():
        while True:
            yield IMAGES, LABELS

    callbacks = [SnapshotCallback(CYCLES, tmp_path)]
    with pytest.raises(ValueError, match=r"steps_per_epoch must be given .* SnapshotCallback has"):
        tiny().fit(forever(), epochs=3, shuffle=False, callbacks=callbacks, verbose=0)


def go_on(folder, model, *, initial_epoch, schedule=CYCLES, per="epoch", begin=None):
    callbacks = [SnapshotCallback(schedule, folder, per=per)]
    place = {"initial_epoch": initial_epoch, "epochs": 6}
    model.fit(IMAGES, LABELS, batch_size=8, callbacks=callbacks, verbose=0, **place)


@pytest.mark.filterwarnings("ignore:the last . of:UserWarning")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"initial_epoch": 0}, r"initial_epoch must be 4 to go on from .*resume.keras, received 0"),
        ({"initial_epoch": 5}, "initial_epoch must be 4 .*, received 5. To begin anew, name anot"),
        ({"begin": tiny}, "is a model after 12 updates, this one has made 0. Go on with the model"),
        ({"per": "step"}, "another run: per was 'epoch' and is 'step'. Name another folder"),
        (
            {"schedule": CyclicCosine(0.2, cycle_epochs=3)},
            "another run: schedule was {.*'lr': 0.1.*} and is {.*'lr': 0.2.*}. Name another",
        ),
    ],
    ids=["anew", "too late", "new model", "per", "schedule"],
)
def test_a_folder_of_another_run_is_refused_and_kept(tmp_path, changes, message):
    run(tmp_path, Stop(3), epochs=6)
    before = {name: (tmp_path / name).read_bytes() for name in names(tmp_path)}
    model, epoch = resume(tmp_path, tiny)
    model = changes["begin"]() if "begin" in changes else model
    updates = int(model.optimizer.iterations)
    with pytest.raises(SnapshotError, match=message):
        go_on(tmp_path, model, **{"initial_epoch": epoch} | changes)
    assert int(model.optimizer.iterations) == updates
    assert {name: (tmp_path / name).read_bytes() for name in names(tmp_path)} == before


def test_snapshots_whose_run_is_gone_are_refused(tmp_path):
    run(tmp_path, epochs=3)
    (tmp_path / "resume.keras").unlink()
    with pytest.raises(SnapshotError, match=r"holds snapshots but no resume.keras, .* Name anot"):
        run(tmp_path, epochs=3)


# --- damaged and foreign files -------------------------------------------------------------------


@pytest.fixture
def snapshot(tmp_path, undisturbed):
    return shutil.copy(undisturbed / "snapshot-1.keras", tmp_path / "snapshot-1.keras")


def both(path):
    """The two that read a file; `resume` takes it under its own name."""
    shutil.copy(path, path.with_name("resume.keras"))
    return [lambda: load_snapshot(path), lambda: resume(path.parent, None)]


@pytest.mark.parametrize("kept", [0, 1, 22, 0.5, -1])
def test_a_truncated_file_is_damaged(snapshot, kept):
    content = snapshot.read_bytes()
    snapshot.write_bytes(content[: int(len(content) * kept) if isinstance(kept, float) else kept])
    for read in both(snapshot):
        with pytest.raises(SnapshotError, match=r"\.keras is damaged, or no .* Delete the file"):
            read()


def test_no_flipped_byte_goes_unnoticed_where_it_matters(snapshot):
    """Bytes that nothing depends on, such as a date, may differ; a weight may not."""
    content, expected = snapshot.read_bytes(), arrays(snapshot)
    rng, damaged = np.random.default_rng(0), 0
    directory = content.index(b"PK\x01\x02")
    places = [*rng.integers(0, directory, 40), *rng.integers(directory, len(content), 40)]
    for place in places:
        changed = bytearray(content)
        changed[place] ^= int(rng.integers(1, 256))
        snapshot.write_bytes(changed)
        try:
            found = arrays(snapshot)
        except SnapshotError as error:
            assert "snapshot-1.keras" in str(error)  # noqa: PT017 (either is fine)
            damaged += 1
        else:
            for one, two in zip(found, expected, strict=True):
                np.testing.assert_array_equal(one, two)
    assert 40 < damaged < len(places)


def rewritten(path, **entries):
    """The archive with some entries replaced, or left out."""
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
        ({"config": b"not JSON"}, "holds no model"),
        ({"model": b"not HDF5"}, "holds no model"),
    ],
    ids=["no config", "no weights", "empty config", "no JSON", "no HDF5"],
)
def test_an_archive_that_is_no_model_is_foreign(snapshot, entries, message):
    rewritten(snapshot, **entries)
    for read in both(snapshot):
        with pytest.raises(SnapshotError, match=r"\.keras holds no model .*: ") as caught:
            read()
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)


@saves
def test_weights_of_another_shape_are_foreign(snapshot, tmp_path):
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(7)])
    other.save(tmp_path / "other.keras")
    with zipfile.ZipFile(tmp_path / "other.keras") as archive:
        rewritten(snapshot, model=archive.read("model.weights.h5"))
    with pytest.raises(SnapshotError, match=r"snapshot-1.keras holds no model that Keras loads"):
        load_snapshot(snapshot)


@saves
def test_code_in_a_file_is_not_run(tmp_path):
    path = tmp_path / "code.keras"
    model = keras.Sequential([keras.Input((4,)), keras.layers.Lambda(lambda x: 2 * x)])
    model.save(path)
    with pytest.raises(SnapshotError, match=r"code.keras holds no model .*: .*Lambda"):
        load_snapshot(path)


def test_a_file_that_is_missing_or_of_another_kind(tmp_path, snapshot):
    for path in (tmp_path / "none.keras", tmp_path):
        with pytest.raises(SnapshotError, match=f"{path.name} does not exist, or is no file"):
            load_snapshot(path)
    other = shutil.copy(snapshot, tmp_path / "snapshot-1.pt")
    with pytest.raises(SnapshotError, match=r"snapshot-1.pt holds no model .*: File format"):
        load_snapshot(other)


@pytest.mark.parametrize(
    ("entries", "message"),
    [({"lrlab": None}, "has no lrlab.json"), ({"lrlab": b"PK"}, "has no lrlab.json")],
    ids=["none", "no JSON"],
)
def test_a_model_that_is_not_the_state_of_a_run_loads_but_does_not_resume(
    snapshot, entries, message
):
    expected = arrays(snapshot)
    rewritten(snapshot, **entries)
    load, go_on_from = both(snapshot)
    assert len(load().weights) == len(expected)
    with pytest.raises(SnapshotError, match=rf"resume.keras was not saved by .*: it {message}"):
        go_on_from()


def test_a_loaded_snapshot_predicts_and_is_not_compiled(snapshot):
    model = load_snapshot(str(snapshot))
    assert not model.compiled
    assert resume(shutil.copy(snapshot, snapshot.with_name("resume.keras")).parent, None)[
        0
    ].compiled


def test_a_run_that_has_finished_no_epoch_begins(tmp_path):
    made = tiny()
    assert resume(tmp_path / "none", lambda: made) == (made, 0)

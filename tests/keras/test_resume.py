"""Every kind of state comes back: a run that is resumed ends as an undisturbed one does."""

import io
import json
import os
import zipfile
from contextlib import nullcontext
from functools import cache, partial

import h5py
import keras
import numpy as np
import pytest
from tensorflow.data import Dataset

from lrlab import CyclicCosine, LinearDecay
from lrlab.keras.callbacks import ScheduleCallback
from lrlab.keras.moving_average import MovingAverage
from lrlab.keras.optimizers import kept_optimizers
from lrlab.keras.snapshot_files import build_optimizer, digest, load_snapshot
from lrlab.keras.snapshots import SnapshotCallback, resume
from lrlab.training import SnapshotError, snapshot_paths

IMAGES = np.random.default_rng(0).normal(size=(15, 4)).astype(np.float32)
LABELS = np.random.default_rng(1).integers(0, 3, 15)
BATCHES = Dataset.from_tensor_slices((IMAGES, LABELS)).batch(8)  # 2, in an order that stays
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(autouse=True, scope="module")
def _unsynced():
    """Only a machine that stops needs files on its disk at once, and busy disks take long."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(os, "fsync", lambda _: None)
        yield


def sgd(**options):
    return keras.optimizers.SGD(momentum=0.9, **options)


def network(optimizer=sgd, layers=(), cls=keras.Sequential, built=True, frozen=(), dtype=None):
    """Whoever makes it again gives it other weights, which are not to matter."""
    inner = [keras.layers.Dense(5, dtype=dtype), *[make() for make in layers]]
    front = [keras.Input((4,))] if built else []
    model = cls([*front, *inner, keras.layers.Dense(3, dtype=dtype)])
    for number in frozen:
        model.layers[number].trainable = False
    model.compile(optimizer(), loss=LOSS, run_eagerly=True)
    return model


def averaged(**options):
    return sgd(use_ema=True, ema_momentum=0.5, **options)


def scaled():
    """In half precision a gradient overflows, so that the scale of the loss falls and rises."""
    return keras.optimizers.LossScaleOptimizer(
        averaged(), initial_scale=2.0**17, dynamic_growth_steps=2
    )


class Own(keras.Sequential):
    """A class that Keras has never heard of, with a step of its own."""

    def train_step(self, data):
        logs = super().train_step(data)
        self.layers[-1].bias.assign_add([0.1, 0.0, -0.1])
        return logs


class Two(keras.Sequential):
    """Its first layer is trained a second time, by an optimizer of its own."""

    def compile(self, *arguments, **options):
        super().compile(*arguments, **options)
        self.second = keras.optimizers.Adam()
        self.second.build(self.layers[0].trainable_variables)

    def train_step(self, data):
        logs = super().train_step(data)
        weights = self.layers[0].trainable_variables
        self.second.apply([weight.value for weight in weights], weights)
        return logs


def multiple():
    optimizers = keras.optimizers.OptimizerMap(averaged())
    optimizers[".*bias"] = keras.optimizers.Adam()
    return keras.optimizers.MultiOptimizer(optimizers)


def noise():
    return keras.layers.GaussianNoise(1.0)


def dropout():
    return keras.layers.Dropout(0.5, seed=3)


RANDOM = {"layers": [keras.layers.BatchNormalization, noise, dropout]}
# As many kinds of state in one network as go together.
NETWORKS = {
    "random, frozen, average, own class": {
        "optimizer": partial(averaged, ema_overwrite_frequency=2),
        "frozen": [0],
        "cls": Own,
        **RANDOM,
    },
    "two optimizers, Adam": {
        "optimizer": partial(keras.optimizers.Adam, amsgrad=True, weight_decay=0.1),
        "cls": Two,
    },
    "not built, accumulated, bfloat16": {
        "optimizer": partial(averaged, gradient_accumulation_steps=3),
        "dtype": "bfloat16",
        "built": False,
    },
    "half precision, scaled loss": {"optimizer": scaled, "dtype": "mixed_float16"},
}
if hasattr(keras.optimizers, "MultiOptimizer"):
    NETWORKS["multiple optimizers"] = {"optimizer": multiple}


class Stop(keras.callbacks.Callback):
    """Ctrl-C before the second update of an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if (self.now, batch) == (self.epoch, 1):
            raise KeyboardInterrupt


def run(folder, make, *, swap=None, after=True, epochs=2, stop=None, validate=False):
    """Begin a run or go on with it; give what is left of the model in memory."""
    model, epoch = resume(folder, make)
    first, *others = kept_optimizers(model).values()
    cycle = CyclicCosine(0.1, cycle_epochs=1)
    cycles = SnapshotCallback(cycle, folder, per="step", optimizer=first)
    line = LinearDecay(0.01, total_epochs=5)
    callbacks = [*(ScheduleCallback(line, optimizer=other) for other in others), cycles, Stop(stop)]
    if swap is not None:
        callbacks.insert(0 if after else 1, keras.callbacks.SwapEMAWeights(swap_on_epoch=swap))
    place = {"epochs": epochs, "initial_epoch": epoch, "callbacks": callbacks}
    validation = BATCHES if validate else None
    model.fit(BATCHES, shuffle=False, verbose=0, validation_data=validation, **place)
    return model


def state(model):
    kept = kept_optimizers(model).values()
    return [v.numpy() for v in (*model.variables, *(v for one in kept for v in one.variables))]


def content(path):
    """All that lies in a file: the state of the run, and every variable to the last bit."""
    found = {}

    def note(name, item):
        if isinstance(item, h5py.Dataset):
            found[name] = str(item.dtype), item[()].tobytes()

    with zipfile.ZipFile(path) as archive:
        found |= json.loads(archive.read("lrlab.json"))
        with h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file:
            file.visititems(note)
    return found


def assert_same_run(folder, whole):
    """The whole last state, and the networks of the snapshots."""
    names = sorted(path.name for path in whole.iterdir())
    assert names == sorted(path.name for path in folder.iterdir())
    for name in names:
        one, other = content(folder / name), content(whole / name)
        assert one.keys() == other.keys()
        keys = [key for key in one if name == "resume.keras" or key.startswith("layers/")]
        assert len(keys) > 3
        assert [(name, key) for key in keys if one[key] != other[key]] == []


def interrupted(folder, make, calls=((2, 1), (2, None)), **options):
    """By default interrupted in the second epoch of two."""
    keras.utils.set_random_seed(5)
    for epochs, stop in calls:
        with nullcontext() if stop is None else pytest.raises(KeyboardInterrupt):
            run(folder, make, epochs=epochs, stop=stop, **options)


@pytest.mark.parametrize("kind", NETWORKS)
def test_all_that_training_changes_comes_back(tmp_path, kind):
    make = partial(network, **NETWORKS[kind])
    keras.utils.set_random_seed(5)
    run(tmp_path / "whole", make)
    interrupted(tmp_path / "cut", make)
    assert_same_run(tmp_path / "cut", tmp_path / "whole")


def test_a_digest_is_of_all_that_training_changes_but_the_rates():
    model = network(**RANDOM | {"cls": Two})
    build_optimizer(model)
    before = digest(model)
    kept = kept_optimizers(model).values()
    rates = [one.learning_rate for one in kept]
    variables = [*model.variables, *(v for one in kept for v in one.variables)]
    assert len(variables) == 10 + 8 + 6, "two of them are generators, two counts, two rates"
    for variable in variables:
        value = variable.numpy()
        variable.assign(value + np.ones((), value.dtype))
        assert (digest(model) == before) is any(variable is rate for rate in rates), variable
        variable.assign(value)
    assert digest(model) == before


def test_interrupted_in_its_first_epoch_a_run_begins_with_the_same_weights(tmp_path):
    keras.utils.set_random_seed(5)
    run(tmp_path / "whole", network, epochs=1)
    interrupted(tmp_path / "cut", network, calls=[(1, 0), (1, None)])
    assert_same_run(tmp_path / "cut", tmp_path / "whole")


@pytest.mark.parametrize("stopped", [False, True])
def test_an_epoch_may_take_several_updates_in_one_call(tmp_path, stopped):
    """Three batches in calls of two and one; after the first call the epoch is not whole."""

    class Stops(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = stopped

    model = network()
    model.compile(sgd(), loss=LOSS, steps_per_execution=2, run_eagerly=True)
    callbacks = [SnapshotCallback(CyclicCosine(0.1, cycle_epochs=1), tmp_path), Stops()]
    batches = Dataset.from_tensor_slices((IMAGES, LABELS)).batch(6)
    model.fit(batches, epochs=2, shuffle=False, verbose=0, callbacks=callbacks)
    kept = ["resume.keras"] + ["snapshot-1.keras", "snapshot-2.keras"] * (not stopped)
    assert sorted(path.name for path in tmp_path.iterdir()) == kept
    assert resume(tmp_path, network)[1] == (0 if stopped else 2)


# --- the moving average of weights ---------------------------------------------------------------


EXCHANGES = {
    "none": {},
    "after": {"swap": True},
    "before": {"swap": True, "after": False},
    "after, and to validate": {"swap": True, "validate": True},
    "to validate": {"swap": False, "validate": True, "after": False},
}
EXCHANGED = {  # networks
    "before": {"optimizer": averaged},
    "after, and to validate": NETWORKS["half precision, scaled loss"],
    "to validate": {"optimizer": partial(averaged, gradient_accumulation_steps=3)},
}


def maker(kind):
    return partial(network, **EXCHANGED.get(kind, {"optimizer": averaged}))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Gives the folder of a run with exchanges of a kind that nothing interrupts."""

    @cache
    def begin(kind):
        folder = tmp_path_factory.mktemp("whole")
        keras.utils.set_random_seed(5)
        run(folder, maker(kind), **EXCHANGES[kind])
        return folder

    return begin


@pytest.mark.parametrize("kind", EXCHANGED)
def test_weights_that_are_exchanged_come_back(tmp_path, whole, kind):
    """After a fit that has ended, and after one that was interrupted."""
    calls = [(1, None), (2, 1), (2, None)]
    interrupted(tmp_path, maker(kind), calls=calls, **EXCHANGES[kind])
    assert_same_run(tmp_path, whole(kind))


@pytest.mark.parametrize("kind", ["after", "before"])
def test_a_snapshot_holds_what_the_callbacks_before_have_made_of_the_weights(whole, kind):
    """And the exchange changes nothing but the last bits."""
    make = maker(kind)
    resumed = [resume(whole(name), make)[0] for name in ("none", kind)]
    for one, other in zip(*map(state, resumed), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)
    trained, average = resumed[0].weights, resumed[0].optimizer._model_variables_moving_average
    snapshot = load_snapshot(whole(kind) / "snapshot-2.keras", make())
    expected = average if kind == "after" else trained
    for one, other in zip(snapshot.weights, expected, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-5, atol=1e-7)
    for one, other in zip(average, trained, strict=True):
        assert not np.allclose(one.numpy(), other.numpy(), rtol=1e-2)


def test_weights_that_other_callbacks_change_stay_changed(tmp_path):
    """Only an exchange is undone."""

    class Clips(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.layers[-1].bias.assign([epoch, 0.0, 1.0])

    model = network(optimizer=averaged)
    callbacks = [Clips(), SnapshotCallback(CyclicCosine(0.0, cycle_epochs=1), tmp_path)]
    model.fit(BATCHES, epochs=2, shuffle=False, verbose=0, callbacks=callbacks)
    for path in snapshot_paths(tmp_path, ".keras"):
        bias = load_snapshot(path).layers[-1].bias.numpy()
        assert bias.tolist() == [int(path.stem[-1]) - 1, 0.0, 1.0]


def test_a_model_that_fit_has_averaged_is_not_the_one_to_go_on_with(tmp_path):
    """When a fit ends, Keras puts the average into the model, and the weights are lost."""
    model = network(optimizer=averaged)
    callbacks = [SnapshotCallback(CyclicCosine(0.1, cycle_epochs=1), tmp_path)]
    options = {"shuffle": False, "verbose": 0, "callbacks": callbacks}
    model.fit(BATCHES, epochs=1, **options)
    with pytest.raises(SnapshotError, match=r"after 2 updates, and this is not that model\. Go on"):
        model.fit(BATCHES, epochs=2, initial_epoch=1, **options)


def test_an_optimizer_without_an_average_has_nothing_to_exchange():
    model = network()
    average = MovingAverage(model)
    average.keep()
    assert not average.look()


def test_a_model_that_cannot_be_saved_has_its_average_again():
    model = network(optimizer=averaged)
    model.fit(IMAGES, LABELS, verbose=0)
    average = MovingAverage(model)
    average.keep()
    before = [weight + 1 for weight in model.get_weights()]
    model.set_weights(before)
    with pytest.raises(OSError, match="full"), average.trained():
        raise OSError("full")
    assert all(map(np.array_equal, model.get_weights(), before))


# --- several optimizers --------------------------------------------------------------------------


def test_an_optimizer_whose_state_would_be_lost_is_refused(tmp_path):
    model, other = network(), keras.optimizers.SGD(name="other")
    cycles = SnapshotCallback(CyclicCosine(0.1, cycle_epochs=1), tmp_path, optimizer=other)
    with pytest.raises(ValueError, match=r"optimizer must be an attribute .* received 'other', w"):
        model.fit(BATCHES, shuffle=False, verbose=0, callbacks=[cycles])
    model.second = other
    with pytest.raises(ValueError, match=r"optimizer must be built where .* received second witho"):
        model.fit(BATCHES, shuffle=False, verbose=0, callbacks=[cycles])
    assert not list(tmp_path.iterdir())

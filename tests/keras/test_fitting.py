"""`fit` in Keras: agreement with PyTorch on LeNet, where they differ, other backends, refusals.

What PyTorch promises as well is in tests/backends/test_fit.py.
"""

import os
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec

import keras
import numpy as np
import pytest

from lrlab import Constant, CyclicCosine, ReduceOnPlateau, StepDecay, pytorch
from lrlab.data import Dataset
from lrlab.keras.fitting import fit
from lrlab.keras.networks import LeNet
from lrlab.optimizers import Momentum
from lrlab.training import Recipe, Snapshots, Watch
from tests.conftest import ROOT
from tests.support.eager import quiet

SHAPE = (12, 12, 1)


def without_graphs(test):
    """For a test that compiled training would tell no more."""
    return quiet(pytest.mark.usefixtures("eager")(test))


def noise(train, test, seed=0):
    """Random images whose class is written into their brightness."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 200, (train + test, *SHAPE), dtype=np.uint8)
    y = rng.integers(0, 3, train + test)
    x += (25 * y).astype(np.uint8)[:, None, None, None]
    return Dataset("noise", x[:train], y[:train], x[train:], y[train:], tuple("abc"), "embedded")


CUT = StepDecay(0.1, gamma=0.5, step_epochs=2)


def in_both(schedule, momentum):
    """The same run of LeNet in Keras and in PyTorch: the three curves.

    One batch holds all images, so that the order drawn by each framework does not matter.
    """
    recipe, shape = Recipe(schedule, epochs=4, batch_size=60), {"image_shape": SHAPE, "classes": 3}
    runs = []
    for network, train, name in ((LeNet, fit, "keras"), (pytorch.LeNet, pytorch.fit, "pytorch")):
        optimizer = Momentum(momentum=momentum, convention=name)
        history = train(
            network(**shape, seed=2), noise(60, 40), replace(recipe, optimizer=optimizer)
        )
        assert history.train_loss[0] - history.train_loss[-1] > 0.001
        runs.append(np.array([history.train_loss, history.test_loss, history.test_accuracy]))
    return runs


def test_the_curves_are_those_of_pytorch():
    np.testing.assert_allclose(*in_both(CUT, 0.0), rtol=2e-6)


@without_graphs
def test_momentum_at_a_changing_rate_is_the_exception():
    """Keras' velocity holds the rates of its past; what differs is what follows the cut."""
    ours, theirs = in_both(CUT, 0.9)
    difference = np.abs(ours[0] / theirs[0] - 1)
    assert difference[:3].max() < 2e-6 < 1e-3 < difference[3]


def network(classes=3):
    layers = [keras.layers.Flatten(), keras.layers.Dense(classes, kernel_initializer="zeros")]
    return keras.Sequential([keras.Input(SHAPE), *layers])


@without_graphs
def test_backend_and_device_are_on_record_and_a_network_without_a_name_has_its_class():
    history = fit(network(), noise(20, 10), Recipe(Constant(0.1), epochs=1))
    made = history.provenance
    assert (made["keras"], made["tensorflow"].split(".")[0]) == (keras.__version__, "2")
    assert made["device"].endswith("pu:0")
    assert history.network == "sequential"


class Ends(keras.callbacks.Callback):
    """Ends the training after a batch of epoch 1, or at the end of that epoch."""

    def __init__(self, batch):
        super().__init__()
        self.batch = batch

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == (1, self.batch):
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            self.model.stop_training = True


@without_graphs
@pytest.mark.parametrize(("batch", "finished"), [(0, 1), (None, 2)], ids=["within", "at its end"])
def test_a_run_that_an_observer_ends_says_so_and_counts_whole_epochs(batch, finished):
    recipe = Recipe(Constant(0.1), epochs=3, batch_size=10)
    history = fit(network(), noise(20, 10), recipe, observers=[Ends(batch)])
    assert history.epochs == finished
    assert history.stopped == f"an observer ended the training in epoch {finished}"


def test_updates_that_mixed_precision_skips_are_no_end_of_a_run():
    """In half precision the gradients of so large weights overflow, until they are scaled less."""
    keras.config.set_dtype_policy("mixed_float16")
    try:
        hidden = [keras.layers.Flatten(), keras.layers.Dense(4), keras.layers.Dense(3)]
        model = keras.Sequential([keras.Input(SHAPE), *hidden])
        model.layers[-1].kernel.assign(np.outer([1e4] * 4, [-1, 0, 1]))
    finally:
        keras.config.set_dtype_policy("float32")
    recipe = Recipe(StepDecay(0.5, gamma=0.5, step_epochs=1), epochs=3, batch_size=20)
    history = fit(model, noise(20, 10), recipe)
    assert int(model.optimizer.inner_optimizer.iterations) == 0
    assert history.lr == [0.5, 0.25, 0.125]


# --- what is refused -----------------------------------------------------------------------------

WATCHED = Recipe(Constant(0.1), epochs=2, watch=Watch(ReduceOnPlateau(0.1)))


@pytest.mark.parametrize(
    ("recipe", "options", "message"),
    [
        (WATCHED, {"device": "cpu"}, "device must be 'auto' in Keras, .* received 'cpu'"),
        (
            WATCHED,
            {"snapshots": Snapshots("nowhere", ends=(1,))},
            "snapshots must be None in Keras where a policy watches",
        ),
    ],
    ids=["device", "snapshots"],
)
def test_what_keras_cannot_do_is_refused(tmp_path, monkeypatch, recipe, options, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message):
        fit(network(), noise(20, 10), recipe, **options)
    assert list(tmp_path.iterdir()) == []


def test_outputs_that_are_no_vector_of_logits_are_refused():
    rows = [keras.layers.Reshape((36, 4)), keras.layers.Dense(10)]
    model = keras.Sequential([keras.Input(SHAPE), *rows])
    with pytest.raises(ValueError, match=r"gives \(N, 36, 10\)"):
        fit(model, noise(20, 10), Recipe(Constant(0.1), epochs=1))


# --- compiled, and in other backends, a run that was interrupted ends with the same weights -------


@pytest.fixture(autouse=True)
def _unsynced(monkeypatch):
    """Only a machine that stops needs files on its disk at once, and busy disks take long."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


def interrupted_and_resumed(folder):
    """With PyTorch behind it Keras draws dropout from a generator that no model knows."""

    class Interrupts(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    def start(name, *observers):
        keras.utils.set_random_seed(1)
        layers = [keras.layers.Flatten(), keras.layers.Dropout(0.5), keras.layers.Dense(3)]
        model = keras.Sequential([keras.Input(SHAPE), *layers], name="Net")
        optimizer = Momentum(momentum=0.9, convention="keras")
        schedule = CyclicCosine(0.1, cycle_epochs=2)
        recipe = Recipe(schedule, epochs=2, batch_size=8, per="step", optimizer=optimizer)
        kept = Snapshots(folder / name)
        history = fit(model, noise(20, 10), recipe, snapshots=kept, observers=observers)
        return model.get_weights(), history

    (whole, expected), interrupted = start("whole"), False
    try:
        start("cut", Interrupts())
    except KeyboardInterrupt:
        interrupted = True
    resumed, history = start("cut")
    assert interrupted
    assert history.train_loss == expected.train_loss
    assert history.lr_changes == expected.lr_changes
    assert len(history.lr_changes) == 6
    for one, other in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(one, other)
    print(keras.backend.backend(), history.provenance["device"])


def test_compiled_updates_are_resumed(tmp_path):
    interrupted_and_resumed(tmp_path)


PROGRAM = """
import sys
# Keras looks for them, and imports each where it is there.
sys.modules |= dict.fromkeys(("matplotlib", "pandas", "sklearn", "tensorflow"))
from pathlib import Path
from lrlab import data, keras
from tests.keras.test_fitting import interrupted_and_resumed
interrupted_and_resumed(Path(sys.argv[1]))
text = data.load("markov", 2, test_limit=1).x_train
print(*keras.Decoder()(text).shape)
"""


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_other_backends_train_and_resume_alike(tmp_path, backend):
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    surroundings = {**os.environ, "KERAS_BACKEND": backend}
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    run = subprocess.run(command, env=surroundings, capture_output=True, text=True, cwd=ROOT)
    assert run.stdout.startswith(backend), run.stderr
    assert run.stdout.endswith("2 32 24\n"), run.stderr

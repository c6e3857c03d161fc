"""A model that TensorFlow mirrors on two devices: the same rates, record and resumed run.

The two are halves of the CPU, which have to be there before TensorFlow starts: in another process.
"""

import gc
import os
import subprocess
import sys
import tempfile

import keras
import numpy as np
import pytest

from tests.conftest import ROOT


def program():
    import tensorflow as tf

    gc.disable()  # it would look through TensorFlow again and again
    cpu = tf.config.list_physical_devices("CPU")[0]
    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, two)

    from lrlab import LinearDecay, ReduceOnPlateau
    from lrlab.keras import KerasSchedule, PlateauCallback, RateRecorder, ScheduleCallback
    from tests.support.one_weight import as_float32, make_model, skips, train

    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    assert strategy.num_replicas_in_sync == 2
    line = LinearDecay(0.75, total_epochs=2)
    moments = np.arange(4) / 2
    bridge = KerasSchedule(line, epochs=2, steps_per_epoch=2)
    policy = ReduceOnPlateau(0.5, factor=0.5, patience=1, min_delta=99)
    # Callbacks do the same in a graph, which takes long to make; the bridge is a part of it.
    cases = [
        (9.0, skips, [ScheduleCallback(line, per="step")], 2, line(moments)),
        (9.0, None, [PlateauCallback(policy, monitor="loss")], 1, [0.5, 0.5, 0.25]),
        (bridge, None, [], 2, line(moments)),
    ]
    for rate, optimizer, callbacks, batches, expected in cases:
        with strategy.scope():
            model = make_model(rate, optimizer=optimizer, run_eagerly=bool(callbacks))
        recorder = RateRecorder()
        shape = {"steps": 2 * batches, "batch_size": 2, "epochs": len(expected) // batches}
        used = train(model, callbacks=[*callbacks, recorder], **shape)
        assert used == as_float32(expected), (callbacks, used)
        assert {lr for _, lr in recorder.lr_changes} == set(used), callbacks
        for callback in callbacks:
            last = used[batches - 1 :: batches]
            assert model.history.history["learning_rate"] == last, callback
    fitted(strategy, line)
    resumed(strategy)


def fitted(strategy, line):
    """`fit` has the same curves as on one device, where no graph is made, which would take long."""
    import keras
    import tensorflow as tf

    from lrlab import Recipe
    from lrlab.data import Dataset
    from lrlab.keras import fit

    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (40, 2, 2, 1), np.uint8), rng.integers(0, 3, 40)
    images = Dataset("noise", x[:30], y[:30], x[30:], y[30:], tuple("abc"), "embedded")

    def run():
        dense = keras.layers.Dense(3, kernel_initializer="zeros")
        model = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Flatten(), dense])
        return fit(model, images, Recipe(line, epochs=1, batch_size=30))

    with strategy.scope():
        inside = run()
    tf.config.run_functions_eagerly(True)
    plain = run()
    tf.config.run_functions_eagerly(False)
    assert inside.lr_changes == plain.lr_changes
    for curve in ("train_loss", "test_loss", "test_accuracy"):
        np.testing.assert_allclose(getattr(inside, curve), getattr(plain, curve), rtol=1e-5)


def resumed(strategy):
    """A run that goes on in a second model ends as an undisturbed one, and in other snapshots."""
    import keras
    from keras import callbacks, layers

    from lrlab import CyclicCosine
    from lrlab.keras import ShuffledBatches, SnapshotCallback, load_snapshot, resume

    def make():
        inner = [layers.Dense(3), layers.BatchNormalization(), layers.Dropout(0.5), layers.Dense(1)]
        with strategy.scope():
            model = keras.Sequential([keras.Input((2,)), *inner])
            optimizer = keras.optimizers.SGD(momentum=0.9, use_ema=True, ema_momentum=0.5)
            model.compile(optimizer, loss="mse", run_eagerly=True)
        return model

    def run(folder, epochs):
        model, epoch = resume(folder, make)
        data = np.arange(12, dtype=np.float32).reshape(6, 2) / 12
        batches = ShuffledBatches(data, data[:, :1], batch_size=6, initial_epoch=epoch)
        cycles = SnapshotCallback(CyclicCosine(0.1, cycle_epochs=1), folder)
        exchange = callbacks.SwapEMAWeights(swap_on_epoch=True)
        options = {"epochs": epochs, "initial_epoch": epoch, "callbacks": [exchange, cycles]}
        model.fit(batches, shuffle=False, verbose=0, **options)
        return cycles.lrs

    with tempfile.TemporaryDirectory() as folder:
        keras.utils.set_random_seed(1)
        rates = run(f"{folder}/whole", 2)
        keras.utils.set_random_seed(1)
        run(f"{folder}/parts", 1)
        assert run(f"{folder}/parts", 2) == rates == dict.fromkeys((0, 1), float(np.float32(0.1)))
        states = []
        for part in ("whole", "parts"):
            model, _ = resume(f"{folder}/{part}", make)
            states.append([v.numpy() for v in (*model.variables, *model.optimizer.variables)])
            # Outside of the strategy. The first snapshot is what the second was made from.
            states[-1] += load_snapshot(f"{folder}/{part}/snapshot-2.keras").get_weights()
        for one, other in zip(*states, strict=True):
            np.testing.assert_array_equal(one, other)


OLD = tuple(map(int, keras.__version__.split(".")[:2])) < (3, 8)


@pytest.mark.skipif(OLD, reason="Keras before 3.8 adds up the gradients of its replicas")
def test_the_rates_are_set_and_noted_on_two_devices():
    # Keras imports what is installed, though nothing here needs it. And conftest.py has Triton,
    # which must come before TensorFlow.
    call = (
        "import sys; sys.modules |= dict.fromkeys(('matplotlib', 'pandas', 'sklearn')); "
        "import tests.conftest; from tests.keras.test_mirrored import program; program()"
    )
    surroundings = {**os.environ, "KERAS_BACKEND": "tensorflow"}
    run = subprocess.run(
        [sys.executable, "-c", call], env=surroundings, cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr

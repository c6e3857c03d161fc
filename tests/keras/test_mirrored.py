"""A model that TensorFlow mirrors on two devices: the same rates, and the same record of a run.

The two are halves of the CPU, which have to be there before TensorFlow starts: in another process.
"""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from tests.conftest import ROOT


def program():
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, two)

    from lrlab import LinearDecay, Recipe, ReduceOnPlateau, data
    from lrlab.keras import KerasSchedule, PlateauCallback, RateRecorder, ScheduleCallback
    from tests.support.backends import Keras
    from tests.support.one_weight import as_float32, make_model, skips, train

    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    assert strategy.num_replicas_in_sync == 2
    line = LinearDecay(0.75, total_epochs=2)
    moments = np.arange(6) / 3
    bridge = KerasSchedule(line, epochs=2, steps_per_epoch=3)
    policy = ReduceOnPlateau(0.5, factor=0.5, patience=1, min_delta=99)
    cases = [
        (9.0, skips, [ScheduleCallback(line, per="step")], line(moments)),
        (9.0, None, [ScheduleCallback(line)], line(np.floor(moments))),
        (9.0, None, [PlateauCallback(policy, monitor="loss")], [0.5] * 6),
        (bridge, None, [], line(moments)),
    ]
    for rate, optimizer, callbacks, expected in cases:
        with strategy.scope():
            model = make_model(rate, optimizer=optimizer)
        recorder = RateRecorder()
        used = train(model, steps=6, batch_size=2, epochs=2, callbacks=[*callbacks, recorder])
        assert used == as_float32(expected), (callbacks, used)
        assert {lr for _, lr in recorder.lr_changes} == set(used), callbacks
        for callback in callbacks:
            assert model.history.history["learning_rate"] == [used[2], used[5]], callback
    recipe = Recipe(line, epochs=2, batch_size=300)
    digits = data.load("digits", limit=300, test_limit=100)
    with strategy.scope():
        mirrored = Keras.linear()
    inside, plain = Keras.fit(mirrored, digits, recipe), Keras.fit(Keras.linear(), digits, recipe)
    assert inside.lr_changes == plain.lr_changes
    for curve in ("train_loss", "test_loss", "test_accuracy"):
        np.testing.assert_allclose(getattr(inside, curve), getattr(plain, curve), rtol=1e-5)


OLD = tuple(map(int, keras.__version__.split(".")[:2])) < (3, 8)


@pytest.mark.skipif(OLD, reason="Keras before 3.8 adds up the gradients of its replicas")
def test_the_rates_are_set_and_noted_on_two_devices():
    call = "from tests.keras.test_mirrored import program; program()"
    surroundings = {**os.environ, "KERAS_BACKEND": "tensorflow"}
    run = subprocess.run(
        [sys.executable, "-c", call], env=surroundings, cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr

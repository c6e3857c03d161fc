"""Any schedule as a Keras LearningRateSchedule: values, compiled use, saving and loading."""

import json
from dataclasses import dataclass
from zipfile import ZipFile

import keras
import numpy as np
import pytest
import tensorflow as tf

from lrlab import (
    CosineDecay,
    ExponentialDecay,
    InverseSqrtDecay,
    LinearDecay,
    MultiStepDecay,
    join,
    warmup,
)
from lrlab.keras.schedules import KerasSchedule
from lrlab.schedules import Schedule
from tests.support.one_weight import as_float32, make_model, train

SCHEDULE = warmup(CosineDecay(0.3, total_epochs=2, final_lr=0.01), 2, begin_lr=0.05)
COMPOSED = join([SCHEDULE, MultiStepDecay(0.2, gamma=0.1, milestones=[1, 2.5])], at=[2])
EPOCHS, STEPS = 4, 3
# Keras itself asks NumPy 2 for something that TensorFlow's variables do not offer yet.
loads = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def rates(schedule, count):
    return [float(schedule(step)) for step in range(count)]


@pytest.mark.parametrize("schedule", [SCHEDULE, COMPOSED, InverseSqrtDecay(0.1)])
@pytest.mark.parametrize("steps", [1, 3, 7])
def test_per_step_it_is_the_schedule_to_the_last_bit(schedule, steps):
    bridge = KerasSchedule(schedule, epochs=EPOCHS, steps_per_epoch=steps)
    expected = [schedule(step / steps) for step in range(EPOCHS * steps + 1)]
    assert rates(bridge, EPOCHS * steps + 1) == as_float32(expected)


@pytest.mark.parametrize("schedule", [SCHEDULE, COMPOSED])
def test_per_epoch_it_changes_with_the_first_step_of_an_epoch(schedule):
    bridge = KerasSchedule(schedule, epochs=EPOCHS, steps_per_epoch=3, per="epoch")
    expected = [schedule(epoch) for epoch in range(EPOCHS) for _ in range(3)]
    assert rates(bridge, 12) == as_float32(expected)


@pytest.mark.parametrize("per", ["step", "epoch"])
def test_after_the_last_epoch_it_stays_at_the_rate_of_that_moment(per):
    schedule = ExponentialDecay(0.5, gamma=0.5)
    bridge = KerasSchedule(schedule, epochs=2, steps_per_epoch=3, per=per)
    assert float(bridge(5)) > 0.125
    assert [float(bridge(step)) for step in (6, 7, 10**9)] == [0.125] * 3


def test_keras_own_formula_rounds_where_the_table_does_not():
    exact = CosineDecay(0.3, total_epochs=30)
    moments = np.arange(30)
    own = keras.optimizers.schedules.CosineDecay(0.3, decay_steps=30)
    table = KerasSchedule(exact, epochs=30, steps_per_epoch=1)
    off = [
        np.max(np.abs(np.array(rates(bridge, 30)) / exact(moments) - 1)) for bridge in (own, table)
    ]
    assert off[1] < 6e-8 < 1e-6 < off[0] < 1e-5


BETWEEN = ExponentialDecay(0.5, gamma=0.5)
STEPS_GIVEN = {
    "int": (3, 3),
    "float": (3.0, 3),
    "float between two updates": (3.75, 3),
    "numpy": (np.int64(3), 3),
    "integer tensor": (tf.constant(3, tf.int32), 3),
    "float tensor": (tf.constant(3.0), 3),
    "half": (tf.constant(3.0, tf.float16), 3),
    "variable": (keras.Variable(3.0), 3),
    "list": ([0, 3], [0, 3]),
    "range": (keras.ops.arange(4, dtype="float32"), [0, 1, 2, 3]),
    "array of two dimensions": (np.array([[0.0], [2.0]]), [[0], [2]]),
    "past the end": (np.array([4.0, 1e9]), [4, 4]),
    "before the beginning": (np.array([-1, -1e9]), [0, 0]),
}


@pytest.mark.parametrize("per", ["step", "epoch"])
@pytest.mark.parametrize(("step", "whole"), STEPS_GIVEN.values(), ids=STEPS_GIVEN)
def test_a_step_is_a_number_or_a_tensor_of_any_kind(step, whole, per):
    bridge = KerasSchedule(BETWEEN, epochs=2, steps_per_epoch=2, per=per)
    found = bridge(step)
    exponents = np.array(whole) / 2 if per == "step" else np.array(whole) // 2
    assert np.asarray(found).tolist() == as_float32(0.5 * 0.5**exponents)
    assert keras.backend.standardize_dtype(found.dtype) == "float32"


@pytest.mark.parametrize("dtype", [tf.int64, tf.float32])
@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("per", ["step", "epoch"])
def test_in_a_compiled_function(per, jit_compile, dtype):
    bridge = KerasSchedule(SCHEDULE, epochs=EPOCHS, steps_per_epoch=STEPS, per=per)
    compiled = tf.function(
        bridge, input_signature=[tf.TensorSpec([], dtype)], jit_compile=jit_compile
    )
    steps = range(EPOCHS * STEPS + 5)
    assert [float(compiled(tf.constant(k, dtype))) for k in steps] == rates(bridge, len(steps))


@loads
@pytest.mark.parametrize("jit_compile", [False, True])
def test_compiled_training_uses_the_rates_and_goes_on_with_them_when_loaded(tmp_path, jit_compile):
    bridge = KerasSchedule(SCHEDULE, epochs=EPOCHS, steps_per_epoch=STEPS)
    model = make_model(bridge, jit_compile=jit_compile)
    used = train(model, steps=STEPS, epochs=2)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert int(loaded.optimizer.iterations) == 2 * STEPS
    used += train(loaded, steps=STEPS, epochs=5, initial_epoch=2)
    moments = np.minimum(np.arange(5 * STEPS) / STEPS, EPOCHS)
    assert used == as_float32(SCHEDULE(moments))
    assert loaded.jit_compile is jit_compile


@pytest.mark.parametrize("per", ["step", "epoch"])
def test_its_config_is_plain_and_rebuilds_it(per):
    bridge = KerasSchedule(COMPOSED, epochs=3, steps_per_epoch=2, per=per)
    schedules = keras.optimizers.schedules
    config = json.loads(json.dumps(schedules.serialize(bridge)))
    assert config["registered_name"] == "lrlab>KerasSchedule"
    again = schedules.deserialize(config)
    assert again.schedule == COMPOSED
    assert again.get_config() == bridge.get_config()
    assert rates(again, 9) == rates(bridge, 9)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"schedule": 0.1}, "schedule must be a schedule of lrlab, received 0.1"),
        ({"epochs": 0}, "epochs must be a positive integer, received 0"),
        ({"epochs": 2.5}, "epochs must be a positive integer, received 2.5"),
        ({"steps_per_epoch": None}, "steps_per_epoch must be a positive integer, received None"),
        ({"per": "batch"}, "per must be one of step, epoch, received 'batch'"),
    ],
)
def test_arguments_that_break_a_rule_are_named(changed, message):
    arguments = {"schedule": SCHEDULE, "epochs": 2, "steps_per_epoch": 3, **changed}
    with pytest.raises(ValueError, match=message):
        KerasSchedule(arguments.pop("schedule"), **arguments)


def test_a_config_that_names_no_schedule_is_refused():
    config = KerasSchedule(SCHEDULE, epochs=2, steps_per_epoch=3).get_config()
    config["schedule"]["class"] = "Nonsense"
    message = (
        r"must name a class out of .* received 'Nonsense'\. Define a schedule class of your own"
    )
    with pytest.raises(ValueError, match=message):
        KerasSchedule.from_config(config)


@dataclass(frozen=True)
class HalvingWithKeras(Schedule):
    lr: float

    def _rates(self, t):
        return self.lr * 0.5**t


@loads
def test_a_schedule_class_of_ones_own_must_be_there_when_its_model_is_loaded(tmp_path):
    here, elsewhere = tmp_path / "here.keras", tmp_path / "elsewhere.keras"
    make_model(KerasSchedule(HalvingWithKeras(0.5), epochs=2, steps_per_epoch=1)).save(here)
    assert train(keras.saving.load_model(here), steps=1, epochs=3) == [0.5, 0.25, 0.125]
    with ZipFile(here) as archive, ZipFile(elsewhere, "w") as other:
        for name in archive.namelist():
            other.writestr(name, archive.read(name).replace(b'"HalvingWithKeras"', b'"Thirding"'))
    with pytest.raises(ValueError, match=r"received 'Thirding'\. Define a schedule class of your"):
        keras.saving.load_model(elsewhere)


def test_the_last_rate_may_be_zero():
    bridge = KerasSchedule(LinearDecay(0.1, total_epochs=2), epochs=2, steps_per_epoch=2)
    assert rates(bridge, 6)[-2:] == [0.0, 0.0]

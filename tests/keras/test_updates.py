"""What counts as an update where batches pass without one; the judge is the weight itself.

Gradients are summed up over several batches, or a batch is skipped since its gradients overflowed.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from lrlab import CosineDecay, ExponentialDecay, LinearDecay, warmup
from lrlab.keras.callbacks import RateRecorder, ScheduleCallback
from lrlab.keras.schedules import KerasSchedule, rates_of
from tests.support.one_weight import as_float32, make_model, skips, sums_up, train

SCHEDULE = warmup(CosineDecay(0.3, total_epochs=2, final_lr=0.01), 1, begin_lr=0.05)
EPOCHS = 3


def skips_and_sums_up(lr):
    return keras.optimizers.LossScaleOptimizer(sums_up(2)(lr), initial_scale=1.0)


def begun(batches, steps, broken=(), epochs=EPOCHS):
    """When the update that each batch makes began, in epochs; NaN for a batch that makes none."""
    times, waiting = [], 0
    for epoch in range(epochs):
        begin = 0
        for step in range(steps):
            waiting += step not in broken
            times.append(epoch + begin / steps if waiting == batches else np.nan)
            waiting, begin = (0, step + 1) if waiting == batches else (waiting, begin)
    return np.array(times)


def rates_at(times, per="step", schedule=SCHEDULE):
    """What each batch's update should use, 0 for those without one."""
    moments = np.nan_to_num(times if per == "step" else np.floor(times))
    return np.where(np.isfinite(times), as_float32(schedule(moments)), 0.0).tolist()


def changes(times, rates):
    """What a recorder should note."""
    made = np.isfinite(times)
    pairs = list(zip(times[made].tolist(), np.array(rates)[made].tolist(), strict=True))
    return [pair for i, pair in enumerate(pairs) if i == 0 or pair[1] != pairs[i - 1][1]]


CASES = {
    "two batches": (sums_up(2), 2, 4, (), "step"),
    "some are left over": (sums_up(2), 2, 3, (), "step"),
    "some are left over, once an epoch": (sums_up(2), 2, 3, (), "epoch"),
    "more than an epoch has": (sums_up(4), 4, 3, (), "step"),
    "skipped": (skips, 1, 4, (0, 2), "step"),
    "a whole epoch skipped": (skips, 1, 2, (0, 1), "step"),
    "skipped while it sums up": (skips_and_sums_up, 2, 4, (1,), "step"),
    "skipped while it sums up, once an epoch": (skips_and_sums_up, 2, 4, (1,), "epoch"),
}
IN_A_GRAPH = ("two batches", "skipped while it sums up")  # which takes long to make


@pytest.mark.parametrize("case", CASES)
def test_an_update_has_the_rate_of_the_moment_at_which_it_begins(case):
    optimizer, batches, steps, broken, per = CASES[case]
    model = make_model(9.0, optimizer=optimizer, run_eagerly=case not in IN_A_GRAPH)
    recorder = RateRecorder()
    callbacks = [ScheduleCallback(SCHEDULE, per=per), recorder]
    used = train(model, steps=steps, epochs=EPOCHS, callbacks=callbacks, broken=broken)
    times = begun(batches, steps, broken)
    expected = rates_at(times, per)
    assert used == expected
    assert recorder.lr_changes == changes(times, expected)
    assert 0.0 in expected


def test_what_the_last_fit_left_over_goes_into_the_first_update_of_the_next():
    model, used = make_model(9.0, optimizer=sums_up(3), run_eagerly=True), []
    recorder = RateRecorder()
    for first in (0, 2):
        callbacks = [ScheduleCallback(SCHEDULE, per="step"), recorder]
        epochs = {"initial_epoch": first, "epochs": first + 1}
        used += train(model, steps=4, callbacks=callbacks, **epochs)
    expected = as_float32([0, 0, SCHEDULE(0), 0, 0, SCHEDULE(2), 0, 0])
    assert used == expected
    assert recorder.lr_changes == [(0.0, expected[2]), (2.0, expected[5])]


@pytest.mark.parametrize(
    ("mode", "per"), [("compiled", "step"), ("jit_compile", "epoch"), ("run_eagerly", "step")]
)
def test_the_bridge_counts_updates(mode, per):
    bridge = KerasSchedule(SCHEDULE, epochs=EPOCHS, steps_per_epoch=2, per=per)
    compiled = {} if mode == "compiled" else {mode: True}
    recorder, model = RateRecorder(), make_model(bridge, optimizer=sums_up(2), **compiled)
    used = train(model, steps=4, epochs=EPOCHS, callbacks=[recorder])
    expected = rates_at(begun(2, 4), per)
    assert used == expected
    assert recorder.lr_changes == changes(begun(2, 4), expected)


def test_keras_hands_its_own_schedules_batches():
    """Why the bridge asks the optimizer."""
    halving = keras.optimizers.schedules.ExponentialDecay(0.5, 1, 0.5)
    used = train(make_model(halving, optimizer=sums_up(2), run_eagerly=True), steps=6)
    assert used == [0, 0.5**2, 0, 0.5**4, 0, 0.5**6]


@pytest.mark.parametrize(("optimizer", "counted"), [(skips, 3), (skips_and_sums_up, 2)])
def test_the_bridge_does_not_count_what_is_skipped(optimizer, counted):
    halving = ExponentialDecay(0.5, gamma=0.5)
    bridge = KerasSchedule(halving, epochs=9, steps_per_epoch=1)
    steps, broken = (4, (0,)) if counted == 3 else (5, (1,))
    model = make_model(bridge, optimizer=optimizer, run_eagerly=counted == 3)
    used = train(model, steps=steps, broken=broken)
    assert [rate for rate in used if rate] == [0.5 ** (k + 1) for k in range(counted)]


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")
def test_a_loaded_model_goes_on_between_two_batches_of_an_update(tmp_path):
    line = LinearDecay(0.8, total_epochs=1)
    bridge = KerasSchedule(line, epochs=1, steps_per_epoch=4)
    model = make_model(bridge, optimizer=sums_up(2), run_eagerly=True)
    used = train(model, steps=3)
    model.save(tmp_path / "model.keras")
    used += train(keras.saving.load_model(tmp_path / "model.keras"), steps=5)
    assert used == rates_at(begun(2, 8, epochs=1), schedule=line)


class Halved(keras.optimizers.schedules.LearningRateSchedule):
    """A reader's own schedule around another."""

    def __init__(self, other):
        self.other = other

    def __call__(self, step):
        return self.other(step) / 2


@pytest.mark.parametrize("wrap", [lambda rate: rate, Halved])
def test_in_a_loop_of_ones_own(wrap):
    bridge = KerasSchedule(LinearDecay(0.8, total_epochs=2), epochs=2, steps_per_epoch=2)
    optimizer = keras.optimizers.SGD(wrap(bridge), gradient_accumulation_steps=2)
    weight, used = keras.Variable(0.0), []
    optimizer.build([weight])

    @tf.function
    def update():
        optimizer.apply([tf.ones(())], [weight])

    for _ in range(8):
        weight.assign(0.0)
        update()
        used.append(-float(weight))
    size = 1 if wrap is not Halved else 0.5
    assert used == as_float32([0, 0.8 * size, 0, 0.6 * size, 0, 0.4 * size, 0, 0.2 * size])


def test_a_count_that_someone_else_hands_over_is_one_of_updates():
    bridge = KerasSchedule(LinearDecay(0.8, total_epochs=4), epochs=4, steps_per_epoch=1)
    optimizer = keras.optimizers.SGD(bridge, gradient_accumulation_steps=2)
    optimizer.variables[0].assign(4)  # batches
    assert float(optimizer.learning_rate) == as_float32(0.4)
    assert float(bridge(optimizer.iterations)) == as_float32(0.4)
    assert float(bridge(keras.Variable(2))) == as_float32(0.4)
    assert rates_of(bridge, steps=3).tolist() == as_float32([0.8, 0.6, 0.4])


@pytest.mark.parametrize("batches", [1, 2])
def test_several_batches_in_a_call(batches):
    """The weight is not put back here: it is moved by the sum of the rates."""
    optimizer = sums_up(2) if batches == 2 else None
    line = LinearDecay(0.5, total_epochs=2)
    bridge = KerasSchedule(line, epochs=2, steps_per_epoch=4 // batches)
    expected = sum(np.float32(line(k * batches / 4)) for k in range(8 // batches))
    ones = np.ones((4, 1), np.float32)
    data = tf.data.Dataset.from_tensor_slices((ones, -10 * ones)).batch(1)
    for rate, callbacks in (bridge, []), (9.0, [ScheduleCallback(line)]):
        eagerly = bool(callbacks) or batches == 1  # the bridge alone is part of a graph
        model = make_model(rate, optimizer=optimizer, steps_per_execution=2, run_eagerly=eagerly)
        model.fit(data, shuffle=False, epochs=2, verbose=0, callbacks=callbacks)
        assert model.layers[-1].kernel.numpy().item() == pytest.approx(-expected, rel=1e-6)
        expected = (0.5 + 0.25) * 4 / batches

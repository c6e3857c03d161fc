"""The rate is set in time and read back as used; the judge is the weight itself.

What `PlateauCallback` shares with its twin is in tests/backends/test_plateau.py.
"""

import json
from dataclasses import replace

import keras
import numpy as np
import pytest

from lrlab import Constant, CosineDecay, LinearDecay, ReduceOnPlateau, warmup
from lrlab.keras.callbacks import PlateauCallback, RateRecorder, ScheduleCallback
from lrlab.keras.schedules import KerasSchedule
from tests.support.one_weight import Metric, as_float32, make_model, train

SCHEDULE = warmup(CosineDecay(0.3, total_epochs=2, final_lr=0.01), 1, begin_lr=0.05)
STEPS = 3


class AfterEachBatch(keras.callbacks.Callback):
    """Keeps what the optimiser says of its rate when an update is over, and may change it."""

    def __init__(self, change=None):
        super().__init__()
        self.seen, self.change = [], change

    def on_train_batch_end(self, batch, logs=None):
        optimizer = self.model.optimizer
        self.seen.append(float(optimizer.learning_rate))
        if self.change:
            optimizer.learning_rate = self.change * float(optimizer.learning_rate)


def recorded(recorder, updates):
    """The rate of each update, from the changes on record."""
    moments = np.array([t for t, _ in recorder.lr_changes])
    rates = np.array([lr for _, lr in recorder.lr_changes])
    t = np.arange(updates) / STEPS
    return rates[np.searchsorted(moments, t + 1e-9) - 1].tolist()


@pytest.mark.parametrize("run_eagerly", [False, True])
@pytest.mark.parametrize("per", ["epoch", "step"])
def test_the_rate_is_set_before_the_update_that_uses_it(per, run_eagerly):
    model = make_model(9.0, run_eagerly=run_eagerly)
    used = train(model, steps=STEPS, epochs=3, callbacks=[ScheduleCallback(SCHEDULE, per=per)])
    moments = np.arange(3 * STEPS) / STEPS
    assert used == as_float32(SCHEDULE(moments if per == "step" else np.floor(moments)))


@pytest.mark.parametrize("per", ["epoch", "step"])
def test_epochs_are_those_of_fit(per):
    model = make_model(9.0, run_eagerly=True)
    callback = ScheduleCallback(SCHEDULE, per=per)
    used = train(model, steps=STEPS, initial_epoch=1, epochs=3, callbacks=[callback])
    moments = np.arange(STEPS, 3 * STEPS) / STEPS
    assert used == as_float32(SCHEDULE(moments if per == "step" else np.floor(moments)))


def test_the_default_is_once_an_epoch():
    assert ScheduleCallback(SCHEDULE).per == "epoch"


@pytest.mark.parametrize(
    "rate",
    [KerasSchedule(Constant(0.1), epochs=1, steps_per_epoch=1), lambda: 0.1],
    ids=["schedule", "function"],
)
def test_an_optimiser_whose_rate_cannot_be_set_is_refused_before_training(rate):
    model = make_model(rate, run_eagerly=True)
    model.layers[-1].kernel.assign([[7.0]])
    with pytest.raises(ValueError, match="learning_rate of the optimizer must be a number"):
        train(model, steps=STEPS, callbacks=[ScheduleCallback(SCHEDULE)])
    assert float(model.layers[-1].kernel[0, 0]) == 7.0


def endless():
    while True:
        yield np.ones((1, 1)), np.ones((1, 1))


@pytest.mark.parametrize("callback", [ScheduleCallback(SCHEDULE, per="step"), RateRecorder()])
def test_steps_that_cannot_be_told_apart_are_refused(callback):
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise AssertionError("training has begun")

    name = type(callback).__name__
    unknown = f"steps_per_epoch must be given to fit, since {name} has to know .* received None"
    with pytest.raises(ValueError, match=unknown):
        make_model(0.1).fit(endless(), shuffle=False, callbacks=[callback, Stop()], verbose=0)
    several = make_model(0.1, steps_per_execution=2)
    with pytest.raises(ValueError, match=f"steps_per_execution must be 1 for {name} .* received 2"):
        train(several, steps=4, callbacks=[callback, Stop()])


def test_once_an_epoch_needs_no_number_of_steps():
    model = make_model(9.0, run_eagerly=True)

    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = True

    callbacks = [ScheduleCallback(Constant(0.5)), Stop()]
    model.fit(endless(), shuffle=False, callbacks=callbacks, verbose=0)
    assert float(model.optimizer.learning_rate) == 0.5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ScheduleCallback(0.1), "schedule must be a schedule of lrlab, received 0.1"),
        (
            lambda: ScheduleCallback(SCHEDULE, per="batch"),
            "per must be one of epoch, step, received 'batch'",
        ),
    ],
)
def test_arguments_that_break_a_rule_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("run_eagerly", [False, True])
@pytest.mark.parametrize("how", ["callback", "optimizer"])
def test_the_rate_on_record_is_the_one_that_moved_the_weight(how, run_eagerly):
    recorder = RateRecorder()
    setters = [ScheduleCallback(SCHEDULE, per="step")] if how == "callback" else []
    bridge = KerasSchedule(SCHEDULE, epochs=3, steps_per_epoch=STEPS)
    model = make_model(9.0 if setters else bridge, run_eagerly=run_eagerly)
    callbacks = [*setters, recorder]
    used = train(model, steps=STEPS, epochs=3, callbacks=callbacks)
    assert [t for t, _ in recorder.lr_changes] == [
        e + k / STEPS for e in range(3) for k in range(3)
    ]
    assert [lr for _, lr in recorder.lr_changes] == used


def test_after_the_update_a_schedule_answers_with_the_rate_of_the_next():
    """Why the recorder does not wait until then."""
    late = AfterEachBatch()
    bridge = KerasSchedule(SCHEDULE, epochs=3, steps_per_epoch=STEPS)
    used = train(make_model(bridge, run_eagerly=True), steps=STEPS, epochs=3, callbacks=[late])
    assert late.seen[:-1] == used[1:] != used[:-1]


@pytest.mark.parametrize("recorder_first", [False, True])
def test_a_rate_that_someone_changes_after_each_update_is_recorded_too(recorder_first):
    recorder = RateRecorder()
    callbacks = [AfterEachBatch(change=0.5), recorder]
    used = train(
        make_model(0.5, run_eagerly=True),
        steps=STEPS,
        epochs=2,
        callbacks=callbacks[::-1] if recorder_first else callbacks,
    )
    assert recorded(recorder, 2 * STEPS) == used == [0.5**k for k in range(1, 2 * STEPS + 1)]


def test_a_recorder_in_front_of_the_setter_sees_the_rate_before():
    """As its docstring warns: the wrong order raises an alarm and never hides one."""
    schedule = LinearDecay(0.75, total_epochs=3)
    recorder = RateRecorder()
    setter = ScheduleCallback(schedule, per="step")
    train(
        make_model(9.0, run_eagerly=True),
        steps=STEPS,
        epochs=2,
        callbacks=[recorder, setter],
    )
    assert recorder.lr_changes[:2] == [(0.0, 9.0), (1 / 3, 0.75)]


def test_an_unchanged_rate_is_noted_once():
    recorder = RateRecorder()
    callbacks = [ScheduleCallback(Constant(0.25)), recorder]
    train(make_model(9.0, run_eagerly=True), steps=STEPS, epochs=3, callbacks=callbacks)
    assert recorder.lr_changes == [(0.0, 0.25)]


# --- lowered by a policy -------------------------------------------------------------------------

# Keras 3.15's callbacks, and its loading of a model, convert in a way that NumPy 2 deprecates.
converts = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
POLICY = ReduceOnPlateau(0.5, factor=0.5, patience=1, cooldown=2)
RAMP = warmup(Constant(0.5), 3, begin_lr=0.125)
# Improvements, ties, improvements too small to count, a number that is none.
METRICS = [9.0, 9.0, 9.0, 5.0, 4.95, 4.9, 4.8, 3.0, np.nan, 3.0, 2.95, 3.0]


def used_rates(*callbacks, metrics=METRICS, model=None, **arguments):
    """The rate of each epoch of a run with these callbacks and metrics."""
    model = model or make_model(9.0, run_eagerly=True)
    arguments = {"epochs": len(metrics), **arguments}
    return train(model, steps=1, callbacks=[Metric(metrics), *callbacks], **arguments)


def test_in_a_compiled_step_it_sets_the_same_rates():
    expected = used_rates(PlateauCallback(POLICY))
    assert used_rates(PlateauCallback(POLICY), model=make_model(9.0)) == expected
    assert len(set(expected)) > 2


def test_the_metric_is_the_one_named():
    rising = [float(value) for value in range(6)]
    expected = [0.5, 0.5, 0.25, 0.25, 0.125, 0.125]
    watched = PlateauCallback(POLICY, monitor="own")
    assert used_rates(Metric(rising, "own"), watched, metrics=[-v for v in rising]) == expected
    unwatched = PlateauCallback(POLICY)
    assert used_rates(Metric(rising, "own"), unwatched, metrics=[-v for v in rising]) == [0.5] * 6


def test_a_recorder_behind_it_sees_the_rates():
    recorder = RateRecorder()
    used = used_rates(PlateauCallback(POLICY), recorder)
    expected = [(t, lr) for t, lr in enumerate(used) if t == 0 or lr != used[t - 1]]
    assert recorder.lr_changes == expected


@converts
@pytest.mark.filterwarnings("ignore:.*conversion of an array:DeprecationWarning")
def test_keras_own_warmup_overwrites_its_own_cuts():
    """keras#8829: the cut is undone when the next epoch begins."""
    setter = keras.callbacks.LearningRateScheduler(lambda epoch: RAMP(epoch))
    cutter = keras.callbacks.ReduceLROnPlateau("val_loss", mode="min", patience=1)
    assert used_rates(setter, cutter) == RAMP(np.arange(len(METRICS))).tolist()


WAITING = replace(POLICY, patience=2, cooldown=3, min_delta=0.1)


def waiting(policy=WAITING, **changes):
    return PlateauCallback(policy, **{"schedule": RAMP, "first_epoch": 3} | changes)


@converts
def test_saved_with_its_model_it_goes_on(tmp_path):
    class Save(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.save(tmp_path / f"{epoch + 1}.keras")
            text = json.dumps(plateau.state_dict(), allow_nan=False)
            (tmp_path / f"{epoch + 1}.json").write_text(text)
            seen.append(plateau.state)

    plateau, seen = waiting(), []
    whole = used_rates(plateau, Save())
    assert sum(state.wait > 0 for state in seen) > 1
    assert sum(state.cooldown_left > 0 for state in seen) > 1
    assert len({state.lr for state in seen}) == 3
    for epoch in (2, 7):
        model = keras.saving.load_model(tmp_path / f"{epoch}.keras")
        resumed = waiting()
        resumed.load_state_dict(json.loads((tmp_path / f"{epoch}.json").read_text()))
        assert resumed.state == seen[epoch - 1]
        assert used_rates(resumed, model=model, initial_epoch=epoch) == whole[epoch:]
    assert len(seen) == len(METRICS)


@converts
def test_a_second_fit_goes_on_where_keras_own_forgets():
    def in_two(callback):
        model = make_model(0.5, run_eagerly=True)
        rates = used_rates(callback, model=model, epochs=9)
        return rates + used_rates(callback, model=model, initial_epoch=9)

    whole = used_rates(PlateauCallback(WAITING))
    assert in_two(PlateauCallback(WAITING)) == whole
    same = {"factor": 0.5, "patience": 2, "cooldown": 3, "min_delta": 0.1, "mode": "min"}
    theirs = keras.callbacks.ReduceLROnPlateau("val_loss", **same)
    assert in_two(theirs) != whole


def test_a_second_fit_that_begins_elsewhere_is_refused_before_its_first_update():
    model, plateau = make_model(9.0, run_eagerly=True), waiting()
    used_rates(plateau, model=model, epochs=4)
    model.layers[-1].kernel.assign([[7.0]])
    state = plateau.state_dict()
    for first in (0, 3, 5):
        with pytest.raises(ValueError, match=f"initial_epoch must be 4 .* received {first}; a run"):
            used_rates(plateau, model=model, initial_epoch=first)
    assert float(model.layers[-1].kernel[0, 0]) == 7.0
    assert plateau.state_dict() == state
    assert used_rates(plateau, model=model, initial_epoch=4, epochs=5) == [0.5]


def test_a_new_callback_may_begin_in_any_epoch():
    unused = waiting()
    unused.load_state_dict(waiting().state_dict())
    for plateau in (waiting(), unused):
        assert used_rates(plateau, initial_epoch=2, epochs=7) == [0.375, 0.5, 0.5, 0.5, 0.25]


STATE = waiting().state_dict()


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (waiting(monitor="loss").state_dict(), "has monitor 'loss', this scheduler 'val_loss'"),
        (waiting(per="step").state_dict(), "has per 'step', this scheduler 'epoch'"),
        (STATE | {"next_epoch": -1}, "next_epoch must be an integer of at least 0, received -1"),
        ({n: STATE[n] for n in STATE if n != "next_epoch"}, "next_epoch must be .* 'nothing'"),
    ],
    ids=["monitor", "per", "-1", "no epoch"],
)
def test_a_state_of_another_run_is_refused_and_changes_nothing(state, message):
    plateau = waiting()
    for epoch in range(5):
        plateau.on_epoch_end(epoch, {"val_loss": METRICS[epoch]})
    before = plateau.state_dict()
    with pytest.raises(ValueError, match=message):
        plateau.load_state_dict(state)
    assert plateau.state_dict() == before != STATE


@pytest.mark.parametrize("monitor", ["val_loss", "los"])
def test_a_metric_that_is_not_in_the_logs_is_an_error(monitor):
    with pytest.raises(ValueError, match=f"in the logs, loss, own, received '{monitor}'"):
        train(
            make_model(9.0, run_eagerly=True),
            steps=1,
            callbacks=[Metric([1.0], "own"), PlateauCallback(POLICY, monitor=monitor)],
        )

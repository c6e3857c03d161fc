"""The rate is set in time and read back as used; the judge is the weight itself."""

from contextlib import suppress

import keras
import numpy as np
import pytest

from lrlab import Constant, CosineDecay, LinearDecay, ReduceOnPlateau, warmup
from lrlab.keras.callbacks import RateRecorder, ScheduleCallback
from lrlab.keras.plateau import PlateauCallback
from lrlab.keras.schedules import KerasSchedule
from tests.support.one_weight import as_float32, make_model, train

SCHEDULE = warmup(CosineDecay(0.3, total_epochs=2, final_lr=0.01), 1, begin_lr=0.05)
STEPS = 3
# Keras 3.15's callbacks convert in a way that NumPy 2 deprecates.
converts = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


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


@pytest.mark.parametrize(("per", "run_eagerly"), [("epoch", True), ("step", False)])
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


@pytest.mark.parametrize(("how", "run_eagerly"), [("callback", True), ("optimizer", False)])
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


def restarted(folder, rate, *callbacks):
    """The rates used by a program that dies in epoch 2, where it is started again."""

    class Dies(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    used = []
    for last in ([Dies()], []):
        backup = keras.callbacks.BackupAndRestore(folder)
        model = make_model(rate, run_eagerly=True)
        with suppress(KeyboardInterrupt):
            train(model, steps=STEPS, epochs=4, callbacks=[backup, *callbacks, *last], used=used)
    return used


@converts
@pytest.mark.parametrize("how", ["callback", "optimizer"])
def test_beside_a_backup_a_schedule_goes_on_by_itself(tmp_path, how):
    bridge = KerasSchedule(SCHEDULE, epochs=4, steps_per_epoch=STEPS)
    setters = [ScheduleCallback(SCHEDULE, per="step")] if how == "callback" else []
    used = restarted(tmp_path, 9.0 if setters else bridge, *setters)
    assert used == as_float32(SCHEDULE(np.arange(4 * STEPS) / STEPS))


# --- among the logs ------------------------------------------------------------------------------


def logged(callback, *others, lr=9.0, steps=2, epochs=3):
    model = make_model(lr, run_eagerly=True)
    train(model, steps=steps, epochs=epochs, callbacks=[callback, *others])
    return model.history.history["learning_rate"]


@converts
@pytest.mark.filterwarnings("ignore:.*conversion of an array:DeprecationWarning")
def test_the_rate_is_among_the_logs_where_keras_own_callbacks_put_it():
    setter = keras.callbacks.LearningRateScheduler(lambda epoch: SCHEDULE(epoch))
    assert logged(ScheduleCallback(SCHEDULE)) == logged(setter, lr=9.0)
    cutter = keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=99)
    policy = ReduceOnPlateau(0.5, factor=0.5, patience=1, min_delta=99)
    rates = logged(PlateauCallback(policy, monitor="loss"))
    assert rates == logged(cutter, lr=0.5) == [0.5, 0.5, 0.25]


def test_per_step_it_is_the_last_rate_of_the_epoch():
    line = LinearDecay(0.75, total_epochs=3)
    assert logged(ScheduleCallback(line, per="step")) == [0.625, 0.375, 0.125]


@converts
def test_whoever_comes_later_finds_it_there(tmp_path):
    seen = []
    look = keras.callbacks.LambdaCallback(on_epoch_end=lambda _, logs: seen.append(dict(logs)))
    lines = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    name = str(tmp_path / "{epoch}-{learning_rate:.3f}.weights.h5")
    files = keras.callbacks.ModelCheckpoint(name, save_weights_only=True)
    line = LinearDecay(0.75, total_epochs=3)
    logged(ScheduleCallback(line), look, lines, files)
    assert [logs["learning_rate"] for logs in seen] == [0.75, 0.5, 0.25]
    rows = [row.split(",") for row in (tmp_path / "log.csv").read_text().split()]
    column = rows[0].index("learning_rate")
    assert [row[column] for row in rows[1:]] == ["0.75", "0.5", "0.25"]
    assert {path.name for path in tmp_path.glob("*.h5")} == {
        "1-0.750.weights.h5",
        "2-0.500.weights.h5",
        "3-0.250.weights.h5",
    }

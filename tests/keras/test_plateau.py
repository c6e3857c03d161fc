"""A policy as a callback: the rates it sets, what it goes on from, what it makes of a metric.

What it shares with its twin in PyTorch is in tests/backends/test_plateau.py.
"""

import json
from contextlib import suppress
from dataclasses import replace

import keras
import numpy as np
import pytest
from tensorflow.data import Dataset

from lrlab import Constant, ReduceOnPlateau, warmup
from lrlab.keras.callbacks import RateRecorder
from lrlab.keras.plateau import PlateauCallback
from tests.support.one_weight import Metric, make_model, train

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
    used_rates(plateau, epochs=5)
    before = plateau.state_dict()
    with pytest.raises(ValueError, match=message):
        plateau.load_state_dict(state)
    assert plateau.state_dict() == before != STATE


# --- a metric that does not come every time ------------------------------------------------------


class Now(keras.callbacks.Callback):
    """Puts a metric into the logs of some epochs, None into those of others."""

    def __init__(self, metrics, name):
        super().__init__()
        self.metrics, self.name = metrics, name

    def on_epoch_end(self, epoch, logs=None):
        if epoch in self.metrics:
            logs[self.name] = self.metrics[epoch]


@pytest.mark.parametrize("name", ["val_loss", "own"])
def test_only_epochs_with_a_metric_count(name):
    """The first sets the best, each later one is a cut, and an absent one is neither."""
    rising = Now({1: 1.0, 2: None, 3: 2.0, 4: 3.0, 6: 4.0}, name)
    expected = [0.5, 0.5, 0.5, 0.5, 0.25, 0.125, 0.125, 0.0625]
    policy = replace(POLICY, cooldown=0)
    assert train_with(rising, PlateauCallback(policy, monitor=name), epochs=8) == expected


def train_with(*callbacks, model=None, **arguments):
    model = model or make_model(9.0, run_eagerly=True)
    return train(model, steps=1, callbacks=callbacks, **arguments)


@converts
@pytest.mark.parametrize("frequency", [2, [1, 2, 6]])
def test_validation_now_and_then_as_in_keras_own(frequency):
    def rates(callback, lr):
        data = Dataset.from_tensors((np.ones((1, 1)), np.ones((1, 1))))
        with_validation = {"validation_data": data, "validation_freq": frequency}
        model = make_model(lr, run_eagerly=True)
        return train_with(callback, model=model, epochs=8, **with_validation)

    ours = rates(PlateauCallback(ReduceOnPlateau(0.5, factor=0.5, patience=1, min_delta=99)), 9.0)
    own = keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=1, min_delta=99)
    with pytest.warns(UserWarning, match="which is not available"):
        theirs = rates(own, 0.5)
    assert ours == theirs
    assert len(set(ours)) > 1


@pytest.mark.parametrize("monitor", ["val_loss", "los"])
def test_a_metric_that_never_comes_is_an_error_in_the_end(monitor):
    with pytest.raises(ValueError, match=f"in the logs, loss, own, received '{monitor}'"):
        train_with(Now({0: 1.0, 2: 2.0}, "own"), PlateauCallback(POLICY, monitor=monitor), epochs=3)


def test_a_metric_that_came_once_or_may_still_come_is_none():
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    train_with(Stop(), PlateauCallback(POLICY), epochs=3)
    train_with(PlateauCallback(POLICY), epochs=0)
    once = PlateauCallback(POLICY)
    train_with(Now({0: 1.0}, "val_loss"), once, epochs=1)
    train_with(once, initial_epoch=1, epochs=2)
    elsewhere = PlateauCallback(POLICY)
    elsewhere.load_state_dict(once.state_dict())
    train_with(elsewhere, initial_epoch=2, epochs=3)
    train_with(Now({0: 1.0}, "val_loss"), waiting(), epochs=2)  # before it watches


# --- a run that was interrupted, and the program begins anew -------------------------------------


class Kill(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 5:
            raise KeyboardInterrupt


def begin(folder, plateau, *others, first=False):
    """What a program does each time that it is started; the rates until it is killed, or ends."""
    recorder, metric = RateRecorder(), Metric(METRICS)
    backup = keras.callbacks.BackupAndRestore(folder, delete_checkpoint=False)
    own = [plateau, backup] if first else [backup, plateau]
    kill = [] if list(folder.glob("*.h5")) else [Kill()]
    with suppress(KeyboardInterrupt):
        train_with(metric, *own, *others, recorder, *kill, epochs=len(METRICS))
    return recorder.lr_changes


@converts
@pytest.mark.parametrize("first", [False, True])
def test_beside_a_backup_that_does_not_know_it_a_new_callback_is_refused(tmp_path, first):
    before = begin(tmp_path, waiting(first_epoch=3), first=first)
    assert len(before) > 3
    with pytest.raises(
        ValueError, match=r"at most 3 .* received 5; .* load_state_dict, .*_epoch=5"
    ):
        begin(tmp_path, waiting(first_epoch=3), first=first)
    assert begin(tmp_path, waiting(first_epoch=5), first=first)[0] == (5.0, 0.5)


@converts
@pytest.mark.parametrize("per", ["epoch", "step"])
def test_beside_a_backup_it_goes_on_if_its_state_is_saved_as_the_docstring_says(tmp_path, per):
    state = tmp_path / "state.json"

    def start(folder):
        plateau = waiting(per=per)
        if state.exists():
            plateau.load_state_dict(json.loads(state.read_text()))
        save = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: state.write_text(json.dumps(plateau.state_dict()))
        )
        return begin(folder, plateau, save)

    parts = [*start(tmp_path / "cut"), *start(tmp_path / "cut")]
    state.unlink()
    (tmp_path / "whole").mkdir()
    (tmp_path / "whole" / "none.h5").touch()  # is not killed
    whole = start(tmp_path / "whole")
    assert [pair for i, pair in enumerate(parts) if i == 0 or pair[1] != parts[i - 1][1]] == whole
    assert whole[-1][0] > 5
    assert whole[-1][1] < 0.5


@pytest.mark.parametrize("first_epoch", [0, 3])
def test_up_to_its_first_epoch_a_new_callback_knows_all_there_is_to_know(first_epoch):
    """A second run of the same model, a warm-up that came before."""
    model = make_model(9.0, run_eagerly=True)
    train_with(model=model, epochs=3)
    plateau = PlateauCallback(POLICY, first_epoch=first_epoch)
    assert used_rates(plateau, model=model, initial_epoch=first_epoch, epochs=6)[0] == 0.5

"""The policy as a callback of a real ``fit``: against Keras' own, after a warm-up, interrupted.

The metric is put into the logs by a callback in front; the rates are weighed (see one_weight).
"""

import dataclasses
import json

import keras
import numpy as np
import pytest

from lrlab import Constant, CosineDecay, ReduceOnPlateau, warmup
from lrlab.keras.callbacks import PlateauCallback, RateRecorder
from lrlab.keras.schedules import KerasSchedule
from lrlab.training import History
from tests.support.one_weight import as_float32, make_model, train

# Keras 3.15's callbacks, and its loading of a model, convert in a way that NumPy 2 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

POLICY = ReduceOnPlateau(0.5, factor=0.5, patience=1, cooldown=2)
RAMP = warmup(Constant(0.5), 3, begin_lr=0.125)
# Improvements, ties, improvements too small to count, a number that is none.
METRICS = [9.0, 9.0, 9.0, 5.0, 4.95, 4.9, 4.8, 3.0, np.nan, 3.0, 2.95, 3.0]


class Metric(keras.callbacks.Callback):
    """Puts a metric of its own into the logs."""

    def __init__(self, values, name="val_loss"):
        super().__init__()
        self.values, self.name = values, name

    def on_epoch_end(self, epoch, logs=None):
        logs[self.name] = self.values[epoch]


def used_rates(*callbacks, metrics=METRICS, lr=9.0, model=None, steps=1, **arguments):
    """The rate of each update of a run with these callbacks and metrics."""
    model = model or make_model(lr, run_eagerly=True)
    arguments = {"epochs": len(metrics), **arguments}
    return train(model, steps=steps, callbacks=[Metric(metrics), *callbacks], **arguments)


# --- rates ---------------------------------------------------------------------------------------

BY_ITSELF = {
    "ties and the threshold": {"patience": 2, "min_delta": 0.1},
    "patience 0, no threshold": {"patience": 0, "factor": 0.7, "min_delta": 0.0},
    "cooldown": {"patience": 1, "cooldown": 3, "min_delta": 0.1},
    "floor": {"patience": 1, "factor": 0.3, "min_lr": 0.01, "mode": "max"},
}


@pytest.mark.parametrize("own", BY_ITSELF.values(), ids=BY_ITSELF)
def test_by_itself_it_is_keras_own(own) -> None:
    theirs = keras.callbacks.ReduceLROnPlateau("val_loss", **{"mode": "min"} | own)
    expected = used_rates(theirs, lr=0.1)
    policy = ReduceOnPlateau(0.1, **own)
    assert used_rates(PlateauCallback(policy)) == expected
    assert len(set(expected)) > 2


def test_at_a_constant_rate_too_and_in_a_compiled_step() -> None:
    expected = used_rates(PlateauCallback(POLICY))
    constant = PlateauCallback(POLICY, schedule=Constant(0.5))
    assert used_rates(constant, model=make_model(9.0)) == expected
    assert len(set(expected)) > 2


def test_a_warmup_and_then_the_policy_by_hand() -> None:
    # Epoch 3 sets the best; 4 is bad, a cut, and 5 does not count; 6 is bad again, another.
    metrics = [1.0, 1.0, 1.0, 5.0, 5.0, 5.0, 5.0, 5.0]
    plateau = PlateauCallback(POLICY, schedule=RAMP, watch_from=3)
    expected = [0.125, 0.25, 0.375, 0.5, 0.5, 0.25, 0.25, 0.125]
    assert used_rates(plateau, metrics=metrics) == expected
    later = PlateauCallback(POLICY, schedule=RAMP, watch_from=4)
    watched_from_4 = [0.125, 0.25, 0.375, 0.5, 0.5, 0.5, 0.25, 0.25]
    assert used_rates(later, metrics=metrics) == watched_from_4


def test_within_epochs_the_schedule_goes_on() -> None:
    ramp = warmup(CosineDecay(0.5, total_epochs=4), 2, begin_lr=0.1)
    plateau = PlateauCallback(POLICY, schedule=ramp, watch_from=2, per="step")
    rates = used_rates(plateau, metrics=[1.0] * 7, steps=3)
    factors = np.repeat([1, 1, 1, 1, 0.5, 0.5, 0.25], 3)
    assert rates == pytest.approx(factors * ramp(np.arange(21) / 3), rel=6e-8)
    assert len(set(rates)) > 15


def test_the_metric_is_the_one_named() -> None:
    rising = [float(value) for value in range(6)]
    expected = [0.5, 0.5, 0.25, 0.25, 0.125, 0.125]
    watched = PlateauCallback(POLICY, monitor="own")
    assert used_rates(Metric(rising, "own"), watched, metrics=[-v for v in rising]) == expected
    unwatched = PlateauCallback(POLICY)
    assert used_rates(Metric(rising, "own"), unwatched, metrics=[-v for v in rising]) == [0.5] * 6


@pytest.mark.parametrize("convention", ["keras", "pytorch"])
def test_the_optimiser_rounds_a_rate_to_float32(convention: str) -> None:
    policy = ReduceOnPlateau(0.1, convention=convention, patience=0, factor=0.3)
    plateau = PlateauCallback(policy)
    state, expected = policy.start(), []
    for metric in METRICS:
        expected.append(state.lr)
        state = policy.update(state, metric)
    rates = used_rates(plateau)
    assert rates == as_float32(expected)
    assert (rates == expected) is (convention == "keras")
    assert plateau.state.lr == state.lr


def test_a_rate_given_as_an_integer() -> None:
    policy = ReduceOnPlateau(1, factor=0.5, patience=1)
    assert used_rates(PlateauCallback(policy), metrics=[1.0] * 4) == [1, 1, 0.5, 0.25]


def test_a_recorder_behind_it_sees_the_rates() -> None:
    history = History({}, {})
    used = used_rates(PlateauCallback(POLICY), RateRecorder(history))
    assert history.used_lr(np.arange(len(METRICS))).tolist() == used


@pytest.mark.filterwarnings("ignore:.*conversion of an array:DeprecationWarning")
def test_keras_own_warmup_overwrites_its_own_cuts() -> None:
    """keras#8829: the cut is undone when the next epoch begins."""
    setter = keras.callbacks.LearningRateScheduler(lambda epoch: RAMP(epoch))
    cutter = keras.callbacks.ReduceLROnPlateau("val_loss", mode="min", patience=1)
    assert used_rates(setter, cutter) == RAMP(np.arange(len(METRICS))).tolist()


# --- interrupted ---------------------------------------------------------------------------------

WAITING = dataclasses.replace(POLICY, patience=2, cooldown=3, min_delta=0.1)


def waiting(policy=WAITING, **changes):
    return PlateauCallback(policy, **{"schedule": RAMP, "watch_from": 3} | changes)


def test_interrupted_after_any_epoch_it_goes_on(tmp_path) -> None:
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
    for epoch in range(1, len(METRICS)):
        model = keras.saving.load_model(tmp_path / f"{epoch}.keras")
        resumed = waiting()
        resumed.load_state_dict(json.loads((tmp_path / f"{epoch}.json").read_text()))
        assert resumed.state == seen[epoch - 1]
        assert used_rates(resumed, model=model, initial_epoch=epoch) == whole[epoch:]
    assert len(seen) == len(METRICS)


def test_a_second_fit_goes_on_where_keras_own_forgets() -> None:
    def in_two(callback):
        model = make_model(0.5, run_eagerly=True)
        rates = used_rates(callback, model=model, epochs=9)
        return rates + used_rates(callback, model=model, initial_epoch=9)

    whole = used_rates(PlateauCallback(WAITING))
    assert in_two(PlateauCallback(WAITING)) == whole
    same = {"factor": 0.5, "patience": 2, "cooldown": 3, "min_delta": 0.1, "mode": "min"}
    theirs = keras.callbacks.ReduceLROnPlateau("val_loss", **same)
    assert in_two(theirs) != whole


def test_a_second_fit_that_begins_elsewhere_is_refused_before_its_first_update() -> None:
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


def test_a_new_callback_may_begin_in_any_epoch() -> None:
    unused = waiting()
    unused.load_state_dict(waiting().state_dict())
    for plateau in (waiting(), unused):
        assert used_rates(plateau, initial_epoch=2, epochs=7) == [0.375, 0.5, 0.5, 0.5, 0.25]


STATE = waiting().state_dict()


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (
            waiting(dataclasses.replace(WAITING, patience=3)).state_dict(),
            "state must be one of .*'patience': 2.* received one of .*'patience': 3",
        ),
        (waiting(schedule=Constant(0.5)).state_dict(), "has schedule {.*Constant.*, this schedul"),
        (waiting(watch_from=4).state_dict(), "has watch_from 4, this scheduler 3"),
        (waiting(monitor="loss").state_dict(), "has monitor 'loss', this scheduler 'val_loss'"),
        (waiting(per="step").state_dict(), "has per 'step', this scheduler 'epoch'"),
        (STATE | {"next_epoch": -1}, "next_epoch must be an integer of at least 0, received -1"),
        ({n: STATE[n] for n in STATE if n != "next_epoch"}, "next_epoch must be .* 'nothing'"),
        (STATE | {"plateau": None}, "state must be a dict as to_dict.. gives it, received None"),
        (None, "state_dict must be what state_dict.. gives, received None"),
    ],
    ids=["policy", "schedule", "watch_from", "monitor", "per", "-1", "no epoch", "plateau", "None"],
)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(state, message: str) -> None:
    plateau = waiting()
    for epoch in range(5):
        plateau.on_epoch_end(epoch, {"val_loss": METRICS[epoch]})
    before = plateau.state_dict()
    with pytest.raises(ValueError, match=message):
        plateau.load_state_dict(state)
    assert plateau.state_dict() == before != STATE
    plateau.load_state_dict(STATE)
    assert plateau.state_dict() == STATE


# --- misused -------------------------------------------------------------------------------------


@pytest.mark.parametrize("monitor", ["val_loss", "los"])
def test_a_metric_that_is_not_in_the_logs_is_an_error(monitor: str) -> None:
    with pytest.raises(ValueError, match=f"in the logs, loss, own, received '{monitor}'"):
        train(
            make_model(9.0, run_eagerly=True),
            steps=1,
            callbacks=[Metric([1.0], "own"), PlateauCallback(POLICY, monitor=monitor)],
        )


def test_an_optimiser_whose_rate_cannot_be_set_is_refused_before_training() -> None:
    model = make_model(KerasSchedule(Constant(0.5), epochs=1, steps_per_epoch=1), run_eagerly=True)
    model.layers[-1].kernel.assign([[7.0]])
    with pytest.raises(ValueError, match="must be a number for PlateauCallback to change it"):
        used_rates(PlateauCallback(POLICY), model=model)
    assert float(model.layers[-1].kernel[0, 0]) == 7.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"policy": 0.5}, "policy must be a ReduceOnPlateau, received 0.5"),
        ({"schedule": 0.5}, "schedule must be a schedule of lrlab, received 0.5"),
        ({"watch_from": 1.5}, "watch_from must be an integer of at least 0, received 1.5"),
        ({"watch_from": 2}, r"policy.lr must be the rate .*, schedule\(2\) = 0.375, received 0.5"),
        ({"per": "batch"}, "per must be one of epoch, step, received 'batch'"),
    ],
    ids=str,
)
def test_arguments_that_break_a_rule_are_named(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        waiting(**changes)

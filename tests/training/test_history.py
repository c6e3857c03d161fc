"""The record of a run: what it notes, how it is written, what it refuses."""

import json
import math

import numpy as np
import pytest

from lrlab import Constant, ExponentialDecay, LinearDecay, ReduceOnPlateau, StepDecay, warmup
from lrlab.data import load
from lrlab.training.history import History, run_config
from lrlab.training.origin import provenance
from tests.support.histories import make_history


def test_lr_is_the_rate_of_each_epochs_first_update():
    assert make_history().lr == [0.8, 0.4]
    assert make_history(per="step").lr == [0.8, 0.4]


def test_only_changes_of_the_rate_are_stored():
    assert make_history().lr_changes == [(0.0, 0.8), (1.0, 0.4)]
    assert len(make_history(per="step").lr_changes) == 6


@pytest.mark.parametrize("per", ["epoch", "step"])
def test_deviation_is_zero_for_a_run_that_followed_its_schedule(per):
    assert make_history(per=per).lr_deviation() == 0


@pytest.mark.parametrize("per", ["epoch", "step"])
def test_deviation_shows_a_rate_that_came_an_epoch_late(per):
    # In epoch 1 the run used 0.8 where 0.4 was meant: off by half of the peak.
    assert make_history(per=per, late=1).lr_deviation() == pytest.approx(0.5)


def test_deviation_sees_a_rate_that_changed_inside_an_epoch():
    history = make_history(StepDecay(0.1, gamma=0.5, step_epochs=5))
    history.config["per"] = "step"
    assert history.lr_deviation() == 0
    history.lr_changes.append((1 + 1 / 3, 0.2))
    assert history.lr_deviation() == pytest.approx(1.0)


def test_deviation_sees_a_rate_that_changed_and_came_back():
    history = make_history()  # one rate an epoch: 0.8, 0.4
    assert history.lr_deviation() == 0
    history.lr_changes[1:1] = [(1 / 3, 0.6), (2 / 3, 0.8)]
    assert history.lr_deviation() == pytest.approx(0.25)


PLATEAU = ReduceOnPlateau(0.5, convention="pytorch", factor=0.5, patience=0, cooldown=1)
# Epoch 2 is the first watched, 3 the best; 4 is bad, a cut; 5 does not count; 6 is bad again.
LOSSES = [1.0, 1.0, 9.0, 8.0, 8.0, 8.0, 8.0, 8.0]
LEVELS = [1, 1, 1, 1, 1, 0.5, 0.5, 0.25]


def make_plateau_history(levels=LEVELS, per="epoch", steps=3, monitor="test_loss", watch_from=2):
    """A run with a warm-up of two epochs, and these factors from its plateau policy."""
    schedule = warmup(LinearDecay(0.5, total_epochs=10), 2)
    config = {"schedule": schedule.to_config(), "per": per, "steps_per_epoch": steps}
    config |= {"plateau": PLATEAU.to_config(), "monitor": monitor, "watch_from": watch_from}
    history = History(config, {"device": "none"})
    for epoch, level in enumerate(levels):
        for step in range(steps):
            t = epoch + step / steps
            history.record_lr(t, level * schedule(t if per == "step" else epoch))
        curves = {"train_loss": 1.0, "test_loss": 1.0, "test_accuracy": 1.0}
        curves[monitor] = LOSSES[epoch]
        history.record_epoch(**curves, seconds=0.1)
    return history


@pytest.mark.parametrize("monitor", ["train_loss", "test_loss", "test_accuracy"])
@pytest.mark.parametrize("per", ["epoch", "step"])
def test_deviation_knows_what_a_plateau_policy_intended(per, monitor):
    history = History.from_json(make_plateau_history(per=per, monitor=monitor).to_json())
    assert history.lr_deviation() <= 1e-15
    assert history.cut_epochs == [5, 7]
    assert history.lr_deviation(history.schedule) > 0.3
    history.thin()
    assert history.lr_deviation() <= 1e-15


@pytest.mark.parametrize(
    "levels",
    [
        [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25],  # a cut too early
        [1, 1, 1, 1, 1, 1, 0.5, 0.25],  # too late
        [1, 1, 1, 1, 1, 0.5, 0.5, 0.5],  # none
        [1, 1, 1, 1, 1, 0.5, 0.5, 0.125],  # too deep
        [1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25],  # for a metric that did not count
    ],
)
def test_deviation_notices_a_cut_that_the_metrics_do_not_ask_for(levels):
    assert make_plateau_history(levels).lr_deviation() > 0.02
    assert make_plateau_history(levels).cut_epochs == [5, 7]


def test_deviation_goes_by_the_metric_and_the_epoch_on_record():
    for change in ({"monitor": "train_loss"}, {"watch_from": 4}):
        history = make_plateau_history()
        history.config |= change
        if "watch_from" in change:  # where the schedule has to be at the policy's rate
            history.config["schedule"] = Constant(0.5).to_config()
        assert history.cut_epochs != [5, 7]


def test_the_last_metric_decides_on_no_epoch_of_the_record():
    assert make_plateau_history(LEVELS[:5]).cut_epochs == []
    assert make_plateau_history(LEVELS[:6]).cut_epochs == [5]
    assert make_plateau_history([]).cut_epochs == []


@pytest.mark.parametrize("nothing", [{}, {"plateau": None}])
def test_a_run_without_a_policy_has_no_cuts(nothing):
    history = make_history()
    history.config |= nothing
    assert history.reacting is None
    assert history.cut_epochs == []
    assert history.lr_deviation() == 0


def test_deviation_needs_a_finished_epoch():
    with pytest.raises(ValueError, match="no finished epoch"):
        make_history(epochs=0).lr_deviation()


def test_a_moment_before_the_first_update_is_refused():
    history = History({}, {}, lr_changes=[(5.0, 0.5), (6.0, 0.6)])
    assert history.used_lr(np.array([5.0, 5.5, 7.0])).tolist() == [0.5, 0.5, 0.6]
    with pytest.raises(ValueError, match="before the first update"):
        history.used_lr(np.array([4.9]))


def test_json_round_trip_keeps_every_value():
    history = make_history()
    copy = History.from_json(history.to_json())
    assert copy == history
    assert copy.schedule == ExponentialDecay(0.8, gamma=0.5)


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_the_run_and_survives_json(loss):
    history = make_history()
    history.record_lr(2.0, 0.2)
    history.record_epoch(train_loss=loss, test_loss=1.0, test_accuracy=0.1, seconds=0.1)
    assert history.stopped == "diverged: the loss is no longer finite in epoch 2"
    text = history.to_json()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    copy = History.from_json(text)
    assert repr(copy.train_loss) == repr(history.train_loss)
    assert copy.stopped == history.stopped


def test_a_finite_loss_does_not_stop_the_run():
    assert make_history().stopped is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"config": {}}', '{"foreign": 1}', '{"con'])
def test_text_that_is_no_record_is_refused(text):
    with pytest.raises(ValueError, match="no record of a run"):
        History.from_json(text)


def test_load_names_the_broken_file(tmp_path):
    path = tmp_path / "run-3.json"
    make_history().save(path)
    path.write_text(path.read_text()[:40])
    with pytest.raises(ValueError, match=r"run-3\.json"):
        History.load(path)


def test_saving_twice_replaces_the_record_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "results" / "run.json"
    make_history().save(path)
    second = make_history(epochs=4)
    second.save(path)
    assert History.load(path) == second
    assert [entry.name for entry in path.parent.iterdir()] == ["run.json"]


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("epochs", 0, "epochs must be a positive integer, received 0"),
        ("epochs", 2.0, "epochs must be a positive integer"),
        ("epochs", True, "epochs must be a positive integer"),
        ("batch_size", -1, "batch_size must be a positive integer"),
        ("schedule", 0.1, "schedule must be a schedule of lrlab, received 0.1"),
        ("per", "batch", "per must be one of epoch, step, received 'batch'"),
        ("momentum", 1.0, r"momentum must be a finite real number in \[0, 1\), received 1.0"),
        ("momentum", -0.1, "momentum"),
        ("momentum", math.nan, "momentum"),
        ("seed", -1, "seed"),
        ("seed", 0.5, "seed"),
        ("plateau", 0.1, "policy must be a ReduceOnPlateau, received 0.1"),
        ("plateau", PLATEAU, r"policy.lr must be .*, schedule\(0\) = 0.1, received 0.5"),
        ("plateau", ReduceOnPlateau(0.1, mode="max"), "mode must be 'min' where test_loss is wat"),
        ("monitor", "val_loss", "one of train_loss, test_loss, test_accuracy, received 'val_loss'"),
        ("watch_from", -1, "watch_from must be an integer of at least 0, received -1"),
    ],
)
def test_run_config_refuses(argument, value, message):
    arguments = {
        "model": "LeNet",
        "epochs": 1,
        "schedule": ExponentialDecay(0.1, gamma=0.9),
        "batch_size": 10,
        "momentum": 0.0,
        "per": "epoch",
        "seed": 0,
    }
    with pytest.raises(ValueError, match=message):
        run_config(load("blobs", 20), **{**arguments, argument: value})


@pytest.mark.parametrize(
    ("monitor", "mode"), [("train_loss", "min"), ("test_loss", "min"), ("test_accuracy", "max")]
)
def test_run_config_describes_the_plateau_policy_and_its_mode_fits(monitor, mode):
    arguments = {"model": "m", "epochs": 1, "schedule": Constant(0.1), "batch_size": 10}
    arguments |= {"momentum": 0, "per": "step", "seed": 0}
    plain = run_config(load("blobs", 25), **arguments)
    assert not {"plateau", "monitor", "watch_from"} & set(plain)
    policy = ReduceOnPlateau(0.1, mode=mode)
    arguments |= {"monitor": monitor, "watch_from": np.int64(3)}
    config = run_config(load("blobs", 25), plateau=policy, **arguments)
    watched = {"plateau": policy.to_config(), "monitor": monitor, "watch_from": 3}
    assert json.loads(json.dumps(config)) == plain | watched
    wrong = {"min": "max", "max": "min"}[mode]
    message = f"plateau.mode must be '{mode}' where {monitor} is watched, received '{wrong}'"
    with pytest.raises(ValueError, match=message):
        run_config(load("blobs", 25), plateau=ReduceOnPlateau(0.1, mode=wrong), **arguments)


def test_run_config_counts_the_last_short_batch():
    config = run_config(
        load("blobs", 25),
        model="m",
        epochs=1,
        schedule=ExponentialDecay(0.1, gamma=0.9),
        batch_size=10,
        momentum=0,
        per="step",
        seed=0,
    )
    assert config["steps_per_epoch"] == 3
    assert config["train_images"] == 25


def test_provenance_names_what_can_move_a_result():
    made = provenance("torch", "2.13.0", "a device", "fingerprint")
    assert made["torch"] == "2.13.0"
    assert made["numpy"] == np.__version__
    assert made["data"] == "fingerprint"
    assert {"lrlab", "python", "device", "date"} <= set(made)

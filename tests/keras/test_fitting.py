"""`fit`: the rates it used, agreement with PyTorch, what a last incomplete batch counts."""

import dataclasses
import random
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from lrlab import (
    Constant,
    ExponentialDecay,
    LinearDecay,
    ReduceOnPlateau,
    StepDecay,
    data,
    pytorch,
    warmup,
)
from lrlab.data import Dataset
from lrlab.keras import fitting as training
from lrlab.keras.callbacks import PlateauCallback, ScheduleCallback
from lrlab.keras.fitting import fit
from lrlab.keras.networks import LeNet
from lrlab.keras.schedules import KerasSchedule
from lrlab.utils import progress

SCHEDULE = LinearDecay(0.3, total_epochs=4, final_lr=0.07)
SHAPE = (12, 12, 1)


def noise(train, test, seed=0):
    """Random images whose class is written into their brightness, too small to be downloaded."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 200, (train + test, *SHAPE), dtype=np.uint8)
    y = rng.integers(0, 3, train + test)
    x += (25 * y).astype(np.uint8)[:, None, None, None]
    return Dataset("noise", x[:train], y[:train], x[train:], y[train:], tuple("abc"), "embedded")


def linear(shape=SHAPE, classes=3):
    """The smallest classifier, with weights that are always the same."""
    layers = [keras.layers.Flatten(), keras.layers.Dense(classes, kernel_initializer="zeros")]
    return keras.Sequential([keras.Input(shape), *layers], name="linear")


def lenet(framework, **arguments):
    return framework(image_shape=SHAPE, classes=3, init="kaiming_uniform", seed=2, **arguments)


@pytest.mark.parametrize("how", ["callback", "optimizer"])
@pytest.mark.parametrize("per", ["epoch", "step"])
def test_the_used_rate_is_the_schedules(per, how):
    history = fit(
        linear(), noise(50, 10), epochs=3, schedule=SCHEDULE, batch_size=8, per=per, how=how
    )
    assert history.lr_deviation(SCHEDULE) <= 1e-7
    assert len(history.lr_changes) == (3 if per == "epoch" else 3 * 7)
    assert history.lr == [rate for t, rate in history.lr_changes if t % 1 == 0]


class OneEpochLate(ScheduleCallback):
    def on_epoch_begin(self, epoch, logs=None):
        super().on_epoch_begin(max(epoch - 1, 0), logs)


@pytest.mark.parametrize("per", ["epoch", "step"])
def test_a_rate_that_comes_one_epoch_late_is_noticed(monkeypatch, per):
    """The rate on record is read back: copied from the schedule, it would hide the fault."""
    monkeypatch.setattr(training, "ScheduleCallback", OneEpochLate)
    history = fit(linear(), noise(50, 10), epochs=3, schedule=SCHEDULE, batch_size=8, per=per)
    assert history.lr_deviation(SCHEDULE) > 0.1


def test_a_table_of_another_schedule_is_noticed(monkeypatch):
    def wrong(schedule, **arguments):
        return KerasSchedule(ExponentialDecay(0.3, gamma=0.9), **arguments)

    monkeypatch.setattr(training, "KerasSchedule", wrong)
    history = fit(linear(), noise(50, 10), epochs=3, schedule=SCHEDULE, how="optimizer")
    assert history.lr_deviation(SCHEDULE) > 0.01


@pytest.fixture(scope="module")
def in_both():
    """The same run in Keras and in PyTorch: train loss, test loss and test accuracy by epoch.

    One batch holds all images, so that the order drawn by each framework does not matter.
    """
    dataset = noise(60, 40)

    def train(schedule, momentum):
        arguments = {"epochs": 4, "schedule": schedule, "batch_size": 60, "momentum": momentum}
        ours = fit(lenet(LeNet), dataset, **arguments)
        theirs = pytorch.fit(lenet(pytorch.LeNet), dataset, device="cpu", **arguments)
        assert theirs.train_loss[0] - theirs.train_loss[-1] > 0.001
        return [
            np.array([run.train_loss, run.test_loss, run.test_accuracy]) for run in (ours, theirs)
        ]

    return train


CUT = StepDecay(0.1, gamma=0.5, step_epochs=2)


@pytest.mark.parametrize(("schedule", "momentum"), [(CUT, 0.0), (Constant(0.1), 0.9)])
def test_the_curves_are_those_of_pytorch(in_both, schedule, momentum):
    np.testing.assert_allclose(*in_both(schedule, momentum), rtol=2e-6)


def test_momentum_at_a_changing_rate_is_the_exception(in_both):
    """Keras' velocity holds the rates of its past; what differs is what follows the cut."""
    ours, theirs = in_both(CUT, 0.9)
    difference = np.abs(ours[0] / theirs[0] - 1)
    assert difference[:3].max() < 2e-6 < 1e-3 < difference[3]


def test_a_last_incomplete_batch_counts_by_its_size(monkeypatch):
    """At rate 0 nothing is learnt, and the means are those over all images, however batched."""
    monkeypatch.setattr(training, "EVALUATION_BATCH", 32)
    dataset = noise(50, 40)
    dataset.y_train[:] = np.arange(50) // 17  # so that batches differ in their loss
    history = fit(lenet(LeNet), dataset, epochs=1, schedule=Constant(0.0), batch_size=32)
    whole = pytorch.LeNet(image_shape=SHAPE, classes=3, seed=2)
    for split, loss in (("train", history.train_loss), ("test", history.test_loss)):
        images, labels = getattr(dataset, f"x_{split}"), getattr(dataset, f"y_{split}")
        place = pytorch.training.pick_device("cpu")
        expected = pytorch.evaluate(whole, *pytorch.training.to_device(images, labels, place))
        assert loss == [pytest.approx(expected[0], rel=1e-6)]
    assert history.test_accuracy == [pytest.approx(expected[1])]


@pytest.fixture(scope="module")
def digits():
    return data.load("digits", limit=300, test_limit=100)


def run(dataset, **arguments):
    usual = {"epochs": 2, "schedule": SCHEDULE, "batch_size": 64}
    return fit(linear(dataset.image_shape, dataset.classes), dataset, **usual | arguments)


def curves(history):
    return [history.train_loss, history.test_loss, history.test_accuracy, history.lr_changes]


# Only the first epochs of a run learn so much.
PLATEAU = ReduceOnPlateau(0.5, factor=0.3, patience=1, min_delta=0.4)


# Keras 3.15's callback converts the rate in a way that NumPy 2 deprecates.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize(
    ("monitor", "mode"), [("train_loss", "min"), ("test_loss", "min"), ("test_accuracy", "max")]
)
def test_a_plateau_policy_cuts_where_keras_own_does(digits, monitor, mode):
    policy = dataclasses.replace(PLATEAU, mode=mode)
    options = {"epochs": 7, "schedule": Constant(0.5), "plateau": policy, "monitor": monitor}
    history = run(digits, **options)
    theirs = keras.callbacks.ReduceLROnPlateau(
        "metric", mode=mode, factor=0.3, patience=1, min_delta=0.4
    )
    theirs.set_model(SimpleNamespace(optimizer=keras.optimizers.SGD(0.5)))
    theirs.on_train_begin()
    expected = []
    for epoch, metric in enumerate(getattr(history, monitor)):
        expected.append(float(theirs.model.optimizer.learning_rate))
        theirs.on_epoch_end(epoch, {"metric": metric})
    assert history.lr == expected
    assert history.lr_deviation() == 0
    cuts = [t for t, _ in history.lr_changes[1:]]
    assert history.cut_epochs == cuts
    assert 0 < len(cuts) < 7


@pytest.mark.parametrize(("per", "watch_from"), [("epoch", 2), ("step", 4)])
def test_a_warmup_and_then_a_plateau(digits, per, watch_from):
    options = {"epochs": 7, "schedule": warmup(Constant(0.5), 2), "per": per, "plateau": PLATEAU}
    history = run(digits, watch_from=watch_from, **options)
    assert history.lr_deviation() <= 1e-7
    assert history.lr[:3] == [0, 0.25, 0.5]
    assert min(history.cut_epochs) == watch_from + 2
    # 5 updates an epoch, of which the first 10 climb
    changes = (10 if per == "step" else 2) + 1 + len(history.cut_epochs)
    assert len(history.lr_changes) == changes
    assert history.config["watch_from"] == watch_from


class OneMetricLate(PlateauCallback):
    def on_epoch_end(self, epoch, logs=None):
        late, self.last = getattr(self, "last", 1e9), logs[self.monitor]
        super().on_epoch_end(epoch, {self.monitor: late})


def test_a_cut_that_comes_late_is_noticed(digits, monkeypatch):
    monkeypatch.setattr(training, "PlateauCallback", OneMetricLate)
    history = run(digits, epochs=6, schedule=Constant(0.5), plateau=PLATEAU)
    assert len(history.cut_epochs) > 0
    assert history.lr_deviation() > 0.05


@pytest.fixture(scope="module")
def usual(digits):
    return run(digits)


def test_a_seed_is_one_run_to_the_last_bit(digits, usual):
    assert curves(run(digits)) == curves(usual)


@pytest.mark.parametrize(
    "changed",
    [
        {"seed": 1},
        {"momentum": 0.5},
        {"batch_size": 32},
        {"schedule": Constant(0.1)},
        {"per": "step"},
    ],
)
def test_every_argument_changes_the_run(digits, usual, changed):
    assert run(digits, **changed).test_loss != usual.test_loss


def test_both_ways_of_setting_the_rate_train_alike(digits, usual):
    assert curves(run(digits, how="optimizer")) == curves(usual)


def test_pythons_and_numpys_generators_are_left_alone(digits):
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    run(digits, epochs=1)
    drawn = random.random(), np.random.random()  # noqa: NPY002
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    assert drawn == (random.random(), np.random.random())  # noqa: NPY002


def test_what_is_on_record(digits):
    history = run(digits, seed=3, how="optimizer", schedule=Constant(0.2))
    assert history.config == {
        "model": "linear",
        "dataset": "digits",
        "train_images": 300,
        "epochs": 2,
        "batch_size": 64,
        "steps_per_epoch": 5,
        "schedule": {"class": "Constant", "lr": 0.2},
        "per": "epoch",
        "momentum": 0.0,
        "seed": 3,
        "how": "optimizer",
    }
    made = history.provenance
    assert (made["keras"], made["data"]) == (keras.__version__, digits.fingerprint)
    assert made["device"].endswith(":0")
    assert made["tensorflow"].split(".")[0] == "2"
    assert history.epochs == len(history.seconds) == 2
    assert min(history.seconds) > 0
    assert history.test_accuracy[-1] > 0.5
    assert history.stopped is None
    again = type(history).from_json(history.to_json())
    assert again == history


@pytest.mark.parametrize("plateau", [None, ReduceOnPlateau(1e38)])
def test_a_run_that_diverges_ends_early_and_says_so(digits, plateau):
    history = run(digits, epochs=5, schedule=Constant(1e38), plateau=plateau)
    assert history.epochs < 5
    assert f"the loss is no longer finite in epoch {history.epochs - 1}" in history.stopped


@pytest.mark.parametrize("watched", [True, False])
def test_progress_is_shown_to_whoever_watches(digits, monkeypatch, capsys, watched):
    monkeypatch.setattr(progress, "watched", lambda: watched)
    history = run(digits)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert ("2/2" in shown.err) is watched
    assert (f"test accuracy {history.test_accuracy[-1]:.3f}" in shown.err) is watched


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"epochs": 0}, "epochs must be a positive integer, received 0"),
        ({"batch_size": 1.5}, "batch_size must be a positive integer, received 1.5"),
        ({"schedule": 0.1}, "schedule must be a schedule of lrlab, received 0.1"),
        ({"momentum": 1.0}, r"momentum must be a finite real number in \[0, 1\), received 1.0"),
        ({"per": "batch"}, "per must be one of epoch, step, received 'batch'"),
        ({"how": "magic"}, "how must be one of callback, optimizer, received 'magic'"),
        ({"monitor": "val_loss"}, "one of train_loss, test_loss, test_accuracy, received 'val_l"),
        ({"watch_from": -1}, "watch_from must be an integer of at least 0, received -1"),
        ({"plateau": PLATEAU}, r"policy.lr must be the rate .* schedule\(0\) = 0.3, received 0.5"),
        (
            {"plateau": ReduceOnPlateau(0.3), "monitor": "test_accuracy"},
            "plateau.mode must be 'max' where test_accuracy is watched, received 'min'",
        ),
        (
            {"plateau": ReduceOnPlateau(0.3), "how": "optimizer"},
            "how must be 'callback' for a plateau policy, received 'optimizer'",
        ),
    ],
)
def test_arguments_that_break_a_rule_are_named(digits, changed, message):
    with pytest.raises(ValueError, match=message):
        run(digits, **changed)


def test_a_model_with_fewer_outputs_than_classes_is_refused(digits):
    with pytest.raises(ValueError, match=r"model must give logits of shape \(N, 10\) .* \(N, 9\)"):
        fit(linear((8, 8, 1), 9), digits, epochs=1, schedule=SCHEDULE)
    rows = [keras.layers.Reshape((16, 4)), keras.layers.Dense(10)]
    with pytest.raises(ValueError, match=r"gives \(N, 16, 10\)"):
        fit(keras.Sequential([keras.Input((8, 8, 1)), *rows]), digits, epochs=1, schedule=SCHEDULE)

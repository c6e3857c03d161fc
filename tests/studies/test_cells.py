"""The cells of the comparison say what their records hold, the lower the better."""

import json
import math

import pytest

from lrlab.studies import CELLS, STUDIES, Cell, RecordError, chosen, folder, store
from tests.support.histories import follow_run

CELL = Cell("AlexNet", 8)


def raw(study, label):
    """A study's records of a label as they stand in the files, without lrlab, by seed."""
    found = {}
    for file in (folder() / study).glob("*.json"):
        record = json.loads(file.read_text())
        if record["run"]["setting"]["label"] == label:
            found[record["run"]["seed"]] = record["history"]
    return dict(sorted(found.items()))


def test_there_are_nine_and_each_has_its_unit():
    assert len(set(CELLS)) == 9
    assert [str(cell) for cell in CELLS[::4]] == [
        "LeNet, 4 epochs", "AlexNet, 8 epochs", "decoder, 16 epochs"
    ]  # fmt: skip
    units = {cell.problem: (cell.margin, cell.unit) for cell in CELLS}
    assert units == {
        "LeNet": (1, "points"), "AlexNet": (1, "points"), "decoder": (0.02, "nats")
    }  # fmt: skip


@pytest.mark.parametrize(
    ("cell", "label", "curve"),
    [
        (Cell("AlexNet", 8), "cosine, lr 0.1", lambda h: 100 * (1 - h["test_accuracy"][-1])),
        (Cell("decoder", 4), "steps, lr 0.003", lambda h: h["test_loss"][-1]),
    ],
)
def test_trials_are_those_of_the_files(cell, label, curve):
    (history,) = raw(f"which-{cell.problem}-{cell.epochs}-choosing", label).values()
    schedule, lr = label.split(", lr ")
    trials = cell.trials()
    assert trials.shape == (12, 7)
    assert list(trials.columns) == sorted(trials.columns)
    assert trials.loc[schedule, float(lr)] == curve(history)


def test_a_trial_that_overflowed_is_worth_a_guess():
    (history,) = raw("which-AlexNet-8-choosing", "linear, lr 1").values()
    assert history["stopped"]
    assert CELL.trials().loc["linear", 1.0] == 90


def test_the_chosen_rates_are_those_of_the_study_and_the_reference_is_the_best_of_them():
    study = STUDIES["which-AlexNet-8-choosing"]
    labels = [setting.label for setting in study.settings]
    rates = CELL.chosen()
    for name, lr in rates.items():
        own = [label for label in labels if label.startswith(f"{name}, ")]
        assert chosen(study, own) == f"{name}, lr {lr:g}"
    assert chosen(study) == f"{CELL.reference()}, lr {rates[CELL.reference()]:g}"


def test_ends_are_on_test_examples_and_stops_on_held_out_ones():
    cell = Cell("decoder", 8)
    histories = raw("which-decoder-8", "restarts, lr 0.01")
    ends, stops = cell.tested(), cell.stopped(0.75)
    assert ends.shape == stops.shape == (5, 12)
    assert list(ends.index) == list(histories)
    for seed, history in histories.items():
        assert ends.loc[seed, "restarts"] == history["measured"]["test"]["loss"]
        assert stops.loc[seed, "restarts"] == history["test_loss"][5]


def test_behind_is_the_difference_from_the_reference_by_seed():
    cell = Cell("decoder", 8)
    behind, ends = cell.behind(), cell.tested()
    assert set(behind) == set(ends.columns) - {"linear"}
    wanted = (ends["constant"] - ends["linear"]).to_dict()
    assert behind["constant"].differences == pytest.approx(wanted)


@pytest.mark.parametrize("part", [0, 0.1, 1.125, -0.25, math.nan, math.inf])
def test_a_run_is_stopped_after_whole_epochs(part):
    with pytest.raises(ValueError, match="part of 8 epochs must be a whole number of them"):
        Cell("decoder", 8).stopped(part)


def test_runs_that_overflow_are_worth_a_guess_from_then_on(tmp_path):
    cell = Cell("LeNet", 4)
    study = STUDIES["which-LeNet-4"]
    for run in study.runs():
        curves = {"test_accuracy": [0.5, 0.6, 0.7, 0.8]}
        if lost := (run.setting.label, run.seed) == ("steps, lr 0.1", 21):
            curves |= {"epochs": 2, "train_loss": [1.0, math.nan]}
        history = follow_run(run, **curves)
        assert bool(history.stopped) == lost
        history.measured["test"] = {"loss": 1.0, "accuracy": 0.75}
        store.save(run, history, tmp_path)
    assert cell.tested(tmp_path).loc[21, "steps"] == 90
    assert cell.tested(tmp_path).loc[22, "steps"] == 25
    for part, expected in ((0.25, 50), (0.5, 90), (1, 90)):
        assert cell.stopped(part, tmp_path).loc[21, "steps"] == pytest.approx(expected)
    assert cell.stopped(1, tmp_path).loc[20, "steps"] == pytest.approx(20)


def test_what_is_not_recorded_is_named(tmp_path):
    with pytest.raises(RecordError, match="84 of 84 runs of which-LeNet-16-choosing"):
        Cell("LeNet", 16).reference(tmp_path)

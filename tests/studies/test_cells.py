"""The cells of the comparison say what their records hold, the lower the better."""

import json
import math

import pytest

from lrlab.studies import CELLS, STUDIES, Cell, chosen, folder, load, store
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
    assert len(trials) == 12
    assert all(len(of) == 7 for of in trials.values())
    assert trials[schedule][float(lr)] == curve(history)


def test_a_trial_that_overflowed_is_worth_a_guess():
    (history,) = raw("which-AlexNet-8-choosing", "linear, lr 1").values()
    assert history["stopped"]
    assert CELL.trials()["linear"][1.0] == 90


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
    assert len(ends) == len(stops) == 12
    assert list(ends["steps"]) == list(stops["steps"]) == list(histories)
    for seed, history in histories.items():
        assert ends["restarts"][seed] == history["measured"]["test"]["loss"]
        assert stops["restarts"][seed] == history["test_loss"][5]


def test_behind_is_the_difference_from_the_reference_by_seed():
    cell = Cell("decoder", 8)
    behind, ends = cell.behind(), cell.tested()
    assert set(behind) == set(ends) - {"linear"}
    wanted = {seed: value - ends["linear"][seed] for seed, value in ends["constant"].items()}
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
    runs = load(study, tmp_path)
    assert cell.tested(runs)["steps"][21] == 90
    assert cell.tested(runs)["steps"][22] == 25
    for part, expected in ((0.25, 50), (0.5, 90), (1, 90)):
        assert cell.stopped(part, runs)["steps"][21] == pytest.approx(expected)
    assert cell.stopped(1, runs)["steps"][20] == pytest.approx(20)

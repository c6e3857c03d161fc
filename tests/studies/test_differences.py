"""A score of one setting minus that of another, over the seeds of recorded runs."""

import numpy as np
import pytest

from lrlab import Constant, Recipe
from lrlab.studies import Images, RecordError, Setting, Study, differences, scores, store
from tests.support.histories import follow_run

ACCURACIES = {"a": [0.5, 0.6, 0.7], "b": [0.4, 0.4, 0.9]}


@pytest.fixture
def study() -> Study:
    images = Images("digits", limit=128)
    settings = [
        Setting(label, Recipe(Constant(0.1), epochs=2), data=images) for label in ACCURACIES
    ]
    return Study("s", "", settings, seeds=[0, 1, 2])


def record(study, results, *, stopped=()):
    for run in study.runs():
        label, seed = run.setting.label, run.seed
        history = follow_run(run, test_accuracy=[0.99, ACCURACIES[label][seed]])
        history.stopped = "diverged" if (label, seed) in stopped else None
        store.save(run, history, results)


def last(run):
    return run.test_accuracy[-1]


def test_the_second_is_subtracted_from_the_first_seed_by_seed(study, tmp_path):
    record(study, tmp_path)
    pairs = {"more": ("a", "b"), "fewer": ("b", "a")}
    found = differences(study, pairs, last, tmp_path)
    assert list(found) == ["more", "fewer"]
    assert found["more"].differences == pytest.approx({0: 0.1, 1: 0.2, 2: -0.2})
    assert found["fewer"].differences == pytest.approx({0: -0.1, 1: -0.2, 2: 0.2})
    first = differences(study, {"x": ("a", "b")}, lambda run: run.test_accuracy[0], tmp_path)
    assert set(first["x"].differences.values()) == {0}


def test_a_run_that_diverged_loses_its_seed(study, tmp_path):
    record(study, tmp_path, stopped=[("b", 1)])
    pairs = differences(study, {"x": ("a", "b")}, last, tmp_path)["x"]
    assert (list(pairs.differences), pairs.lost) == ([0, 2], 1)


def test_a_run_that_diverged_may_be_worth_a_guess(study, tmp_path):
    record(study, tmp_path, stopped=[("b", 1), ("a", 2)])
    pairs = differences(study, {"x": ("a", "b")}, last, tmp_path, overflow=0.1)["x"]
    assert pairs.differences == pytest.approx({0: 0.1, 1: 0.5, 2: -0.8})
    assert pairs.lost == 0
    assert scores(study, "b", last, tmp_path, overflow=0.1) == {0: 0.4, 1: 0.1, 2: 0.9}
    assert scores(study, "b", last, tmp_path) == pytest.approx(
        {0: 0.4, 1: np.nan, 2: 0.9}, nan_ok=True
    )


def test_what_is_not_there_is_refused(study, tmp_path):
    with pytest.raises(RecordError, match="6 of 6 runs of s are not recorded"):
        differences(study, {"x": ("a", "b")}, last, tmp_path)
    record(study, tmp_path)
    with pytest.raises(ValueError, match="label must be one of a, b, received 'c'"):
        differences(study, {"x": ("a", "c")}, last, tmp_path)
    with pytest.raises(ValueError, match="label must be one of a, b, received 'c'"):
        scores(study, "c", last, tmp_path)

"""What recorded runs choose."""

import pytest

from lrlab import Constant, Recipe
from lrlab.studies import Images, Setting, Study, chosen, store
from tests.support.histories import follow_run


def choosing(results, accuracies, *, stopped=(), evaluate_on="held_out"):
    """A study with a setting for each list of accuracies, one a seed."""
    held_out = 0 if evaluate_on == "test" else 20
    images = Images("digits", limit=128, held_out=held_out, evaluate_on=evaluate_on)
    settings = [
        Setting(label, Recipe(Constant(0.1), epochs=2), data=images) for label in accuracies
    ]
    study = Study("s", "", settings, seeds=[0, 1])
    for run in study.runs():
        end = accuracies[run.setting.label][run.seed]
        history = follow_run(run, test_accuracy=[0.99, end])
        if (run.setting.label, run.seed) in stopped:
            history.stopped = "diverged"
        store.save(run, history, results)
    return study


def test_chosen_is_the_highest_mean_at_the_end(tmp_path):
    study = choosing(tmp_path, {"a": [0.5, 0.6], "b": [0.9, 0.3], "c": [0.7, 0.4]})
    assert chosen(study, results=tmp_path) == "b"
    assert chosen(study, ["c", "a"], results=tmp_path) == "c"  # the first one of equals
    assert chosen(study, ["a", "c"], results=tmp_path) == "a"


def test_what_overflows_is_never_chosen(tmp_path):
    accuracies = {"a": [0.5, 0.6], "b": [0.9, 0.9]}
    study = choosing(tmp_path, accuracies, stopped=[("b", 1)])
    assert chosen(study, results=tmp_path) == "a"
    with pytest.raises(ValueError, match="none of b of s has only runs to the end"):
        chosen(study, ["b"], results=tmp_path)
    with pytest.raises(ValueError, match="label must be one of a, b, received 'd'"):
        chosen(study, ["a", "d"], results=tmp_path)


def test_nothing_is_chosen_on_test_images(tmp_path):
    study = choosing(tmp_path, {"a": [0.5, 0.6]}, evaluate_on="test")
    with pytest.raises(ValueError, match="held-out images to choose by it, and 'a' is on the test"):
        chosen(study, results=tmp_path)

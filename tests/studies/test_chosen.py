"""What recorded runs choose."""

from dataclasses import replace

import pytest

from lrlab import Constant, Recipe
from lrlab.studies import STUDIES, Images, Setting, Study, chosen, store
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


def test_it_may_be_the_lowest_loss(tmp_path):
    study = choosing(tmp_path, {"a": [0.5, 0.6], "b": [0.9, 0.3]})
    for run in study.runs():
        history = store.read(run, tmp_path)
        history.test_loss = [0.0, {"a": 2.0, "b": 1.5}[run.setting.label]]
        store.save(run, history, tmp_path)
    assert chosen(study, results=tmp_path, metric="test_loss") == "b"
    assert chosen(study, ["b", "a"], results=tmp_path, metric="test_accuracy") == "b"
    with pytest.raises(ValueError, match="metric must be one of train_loss, test_loss, test_acc"):
        chosen(study, results=tmp_path, metric="lr")


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


# --- what the studies of the book have chosen -----------------------------------------------------


@pytest.mark.parametrize(
    ("tuning", "final"),
    [
        ("momentum-batch-tuning", "momentum-batch"),
        ("D2-tuning", "D2-tuned"),
        ("optimizer-choosing", "optimizer-tuned"),
    ],
)
def test_each_way_is_compared_at_the_rate_that_was_chosen(tuning, final):
    tuning, final = STUDIES[tuning], STUDIES[final]
    grids = {}
    for setting in tuning.settings:
        way, _, lr = setting.label.rpartition(", lr ")
        grids.setdefault(way, {})[float(lr)] = setting.label
    compared = {setting.label.rpartition(", lr ")[0]: setting for setting in final.settings}
    for grid in grids.values():
        assert chosen(tuning, grid.values()) not in (grid[max(grid)], grid[min(grid)])
    for way, setting in compared.items():
        assert setting.label == chosen(tuning, grids[way].values())
        (same,) = (one for one in tuning.settings if one.label == setting.label)
        assert setting == replace(same, data=Images())
    assert not set(final.seeds) & set(tuning.seeds)
    left_out = {way for way in grids if way not in compared}
    assert all(way.startswith("AdamW") for way in left_out)


@pytest.mark.parametrize("name", [name for name in STUDIES if f"{name}-choosing" in STUDIES])
def test_on_small_problems_each_way_is_compared_at_the_rate_that_was_chosen(name):
    tuning, final = STUDIES[f"{name}-choosing"], STUDIES[name]
    metric = "test_loss" if "decoder" in name else "test_accuracy"
    grids = {}
    for setting in tuning.settings:
        grids.setdefault(setting.label.rpartition(", lr ")[0], []).append(setting)
    compared = iter(final.settings)
    for grid in grids.values():
        best = chosen(tuning, [setting.label for setting in grid], metric=metric)
        assert best not in (grid[0].label, grid[-1].label)
        (same,) = (setting for setting in grid if setting.label == best)
        assert next(compared) == replace(same, data=replace(same.data, evaluate_on="both"))
    assert next(compared, None) is None
    assert final.decides.startswith(tuning.decides)
    assert not set(final.seeds) & set(tuning.seeds)


def test_of_the_weight_decays_one_is_compared_with_each_schedule():
    tuning = STUDIES["optimizer-choosing"]
    decays = [one.label for one in tuning.settings if one.label.startswith("AdamW")]
    compared = {setting.label for setting in STUDIES["optimizer-tuned"].settings}
    for falls in (False, True):
        label = chosen(tuning, [label for label in decays if ("cosine" in label) is falls])
        assert label in compared
    assert sum(label.startswith("AdamW") for label in compared) == 2

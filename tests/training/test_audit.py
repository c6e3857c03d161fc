"""Used rates against intended ones: what the audit sees, with a plateau policy and without."""

from dataclasses import replace

import pytest

from lrlab import Constant, LinearDecay, ReduceOnPlateau, StepDecay, warmup
from lrlab.training.audit import cut_epochs, lr_deviation
from lrlab.training.history import History
from lrlab.training.recipe import Recipe, Watch
from tests.support.histories import follow, make_history


@pytest.mark.parametrize("per", ["epoch", "step"])
def test_deviation_is_zero_for_a_run_that_followed_its_schedule(per):
    # A rate of less than 1 to its last bit, in which NumPy 1 computes one number and many apart.
    assert lr_deviation(make_history(per=per)) <= 2**-53


@pytest.mark.parametrize("per", ["epoch", "step"])
def test_deviation_shows_a_rate_that_came_an_epoch_late(per):
    # In epoch 1 the run used 0.8 where 0.4 was meant: off by half of the peak.
    assert lr_deviation(make_history(per=per, late=1)) == pytest.approx(0.5)


def test_deviation_from_another_schedule():
    assert lr_deviation(make_history(), Constant(0.8)) == pytest.approx(0.5)
    assert lr_deviation(make_history(late=1), Constant(0.8)) == 0


def test_deviation_sees_a_rate_that_changed_inside_an_epoch():
    history = make_history(StepDecay(0.1, gamma=0.5, step_epochs=5), per="step")
    assert lr_deviation(history) == 0
    history.lr_changes.append((1 + 1 / 3, 0.2))
    assert lr_deviation(history) == pytest.approx(1.0)


def test_deviation_sees_a_rate_that_changed_and_came_back():
    history = make_history()  # one rate an epoch: 0.8, 0.4
    history.lr_changes[1:1] = [(1 / 3, 0.6), (2 / 3, 0.8)]
    assert lr_deviation(history) == pytest.approx(0.25)


@pytest.mark.parametrize(("moment", "seen"), [(1.9, True), (2.0, False)])
def test_deviation_leaves_the_unfinished_epoch_out(moment, seen):
    history = make_history(Constant(0.1))
    history.lr_changes.append((moment, 0.2))
    assert (lr_deviation(history) > 0) == seen


def test_deviation_of_a_thinned_record_compares_epochs():
    history = make_history(LinearDecay(0.1, total_epochs=2), per="step")
    history.thin()
    assert lr_deviation(history) == 0
    assert lr_deviation(history, Constant(0.1)) == pytest.approx(0.5)


def test_deviation_needs_a_finished_epoch():
    with pytest.raises(ValueError, match="the run has no finished epoch to compare"):
        lr_deviation(make_history(epochs=0))


# --- with a plateau policy ------------------------------------------------------------------------

POLICY = ReduceOnPlateau(0.5, convention="pytorch", factor=0.5, patience=0, cooldown=1)
RAMP = warmup(LinearDecay(0.5, total_epochs=10), 2)
# Epoch 2 is the first watched, 3 the best; 4 is bad, a cut; 5 does not count; 6 is bad again.
LOSSES = [1.0, 1.0, 9.0, 8.0, 8.0, 8.0, 8.0, 8.0]
LEVELS = [1, 1, 1, 1, 1, 0.5, 0.5, 0.25]


def watched(levels=LEVELS, *, per="epoch", metric="test_loss"):
    """A run with a warm-up of two epochs, and these factors from its plateau policy."""
    policy = replace(POLICY, mode="max") if metric == "test_accuracy" else POLICY
    recipe = Recipe(RAMP, epochs=8, per=per, watch=Watch(policy, metric=metric, first_epoch=2))
    curve = {metric: [1 / x if metric == "test_accuracy" else x for x in LOSSES]}
    return follow(recipe, lambda t: levels[int(t)] * RAMP(t), epochs=len(levels), **curve)


@pytest.mark.parametrize("metric", ["train_loss", "test_loss", "test_accuracy"])
@pytest.mark.parametrize("per", ["epoch", "step"])
def test_deviation_knows_what_a_plateau_policy_intended(per, metric):
    history = History.from_json(watched(per=per, metric=metric).to_json())
    assert lr_deviation(history) <= 1e-15
    assert cut_epochs(history) == [5, 7]
    assert lr_deviation(history, RAMP) > 0.3
    history.thin()
    assert lr_deviation(history) <= 1e-15


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
    history = watched(levels)
    assert lr_deviation(history) > 0.02
    assert cut_epochs(history) == [5, 7]


@pytest.mark.parametrize(
    ("watch", "cuts"),
    [
        # A train loss that stays at 1 from the first watched epoch on, so that 3, 5 and 7 are bad.
        (Watch(POLICY, metric="train_loss", first_epoch=2), [4, 6]),
        (Watch(POLICY, first_epoch=3), [5, 7]),
        (Watch(POLICY, first_epoch=4), [6]),
    ],
)
def test_cuts_go_by_the_metric_and_the_epoch_on_record(watch, cuts):
    history = watched()
    # The schedule has to be at the policy's rate when the policy begins to watch.
    history.recipe = Recipe(Constant(0.5), epochs=8, watch=watch)
    assert cut_epochs(history) == cuts


def test_the_last_metric_decides_on_no_epoch_of_the_record():
    assert cut_epochs(watched(LEVELS[:5])) == []
    assert cut_epochs(watched(LEVELS[:6])) == [5]
    assert cut_epochs(watched([])) == []


def test_a_run_without_a_policy_has_no_cuts():
    assert cut_epochs(make_history()) == []


def test_a_rate_that_is_raised_again_is_no_cut():
    policy = ReduceOnPlateau(0.5, factor=0.5, patience=1, raise_factor=2.0, raise_after=2)
    recipe = Recipe(Constant(0.5), epochs=6, watch=Watch(policy))
    rates = [state.lr for state in recipe.plateau.replay([2.0] * 5)]
    assert rates == [0.5, 0.5, 0.25, 0.5, 0.25, 0.5]
    assert cut_epochs(follow(recipe)) == [2, 4]

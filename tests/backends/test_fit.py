"""`fit`: the same contract in PyTorch and in Keras.

The oracle is a linear network trained in NumPy, in float64, on the same images in the same order.
"""

import random
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from lrlab import Constant, CosineDecay, LinearDecay, StepDecay, warmup
from lrlab.data import load
from lrlab.optimizers import SGD, Adam
from lrlab.training import History, Recipe, Watch, cut_epochs, lr_deviation
from lrlab.utils import progress
from tests.support.backends import by_hand, momentum, policy_of
from tests.support.eager import quiet

DIGITS = load("digits", 300, test_limit=100)
pytestmark = [pytest.mark.usefixtures("eager"), quiet]
COSINE = CosineDecay(0.3, total_epochs=3, final_lr=0.03)
RECIPE = Recipe(COSINE, epochs=3, batch_size=128)  # 3 updates an epoch, the last of 44 images


@pytest.fixture
def per(eager, request):
    """How often the rate changes; where that is at every step, Keras compiles the step."""
    tf.config.run_functions_eagerly(request.param == "epoch")
    yield request.param
    tf.config.run_functions_eagerly(True)


def run(backend, recipe=RECIPE, **options):
    return backend.fit(backend.linear(), DIGITS, recipe, **options)


def curves(history):
    return [history.train_loss, history.test_loss, history.test_accuracy]


# --- every update, every curve, every rate -------------------------------------------------------


@pytest.mark.parametrize(
    ("per", "clip_norm", "size"), [("epoch", None, 0.0), ("step", 0.5, 0.9)], indirect=["per"]
)
def test_it_does_what_a_loop_in_numpy_does(backend, monkeypatch, per, clip_norm, size):
    """The short batch counts by its size; the test images are evaluated in several batches."""
    monkeypatch.setattr(backend.fit_evaluation, "EVALUATION_BATCH", 33)
    recipe = replace(
        RECIPE, per=per, clip_norm=clip_norm, optimizer=momentum(backend, size), seed=5
    )
    network = backend.linear()
    weights, expected = by_hand(backend, network, DIGITS, recipe)
    start = backend.weights(network)
    history = backend.fit(network, DIGITS, recipe)
    moved = backend.weights(network) - start
    np.testing.assert_allclose(moved, weights - start, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(curves(history), expected, rtol=1e-5)
    rates = [rate for _, rate in history.lr_changes]
    moments = np.arange(9) / 3 if per == "step" else np.arange(3)
    np.testing.assert_allclose(rates, COSINE(moments), rtol=backend.rounding)
    assert [t for t, _ in history.lr_changes] == pytest.approx(moments, rel=1e-15)
    assert history.lr == rates[:: 3 if per == "step" else 1]
    assert lr_deviation(history) <= backend.rounding


def test_a_gradient_is_clipped_on_one_side_of_the_norm_only(backend):
    """One update of all images: its length is the rate times the norm, or times the bound."""
    recipe = Recipe(Constant(0.5), epochs=1, batch_size=300)
    network = backend.linear()
    start, (weights, _) = backend.weights(network), by_hand(backend, network, DIGITS, recipe)
    norm = np.linalg.norm(weights - start) / 0.5
    for clip_norm, used in ((norm / 4, norm / 4), (norm * 4, norm)):
        network = backend.linear()
        backend.fit(network, DIGITS, replace(recipe, clip_norm=clip_norm))
        moved = backend.weights(network) - start
        np.testing.assert_allclose(moved, (weights - start) * used / norm, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("per", ["epoch", "step"])
def test_a_rate_that_comes_late_is_noticed(backend, monkeypatch, per):
    """The rate on record is read back: copied from the schedule, it would hide the fault."""
    backend.come_late(monkeypatch)
    falling = StepDecay(0.2, gamma=0.5, step_epochs=1)
    history = run(backend, replace(RECIPE, schedule=falling, epochs=2, per=per))
    assert lr_deviation(history) == pytest.approx(0.5, rel=1e-6)


@pytest.mark.parametrize("per_epoch", [100, 600, 700])
def test_an_epoch_of_fewer_or_more_images_than_there_are(backend, per_epoch):
    """At a rate of 0 an epoch's loss is the mean over what it took, as often as it did."""
    dataset, network = replace(DIGITS, per_epoch=per_epoch), backend.linear()
    recipe = Recipe(Constant(0.0), epochs=3, batch_size=100)
    history = backend.fit(network, dataset, recipe)
    outputs = backend.logits(network, DIGITS.x_train).astype(np.float64)
    outputs -= np.log(np.exp(outputs).sum(axis=1, keepdims=True))
    losses = -np.take_along_axis(outputs, DIGITS.y_train[:, np.newaxis], axis=1)[:, 0]
    taken = [np.concatenate(dataset.passes(epoch)) for epoch in range(3)]
    np.testing.assert_allclose(history.train_loss, [losses[t].mean() for t in taken], rtol=1e-5)
    assert [len(t) for t in taken] == [per_epoch] * 3
    assert (history.train_images, history.steps_per_epoch) == (per_epoch, -(-per_epoch // 100))
    if per_epoch > 300:  # each pass has every image once
        np.testing.assert_array_equal(np.bincount(taken[0])[-1], per_epoch // 300)


# --- a policy that watches -----------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras 3.15
@pytest.mark.parametrize(
    ("metric", "mode"), [("train_loss", "min"), ("test_loss", "min"), ("test_accuracy", "max")]
)
def test_a_policy_cuts_where_the_frameworks_own_does(backend, metric, mode):
    policy = policy_of(backend, 0.5, mode=mode, factor=0.3, patience=1, min_delta=0.4)
    recipe = Recipe(Constant(0.5), epochs=6, batch_size=150, watch=Watch(policy, metric=metric))
    history = run(backend, recipe)
    expected = backend.own_plateau(policy, getattr(history, metric))
    assert history.lr == expected
    assert lr_deviation(history) <= backend.rounding
    assert cut_epochs(history) == [t for t, _ in history.lr_changes[1:]]
    assert 0 < len(cut_epochs(history)) < 6


# Only the first epochs of a run learn so much.
HASTY = {"factor": 0.5, "patience": 1, "min_delta": 0.4}


@pytest.mark.parametrize(("per", "first_epoch"), [("epoch", 1), ("step", 2)])
def test_a_warmup_and_then_a_plateau(backend, per, first_epoch):
    watch = Watch(policy_of(backend, 0.5, **HASTY), first_epoch=first_epoch)
    recipe = Recipe(warmup(Constant(0.5), 1), epochs=6, batch_size=150, per=per, watch=watch)
    history = run(backend, recipe)
    assert history.lr[:2] == [0, 0.5]
    assert lr_deviation(history) <= backend.rounding
    assert min(cut_epochs(history)) > first_epoch + 1
    # 2 updates an epoch, of which the first 2 climb
    climbing = 2 if per == "step" else 1
    assert len(history.lr_changes) == climbing + 1 + len(cut_epochs(history))


def test_a_cut_that_comes_late_is_noticed(backend, monkeypatch):
    backend.come_late(monkeypatch)
    watch = Watch(policy_of(backend, 0.5, **HASTY))
    history = run(backend, Recipe(Constant(0.5), epochs=5, batch_size=150, per="step", watch=watch))
    assert len(cut_epochs(history)) > 0
    assert lr_deviation(history) > 0.05


# --- how it ends, and who looks on ---------------------------------------------------------------


@pytest.mark.parametrize("watched", [False, True])
def test_a_run_that_diverges_ends_early_and_says_so(backend, watched):
    watch = Watch(policy_of(backend, 1e38)) if watched else None
    history = run(backend, Recipe(Constant(1e38), epochs=5, batch_size=150, watch=watch))
    last = history.epochs - 1
    assert last < 4
    assert history.stopped == f"diverged: the loss is no longer finite in epoch {last}"
    assert all(np.isfinite(history.train_loss[:last] + history.test_loss[:last]))


def test_observers_are_called_in_their_order(backend):
    events = []

    def observer(name):
        return backend.observer(
            update=lambda epoch, step: events.append((name, "before", epoch, step)),
            updated=lambda epoch, step: events.append((name, "after", epoch, step)),
            epoch=lambda epoch: events.append((name, "end", epoch)),
        )

    run(backend, replace(RECIPE, epochs=2), observers=[observer("a"), observer("b")])
    expected = []
    for epoch in range(2):
        for step in range(3):
            expected += [(name, "before", epoch, step) for name in "ab"]
            expected += [(name, "after", epoch, step) for name in "ab"]
        expected += [(name, "end", epoch) for name in "ab"]
    assert events == expected


def test_progress_is_shown_to_whoever_watches(backend, monkeypatch, capsys):
    monkeypatch.setattr(progress, "watched", lambda: True)
    history = run(backend, replace(RECIPE, epochs=2))
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "2/2" in shown.err
    assert f"test accuracy {history.test_accuracy[-1]:.3f}" in shown.err


# --- what is on record, and what repeats it ------------------------------------------------------


def test_what_is_on_record_and_that_it_repeats_the_run_to_the_last_bit(backend, capsys):
    recipe = replace(RECIPE, schedule=LinearDecay(0.3, total_epochs=3), per="step", seed=1)
    network = backend.linear()
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    history = backend.fit(network, DIGITS, recipe)
    drawn = random.random(), np.random.random()  # noqa: NPY002
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    assert drawn == (random.random(), np.random.random()), "not fit's to draw from"  # noqa: NPY002
    assert capsys.readouterr() == ("", "")
    assert history.recipe == recipe
    assert (history.dataset, history.train_images) == ("digits", 300)
    assert history.network == {"pytorch": "Sequential", "keras": "Net"}[backend.name]
    assert history.provenance["data"] == DIGITS.fingerprint
    assert {"lrlab", "numpy", "python", "device", "date"} < set(history.provenance)
    assert history.epochs == len(history.seconds) == 3
    assert min(history.seconds) > 0
    assert history.test_accuracy[-1] > 0.5
    assert history.stopped is None
    read = History.from_json(history.to_json())
    assert read == history
    assert curves(run(backend, read.recipe)) == curves(history)
    other = run(backend, replace(recipe.seeded(2), epochs=1))
    assert other.train_loss[0] != history.train_loss[0]
    assert other.test_loss[0] != history.test_loss[0]


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recipe", "options", "message"),
    [
        (0.1, {}, "recipe must be a Recipe, received 0.1"),
        (RECIPE, {"device": "abacus"}, "device '?.*'abacus'"),
        (RECIPE, {"snapshots": "folder"}, "snapshots must be a Snapshots, received 'folder'"),
    ],
)
def test_arguments_that_break_a_rule_are_named(backend, recipe, options, message):
    with pytest.raises(ValueError, match=message):
        run(backend, recipe, **options)


def test_the_other_frameworks_optimizer_is_refused(backend):
    other = {"pytorch": "keras", "keras": "pytorch"}[backend.name]
    with pytest.raises(ValueError, match=f"optimizer must .*{backend.name}.* received Adam"):
        run(backend, replace(RECIPE, optimizer=Adam(convention=other)))
    assert replace(RECIPE, optimizer=SGD()) == RECIPE  # which has no convention


def test_a_network_with_fewer_outputs_than_classes_is_refused(backend):
    network = backend.linear(classes=9)
    before = backend.weights(network)
    with pytest.raises(ValueError, match=r"model must give logits of shape \(N, 10\).* \(N, 9\)"):
        backend.fit(network, DIGITS, RECIPE)
    np.testing.assert_array_equal(backend.weights(network), before)

"""Runs that leave several networks: which they are, and every number that is measured of them."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from lrlab import Constant, CyclicCosine, Recipe, data
from lrlab.ensembles import Ensemble, calibrate, score
from lrlab.pytorch import LeNet, fit, one_thread
from lrlab.studies import ensembles, store
from lrlab.studies.execution import execute, train
from lrlab.studies.study import Images, Parts, Run
from lrlab.training import lr_deviation
from tests.support.histories import follow
from tests.support.members import softmax
from tests.support.tiny_study import quick, setting

FLAT, CYCLES = Constant(0.1), CyclicCosine(0.2, cycle_epochs=2)


pytestmark = pytest.mark.usefixtures("tiny_images")


def several(epochs=6, seed=0, schedule=FLAT, limit=50, held_out=30, fresh=False, per="epoch"):
    """A run in three parts."""
    images = Images("digits16", limit=limit, held_out=held_out)
    options = {"epochs": epochs, "images": images, "snapshots": Parts(3, fresh=fresh), "per": per}
    return Run("quick", setting("several", schedule, **options), seed)


@pytest.fixture
def made(monkeypatch):
    """The weights of the networks that runs leave, in their order."""
    states, examine = [], ensembles.examine

    def spy(paths, *arguments):
        states.extend(torch.load(path, weights_only=True) for path in paths)
        return examine(paths, *arguments)

    monkeypatch.setattr(ensembles, "examine", spy)
    return states


def plain(epochs, seed=0, schedule=FLAT):
    """The network and history of a run without snapshots, trained by `fit` itself."""
    recipe = replace(quick(epochs).recipe, schedule=schedule, seed=seed)
    dataset = data.load("digits16", 50)
    model = LeNet(image_shape=dataset.image_shape, seed=seed)
    with one_thread():
        history = fit(model, dataset, recipe, device="cpu")
    return model.state_dict(), history


def assert_same(one, other):
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


METRICS = ("lr", "train_loss", "test_loss", "test_accuracy")


def test_the_last_member_is_the_network_of_a_plain_run(made):
    history = train(several(), "cpu")
    state, alone = plain(6)
    assert len(made) == 3
    assert_same(made[-1], state)
    assert_same(made[0], plain(2)[0])
    assert all(getattr(history, name) == getattr(alone, name) for name in METRICS)
    assert history.lr_changes == alone.lr_changes
    assert history.recipe == several().recipe


def test_fresh_members_are_runs_of_their_own_seeds(made):
    run = several(seed=4, schedule=CYCLES, fresh=True)
    history = train(run, "cpu")
    alone = []
    for state, seed in zip(made, (4, 1004, 2004), strict=True):
        trained, one = plain(2, seed, CYCLES)
        assert_same(state, trained)
        alone.append(one)
    for name in METRICS:
        assert getattr(history, name) == [value for one in alone for value in getattr(one, name)]
    assert history.recipe == run.recipe


@pytest.mark.parametrize(("per", "changes"), [("epoch", 6), ("step", 12)])
def test_the_rates_of_fresh_members_are_those_of_the_cycles(per, changes):
    history = train(several(schedule=CYCLES, fresh=True, per=per), "cpu")
    assert history.epochs == 6
    assert lr_deviation(history) < 1e-12
    assert len(history.lr_changes) == changes


def check(found, expected):
    """Six significant digits, of numbers that may differ in the last of them."""
    np.testing.assert_allclose(found, expected, rtol=1.1e-5, atol=1e-9)


def check_scores(found, tables, labels):
    scores = [score(table, labels) for table in tables]
    names = [name for name in scores[0]._fields if name in found]
    for name in names:
        check(found[name], [getattr(one, name) for one in scores])
    return names


def test_every_number_is_what_the_networks_say(made):
    run = several(schedule=CYCLES, held_out=60, limit=100)
    measured = train(run, "cpu").measured
    assert json.loads(json.dumps(measured, allow_nan=False)) == measured
    more = data.load("digits16", 160)

    def outputs(state, pixels):
        model = LeNet(image_shape=more.image_shape)
        model.load_state_dict(state)
        x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
        with torch.no_grad():
            return model.eval()(x).double().numpy()

    test = [outputs(state, more.x_test) for state in made]
    held = [outputs(state, more.x_train[100:]) for state in made]
    y, held_y = more.y_test, more.y_train[100:]
    shares = [softmax(z) for z in test]
    all_scores = ["accuracy", "log_loss", "calibration_error"]
    assert check_scores(measured["members"], shares, y) == all_scores
    assert check_scores(measured["validation"], [softmax(z) for z in held], held_y) == all_scores

    first = [np.mean(shares[:k], axis=0) for k in (1, 2, 3)]
    assert check_scores(measured["together"]["probabilities"], first, y) == all_scores
    means = [softmax(np.mean(test[:k], axis=0)) for k in (1, 2, 3)]
    assert check_scores(measured["together"]["logits"], means, y) == all_scores
    last = [np.mean(shares[-k:], axis=0) for k in (1, 2, 3)]
    assert check_scores(measured["last"], last, y) == all_scores

    predicted = np.array([z.argmax(axis=1) for z in test])
    votes = [
        np.array([np.bincount(column, minlength=10) / k for column in predicted[:k].T])
        for k in (1, 2, 3)
    ]
    most = []
    for k, share in enumerate(votes, start=1):
        ties = np.where(share == share.max(axis=1, keepdims=True), np.mean(shares[:k], axis=0), 0)
        most.append((ties.argmax(axis=1) == y).mean())
    assert measured["together"]["vote"].keys() == {"accuracy", "calibration_error"}
    check(measured["together"]["vote"]["accuracy"], most)

    def loss(chosen):
        together = np.mean([softmax(held[i]) for i in chosen], axis=0)
        return -np.log(together[np.arange(len(held_y)), held_y]).mean()

    order = []
    for _ in range(3):
        order.append(min({0, 1, 2} - set(order), key=lambda i: loss([*order, i])))
    assert measured["chosen"]["order"] == order
    chosen = [np.mean([shares[i] for i in order[:k]], axis=0) for k in (1, 2, 3)]
    assert check_scores(measured["chosen"], chosen, y) == all_scores

    def mean(states, weights):
        named = zip(*(state.items() for state in states), strict=True)
        return {
            items[0][0]: sum(w * value for w, (_, value) in zip(weights, items, strict=True))
            for items in named
        }

    averaged = [outputs(mean(made[-k:], [1 / k] * k), more.x_test) for k in (1, 2, 3)]
    assert check_scores(measured["averaged"], map(softmax, averaged), y) == all_scores

    weights = mean(made, [1 / 3] * 3)
    alone = [(z[None], other[None]) for z, other in zip(test, held, strict=True)]
    contenders = {
        "members": alone,
        "together": [(test, held)],
        "averaged": [[outputs(weights, x)[None] for x in (more.x_test, more.x_train[100:])]],
    }
    assert measured["calibrated"].keys() == contenders.keys()
    for name, pairs in contenders.items():
        expected = [
            calibrate(Ensemble(ours, y, "logits"), Ensemble(others, held_y, "logits"))
            for ours, others in pairs
        ]
        for score_name, values in measured["calibrated"][name].items():
            check(values, [getattr(one, score_name) for one in expected])

    differ = [[(a != b).mean() for b in predicted] for a in predicted]
    check(measured["disagreement"], differ)
    errors = (predicted != y).astype(float)
    check(measured["error_correlation"], np.corrcoef(errors))
    vectors = [torch.cat([v.flatten() for v in s.values()]).double().numpy() for s in made]
    check(measured["distances"], [[np.linalg.norm(a - b) for b in vectors] for a in vectors])
    assert len(measured["lines"]) == 2
    for line, pair in zip(measured["lines"], (made[:2], made[1:]), strict=True):
        between = [mean(pair, [1 - u, u]) for u in np.linspace(0, 1, 11)]
        for split, pixels, labels in (
            ("train", more.x_train[:100], more.y_train[:100]),
            ("test", more.x_test, y),
        ):
            tables = [torch.from_numpy(outputs(state, pixels)) for state in between]
            target = torch.from_numpy(labels)
            check(line[f"{split}_loss"], [functional.cross_entropy(t, target) for t in tables])
        right = [(table.argmax(1) == target).double().mean() for table in tables]
        check(line["test_accuracy"], right)


@pytest.mark.parametrize("fresh", [False, True])
def test_a_run_that_diverges_is_recorded_without_measurements(tmp_path, fresh):
    schedule = CyclicCosine(1e6, cycle_epochs=2)
    run = several(schedule=schedule, fresh=fresh)
    report = execute([run], results=tmp_path, workers=1, device="cpu")
    assert report.failed == []
    history = store.read(run, tmp_path)
    assert history.stopped.startswith("diverged")
    assert history.measured == {}


def test_measurements_are_recorded(tmp_path):
    run = several()
    execute([run], results=tmp_path, workers=1, device="cpu")
    assert store.read(run, tmp_path).measured == train(run, "cpu").measured != {}


def test_a_part_that_diverges_ends_the_joined_run():
    recipe = Recipe(FLAT, epochs=2)

    def joined(*parts):
        names = ("train_loss", "test_loss", "test_accuracy", "seconds")
        histories = [
            follow(recipe, lambda t: 0.1 / (t + 1), **dict.fromkeys(names, losses))
            for losses in parts
        ]
        return ensembles.joined(histories, replace(recipe, epochs=6))

    whole = joined([1.0, 2.0], [3.0, 4.0], [5.0, 6.0])
    assert whole.train_loss == whole.test_loss == [1, 2, 3, 4, 5, 6]
    assert whole.test_accuracy == whole.seconds == [1, 2, 3, 4, 5, 6]
    assert whole.lr == [0.1, 0.05] * 3
    assert whole.lr_changes == [(t, (0.1, 0.05)[t % 2]) for t in range(6)]
    assert (whole.stopped, whole.recipe.epochs) == (None, 6)
    broken = joined([1.0, 2.0], [3.0, np.inf], [5.0, 6.0])
    assert broken.train_loss == [1, 2, 3, np.inf]
    assert broken.stopped == "diverged: the loss is no longer finite in epoch 3"


def test_six_digits_are_kept():
    value = {"a": [1 / 3, 12345678.9, 2], "b": {"c": 1e-9 / 3}, "d": None}
    kept = {"a": [0.333333, 12345700.0, 2], "b": {"c": 3.33333e-10}, "d": None}
    assert ensembles._rounded(value) == kept


def test_too_few_images_to_choose_by_are_noticed_before_anything_is_trained(tmp_path):
    run = several(held_out=10**6)
    with pytest.raises(ValueError, match=r"limit must be at most \d+, .* 1000050"):
        execute([run], results=tmp_path)
    assert not list(tmp_path.rglob("*.json"))

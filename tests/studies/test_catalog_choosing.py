"""The studies that choose: fair grids, images that nothing is trained on, rules said beforehand."""

from dataclasses import replace

import numpy as np
import pytest

from lrlab import Constant, CosineDecay, Recipe, ReduceOnPlateau
from lrlab.optimizers import SGD, Adam, AdamW, Momentum
from lrlab.studies.catalog import STUDIES
from lrlab.studies.catalog.d4 import WARMUP_RATES
from lrlab.studies.study import Images, Network, Parts, Setting
from lrlab.training import Watch

CHOOSING = Images("fashion_mnist", limit=50_000, held_out=10_000, evaluate_on="held_out")
LENET = Network("LeNet")
NARROW = Network("AlexNet", init="glorot_uniform", width=1 / 8)


def settings(name):
    return STUDIES[name].settings


def plain(setting, data=CHOOSING, network=LENET, snapshots=None, **changes):
    """The same schedule with everything else told anew: nothing but ``changes`` is uncommon."""
    recipe = Recipe(setting.recipe.schedule, **changes)
    return Setting(setting.label, recipe, network=network, data=data, snapshots=snapshots)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("D2-tuning", ("0.3 points", "D2.4", "D2.5", "D2.6", "D5.20", "seeds 20 to 24")),
        ("plateau", ("0.5 points", "D1.7", "D5.16", "D5.23", "once after epoch 30")),
        ("D3-peaks", ("0.5 points", "0.05", "D3.1", "D3.3", "temperature")),
        ("warmup-Adam", ("1 point", "D4.1", "500", "10 %")),
        ("warmup-AdamW", ("1 point", "D4.1", "500", "10 %")),
        ("warmup-shapes", ("0.1", "log 10", "391")),
        ("warmup-rates-torch-none", ("0.1", "log 10")),
        ("momentum-batch-tuning", ("0.5 points", "five fresh seeds", "512", "32")),
        ("optimizer-choosing", ("0.3 points", "D5.18", "D5.20", "D5.25", "seeds 20 to 24")),
    ],
)
def test_rules_and_margins_are_declared_with_the_runs(name, words):
    for word in (*words, "paired by seed", "95 % intervals", "margin"):
        assert word in STUDIES[name].decides


@pytest.mark.parametrize("name", ["D2-tuning", "momentum-batch-tuning", "optimizer-choosing"])
def test_choices_are_made_on_images_that_are_held_out_and_with_seeds_of_their_own(name):
    study = STUDIES[name]
    assert {setting.data for setting in study.settings} == {CHOOSING}
    assert not set(study.seeds) & {*range(10), *range(20, 25)}
    assert "Chosen is the highest mean accuracy on the held-out images" in study.decides


def test_schedules_of_d2_have_five_peaks_or_more_and_end_where_they_are_said_to():
    e = np.arange(30)
    ends = {"constant": 1, "sqrt": 30**-0.5, "multistep": 0.5, "cosine": 1 / 30, "tenths": 0.01,
            "linear": 1 / 30}  # fmt: skip
    found = {}
    for setting in settings("D2-tuning"):
        name, lr = setting.label.split(", lr ")
        rates = setting.recipe.schedule(e)
        assert rates[0] == rates.max() == float(lr)
        assert rates[-1] == pytest.approx(ends[name] * rates[0])
        assert setting == plain(setting, epochs=30)
        found.setdefault(name, []).append(float(lr))
    assert found.pop("constant") == [0.05, 0.1, 0.2, 0.4, 0.8, 0.025]  # the choice fell on an end
    assert found == {name: [0.05, 0.1, 0.2, 0.4, 0.8] for name in list(ends)[1:]}
    document = {name: settings(f"D2-{name}")[0].recipe.schedule for name in list(ends)[2:4]}
    for name, schedule in document.items():
        (own,) = (s for s in settings("D2-tuning") if s.label == f"{name}, lr 0.2")
        np.testing.assert_allclose(own.recipe.schedule(e) * 1.5, schedule(e), rtol=1e-12)


@pytest.mark.parametrize("optimizer", [Adam(), AdamW()])
def test_every_rate_of_adam_has_every_ramp_counted_in_updates(optimizer):
    pairs = []
    for setting in settings(f"warmup-{type(optimizer).__name__}"):
        ramp, lr = (float(part.split()[-1]) for part in setting.label.split(", "))
        moments = np.arange(5 * 391) / 391
        expected = lr * np.minimum(np.arange(5 * 391) / ramp, 1) if ramp else lr
        np.testing.assert_allclose(setting.recipe.schedule(moments), expected, rtol=1e-9)
        assert setting == plain(setting, epochs=5, per="step", optimizer=optimizer)
        pairs.append((ramp, lr))
    rates = (0.001, 0.003, 0.01, 0.03, 0.1)
    assert pairs == [(ramp, lr) for ramp in (0, 100, 500, 1500) for lr in rates]


def test_ramps_of_four_shapes_and_five_lengths_lead_to_one_rate():
    k = np.arange(5 * 391)
    u = np.minimum(k / 391, 1)
    shapes = {
        "none": np.full(len(k), 2.0),
        "line": 2 * u,
        "cosine": 1 - np.cos(np.pi * u),
        "exponential": 0.02 * 100**u,
        "jump": np.where(k < 391, 0.2, 2),
        **{f"line of {n}": 2 * np.minimum(k / n, 1) for n in (10, 50, 100, 782)},
    }
    found = settings("warmup-shapes")
    assert [setting.label for setting in found] == list(shapes)
    options = {"data": Images("cifar10", limit=None), "network": NARROW}
    for setting in found:
        np.testing.assert_allclose(
            setting.recipe.schedule(k / 391), shapes[setting.label], rtol=1e-9, atol=1e-12
        )
        assert setting == plain(setting, **options, epochs=5, per="step")


def test_six_rates_again_with_other_initial_weights():
    for way in ("none", "warmup"):
        ours, theirs = settings(f"warmup-rates-torch-{way}"), settings(f"warmup-rates-{way}")
        assert len(ours) == len(theirs) == len(WARMUP_RATES)
        for own, other in zip(ours, theirs, strict=True):
            assert own == replace(other, network=replace(NARROW, init="kaiming_uniform"))


def test_momentum_and_none_have_as_many_rates_at_each_batch_size():
    found = {}
    for setting in settings("momentum-batch-tuning"):
        recipe = setting.recipe
        momentum = getattr(recipe.optimizer, "momentum", 0)
        optimizer = Momentum(momentum=0.9) if momentum else SGD()
        options = {"epochs": 2, "batch_size": recipe.batch_size, "optimizer": optimizer}
        assert setting == plain(setting, **options)
        found.setdefault((recipe.batch_size, momentum), []).append(recipe.schedule)
    without, heavy = ([Constant(2.0**-k) for k in ks] for ks in (range(7), range(3, 10)))
    sizes = (32, 128, 512)
    assert found == {(n, m): heavy if m else without for n in sizes for m in (0, 0.9)}


def test_ways_of_ten_epochs_are_chosen_over_as_many_rates():
    found = {}
    for setting in settings("optimizer-choosing"):
        optimizer, schedule = setting.recipe.optimizer, setting.recipe.schedule
        lr = schedule(0)
        falls = schedule != Constant(lr)
        assert schedule == (CosineDecay(lr, total_epochs=10) if falls else Constant(lr))
        assert setting == plain(setting, epochs=10, per="step", optimizer=optimizer)
        found.setdefault((optimizer, falls), []).append(lr)
    ways = [Momentum(), Adam(), *(AdamW(weight_decay=decay) for decay in (0.01, 0.1, 1.0))]
    assert list(found) == [(optimizer, falls) for optimizer in ways for falls in (False, True)]
    further = {(ways[2], False): 0.01, (ways[3], False): 0.01, (ways[4], True): 0.03}
    for way, rates in found.items():
        if way in further:  # the choice fell on an end
            assert rates.pop() == further[way]
        assert len(rates) == (3 if isinstance(way[0], AdamW) else 5)
        assert np.diff(np.log10([further.get(way, 10**0.5 * rates[0]), *rates])) == pytest.approx(
            -0.5, abs=0.03
        )


def test_plateau_rules_differ_in_one_thing_each():
    images = Images("fashion_mnist", limit=25_000, held_out=5_000, evaluate_on="both")
    found = {setting.label: setting for setting in settings("plateau")}
    for setting in found.values():
        watch = setting.recipe.watch
        assert setting == plain(setting, data=images, epochs=30, watch=watch)
        assert watch is None or setting.recipe.schedule == Constant(0.2)
    assert found["constant"].recipe.schedule == Constant(0.2)
    assert found["cosine"].recipe.schedule == CosineDecay(0.2, total_epochs=30)
    rule = found["rule"].recipe.watch
    assert rule.metric == found["raised"].recipe.watch.metric == "test_loss"
    assert found["rule, training loss"].recipe.watch == replace(rule, metric="train_loss")
    raised = replace(rule.policy, raise_after=6, raise_factor=4)
    assert found["raised"].recipe.watch == Watch(raised)
    document = ReduceOnPlateau(0.2, convention="keras", factor=0.5, patience=10, cooldown=0)
    assert found["patient"].recipe.watch == Watch(document)


def test_snapshots_with_momentum_and_at_three_peaks():
    half = Images("fashion_mnist", limit=30_000, held_out=5_000)
    like = {setting.label: setting for setting in settings("D3")}
    found = {}
    for setting in settings("D3-peaks"):
        way, momentum, lr = setting.label.split(", ")
        lr = float(lr.removeprefix("lr "))
        optimizer = Momentum(momentum=0.9) if momentum == "momentum 0.9" else SGD()
        parts = Parts(3, fresh=way == "fresh starts")
        assert setting == plain(setting, data=half, snapshots=parts, epochs=60, optimizer=optimizer)
        e = np.arange(60)
        document = like[way].recipe.schedule
        np.testing.assert_allclose(setting.recipe.schedule(e), 10 * lr * document(e), rtol=1e-12)
        found.setdefault((momentum, lr), []).append(way)
    three = ["constant", "one cosine", "restarts"]
    four = [*three, "fresh starts"]
    assert found == {
        ("momentum 0.9", 0.05): three,
        ("momentum 0.9", 0.1): four,
        ("momentum 0.9", 0.3): three,
        ("momentum 0", 0.3): four,
    }

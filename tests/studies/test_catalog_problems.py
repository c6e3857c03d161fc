"""The studies on three small problems: equal trials, fair grids, schedules as they are called."""

import re

import numpy as np
import pytest

from lrlab import Recipe
from lrlab.optimizers import SGD, Adam, AdamW, Lion, Momentum, Muon, ScheduleFreeAdamW
from lrlab.schedules import Constant
from lrlab.studies.catalog import STUDIES
from lrlab.studies.catalog.problems import PROBLEMS, SCHEDULES, final
from lrlab.studies.study import Images, Measure, Network, Setting

LENET = (Network(), Images("fashion_mnist", limit=6_000, held_out=4_000, evaluate_on="held_out"))
ALEXNET = (
    Network("AlexNet", init="glorot_uniform", width=1 / 8),
    Images("cifar10", limit=6_000, held_out=4_000, evaluate_on="held_out"),
)
DECODER = (
    Network("Decoder"),
    Images("markov", limit=None, held_out=1_000, evaluate_on="held_out"),
)
TRAINED = {
    "LeNet": (*LENET, {"optimizer": Momentum(momentum=0.9)}),
    "AlexNet": (*ALEXNET, {"optimizer": Momentum(momentum=0.9)}),
    "decoder": (*DECODER, {"optimizer": AdamW(), "batch_size": 16}),
}
GRIDS = {
    "LeNet": [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0],
    "AlexNet": [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0],
    "decoder": [1e-4, 3e-4, 0.001, 0.003, 0.01, 0.03, 0.1],
}


def plain(setting, problem, epochs, **changes):
    """The same schedule on this problem, everything else told anew."""
    network, images, recipe = TRAINED[problem]
    options = {**recipe, "per": "step", "epochs": epochs, **changes}
    recipe = Recipe(setting.recipe.schedule, watch=setting.recipe.watch, **options)
    return Setting(setting.label, recipe, network=network, data=images)


def rates(schedule, epochs):
    """The rates of 20 updates per epoch."""
    return schedule(np.arange(20 * epochs) / 20)


def shapes(u):
    """Each schedule's rate over its peak, from the part u of the run that is over."""
    ramp = np.minimum(u / 0.05, 1)
    rise = 0.04 + 0.96 * (1 - np.cos(np.pi * u / 0.3)) / 2
    fall = 4e-6 + (1 - 4e-6) * (1 + np.cos(np.pi * (u - 0.3) / 0.7)) / 2
    return {
        "constant": np.ones_like(u),
        "plateau": np.ones_like(u),
        "steps": np.where(u < 0.5, 1, np.where(u < 5 / 6 - 1e-12, 0.1, 0.01)),
        "exponential": 0.01**u,
        "polynomial": (1 - u) ** 2,
        "linear": 1 - u,
        "linear to a tenth": 1 - 0.9 * u,
        "cosine": (1 + np.cos(np.pi * u)) / 2,
        "restarts": (1 + np.cos(np.pi * np.round(4 * u, 9) % np.pi)) / 2,
        "trapezoid": np.minimum(ramp, np.minimum(1, (1 - u) / 0.2)),
        "one cycle": np.where(u < 0.3, rise, fall),
    }


def test_choices_are_made_with_seeds_of_their_own():
    """What a choice is compared with has the seeds 20 to 24."""
    seeds = {}
    for name, study in STUDIES.items():
        if re.match("(rates|range|edge|decoder|which)\\b", name):
            seeds.setdefault(study.seeds, set()).add(re.split("[-]", name)[0])
    assert seeds == {
        (10,): {"which", "decoder"},
        (20, 21, 22, 23, 24): {"which", "decoder"},
        (30, 31, 32, 33, 34): {"rates"},
        (30, 31, 32): {"rates"},
        tuple(range(30, 40)): {"range"},
        (0, 1, 2): {"edge"},
        (40, 41, 42): {"edge"},
    }


@pytest.mark.parametrize("epochs", [4, 8, 16])
@pytest.mark.parametrize("problem", list(PROBLEMS))
def test_every_schedule_has_the_same_seven_trials(problem, epochs):
    study = STUDIES[f"which-{problem}-{epochs}-choosing"]
    found = {}
    for setting in study.settings:
        name, lr = setting.label.split(", lr ")
        assert setting == plain(setting, problem, epochs)
        assert (setting.recipe.watch is not None) == (name == "plateau")
        found.setdefault(name, []).append(float(lr))
    assert found == dict.fromkeys(SCHEDULES, GRIDS[problem])
    assert len(found) == 12
    assert study.seeds == (10,)
    for word in ("seeds, 20 to 24", "1 point", "0.02 nats", "paired by seed", "Holm"):
        assert word in study.decides


@pytest.mark.parametrize("epochs", [4, 16])
def test_every_schedule_is_what_it_is_called(epochs):
    u = np.arange(20 * epochs) / (20 * epochs)
    expected = shapes(u) | {"inverse root": (1 + epochs * u) ** -0.5}
    assert expected.keys() == SCHEDULES.keys()
    for name, shape in expected.items():
        found = rates(PROBLEMS["LeNet"].way(name, 0.3, epochs).recipe.schedule, epochs)
        np.testing.assert_allclose(found, 0.3 * shape, rtol=1e-6, atol=1e-9, err_msg=name)


def test_the_decoder_warms_up_for_an_epoch_before_every_schedule():
    u = np.arange(20 * 8) / (20 * 8)
    for name in SCHEDULES:
        found = rates(PROBLEMS["decoder"].way(name, 0.01, 8).recipe.schedule, 8)
        if name == "one cycle":  # has a ramp of its own
            np.testing.assert_allclose(found, 0.01 * shapes(u)[name], rtol=1e-6)
            continue
        np.testing.assert_allclose(found[:20], 0.01 * np.arange(20) / 20, atol=1e-15)
        if name == "trapezoid":
            expected = 0.01 * np.minimum(1, (1 - u) / 0.2)[20:]
        else:
            expected = rates(PROBLEMS["LeNet"].way(name, 0.01, 7).recipe.schedule, 7)
        np.testing.assert_allclose(found[20:], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("epochs", "patience"), [(4, 1), (8, 1), (16, 2)])
def test_the_plateau_rule_watches_what_chooses(epochs, patience):
    for problem, metric, mode, first in (
        ("LeNet", "test_accuracy", "max", 0),
        ("decoder", "test_loss", "min", 1),
    ):
        watch = PROBLEMS[problem].way("plateau", 0.01, epochs).recipe.watch
        assert (watch.metric, watch.first_epoch) == (metric, first)
        policy = watch.policy
        assert (policy.lr, policy.mode, policy.factor) == (0.01, mode, 0.3)
        assert (policy.patience, policy.min_delta) == (patience, 0)


def test_a_final_run_differs_in_its_last_look_alone():
    setting = PROBLEMS["LeNet"].way("cosine", 0.1, 8)
    images = Images("fashion_mnist", limit=6_000, held_out=4_000, evaluate_on="both")
    assert final(setting) == Setting(
        setting.label, setting.recipe, network=setting.network, data=images
    )


@pytest.mark.parametrize("problem", list(PROBLEMS))
def test_thirteen_rates_and_a_range_test_span_the_grid(problem):
    grid, found = GRIDS[problem], []
    for setting in STUDIES[f"rates-{problem}"].settings:
        assert setting == plain(setting, problem, 4)
        peak = rates(setting.recipe.schedule, 4)
        found.append(peak.max())
        line = peak[20:] if problem == "decoder" else peak
        np.testing.assert_allclose(line, found[-1] * (1 - np.arange(len(line)) / len(line)))
    steps = np.diff(np.log10(found))
    np.testing.assert_allclose(steps, 0.25, atol=0.005)
    assert (found[0], found[-1]) == (grid[0], grid[-1])
    (test,) = STUDIES[f"range-{problem}"].settings
    size = 100 * test.recipe.batch_size
    used = test.recipe.schedule(np.arange(100) / 100)
    expected = np.geomspace(grid[0] / 100, grid[-1] * 10, 100)
    np.testing.assert_allclose(used, expected, rtol=1e-9)
    assert test.data.per_epoch == size
    assert test.measure == Measure("loss")
    assert len(STUDIES[f"range-{problem}"].seeds) == 10


@pytest.mark.parametrize(
    ("name", "problem", "optimizer", "sizes", "grid"),
    [
        ("LeNet-momentum", "LeNet", Momentum(momentum=0.9), (32, 128, 512), GRIDS["LeNet"][:6]),
        ("LeNet-Adam", "LeNet", Adam(), (32, 128, 512), GRIDS["decoder"][:6]),
        ("decoder-AdamW", "decoder", AdamW(), (4, 16, 64), GRIDS["decoder"][1:]),
    ],
)
def test_each_batch_size_has_the_same_rates(name, problem, optimizer, sizes, grid):
    found = {}
    for setting in STUDIES[f"rates-batches-{name}"].settings:
        size = setting.recipe.batch_size
        assert setting == plain(setting, problem, 4, optimizer=optimizer, batch_size=size)
        found.setdefault(size, []).append(rates(setting.recipe.schedule, 4).max())
    assert found == dict.fromkeys(sizes, grid)


# --- the decoder ----------------------------------------------------------------------------------


def test_four_ramps_before_a_line_with_both_places_of_the_normalisation():
    found = []
    for setting in STUDIES["decoder-warmup"].settings:
        where, ramp, lr = setting.label.split(", ")
        updates, lr = int(ramp.split()[1]), float(lr.split()[1])
        k = np.arange(600)
        fall = 1 - (k - updates) / (600 - updates)
        expected = np.where(k < updates, k / max(updates, 1), fall)
        np.testing.assert_allclose(setting.recipe.schedule(k / 150), lr * expected, atol=1e-12)
        network = Network("Decoder", normalise=where)
        own = plain(setting, "decoder", 4)
        assert setting == Setting(setting.label, own.recipe, network=network, data=own.data)
        found.append((where, updates, lr))
    places, grid = ("before", "after"), (0.001, 0.003, 0.01, 0.03)
    assert found == [(w, n, lr) for w in places for n in (0, 50, 150, 450) for lr in grid]
    by_label = {setting.label: setting for setting in STUDIES["decoder-warmup"].settings}
    found = []
    for deep in STUDIES["decoder-warmup-deep"].settings:
        like = by_label[deep.label]
        network = Network("Decoder", normalise=like.network.normalise, layers=6)
        assert deep == Setting(deep.label, like.recipe, network=network, data=like.data)
        found.append(deep.label)
    assert found == [
        f"{w}, ramp {n}, lr {lr}" for w in places for n in (0, 150) for lr in grid[1:3]
    ]


def test_plans_that_end_and_plans_that_go_on():
    t = np.arange(160) / 20
    line, half = (np.minimum(t, 1 - (t - 1) / (n - 1)) for n in (8, 4))
    cosine = 0.1 + 0.9 * (1 + np.cos(np.pi * np.clip((t - 1) / 3, 0, 1))) / 2
    cooled = np.minimum(np.minimum(t, 1), np.where(t < 4, (4 - t) / 0.8, (8 - t) / 1.6))
    expected = {
        "linear, planned for 8": line,
        "trapezoid, planned for 8": np.minimum(np.minimum(t, 1), (8 - t) / 1.6),
        "trapezoid, cooled twice": np.where(t < 4, cooled, np.minimum(1, (8 - t) / 1.6)),
        "linear for 4, then again": np.where(t < 4, half, np.tile(half[:80], 2)),
        "cosine for 4, then its end": np.where(t < 1, t, cosine),
    }
    found = {s.label: s for s in STUDIES["decoder-extending"].settings}
    assert found.keys() == expected.keys()
    for label, setting in found.items():
        assert setting == plain(setting, "decoder", 8)
        np.testing.assert_allclose(
            rates(setting.recipe.schedule, 8), 0.01 * expected[label], atol=1e-12, err_msg=label
        )


def test_adamw_has_its_numbers_one_by_one():
    line = PROBLEMS["decoder"].way("linear", 0.01, 8).recipe.schedule
    labels = {
        kind: [s.label for s in STUDIES[f"decoder-{kind}"].settings]
        for kind in ("decay", "beta2", "spikes")
    }
    assert labels == {
        "decay": [
            *(f"decay {d}, {k}" for k in ("linear", "constant") for d in (0, 0.01, 0.1, 1)),
            "decay 1 without vectors, linear",
        ],
        "beta2": [f"beta2 {b}, lr {lr}" for lr in (0.01, 0.03) for b in (0.9, 0.95, 0.99, 0.999)],
        "spikes": [f"beta2 {b}, clipping {c}" for b in (0.95, 0.999) for c in ("none", "at 1")],
    }
    for setting in STUDIES["decoder-decay"].settings:
        decay, kind = setting.label.removeprefix("decay ").split(", ")
        decay, *without = decay.split(" without ")
        optimizer = AdamW(weight_decay=float(decay), decay_vectors=without != ["vectors"])
        assert setting == plain(setting, "decoder", 8, optimizer=optimizer)
        flat = rates(setting.recipe.schedule, 8)[20:] == 0.01
        assert setting.recipe.schedule == line if kind == "linear" else flat.all()
    for setting in STUDIES["decoder-beta2"].settings:
        beta2, lr = (float(part.split()[1]) for part in setting.label.split(", "))
        assert setting == plain(setting, "decoder", 8, optimizer=AdamW(beta2=beta2))
        np.testing.assert_allclose(setting.recipe.schedule(1.0), lr)
    for setting in STUDIES["decoder-spikes"].settings:
        beta2, norm = setting.label.removeprefix("beta2 ").split(", clipping ")
        clip = {"none": None, "at 1": 1.0}[norm]
        own = plain(setting, "decoder", 8, optimizer=AdamW(beta2=float(beta2)), clip_norm=clip)
        assert setting == Setting(
            own.label, own.recipe, network=own.network, data=own.data, measure=Measure("loss")
        )
        np.testing.assert_allclose(setting.recipe.schedule(1.0), 0.03)


# --- the edge of stability ------------------------------------------------------------------------


def test_descent_on_all_images_is_measured_again_and_again():
    found = []
    for setting in STUDIES["edge"].settings:
        name, lr = setting.label.split(", lr ")
        optimizer = {"SGD": SGD(), "momentum": Momentum(momentum=0.9), "Adam": Adam()}[name]
        what = "preconditioned sharpness" if name == "Adam" else "sharpness"
        epochs, every = {"SGD": (15, 50), "momentum": (10, 25), "Adam": (5, 10)}[name]
        recipe = Recipe(Constant(float(lr)), epochs=epochs, batch_size=500, optimizer=optimizer)
        images = Images("fashion_mnist", limit=500, per_epoch=50_000)
        measure = Measure(what, every=every)
        assert setting == Setting(setting.label, recipe, data=images, measure=measure)
        assert recipe.steps_per_epoch(50_000) == 100
        found.append((name, float(lr)))
    assert found == [
        *(("SGD", lr) for lr in (0.01, 0.02, 0.05)),
        *(("momentum", lr) for lr in (0.005, 0.01)),
        *(("Adam", lr) for lr in (3e-4, 1e-3)),
    ]
    none, ramp = STUDIES["edge-warmup"].settings
    t = np.arange(2 * 391) / 391
    np.testing.assert_array_equal(none.recipe.schedule(t), 2.0)
    np.testing.assert_allclose(ramp.recipe.schedule(t), 2 * np.minimum(t, 1))


def test_what_came_after_adam_has_as_many_trials():
    found = {}
    for setting in STUDIES["decoder-optimizers-choosing"].settings:
        way, lr = setting.label.split(", lr ")
        name, _, kind = way.partition(", ")
        optimizer = {"AdamW": AdamW(), "Lion": Lion(weight_decay=0.1), "Muon": Muon()}.get(name)
        assert setting == plain(
            setting, "decoder", 8, optimizer=optimizer or ScheduleFreeAdamW(weight_decay=0.01)
        )
        flat = np.minimum(np.arange(160) / 20, 1)
        fall = np.minimum(flat, (160 - np.arange(160)) / 140)
        expected = float(lr) * (fall if kind == "linear" else flat)
        np.testing.assert_allclose(rates(setting.recipe.schedule, 8), expected, atol=1e-12)
        found.setdefault(way, []).append(float(lr))
    scales = {"AdamW, linear": 1, "AdamW, constant": 1, "schedule-free": 1,
              "Lion, linear": 0.1, "Muon, linear": 10}  # fmt: skip
    grid = np.array(GRIDS["decoder"])
    assert found.keys() == scales.keys()
    for way, scale in scales.items():
        np.testing.assert_allclose(found[way], scale * grid)


def test_constant_is_not_an_accident():
    assert PROBLEMS["LeNet"].way("constant", 0.1, 4).recipe.schedule == Constant(0.1)

"""What a run is asked to do: what a recipe and a watch refuse, keep and say about themselves."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from lrlab import Constant, ExponentialDecay, LinearDecay, ReduceOnPlateau, warmup
from lrlab.optimizers import SGD, Adam, Momentum
from lrlab.schedules import Schedule
from lrlab.training.recipe import METRICS, Recipe, Watch
from lrlab.utils import Value

POLICY = ReduceOnPlateau(0.5)
DECAY = ExponentialDecay(0.1, gamma=0.9)
RAMP = warmup(LinearDecay(0.5, total_epochs=9), 2)


def make(schedule=DECAY, **options):
    return Recipe(schedule, **{"epochs": 1, **options})


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"schedule": 0.1}, "schedule must be a schedule of lrlab, received 0.1"),
        ({"schedule": math.sin}, "schedule must be a schedule of lrlab, received <built-in"),
        ({"epochs": 0}, "epochs must be a positive integer, received 0"),
        ({"epochs": 2.0}, "epochs must be a positive integer, received 2.0"),
        ({"epochs": True}, "epochs must be a positive integer, received True"),
        ({"batch_size": 0}, "batch_size must be a positive integer, received 0"),
        ({"batch_size": 1.5}, "batch_size must be a positive integer, received 1.5"),
        ({"optimizer": "adam"}, "optimizer must be an optimizer of lrlab.optimizers, rec.* 'adam'"),
        ({"optimizer": SGD}, "optimizer must be an optimizer of lrlab.optimizers, received <class"),
        ({"per": "batch"}, "per must be one of epoch, step, received 'batch'"),
        ({"watch": POLICY}, "watch must be a Watch, received ReduceOnPlateau"),
        ({"clip_norm": 0}, "clip_norm must be a finite real number greater than 0, received 0"),
        ({"clip_norm": math.inf}, "clip_norm must be a finite real number greater than 0, .* inf"),
        ({"seed": -1}, "seed must be an integer of at least 0, received -1"),
        ({"seed": 0.5}, "seed must be an integer of at least 0, received 0.5"),
    ],
)
def test_a_recipe_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"epochs": 1}, {"batch_size": 1}, {"seed": 0}, {"clip_norm": 1e-300},
        {"clip_norm": None}, {"watch": None}, {"per": "epoch"}, {"per": "step"},
        {"optimizer": Adam(convention="keras")},
    ],
    ids=str,
)  # fmt: skip
def test_a_recipe_takes_what_is_just_allowed(options):
    ((name, value),) = options.items()
    assert getattr(make(**options), name) == value


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"policy": 0.1}, "policy must be a ReduceOnPlateau, received 0.1"),
        ({"metric": "val_loss"}, "metric must be one of train_loss, test_loss, test_accuracy, rec"),
        ({"first_epoch": -1}, "first_epoch must be an integer of at least 0, received -1"),
        ({"first_epoch": 1.0}, "first_epoch must be an integer of at least 0, received 1.0"),
    ],
)
def test_a_watch_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        Watch(**{"policy": POLICY, **options})


@pytest.mark.parametrize(
    ("metric", "mode", "other"),
    [("train_loss", "min", "max"), ("test_loss", "min", "max"), ("test_accuracy", "max", "min")],
)
def test_the_policys_mode_suits_the_metric(metric, mode, other):
    policy = ReduceOnPlateau(0.5, mode=mode)
    assert Watch(policy, metric=metric).policy == policy
    assert METRICS[metric] == mode
    message = f"policy.mode must be '{mode}' where {metric} is watched, received '{other}'"
    with pytest.raises(ValueError, match=message):
        Watch(replace(policy, mode=other), metric=metric)


@pytest.mark.parametrize(("first_epoch", "rate"), [(0, 0.0), (1, 0.25), (3, 4 / 9)])
def test_the_schedule_is_at_the_policys_rate_when_the_policy_begins_to_watch(first_epoch, rate):
    watch = Watch(POLICY, first_epoch=first_epoch)
    message = rf"policy.lr must be .* schedule\({first_epoch}\) = {rate:.6}\d*, received 0.5"
    with pytest.raises(ValueError, match=message):
        make(RAMP, watch=watch)
    assert make(RAMP, watch=Watch(POLICY, first_epoch=2)).plateau.schedule == RAMP


# --- what is kept ---------------------------------------------------------------------------------


def test_a_recipe_alone_is_plain_descent_of_128_images():
    assert make() == make(
        batch_size=128, optimizer=SGD(weight_decay=0.0), per="epoch", watch=None, clip_norm=None,
        seed=0,
    )  # fmt: skip
    assert Watch(POLICY) == Watch(POLICY, metric="test_loss", first_epoch=0)


def test_all_but_the_schedule_and_the_policy_have_to_be_named():
    for call in (lambda: Recipe(Constant(0.1), 3), lambda: Watch(POLICY, "test_loss")):
        with pytest.raises(TypeError, match="positional argument"):
            call()


def test_numbers_of_numpy_become_plain_ones():
    recipe = make(epochs=np.int64(3), batch_size=np.int32(4), seed=np.uint8(9), clip_norm=2)
    assert json.dumps(recipe.to_config())
    assert recipe == make(epochs=3, batch_size=4, seed=9, clip_norm=2.0)


def test_nothing_changes_a_recipe():
    with pytest.raises(AttributeError, match="cannot assign"):
        make().epochs = 5


RECIPES = [
    make(),
    make(RAMP, per="step", optimizer=Momentum(nesterov=True), batch_size=7, epochs=9, seed=4),
    make(RAMP, watch=Watch(POLICY, metric="train_loss", first_epoch=2), clip_norm=0.25),
    make(Constant(0.1), optimizer=Adam(eps=1e-7, convention="keras")),
]


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_config_goes_through_json_and_back(recipe):
    config = json.loads(json.dumps(recipe.to_config(), allow_nan=False))
    assert Recipe.from_config(config) == recipe
    assert Value.from_config(config) == recipe


def test_a_config_holds_each_part_under_its_name():
    config = RECIPES[2].to_config()
    assert list(config) == [
        "class", "schedule", "epochs", "batch_size", "optimizer", "per", "watch", "clip_norm",
        "seed",
    ]  # fmt: skip
    assert config["schedule"] == RAMP.to_config()
    assert config["watch"] == {
        "class": "Watch", "policy": POLICY.to_config(), "metric": "train_loss", "first_epoch": 2,
    }  # fmt: skip
    assert (config["class"], config["clip_norm"], config["per"]) == ("Recipe", 0.25, "epoch")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs must be a positive integer, received 0"),
        ({"momentum": 0.9}, "config does not fit Recipe: .*'momentum'"),
        ({"schedule": SGD().to_config()}, "schedule must be a schedule of lrlab, received SGD"),
        ({"watch": {"class": "Nobody"}}, "config must name a class out of .*, received 'Nobody'"),
    ],
)
def test_a_config_is_checked_like_arguments(change, message):
    with pytest.raises(ValueError, match=message):
        Recipe.from_config({**make().to_config(), **change})
    with pytest.raises(ValueError, match="config must name a class out of Recipe, received 'Cons"):
        Recipe.from_config(Constant(0.1).to_config())
    assert Schedule.from_config(Constant(0.1).to_config()) == Constant(0.1)


# --- what it says ---------------------------------------------------------------------------------


def test_seeded_changes_the_seed_alone():
    for recipe in RECIPES:
        assert recipe.seeded(recipe.seed) == recipe
        other = recipe.seeded(11)
        assert other.seed == 11
        assert {**other.to_config(), "seed": recipe.seed} == recipe.to_config()
    with pytest.raises(ValueError, match="seed must be an integer of at least 0, received -1"):
        make().seeded(-1)


@pytest.mark.parametrize(
    ("images", "batch_size", "steps"),
    [(1, 10, 1), (10, 10, 1), (11, 10, 2), (20, 10, 2), (60_000, 128, 469), (5, 1, 5)],
)
def test_the_last_short_batch_is_a_step(images, batch_size, steps):
    assert make(batch_size=batch_size).steps_per_epoch(images) == steps


def test_a_watched_recipe_lowers_its_own_schedule():
    assert make().plateau is None
    plateau = make(RAMP, watch=Watch(POLICY, first_epoch=2)).plateau
    assert (plateau.policy, plateau.schedule, plateau.first_epoch) == (POLICY, RAMP, 2)
    assert plateau.rate(0.25, 2.0) == 0.25

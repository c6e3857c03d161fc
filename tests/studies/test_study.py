"""What studies are made of: what each part refuses, and that its config says all there is."""

import json
from dataclasses import replace

import numpy as np
import pytest

from lrlab import Constant, CyclicCosine, Recipe, ReduceOnPlateau, data
from lrlab.optimizers import Adam, Momentum
from lrlab.studies.study import Images, Measure, Network, Parts, Run, Setting, Study, registry, slug
from lrlab.training import Watch
from lrlab.utils import Value

RECIPE = Recipe(Constant(0.1), epochs=6)
CYCLES = replace(RECIPE, schedule=CyclicCosine(0.1, cycle_epochs=2))
HALF = Images(limit=50, held_out=30)
WATCHED = replace(CYCLES, watch=Watch(ReduceOnPlateau(0.1)))


def make(label="a", recipe=RECIPE, **options):
    return Setting(label, recipe, **options)


def study(**changes):
    return Study(**{"name": "s", "description": "", "settings": [make()], **changes})


# --- network and images ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ({}, {"init": "kaiming_uniform"}),
        ({"name": "AlexNet", "init": "glorot_uniform"}, {"init": "glorot_uniform", "width": 1.0}),
        ({"name": "AlexNet", "width": 2}, {"init": "kaiming_uniform", "width": 2.0}),
    ],
)
def test_a_network_gives_the_arguments_of_its_class(arguments, options):
    images = {"image_shape": (8, 8, 1), "classes": 10}
    assert Network(**arguments).options(data.load("digits")) == options | images


def test_a_decoder_has_the_sizes_of_the_language():
    options = {"init": "kaiming_uniform", "layers": 3, "normalise": "after"}
    sizes = {"symbols": 24, "length": 32}
    network = Network("Decoder", layers=3, normalise="after")
    assert network.options(data.load("markov", 1)) == options | sizes


@pytest.mark.parametrize(
    ("network", "images", "allowed"),
    [("Decoder", "markov", True), ("Decoder", "digits", False), ("LeNet", "markov", False)],
)
def test_a_decoder_is_trained_on_sequences_and_nothing_else_is(network, images, allowed):
    chosen = {"network": Network(network), "data": Images(images, limit=None)}
    if allowed:
        assert make(**chosen).network.name == "Decoder"
        return
    with pytest.raises(
        ValueError, match=r"data\.name must be 'markov' for a Decoder and for no oth"
    ):
        make(**chosen)


@pytest.mark.parametrize(
    ("cls", "arguments", "message"),
    [
        (Network, {"name": "VGG"}, "name must be one of LeNet, AlexNet, Decoder, received 'VGG'"),
        (Network, {"init": "zeros"}, "init must be one of kaiming_uniform, glorot_uniform, rec"),
        (Network, {"name": "AlexNet", "width": 0}, "width must be .* greater than 0, received 0"),
        (Network, {"width": 0.5}, "width must be 1.0 for LeNet, which has no other, received 0.5"),
        (Network, {"layers": 3}, "layers must be 2 for LeNet, which has no other, received 3"),
        (Network, {"name": "AlexNet", "normalise": "after"}, "normalise must be 'before' for Ale"),
        (Network, {"name": "Decoder", "width": 2}, "width must be 1.0 for Decoder, which has no"),
        (Network, {"name": "Decoder", "layers": 0}, "layers must be a positive integer"),
        (Images, {"limit": 0}, "limit must be a positive integer, received 0"),
        (Images, {"held_out": -1}, "held_out must be an integer of at least 0, received -1"),
        (Images, {"evaluate_on": "validation"}, "evaluate_on must be one of test, held_out, both"),
        (Images, {"evaluate_on": "held_out"}, "held_out must be 1 or more to evaluate on them, r"),
        (Images, {"held_out": 0.5}, "held_out must be an integer of at least 0, received 0.5"),
        (Images, {"per_epoch": 0}, "per_epoch must be a positive integer, received 0"),
        (
            Measure,
            {"what": "norm"},
            "what must be one of loss, sharpness, preconditioned sharpness",
        ),
        (Measure, {"what": "loss", "every": 0}, "every must be a positive integer, received 0"),
        (
            Measure,
            {"what": "loss", "images": 3},
            "images must be None for a batch's loss, received 3",
        ),
        (Parts, {"number": 0}, "number must be a positive integer, received 0"),
        (Parts, {"number": 3, "fresh": 1}, "fresh must be True or False, received 1"),
    ],
)
def test_a_part_refuses(cls, arguments, message):
    with pytest.raises(ValueError, match=message):
        cls(**arguments)


def test_images_are_the_first_ones():
    chosen, held_out = Images("blobs", limit=20).load()
    assert held_out is None
    np.testing.assert_array_equal(chosen.x_train, data.load("blobs").x_train[:20])


def test_an_epoch_may_take_the_images_several_times():
    for held_out in (0, 30):
        for loaded in Images("digits", limit=50, held_out=held_out, per_epoch=150).load():
            assert loaded is None or loaded.passes(0) == [range(50)] * 3


def test_held_out_images_come_after_those_that_train():
    whole = data.load("digits", 80)
    chosen, held_out = Images("digits", limit=50, held_out=30).load()
    for made in (chosen, held_out):
        np.testing.assert_array_equal(made.x_train, whole.x_train[:50])
        np.testing.assert_array_equal(made.y_train, whole.y_train[:50])
    np.testing.assert_array_equal(chosen.x_test, whole.x_test)
    np.testing.assert_array_equal(held_out.x_test, whole.x_train[50:])
    np.testing.assert_array_equal(held_out.y_test, whole.y_train[50:])


def test_of_all_images_the_last_are_held_out():
    whole = data.load("digits")
    chosen, held_out = Images("digits", limit=None, held_out=30).load()
    np.testing.assert_array_equal(chosen.x_train, whole.x_train[:-30])
    np.testing.assert_array_equal(held_out.x_test, whole.x_train[-30:])


def test_runs_to_choose_among_never_see_a_test_image():
    tested, choosing = Images("digits", limit=50, held_out=30).load()
    chosen, nothing = Images("digits", limit=50, held_out=30, evaluate_on="held_out").load()
    assert nothing is None
    for name in ("x_train", "y_train", "x_test", "y_test"):
        np.testing.assert_array_equal(getattr(chosen, name), getattr(choosing, name))
    assert len(chosen.x_test) == 30 != len(tested.x_test)
    each_epoch, afterwards = Images("digits", limit=50, held_out=30, evaluate_on="both").load()
    for made, same in ((each_epoch, chosen), (afterwards, tested)):
        np.testing.assert_array_equal(made.x_train, same.x_train)
        np.testing.assert_array_equal(made.x_test, same.x_test)


@pytest.mark.parametrize(
    ("number", "epochs", "ends"), [(1, 6, (6,)), (3, 6, (2, 4, 6)), (6, 6, (1, 2, 3, 4, 5, 6))]
)
def test_parts_end_after_as_many_epochs_each(number, epochs, ends):
    assert Parts(number).ends(epochs) == ends


# --- a setting ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label": "—"}, "label must be text with 1 to 200 letters or digits, received '—'"),
        ({"label": "a" * 201}, "label must be text with 1 to 200 letters or digits, received 'aaa"),
        ({"label": 3}, "label must be text with 1 to 200 letters or digits, received 3"),
        ({"recipe": Constant(0.1)}, "recipe must be a Recipe, received Constant"),
        ({"recipe": replace(RECIPE, optimizer=Adam(convention="keras"))},
         "optimizer must be of convention 'pytorch' here, received"),
        ({"recipe": replace(RECIPE, optimizer=Adam(bias_correction=False))},
         "optimizer must have bias_correction"),
        ({"network": "LeNet"}, "network must be a Network, received 'LeNet'"),
        ({"data": "digits"}, "data must be an Images, received 'digits'"),
        ({"snapshots": 3}, "snapshots must be a Parts, received 3"),
        ({"snapshots": Parts(4), "data": HALF},
         "snapshots.number must divide the 6 epochs, received 4"),
        ({"snapshots": Parts(3)}, "data.held_out must be 1 or more where there are snapshots, re"),
        ({"snapshots": Parts(3), "data": replace(HALF, evaluate_on="held_out")},
         "data.evaluate_on must be 'test' where there are snapshots, .* received 'held_out'"),
        ({"snapshots": Parts(3), "network": Network("Decoder"),
          "data": Images("markov", limit=None, held_out=9)},
         "data must be of images for snapshots, received 'markov'"),
        ({"snapshots": Parts(3), "data": HALF, "measure": Measure("loss")},
         "measure must be None where there are snapshots"),
        ({"network": Network("Decoder"), "data": Images("markov", limit=2_500)},
         "data.limit must be None for 'markov', which never ends, received 2500"),
        ({"measure": "loss"}, "measure must be a Measure, received 'loss'"),
        ({"snapshots": Parts(3), "data": HALF, "recipe": WATCHED},
         "recipe.watch must be None where there are snapshots"),
        ({"data": HALF, "recipe": WATCHED},
         "data.evaluate_on must be 'held_out' or 'both' where a policy watches the test_loss, or"),
        ({"snapshots": Parts(3, fresh=True), "data": HALF},
         r"schedule must have cycles of 2 epochs for parts that start afresh, received Constant"),
        ({"snapshots": Parts(2, fresh=True), "data": HALF, "recipe": CYCLES},
         r"schedule must have cycles of 3 epochs for parts that start afresh, received Cyclic"),
    ],
)  # fmt: skip
def test_a_setting_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"snapshots": Parts(3), "data": HALF},
        {"snapshots": Parts(3), "data": replace(HALF, held_out=1)},
        {"snapshots": Parts(2), "data": HALF, "recipe": CYCLES},
        {"snapshots": Parts(3, fresh=True), "data": HALF, "recipe": CYCLES},
        {"data": HALF},
    ],
)
def test_a_setting_takes_what_is_just_allowed(options):
    assert make(**options).snapshots == options.get("snapshots")


def test_a_slug_is_fit_for_every_file_system():
    assert slug("η = 0.1 / Batch 32, late!") == "0.1-batch-32-late"


# --- runs and studies -----------------------------------------------------------------------------


def test_a_run_has_the_settings_recipe_with_its_own_seed():
    run = Run("s", make("Batch 32, lr 0.1"), np.int64(3))
    assert run.name == "batch-32-lr-0.1-seed-3"
    assert run.recipe == RECIPE.seeded(3)
    assert run.setting.recipe == RECIPE
    for seed in (-1, 0.5):
        message = f"seed must be an integer of at least 0, received {seed}"
        with pytest.raises(ValueError, match=message):
            replace(run, seed=seed)


def test_runs_go_seed_by_seed():
    small = study(settings=[make("a"), make("b")], seeds=[7, 3])
    assert [run.name for run in small.runs()] == ["a-seed-7", "b-seed-7", "a-seed-3", "b-seed-3"]
    assert [run.name for run in small.runs([1])] == ["a-seed-1", "b-seed-1"]


@pytest.mark.parametrize(
    "setting",
    [
        make(),
        make(network=Network("AlexNet", width=0.5), data=Images("digits", limit=None)),
        make(recipe=CYCLES, data=HALF, snapshots=Parts(3, fresh=True)),
        make(recipe=replace(
            RECIPE, optimizer=Momentum(), clip_norm=1, watch=Watch(ReduceOnPlateau(0.1)),
        ), data=replace(HALF, evaluate_on="both")),
    ],
)  # fmt: skip
def test_a_config_is_plain_and_complete(setting):
    for value in (Run("s", setting, 3), study(settings=[setting], decides="by losses")):
        config = json.loads(json.dumps(value.to_config(), allow_nan=False))
        assert type(value).from_config(config) == Value.from_config(config) == value


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "a/b"}, "name must be 1 to 200 letters, digits, '.' and '-', received 'a/b'"),
        ({"name": "a" * 201}, "name must be 1 to 200 letters"),
        ({"name": ".hidden"}, "name must be 1 to 200 letters"),
        ({"name": 3}, "name must be 1 to 200 letters"),
        ({"settings": []}, "settings must be one or more with distinct labels"),
        ({"settings": [make("a b"), make("A-b")]}, "distinct labels, received .'a-b', 'a-b'"),
        ({"seeds": []}, "seeds must be one or more, all different, received"),
        ({"seeds": [1, 1]}, r"seeds must be one or more, all different, received \(1, 1\)"),
        ({"seeds": [-1]}, "seeds must be an integer of at least 0, received -1"),
    ],
)
def test_a_study_refuses(changes, message):
    with pytest.raises(ValueError, match=message):
        study(**changes)


def test_a_name_is_given_once():
    first = study()
    assert registry([first]) == {"s": first}
    with pytest.raises(ValueError, match="distinct names, received 's' twice"):
        registry([first, study(description="another")])

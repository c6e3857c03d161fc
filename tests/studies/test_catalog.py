"""The catalogue: what each study of the book declares, said once more in other words."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from lrlab import (
    Constant,
    CosineDecay,
    CyclicCosine,
    InverseSqrtDecay,
    LinearDecay,
    MultiStepDecay,
    Recipe,
)
from lrlab.optimizers import SGD, AdaDelta, AdaGrad, Adam, AdamW, Momentum, RMSProp
from lrlab.studies.catalog import (
    BATCH_RATES,
    EDGE_RATES,
    MOMENTA,
    RATES,
    STUDIES,
    UnknownStudy,
    select,
)
from lrlab.studies.catalog.d4 import WARMUP_RATES
from lrlab.studies.study import Images, Network, Parts, Run, Setting

D3 = [STUDIES[name] for name in ("D3", "D3-per-step", "D3-cycles")]


def settings(name):
    return STUDIES[name].settings


def lenet(label, schedule, limit=60_000, held_out=0, snapshots=None, **changes):
    """LeNet on Fashion-MNIST with everything told that the catalogue leaves to the defaults."""
    options = {
        "epochs": 30, "batch_size": 128, "optimizer": SGD(weight_decay=0.0), "per": "epoch",
        "watch": None, "clip_norm": None, "seed": 0, **changes,
    }  # fmt: skip
    return Setting(
        label,
        Recipe(schedule, **options),
        network=Network("LeNet", init="kaiming_uniform", width=1.0),
        data=Images("fashion_mnist", limit=limit, held_out=held_out),
        snapshots=snapshots,
    )


def but_for(setting, like, **changes):
    """The setting under another's label, with changes to its recipe."""
    return replace(setting, label=like.label, recipe=replace(setting.recipe, **changes))


# Of three small problems, see test_catalog_problems.py.
SMALL = [
    "rates-LeNet", "range-LeNet", "rates-AlexNet", "range-AlexNet", "rates-decoder",
    "range-decoder", "rates-batches-LeNet-momentum", "rates-batches-LeNet-Adam",
    "rates-batches-decoder-AdamW", "edge", "edge-warmup", "decoder-warmup",
    "decoder-warmup-deep", "decoder-extending", "decoder-decay", "decoder-beta2", "decoder-spikes",
    "decoder-optimizers-choosing", "decoder-optimizers",
    *(f"which-{p}-{n}-choosing" for p in ("LeNet", "AlexNet", "decoder") for n in (4, 8, 16)),
    *(f"which-{p}-{n}" for p in ("LeNet", "AlexNet", "decoder") for n in (4, 8, 16)),
]  # fmt: skip


def test_names_of_studies():
    assert list(STUDIES) == [
        "D2-constant", "D2-sqrt", "D2-multistep", "D2-cosine", "D2-sqrt-late", "D2-cosine-late",
        "further-seeds", "D2-tuning", "D2-tuned", "plateau", "sensitivity-1",
        "sensitivity-1-linear", "sensitivity-5", "sensitivity-5-linear",
        "sensitivity-1-edge", "sensitivity-1-edge-linear", "batch-size",
        "D4-sin-decay", "D4-gradual-decay", "D4-no-warmup", "D4-step", "D4-cosine",
        "D4-warmup-cosine", "D4-full-width",
        "warmup-rates-none", "warmup-rates-warmup", "warmup-rates-clip",
        "warmup-Adam", "warmup-AdamW", "warmup-shapes", "warmup-rates-torch-none",
        "warmup-rates-torch-warmup", "D3", "D3-per-step", "D3-cycles", "D3-peaks",
        "momentum-rates", "momentum-10", "momentum-batch-tuning", "momentum-batch",
        "sensitivity-1-AdaGrad", "sensitivity-1-RMSProp", "sensitivity-1-AdaDelta",
        "sensitivity-1-Adam", "sensitivity-1-AdamW", "optimizer-defaults", "optimizer-choosing",
        "optimizer-tuned", *SMALL,
    ]  # fmt: skip


def test_seeds_of_studies():
    seeds = {name: study.seeds for name, study in STUDIES.items() if name not in SMALL}
    five = [name for name, own in seeds.items() if own == (0, 1, 2, 3, 4)]
    d2 = [name for name in STUDIES if name.startswith("D2-") and "tun" not in name]
    ramps = ["warmup-Adam", "warmup-AdamW", "warmup-shapes"]
    assert five == [*d2, "plateau", *ramps, "D3", "momentum-10"]
    # Other seeds than those that the winners are compared with.
    for name in ("D2-tuning", "momentum-batch-tuning", "optimizer-choosing"):
        assert seeds.pop(name) == (10, 11)
    for name in ("D2-tuned", "momentum-batch", "optimizer-tuned"):
        assert seeds.pop(name) == (20, 21, 22, 23, 24)
    assert seeds.pop("further-seeds") == tuple(range(5, 20))
    assert {own for name, own in seeds.items() if name not in five} == {(0, 1, 2)}


def test_every_run_has_a_file_of_its_own_and_a_config_that_is_plain():
    runs = [run for study in STUDIES.values() for run in study.runs(range(11))]
    assert len({(run.study, run.name) for run in runs}) == len(runs) > 2_000
    for run in runs[::11]:
        assert Run.from_config(json.loads(json.dumps(run.to_config()))) == run


@pytest.mark.parametrize("name", STUDIES)
def test_labels_tell_the_truth(name):
    for setting in settings(name):
        recipe = setting.recipe
        optimizer = recipe.optimizer
        moments = np.arange(recipe.epochs * 500) / 500
        meant = {
            "lr": recipe.schedule(moments).max(),
            "batch": recipe.batch_size,
            "momentum": getattr(optimizer, "momentum", 0),
            "Nesterov": optimizer.momentum if getattr(optimizer, "nesterov", False) else None,
        }
        told = re.findall(r"\b(lr|batch|momentum|Nesterov) ([\d.e-]+\b)", setting.label)
        for what, value in told:
            assert float(value) == pytest.approx(meant[what], rel=5e-3), setting.label
        for cls in (AdaGrad, RMSProp, AdaDelta, Adam, AdamW):
            if re.search(rf"\b{cls.__name__}\b", f"{name} {setting.label}"):
                assert type(optimizer) is cls
        assert ("per step" in setting.label) <= (recipe.per == "step")


# --- D2, D3, D4 -----------------------------------------------------------------------------------


def test_d2_is_declared_as_the_document_has_it():
    schedules = {
        "constant": Constant(0.3),
        "sqrt": InverseSqrtDecay(0.1),
        "multistep": MultiStepDecay(0.3, gamma=0.5, milestones=[15, 30]),
        "cosine": CosineDecay(0.3, total_epochs=20, final_lr=0.01),
    }
    for label, schedule in schedules.items():
        assert settings(f"D2-{label}") == (lenet(label, schedule),)
    e = np.arange(30)
    for label in ("sqrt", "cosine"):
        # As the printed loop has it: 0.3 first, then in epoch e what was meant for e - 1.
        (late,) = settings(f"D2-{label}-late")
        assert late == lenet(f"{label}, late", late.recipe.schedule)
        rates = late.recipe.schedule(e)
        assert rates[0] == 0.3
        np.testing.assert_array_equal(rates[1:], schedules[label](e)[:-1])


def test_d3_is_declared_as_the_document_has_it():
    e = np.arange(60)
    printed = 0.05 * (1 + np.cos(np.pi * (e % 20) / 20))
    every = {setting.label: setting for study in D3 for setting in study.settings}
    assert list(every) == [
        "constant", "one cosine", "restarts", "fresh starts", "restarts, per step",
        "cycles of 5", "cycles of 10",
    ]  # fmt: skip
    for label in ("restarts", "fresh starts", "restarts, per step"):
        np.testing.assert_allclose(every[label].recipe.schedule(e), printed, rtol=0, atol=1e-13)
    assert every["constant"].recipe.schedule == Constant(0.1)
    assert every["one cosine"].recipe.schedule == CosineDecay(0.1, total_epochs=60)
    numbers = {"cycles of 5": 12, "cycles of 10": 6}
    for label, setting in every.items():
        per = "step" if label == "restarts, per step" else "epoch"
        parts = Parts(numbers.get(label, 3), fresh=label == "fresh starts")
        schedule = setting.recipe.schedule
        wanted = lenet(label, schedule, 30_000, 5_000, snapshots=parts, epochs=60, per=per)
        assert setting == wanted
    for label, cycle in (("cycles of 5", 5), ("cycles of 10", 10)):
        assert every[label].recipe.schedule == CyclicCosine(0.1, cycle_epochs=cycle)


def test_d3_decides_by_a_rule_that_was_written_down_before():
    for claim in ("D3.1", "D3.2", "D3.3"):
        assert claim in STUDIES["D3"].decides


D4 = [name for name in STUDIES if name.startswith("D4-") and name != "D4-full-width"]


def d4(label, schedule, **changes):
    """An AlexNet of an eighth of its width on all of CIFAR-10, as Keras draws weights."""
    plain = lenet(label, schedule, **changes)
    network = Network("AlexNet", init="glorot_uniform", width=1 / 8)
    return replace(plain, network=network, data=Images("cifar10", limit=None, held_out=0))


@pytest.mark.parametrize("name", D4)
def test_d4_is_declared_as_the_document_has_it(name):
    (setting,) = settings(name)
    schedule, label = setting.recipe.schedule, name.removeprefix("D4-")
    assert setting == d4(label, schedule, per="step" if "cosine" in name else "epoch")
    warmed = name in ("D4-sin-decay", "D4-gradual-decay", "D4-warmup-cosine")
    assert (schedule(0) < 0.05) == warmed
    assert schedule(np.arange(30)).max() == pytest.approx(0.1)


def test_d4_at_full_width_differs_in_the_width_alone():
    """And in that its rule, with its margins, was written down before anything was run."""
    assert len(D4) == 6
    wide = Network("AlexNet", init="glorot_uniform", width=1.0)
    assert settings("D4-full-width") == tuple(
        replace(settings(name)[0], network=wide) for name in D4
    )
    for claim in ("margin is 1 point", "D4.2", "D4.3", "D4.4"):
        assert claim in STUDIES["D4-full-width"].decides


@pytest.mark.parametrize(
    ("name", "step", "printed"),
    [
        ("sin-decay", np.sin, (0.09727657241617098, 0.09606978125185672)),
        ("gradual-decay", lambda lr: lr**1.0001, (0.0996090197648015, 0.09942532736309981)),
    ],
)
def test_d4_rates_are_the_ones_that_the_document_prints(name, step, printed):
    rates = [0.1 * (e + 1) / 5 for e in range(5)]
    while len(rates) < 30:
        rates.append(step(rates[-1]))
    schedule = settings(f"D4-{name}")[0].recipe.schedule
    np.testing.assert_allclose(schedule(np.arange(30)), rates, rtol=1e-12)
    assert [schedule(21), schedule(29)] == pytest.approx(printed, rel=1e-6)


def test_rivals_of_warmup_differ_in_one_thing():
    ways = [settings(f"warmup-rates-{way}") for way in ("none", "warmup", "clip")]
    assert WARMUP_RATES == (8, 4, 2, 1, 0.3, 0.1)
    for lr, none, ramp, clip in zip(WARMUP_RATES, *ways, strict=True):
        assert none == d4(f"lr {lr:g}", Constant(lr), epochs=5, per="step")
        assert [ramp.recipe.schedule(t) for t in (0, 0.5, 1, 4)] == [0, lr / 2, lr, lr]
        assert but_for(ramp, none, schedule=Constant(lr)) == none
        assert clip.recipe.clip_norm == 1.0
        assert but_for(clip, none, clip_norm=None) == none


# --- D5 -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("epochs", [1, 5])
def test_sensitivity_covers_six_decades(epochs):
    assert (max(RATES), min(RATES), len(RATES)) == (1, 1e-6, 13)
    constant, linear = settings(f"sensitivity-{epochs}"), settings(f"sensitivity-{epochs}-linear")
    for lr, flat, ramp in zip(RATES, constant, linear, strict=True):
        assert flat == lenet(f"lr {lr:g}", Constant(lr), epochs=epochs)
        falling = LinearDecay(lr, total_epochs=epochs)
        assert ramp == lenet(f"lr {lr:g}", falling, epochs=epochs, per="step")


def test_the_edge_lies_within_the_grids_last_step():
    assert RATES[0] > max(EDGE_RATES) > min(EDGE_RATES) > RATES[1]
    for name, schedule, per in (
        ("sensitivity-1-edge", Constant, "epoch"),
        ("sensitivity-1-edge-linear", lambda lr: LinearDecay(lr, total_epochs=1), "step"),
    ):
        wanted = [lenet(f"lr {lr:g}", schedule(lr), epochs=1, per=per) for lr in EDGE_RATES]
        assert list(settings(name)) == wanted


def test_batch_size_is_a_full_grid():
    assert list(BATCH_RATES) == [1 / 2**k for k in range(10)]
    pairs = [(s.recipe.batch_size, s.recipe.schedule) for s in settings("batch-size")]
    assert pairs == [(size, Constant(lr)) for size in (32, 128, 512) for lr in BATCH_RATES]
    for setting in settings("batch-size"):
        recipe = setting.recipe
        same = lenet(setting.label, recipe.schedule, epochs=2, batch_size=recipe.batch_size)
        assert setting == same


def test_momentum_extends_the_grid_without_it():
    pairs = [(s.recipe.optimizer.momentum, s.recipe.schedule) for s in settings("momentum-rates")]
    rates = (1, 0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4, 1e-4)
    assert MOMENTA == (0.5, 0.9, 0.99)
    assert pairs == [(m, Constant(lr)) for m in MOMENTA for lr in rates]
    without = {s.recipe.schedule: s for s in settings("sensitivity-1")}
    for setting in settings("momentum-rates"):
        plain = without[setting.recipe.schedule]
        assert but_for(setting, plain, optimizer=SGD()) == plain
        assert setting.recipe.optimizer == Momentum(momentum=setting.recipe.optimizer.momentum)


def test_long_runs_pair_momentum_with_the_rate_that_it_multiplies():
    plain, faster, heavy, heavier, *ahead = settings("momentum-10")
    for without, ball in ((plain, heavy), (faster, heavier)):
        schedule = without.recipe.schedule
        assert without == lenet(without.label, schedule, epochs=10)
        assert ball.recipe.optimizer == Momentum(momentum=0.9)
        assert ball.recipe.schedule(0) / (1 - 0.9) == pytest.approx(schedule(0))
        assert but_for(ball, without, optimizer=SGD(), schedule=schedule) == without
    nesterov = Momentum(momentum=0.9, nesterov=True)
    for ball, looking in zip((heavy, heavier), ahead, strict=True):
        assert but_for(ball, looking, optimizer=nesterov) == looking


@pytest.mark.parametrize(
    ("optimizer", "middle"),
    [(AdaGrad(), 0.01), (RMSProp(), 1e-3), (AdaDelta(), 1), (Adam(), 1e-3), (AdamW(), 1e-3)],
)
def test_every_optimizer_has_four_decades_around_its_rate(optimizer, middle):
    found = settings(f"sensitivity-1-{type(optimizer).__name__}")
    rates = [setting.recipe.schedule(0) for setting in found]
    assert (len(rates), rates[0]) == (9, pytest.approx(100 * middle))
    assert np.diff(np.log10(rates)) == pytest.approx(-0.5, abs=0.03)
    for setting, lr in zip(found, rates, strict=True):
        assert setting == lenet(f"lr {lr:g}", Constant(lr), epochs=1, optimizer=optimizer)


def test_keras_numbers_in_pytorchs_optimizers():
    found = {setting.label: setting for setting in settings("optimizer-defaults")}
    complete = {
        "AdaGrad, accumulator 0.1, lr 0.001": {"eps"},  # of no weight beside the accumulator
        "RMSProp, rho 0.9, eps 3.2e-4, lr 0.001": {"eps"},  # under the root
        "AdaDelta, rho 0.95, eps 1e-7, lr 0.001": set(),
        "Adam, eps 1e-7, lr 0.001": set(),
        "AdamW, weight decay 0.004, lr 0.001": {"eps"},
    }
    for label, others in complete.items():
        ours = found[label].recipe.optimizer
        keras = type(ours)(convention="keras")
        same = {key for key in vars(ours) if getattr(ours, key) == getattr(keras, key)}
        assert set(vars(ours)) - same == others | {"convention"}
        assert ours != type(ours)()
    rmsprop = found["RMSProp, rho 0.9, eps 3.2e-4, lr 0.001"].recipe.optimizer
    assert rmsprop.eps**2 == pytest.approx(1e-7)
    # Keras' place of Adam's ε is that of torch at one of 1e-7 over the root of 1 - β₂^t.
    adam = found["Adam, eps 3.2e-6, lr 0.001"].recipe.optimizer
    assert adam.eps == pytest.approx(1e-7 / np.sqrt(1 - 0.999))
    for label, setting in found.items():
        recipe = setting.recipe
        same = lenet(label, recipe.schedule, epochs=1, optimizer=recipe.optimizer)
        assert setting == same, "to be compared with the grids of one epoch"
        assert isinstance(recipe.schedule, Constant)


# --- the studies that names and patterns name -----------------------------------------------------


def test_names_and_patterns_name_each_study_once():
    d2 = [name for name in STUDIES if name.startswith("D2-")]
    found = [study.name for study in select(["D2-*", "D2-sqrt", "batch-*"])]
    assert found == [*d2, "batch-size"]
    assert select([]) == list(STUDIES.values())


@pytest.mark.parametrize(
    ("name", "hint"),
    [("D2-cosin", "Did you mean D2-cosine"), ("zzz", "`lrlab list` shows"), ("E*", "`lrlab list`")],
)
def test_an_unknown_name_is_told_with_its_neighbours(name, hint):
    with pytest.raises(UnknownStudy, match=re.escape(f"there is no study {name!r}. {hint}")):
        select([name])

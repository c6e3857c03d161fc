"""The catalogue: what it declares, what it refuses, and that a run says all it takes to repeat."""

import json
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
    Schedule,
)
from lrlab.data import load
from lrlab.optimizers import AdaDelta, AdaGrad, Adam, AdamW, Momentum, Optimizer, RMSProp
from lrlab.studies.catalog import BATCH_RATES, RATES, STUDIES, WARMUP_RATES
from lrlab.studies.store import final_values
from lrlab.studies.study import Run, Setting, Study, registry, slug
from lrlab.training import run_config


def make_setting(label="a", **options):
    return Setting(label, **{"schedule": Constant(0.1), "epochs": 2, **options})


def test_names_of_studies():
    assert list(STUDIES) == [
        "D2-constant", "D2-sqrt", "D2-multistep", "D2-cosine", "D2-sqrt-late", "D2-cosine-late",
        "sensitivity-1", "sensitivity-1-linear", "sensitivity-5", "sensitivity-5-linear",
        "sensitivity-1-edge", "sensitivity-1-edge-linear", "batch-size",
        "D4-sin-decay", "D4-gradual-decay", "D4-no-warmup", "D4-step", "D4-cosine",
        "D4-warmup-cosine", "warmup-rates-none", "warmup-rates-warmup", "warmup-rates-clip",
        "D3", "D3-per-step", "D3-cycles", "momentum-rates", "momentum-10",
        "sensitivity-1-AdaGrad", "sensitivity-1-RMSProp", "sensitivity-1-AdaDelta",
        "sensitivity-1-Adam", "sensitivity-1-AdamW", "optimizer-defaults", "optimizer-tuning",
        "optimizer-final",
    ]  # fmt: skip


@pytest.mark.parametrize("name", [name for name in STUDIES if name.startswith("D2-")])
def test_d2_is_declared_as_the_document_has_it(name):
    study = STUDIES[name]
    (setting,) = study.settings
    assert study.seeds == (0, 1, 2, 3, 4)
    config = study.runs()[3].config
    del config["schedule"], config["study"], config["label"]
    assert config == {
        "epochs": 30, "per": "epoch", "batch_size": 128, "momentum": 0.0, "optimizer": "sgd",
        "model": "LeNet", "init": "kaiming_uniform", "dataset": "fashion_mnist",
        "limit": 60_000, "seed": 3,
    }  # fmt: skip
    assert setting.schedule(29) < 0.31


def test_d2_rates():
    e = np.arange(30)
    rates = {name: study.settings[0].schedule for name, study in STUDIES.items()}
    assert rates["D2-constant"] == Constant(0.3)
    assert rates["D2-sqrt"] == InverseSqrtDecay(0.1)
    assert rates["D2-multistep"] == MultiStepDecay(0.3, gamma=0.5, milestones=[15, 30])
    assert rates["D2-cosine"] == CosineDecay(0.3, total_epochs=20, final_lr=0.01)
    for label in ("sqrt", "cosine"):
        # As the printed loop has it: 0.3 first, then in epoch e what was meant for e - 1.
        late, meant = rates[f"D2-{label}-late"](e), rates[f"D2-{label}"](e)
        assert late[0] == 0.3
        np.testing.assert_array_equal(late[1:], meant[:-1])


@pytest.mark.parametrize("name", [name for name in STUDIES if name.startswith("D4-")])
def test_d4_is_declared_as_the_document_has_it(name):
    (setting,) = STUDIES[name].settings
    config = STUDIES[name].runs()[2].config
    per = "step" if "cosine" in name else "epoch"
    del config["schedule"], config["study"], config["label"]
    assert config == {
        "epochs": 30, "per": per, "batch_size": 128, "momentum": 0.0, "optimizer": "sgd",
        "model": "AlexNet", "width": 0.125, "init": "glorot_uniform", "dataset": "cifar10",
        "limit": None, "seed": 2,
    }  # fmt: skip
    warmed = name in ("D4-sin-decay", "D4-gradual-decay", "D4-warmup-cosine")
    assert (setting.schedule(0) < 0.05) == warmed
    assert setting.schedule(np.arange(30)).max() == pytest.approx(0.1)


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
    schedule = STUDIES[f"D4-{name}"].settings[0].schedule
    np.testing.assert_allclose(schedule(np.arange(30)), rates, rtol=1e-12)
    assert [schedule(21), schedule(29)] == pytest.approx(printed, rel=1e-6)


def test_rivals_of_warmup_differ_in_one_thing():
    ways = [STUDIES[f"warmup-rates-{way}"] for way in ("none", "warmup", "clip")]
    for lr, none, ramp, clip in zip(WARMUP_RATES, *(w.settings for w in ways), strict=True):
        assert none.schedule == Constant(lr)
        assert [ramp.schedule(t) for t in (0, 0.5, 1, 4)] == [0, lr / 2, lr, lr]
        assert replace(ramp, schedule=none.schedule) == none
        assert replace(clip, clip_norm=None) == none
        assert (none.clip_norm, clip.clip_norm) == (None, 1.0)


@pytest.mark.parametrize("epochs", [1, 5])
def test_sensitivity_covers_six_decades(epochs):
    constant, linear = STUDIES[f"sensitivity-{epochs}"], STUDIES[f"sensitivity-{epochs}-linear"]
    assert (max(RATES), min(RATES), len(RATES)) == (1, 1e-6, 13)
    assert [setting.schedule for setting in constant.settings] == [Constant(lr) for lr in RATES]
    ramps = [LinearDecay(lr, total_epochs=epochs) for lr in RATES]
    assert [setting.schedule for setting in linear.settings] == ramps
    assert {setting.per for setting in linear.settings} == {"step"}
    assert {setting.epochs for setting in [*constant.settings, *linear.settings]} == {epochs}
    assert len(constant.runs()) == len(linear.runs()) == 13 * 3


def test_the_edge_lies_within_the_grids_last_step():
    for name in ("sensitivity-1-edge", "sensitivity-1-edge-linear"):
        rates = [setting.schedule(0) for setting in STUDIES[name].settings]
        assert RATES[0] > rates[0] > rates[-1] > RATES[1]
        assert {setting.epochs for setting in STUDIES[name].settings} == {1}


def test_batch_size_is_a_full_grid():
    pairs = [(setting.batch_size, setting.schedule) for setting in STUDIES["batch-size"].settings]
    assert pairs == [(size, Constant(lr)) for size in (32, 128, 512) for lr in BATCH_RATES]
    assert {setting.epochs for setting in STUDIES["batch-size"].settings} == {2}


def test_d3_is_declared_as_the_document_has_it():
    e = np.arange(60)
    printed = 0.05 * (1 + np.cos(np.pi * (e % 20) / 20))
    every = {s.label: (s, study) for study in D3 for s in study.settings}
    for label in ("restarts", "fresh starts", "restarts, per step"):
        np.testing.assert_allclose(every[label][0].schedule(e), printed, rtol=0, atol=1e-13)
    for label, (setting, study) in every.items():
        assert study.seeds == ((0, 1, 2, 3, 4) if study.name == "D3" else (0, 1, 2))
        config = Run(study.name, setting, 3).config
        del config["schedule"], config["study"], config["label"], config["snapshots"]
        assert config.pop("fresh", False) == (label == "fresh starts")
        assert config == {
            "epochs": 60, "per": "step" if "step" in label else "epoch", "batch_size": 128,
            "momentum": 0.0, "optimizer": "sgd", "model": "LeNet", "init": "kaiming_uniform",
            "dataset": "fashion_mnist", "limit": 30_000, "validation": 5_000, "seed": 3,
        }  # fmt: skip


D3 = [STUDIES[name] for name in ("D3", "D3-per-step", "D3-cycles")]


def test_the_rivals_of_restarts_take_as_many_snapshots():
    labels = ["constant", "one cosine", "restarts", "fresh starts"]
    assert [setting.label for setting in D3[0].settings] == labels
    assert {setting.snapshots for setting in (*D3[0].settings, *D3[1].settings)} == {3}
    constant, cosine, *_ = D3[0].settings
    assert constant.schedule == Constant(0.1)
    assert cosine.schedule == CosineDecay(0.1, total_epochs=60)


def test_shorter_cycles_leave_a_snapshot_each():
    for setting, cycle in zip(D3[2].settings, (5, 10), strict=True):
        assert setting.schedule == CyclicCosine(0.1, cycle_epochs=cycle)
        assert setting.snapshots * cycle == 60


def test_momentum_extends_the_grid_without_it():
    pairs = [(s.momentum, s.schedule) for s in STUDIES["momentum-rates"].settings]
    rates = (1, 0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4, 1e-4)
    assert pairs == [(m, Constant(lr)) for m in (0.5, 0.9, 0.99) for lr in rates]
    without = {s.schedule: s for s in STUDIES["sensitivity-1"].settings}
    for setting in STUDIES["momentum-rates"].settings:
        plain = without[setting.schedule]
        assert replace(setting, momentum=0, label=plain.label) == plain
    assert STUDIES["momentum-rates"].seeds == STUDIES["sensitivity-1"].seeds


def test_long_runs_pair_momentum_with_the_rate_that_it_multiplies():
    plain, faster, heavy, heavier, *ahead = STUDIES["momentum-10"].settings
    for without, ball in ((plain, heavy), (faster, heavier)):
        assert (without.momentum, ball.momentum, ball.epochs) == (0, 0.9, 10)
        assert ball.schedule(0) / (1 - 0.9) == pytest.approx(without.schedule(0))
        assert replace(ball, momentum=0, schedule=without.schedule, label=without.label) == without
    nesterov = Momentum(momentum=0.9, nesterov=True)
    for ball, looking in zip((heavy, heavier), ahead, strict=True):
        assert replace(ball, momentum=0, optimizer=nesterov, label=looking.label) == looking
    assert STUDIES["momentum-10"].seeds == (0, 1, 2, 3, 4)


RULES = {"AdaGrad": AdaGrad, "RMSProp": RMSProp, "AdaDelta": AdaDelta, "Adam": Adam, "AdamW": AdamW}


MIDDLES = [("AdaGrad", 0.01), ("RMSProp", 1e-3), ("AdaDelta", 1), ("Adam", 1e-3), ("AdamW", 1e-3)]


@pytest.mark.parametrize(("name", "middle"), MIDDLES)
def test_every_optimiser_has_four_decades_around_its_rate(name, middle):
    study = STUDIES[f"sensitivity-1-{name}"]
    rates = [setting.schedule(0) for setting in study.settings]
    assert (len(rates), rates[0]) == (9, pytest.approx(100 * middle))
    assert np.diff(np.log10(rates)) == pytest.approx(-0.5, abs=0.03)
    assert {setting.optimizer for setting in study.settings} == {RULES[name]()}
    plain = STUDIES["sensitivity-1"].settings[0]
    for setting in study.settings:
        assert replace(setting, optimizer="sgd", schedule=plain.schedule, label="lr 1") == plain
    assert study.seeds == STUDIES["sensitivity-1"].seeds


def test_keras_numbers_in_pytorchs_rules():
    settings = {setting.label: setting for setting in STUDIES["optimizer-defaults"].settings}
    complete = {
        "AdaGrad, accumulator 0.1, lr 0.001": {"eps"},  # of no weight beside the accumulator
        "RMSProp, rho 0.9, eps 3.2e-4, lr 0.001": {"eps"},  # under the root
        "AdaDelta, rho 0.95, eps 1e-7, lr 0.001": set(),
        "Adam, eps 1e-7, lr 0.001": set(),
        "AdamW, weight decay 0.004, lr 0.001": {"eps"},
    }
    for label, others in complete.items():
        ours = settings[label].optimizer
        keras = type(ours)(convention="keras")
        same = {key for key in vars(ours) if getattr(ours, key) == getattr(keras, key)}
        assert set(vars(ours)) - same == others | {"convention"}
        assert ours != type(ours)()
    assert settings["RMSProp, rho 0.9, eps 3.2e-4, lr 0.001"].optimizer.eps ** 2 == pytest.approx(
        1e-7
    )
    # Keras' place of Adam's ε is that of torch at one of 1e-7 over the root of 1 - β₂^t.
    first = 1e-7 / np.sqrt(1 - 0.999)
    assert settings["Adam, eps 3.2e-6, lr 0.001"].optimizer.eps == pytest.approx(first)
    for label, setting in settings.items():
        assert label.startswith(f"{type(setting.optimizer).__name__}, ")
        assert setting.schedule == Constant(float(label.rsplit("lr ")[-1]))
        plain = STUDIES["sensitivity-1"].settings[0]
        alike = replace(setting, optimizer="sgd", schedule=plain.schedule, label=plain.label)
        assert alike == plain, "to be compared with the grids of one epoch"
    assert STUDIES["optimizer-defaults"].seeds == STUDIES["sensitivity-1"].seeds


def grouped(study):
    """The settings that differ in nothing but the rate."""
    groups = {}
    for setting in study.settings:
        groups.setdefault(setting.label.rsplit(", lr")[0], []).append(setting)
    return groups.values()


def test_rivals_are_tuned_over_as_many_rates_with_seeds_of_their_own():
    study = STUDIES["optimizer-tuning"]
    ways = {}
    for setting in study.settings:
        falls = isinstance(setting.schedule, CosineDecay)
        ways.setdefault((setting.optimizer, falls), []).append(setting.schedule(0))
        assert setting.schedule(5) == (0 if falls else setting.schedule(0))
    adam = [0.03, 0.01, 3e-3, 1e-3, 3e-4]
    assert ways == {
        (Momentum(), True): [0.3, 0.1, 0.03, 0.01, 3e-3],
        (Adam(), False): adam,
        (Adam(), True): adam,
    }
    assert study.seeds == (10, 11)
    winners = STUDIES["optimizer-final"]
    assert set(winners.seeds).isdisjoint(study.seeds)
    tuned = {setting.label: setting for setting in study.settings}
    losses = final_values(study, "test_loss")
    best = [min(group, key=lambda s: losses[s.label].mean()) for group in grouped(study)]
    assert [setting.label for setting in winners.settings] == [setting.label for setting in best]
    for setting in winners.settings:
        same = replace(setting, epochs=5, schedule=tuned[setting.label].schedule)
        assert same == tuned[setting.label]
        assert type(setting.schedule) is type(tuned[setting.label].schedule)
        assert setting.schedule(10) in (0, setting.schedule(0))
        assert setting.epochs == 10


def test_a_config_is_plain_and_complete():
    runs = [run for study in STUDIES.values() for run in study.runs()]
    assert len(runs) > 200
    for run in runs:
        config = run.config
        assert json.loads(json.dumps(config)) == config
        settings = {key: value for key, value in config.items() if key not in ("study", "seed")}
        settings["schedule"] = Schedule.from_config(settings["schedule"])
        if settings["optimizer"] != "sgd":
            settings["optimizer"] = Optimizer.from_config(settings["optimizer"])
        assert Run(config["study"], Setting(settings.pop("label"), **settings), run.seed) == run


def test_what_changes_nothing_stays_out_of_a_config():
    # Records from before there was a width or a clipping still belong to their runs.
    assert {"width", "clip_norm"}.isdisjoint(Run("s", make_setting(), 0).config)
    wide = make_setting(model="AlexNet", width=2, clip_norm=3)
    config = Run("s", wide, 0).config
    assert (config["width"], config["clip_norm"]) == (2.0, 3.0)
    assert isinstance(config["width"], float)


def test_a_config_agrees_with_the_one_that_fit_writes():
    run = Run("s", make_setting(momentum=0.5, dataset="blobs", limit=40, batch_size=7), 3)
    names = ("model", "epochs", "batch_size", "momentum", "per", "seed")
    own = {name: run.config[name] for name in names}
    written = run_config(load("blobs", 40), schedule=run.setting.schedule, **own)
    common = written.keys() & run.config.keys()
    assert {*names, "schedule", "dataset"} <= common
    assert {key: written[key] for key in common} == {key: run.config[key] for key in common}


def test_every_run_has_a_file_of_its_own():
    runs = [run for study in STUDIES.values() for run in study.runs(range(11))]
    assert len({(run.study, run.name) for run in runs}) == len(runs)


def test_runs_go_seed_by_seed():
    study = Study("s", "", [make_setting("a"), make_setting("b")], seeds=[7, 3])
    assert [run.name for run in study.runs()] == ["a-seed-7", "b-seed-7", "a-seed-3", "b-seed-3"]
    assert [run.name for run in study.runs([1])] == ["a-seed-1", "b-seed-1"]


def test_a_slug_is_fit_for_every_file_system():
    assert slug("η = 0.1 / Batch 32, late!") == "0.1-batch-32-late"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label": "—"}, "label must be text with a letter or digit, received '—'"),
        ({"label": 3}, "label must be text"),
        ({"schedule": 0.1}, "schedule must be a schedule of lrlab, received 0.1"),
        ({"epochs": 0}, "epochs must be a positive integer, received 0"),
        ({"batch_size": 1.5}, "batch_size must be a positive integer, received 1.5"),
        ({"limit": 0}, "limit must be a positive integer, received 0"),
        ({"momentum": 1}, r"momentum must be a finite real number in \[0, 1\), received 1"),
        ({"per": "batch"}, "per must be one of epoch, step, received 'batch'"),
        ({"optimizer": "adam"}, "optimizer must be one of sgd, received 'adam'"),
        ({"optimizer": 3}, r"optimizer must be one of lrlab\.optimizers .*received 3"),
        ({"optimizer": Adam(), "momentum": 0.9}, "momentum must be 0 beside an optimizer, .* 0.9"),
        ({"optimizer": Adam(convention="keras")}, "must be of convention 'pytorch' here, received"),
        ({"model": "VGG"}, "model must be one of LeNet, AlexNet, received 'VGG'"),
        ({"model": "AlexNet", "width": 0}, "width must be .* greater than 0, received 0"),
        ({"width": 0.5}, "width must be 1 for LeNet, which has one size, received 0.5"),
        ({"clip_norm": 0}, "clip_norm must be .* greater than 0, received 0"),
        ({"init": "zeros"}, "init must be one of kaiming_uniform, glorot_uniform, received"),
    ],
)
def test_a_setting_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        make_setting(**options)


def test_a_setting_keeps_plain_numbers():
    setting = make_setting(
        epochs=np.int64(3), batch_size=np.int32(4), limit=np.int64(9), momentum=0
    )
    assert json.dumps(Run("s", setting, 0).config)
    assert setting == make_setting(epochs=3, batch_size=4, limit=9, momentum=0.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "a/b"}, "name must be letters, digits, '.' and '-', received 'a/b'"),
        ({"name": ".hidden"}, "name must be"),
        ({"settings": []}, "settings must be one or more with distinct labels"),
        ({"settings": [make_setting("a b"), make_setting("A-b")]}, "distinct labels"),
        ({"seeds": []}, "seeds must be one or more, all different"),
        ({"seeds": [1, 1]}, "seeds must be one or more, all different"),
        ({"seeds": [-1]}, "seeds must be an integer of at least 0, received -1"),
    ],
)
def test_a_study_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        Study(**{"name": "s", "description": "", "settings": [make_setting()], **arguments})


def test_a_run_refuses_a_seed_that_is_none():
    with pytest.raises(ValueError, match=r"seed must be an integer of at least 0, received 0\.5"):
        Run("s", make_setting(), 0.5)


def test_a_name_is_given_once():
    study = Study("s", "", [make_setting()])
    assert registry([study]) == {"s": study}
    with pytest.raises(ValueError, match="distinct names, received 's' twice"):
        registry([study, Study("s", "another", [make_setting()])])

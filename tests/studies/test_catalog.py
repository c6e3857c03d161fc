"""The catalogue: what it declares, what it refuses, and that a run says all it takes to repeat."""

import json
from dataclasses import replace

import numpy as np
import pytest

from lrlab import Constant, CosineDecay, InverseSqrtDecay, LinearDecay, MultiStepDecay, Schedule
from lrlab.data import load
from lrlab.history import run_config
from lrlab.studies.catalog import (
    BATCH_RATES,
    RATES,
    STUDIES,
    WARMUP_RATES,
)
from lrlab.studies.setting import Run, Setting, Study, registry, slug


def make_setting(label="a", **options):
    return Setting(label, **{"schedule": Constant(0.1), "epochs": 2, **options})


def test_names_of_studies():
    assert list(STUDIES) == [
        "D2-constant", "D2-sqrt", "D2-multistep", "D2-cosine", "D2-sqrt-late", "D2-cosine-late",
        "sensitivity-1", "sensitivity-1-linear", "sensitivity-5", "sensitivity-5-linear",
        "sensitivity-1-edge", "sensitivity-1-edge-linear", "batch-size",
        "D4-sin-decay", "D4-gradual-decay", "D4-no-warmup", "D4-step", "D4-cosine",
        "D4-warmup-cosine", "warmup-rates-none", "warmup-rates-warmup", "warmup-rates-clip",
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


def test_a_config_is_plain_and_complete():
    runs = [run for study in STUDIES.values() for run in study.runs()]
    assert len(runs) > 200
    for run in runs:
        config = run.config
        assert json.loads(json.dumps(config)) == config
        settings = {key: value for key, value in config.items() if key not in ("study", "seed")}
        settings["schedule"] = Schedule.from_config(settings["schedule"])
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

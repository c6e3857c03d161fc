"""The records of a study as chapters use them, and the records of this repository."""

import errno
import math
import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lrlab import Constant, CosineDecay, Recipe, warmup
from lrlab.data import LANGUAGE
from lrlab.optimizers import Adam, Momentum
from lrlab.schedules import LinearDecay
from lrlab.studies import store
from lrlab.studies.catalog import STUDIES
from lrlab.studies.results import final_values, load, measured, table
from lrlab.studies.store import RecordError
from lrlab.studies.study import Images, Network, Run, Setting, Study
from tests.support.histories import follow_run

EPOCHS, STEPS = 3, 4


def setting(label, schedule, init="kaiming_uniform", **recipe):
    recipe = Recipe(schedule, **{"epochs": EPOCHS, **recipe})
    images = Images("digits", limit=STEPS * recipe.batch_size)
    return Setting(label, recipe, network=Network(init=init), data=images)


def save(run, results, measured=None, **last):
    """A record of a run that nobody made, with its last epoch's values."""
    curves = {name: [0.9] * (run.recipe.epochs - 1) + [value] for name, value in last.items()}
    history = follow_run(run, **curves)
    history.measured = measured or {}
    store.save(run, history, results)


STUDY = Study("s", "", [setting("fixed", Constant(0.1)), setting("b", Constant(0.2))], seeds=[0, 1])


@pytest.fixture
def results(tmp_path):
    """A folder that holds the study whole."""
    for run in STUDY.runs():
        save(run, tmp_path, test_loss=run.seed + 1 / 3, measured={"order": [1, run.seed]})
    return tmp_path


# --- load -----------------------------------------------------------------------------------------


def test_load_gives_the_histories_by_label_and_seed(results):
    for run in STUDY.runs([10, 9]):
        save(run, results)
    loaded = load(STUDY, results)
    assert list(loaded) == ["fixed", "b"]
    for label, lr in (("fixed", 0.1), ("b", 0.2)):
        assert [history.recipe.seed for history in loaded[label]] == [0, 1, 9, 10]
        assert {history.schedule for history in loaded[label]} == {Constant(lr)}


def test_load_insists_on_every_run_unless_told_otherwise(results):
    store.path(STUDY.runs()[3], results).unlink()
    with pytest.raises(RecordError, match=r"1 of 4 runs of s .*, b-seed-1 .*: lrlab run s"):
        load(STUDY, results)
    for use in (table, lambda *where: final_values(where[0], "test_loss", where[1])):
        with pytest.raises(RecordError, match="1 of 4 runs of s"):
            use(STUDY, results)
    counts = {label: len(of) for label, of in load(STUDY, results, complete=False).items()}
    assert counts == {"fixed": 2, "b": 1}
    assert load(STUDY, results / "nowhere", complete=False) == {"fixed": [], "b": []}


def test_load_refuses_what_cannot_be_used(results):
    file = store.path(STUDY.runs()[0], results)
    file.write_text("{")
    (results / "s" / "stranger-seed-0.json").write_text("{}")
    for complete in (True, False):
        with pytest.raises(RecordError) as caught:
            load(STUDY, results, complete=complete)
        for part in (f"cannot use {file}", "stranger-seed-0.json belongs to no setting of s"):
            assert part in str(caught.value)


def test_studies_are_known_by_name(tmp_path):
    run = STUDIES["D2-sqrt"].runs()[0]
    save(run, tmp_path)
    (history,) = load("D2-sqrt", tmp_path, complete=False)["sqrt"]
    assert history.schedule == run.recipe.schedule
    message = r"study must be one of D2-constant, .*, received 'D9'"
    for use in (load, table, measured, lambda name: final_values(name, "test_loss")):
        with pytest.raises(ValueError, match=message):
            use("D9")


@pytest.fixture
def installed(monkeypatch, tmp_path, results):
    """An installed package with the records ``results``; returns the working directory."""
    site, work = tmp_path / "site-packages", tmp_path / "work"
    (site / "book").mkdir(parents=True)  # another package may have that name
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setattr(store, "CHECKOUT", site)
    monkeypatch.setattr(store, "SHIPPED", results)
    return work


def test_an_installed_package_reads_the_records_that_came_with_it(installed, monkeypatch, tmp_path):
    assert [len(histories) for histories in load(STUDY).values()] == [2, 2]
    monkeypatch.setattr(store, "SHIPPED", tmp_path / "none")
    monkeypatch.setattr(store, "CHECKOUT", tmp_path / "nowhere")
    with pytest.raises(RecordError, match="runs of s are not recorded in results/s, fixed-seed-0"):
        load(STUDY)


@pytest.mark.parametrize("there", ["nothing", "strangers", "empty study", "file"])
def test_somebody_elses_results_hide_no_record(installed, there):
    mine = installed / "results"
    if there == "file":
        mine.write_text("my results")
    else:
        (mine / "s").mkdir(parents=True)
    if there == "nothing":
        (mine / "s").rmdir()
    if there == "strangers":
        (mine / "images").mkdir()
        (mine / "s" / "figure.json").write_text("{}")
        (mine / "s" / "other-seed-0.json").write_text("{}")
    assert store.missing(STUDY.runs()) == []
    assert store.find(STUDY).problems == []
    assert [len(histories) for histories in load(STUDY).values()] == [2, 2]
    assert len(table(STUDY)) == 4
    assert measured(STUDY, "order")["b"].tolist() == [[1, 0], [1, 1]]


def test_what_the_reader_has_recorded_comes_first_run_by_run(installed):
    own = STUDY.runs()[2]
    save(own, None, test_loss=7)
    assert store.path(own) == Path("results/s/fixed-seed-1.json")
    assert store.path(own).exists()
    last = final_values(STUDY, "test_loss")
    assert last["fixed"].tolist() == [1 / 3, 7]
    assert last["b"].tolist() == [1 / 3, 4 / 3]
    more = Run("s", STUDY.settings[0], 9)
    save(more, None, test_loss=8)
    assert final_values(STUDY, "test_loss")["fixed"].tolist() == [1 / 3, 7, 8]
    assert store.missing([own, more, Run("s", STUDY.settings[0], 3)]) == [
        Run("s", STUDY.settings[0], 3)
    ]
    # A record that cannot be used does not give way to another one in silence.
    store.path(own).write_text("{")
    for use in (load, lambda study: store.missing(study.runs())):
        with pytest.raises(RecordError, match=r"cannot use results/s/fixed-seed-1\.json"):
            use(STUDY)
    assert [len(histories) for histories in store.find(STUDY).histories.values()] == [2, 2]


def test_a_folder_that_cannot_be_read_is_named_and_hides_nothing(installed, monkeypatch):
    really = os.listdir

    def listdir(path):
        if path == Path("results/s"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return really(path)

    monkeypatch.setattr(os, "listdir", listdir)
    found = store.find(STUDY)
    assert [len(histories) for histories in found.histories.values()] == [2, 2]
    assert [problem[:38] for problem in found.problems] == [
        "cannot read results: Permission denied"
    ]


def test_a_named_folder_is_the_only_one(installed):
    assert store.places("results") == (Path("results"),)
    assert store.missing(STUDY.runs(), "results") == STUDY.runs()
    assert load(STUDY, "results", complete=False) == {"fixed": [], "b": []}
    (installed / "results" / "s").mkdir(parents=True)
    (installed / "results" / "s" / "figure.json").write_text("{}")
    with pytest.raises(RecordError, match=r"figure\.json belongs to no setting of s"):
        load(STUDY, "results")


def test_records_that_are_not_there_are_looked_for_in_both_places(installed, results):
    more = replace(STUDY, seeds=(0, 1, 2))
    where = re.escape(f"results/s or {results / 's'}, fixed-seed-2 for one")
    with pytest.raises(RecordError, match=f"2 of 6 runs of s are not recorded in {where}"):
        load(more)


# --- last values, and what was measured -----------------------------------------------------------


def test_final_values(results):
    values = final_values(STUDY, "test_loss", results)
    assert {label: of.tolist() for label, of in values.items()} == {
        "fixed": [1 / 3, 4 / 3], "b": [1 / 3, 4 / 3],
    }  # fmt: skip
    for metric in ("loss", "lr", "seconds"):
        message = f"metric must be one of train_loss, test_loss, test_accuracy, received '{metric}'"
        with pytest.raises(ValueError, match=message):
            final_values(STUDY, metric, results)


def test_what_was_measured_by_its_keys(tmp_path):
    for run in STUDY.runs():
        found = {"members": {"accuracy": [0.1 + run.seed, 0.2]}, "order": [1, 0]}
        save(run, tmp_path, measured=found)
    accuracy = measured(STUDY, "members", "accuracy", results=tmp_path)
    assert list(accuracy) == ["fixed", "b"]
    assert accuracy["b"].tolist() == [[0.1, 0.2], [1.1, 0.2]]
    assert measured(STUDY, "order", results=tmp_path)["b"].shape == (2, 2)
    for keys in (["loss"], ["members", "loss"], ["order", "loss"]):
        name = "/".join(keys)
        with pytest.raises(RecordError, match=f"'fixed' of s holds no {name}; stopped: None"):
            measured(STUDY, *keys, results=tmp_path)


@pytest.mark.parametrize(
    "values", [["0.5", 1], [[1, 2], [1]], [{}, 1], [True, False], [None, 1], [10**400, 1]], ids=str
)
def test_what_was_measured_is_numbers(tmp_path, values):
    for run in STUDY.runs():
        save(run, tmp_path, measured={"a": values[run.seed]})
    with pytest.raises(RecordError, match="a of the runs 'fixed' of s must be numbers"):
        measured(STUDY, "a", results=tmp_path)


# --- the table ------------------------------------------------------------------------------------

COLUMNS = [
    "label", "seed", "network", "init", "dataset", "train_images", "schedule", "lr", "per",
    "optimizer", "momentum", "clip_norm", "batch_size", "epochs", "train_loss", "test_loss",
    "test_accuracy", "stopped",
]  # fmt: skip


def row(results, *arguments, **options):
    """The row of a study of one run."""
    study = Study("one", "", [setting("x", *arguments, **options)], seeds=[5])
    save(study.runs()[0], results, train_loss=0.25, test_loss=0.5, test_accuracy=0.75)
    rows = table(study, results)
    assert list(rows.columns) == COLUMNS
    assert len(rows) == 1
    return rows.loc[0].to_dict()


def test_a_row_tells_all_coordinates_and_the_last_values(tmp_path):
    found = row(
        tmp_path, Constant(0.5), "glorot_uniform", batch_size=10, optimizer=Adam(), clip_norm=2
    )
    assert found == {
        "label": "x", "seed": 5, "network": "LeNet", "init": "glorot_uniform", "dataset": "digits",
        "train_images": STEPS * 10, "schedule": "Constant", "lr": 0.5, "per": "epoch",
        "optimizer": "Adam", "momentum": 0.0, "clip_norm": 2.0, "batch_size": 10, "epochs": EPOCHS,
        "train_loss": 0.25, "test_loss": 0.5, "test_accuracy": 0.75, "stopped": "",
    }  # fmt: skip


def test_rows_go_by_label_and_seed(results):
    for run in STUDY.runs([10, 9]):
        save(run, results)
    rows = table(STUDY, results)
    seeds = [0, 1, 9, 10]
    wanted = [(label, lr, seed) for label, lr in (("fixed", 0.1), ("b", 0.2)) for seed in seeds]
    assert list(zip(rows.label, rows.lr, rows.seed, strict=True)) == wanted
    assert list(rows.index) == list(range(8))
    assert rows.groupby("lr").test_loss.min().to_dict() == {0.1: 1 / 3, 0.2: 1 / 3}


@pytest.mark.parametrize(
    ("schedule", "epochs", "per", "lr", "name"),
    [
        (Constant(0.3), 1, "epoch", 0.3, "Constant"),
        (CosineDecay(0.3, total_epochs=3), 3, "epoch", 0.3, "CosineDecay"),
        (CosineDecay(0.3, total_epochs=3), 3, "step", 0.3, "CosineDecay"),
        # A ramp over two epochs: a rate is set before an epoch, or before each of four steps.
        (warmup(Constant(0.4), 2), 3, "epoch", 0.4, "Warmup"),
        (warmup(Constant(0.4), 2), 2, "epoch", 0.2, "Warmup"),
        (warmup(Constant(0.4), 2), 2, "step", 0.35, "Warmup"),
        (warmup(LinearDecay(0.4, total_epochs=2), 1), 3, "step", 0.4, "Warmup"),
    ],
)
def test_the_rate_is_the_highest_that_the_run_asked_for(tmp_path, schedule, epochs, per, lr, name):
    found = row(tmp_path, schedule, epochs=epochs, per=per)
    assert (found["lr"], found["schedule"], found["per"]) == (pytest.approx(lr), name, per)


@pytest.mark.parametrize(
    ("options", "name", "momentum"),
    [
        ({}, "SGD", 0.0),
        ({"optimizer": Momentum(momentum=0.5)}, "Momentum", 0.5),
        ({"optimizer": Momentum(nesterov=True)}, "Momentum", 0.9),
    ],
)
def test_an_optimizer_without_momentum_has_a_momentum_of_0(tmp_path, options, name, momentum):
    found = row(tmp_path, Constant(0.1), **options)
    assert (found["optimizer"], found["momentum"]) == (name, momentum)
    assert math.isnan(found["clip_norm"]), "no clipping"


def test_a_run_that_diverged_has_its_last_epochs_values(results):
    run = Run("s", STUDY.settings[1], 2)
    curves = {"train_loss": [1.0, math.inf], "test_loss": [2.0, math.nan]}
    store.save(run, follow_run(run, epochs=2, **curves), results)
    rows = table(STUDY, results)
    lost = rows[rows.stopped != ""]
    assert list(zip(lost.label, lost.seed, strict=True)) == [("b", 2)]
    assert lost.train_loss.item() == math.inf
    assert math.isnan(lost.test_loss.item())
    assert lost.epochs.item() == EPOCHS, "what was asked for"
    assert lost.stopped.item() == "diverged: the loss is no longer finite in epoch 1"


# --- the records of this repository ---------------------------------------------------------------


@pytest.mark.parametrize("name", STUDIES)
def test_what_is_recorded_is_whole_and_in_the_table(name):
    study = STUDIES[name]
    assert store.find(study).problems == []
    rows = table(name)
    found = list(zip(rows.label, rows.seed, strict=True))
    assert found == [(setting.label, seed) for setting in study.settings for seed in study.seeds]
    for setting in study.settings:
        of_label = rows[rows.label == setting.label]
        assert set(of_label.optimizer) == {type(setting.recipe.optimizer).__name__}
        assert set(of_label.network) == {setting.network.name}
        assert set(of_label.dataset) == {setting.data.name}
        assert set(of_label.batch_size) == {setting.recipe.batch_size}


def test_the_records_of_this_repository_are_all_of_these_and_small():
    files = list(store.folder().glob("*/*.json"))
    assert len(files) == sum(len(study.runs()) for study in STUDIES.values())
    assert {file.parent.name for file in files} == set(STUDIES)
    assert sum(file.stat().st_size for file in files) < 7_000_000


DECODERS = [name for name, study in STUDIES.items() if study.settings[0].data.name == "markov"]


def test_no_decoder_is_below_what_the_source_itself_has_on_the_same_sequences():
    tested, chosen = Images("markov", limit=None, held_out=1_000, evaluate_on="both").load()[::-1]
    least = {}
    for name, dataset in (("held out", chosen), ("test", tested)):
        text = np.hstack([dataset.x_test, dataset.y_test[:, -1:]])
        own = LANGUAGE.losses(text).mean(axis=1)
        error = own.std(ddof=1) / len(own) ** 0.5
        assert abs(own.mean() - LANGUAGE.entropy(32)) < 3 * error
        least[name] = own.mean()
    assert len(DECODERS) > 5
    for name in DECODERS:
        for runs in load(name).values():
            for run in runs:
                assert np.nanmin(run.test_loss) > least["held out"]
                assert run.measured.get("test", {}).get("loss", np.inf) > least["test"]


def test_a_table_agrees_with_the_last_values():
    rows = table("momentum-10")
    for metric in ("train_loss", "test_loss", "test_accuracy"):
        for label, values in final_values("momentum-10", metric).items():
            np.testing.assert_array_equal(rows[rows.label == label][metric], values)
    changed = replace(STUDIES["momentum-10"], seeds=(0, 1, 2, 3, 4, 5))
    with pytest.raises(RecordError, match="6 of 36 runs of momentum-10 are not recorded"):
        table(changed)

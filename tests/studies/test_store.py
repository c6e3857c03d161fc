"""Records: what is kept, what is refused and named, and what a full disk leaves behind."""

import errno
import json
import os
import re
import time
from dataclasses import replace

import numpy as np
import pytest

from lrlab import Constant, LinearDecay, Recipe
from lrlab.optimizers import Momentum
from lrlab.studies import store
from lrlab.studies.catalog import STUDIES
from lrlab.studies.store import RecordError
from lrlab.studies.study import Images, Network, Run, Setting, Study
from lrlab.training import lr_deviation
from tests.support.histories import follow

EPOCHS, STEPS = 3, 4
FASHION = Images()
FALLING = LinearDecay(0.1, total_epochs=EPOCHS)


def make_run(label="fixed", schedule=None, seed=0, study="s", data=FASHION, **recipe):
    recipe = Recipe(schedule or Constant(0.1), **{"epochs": EPOCHS, **recipe})
    return Run(study, Setting(label, recipe, data=data), seed)


def save(run, results, data="fingerprint", factor=1.0):
    """The record of a run that nobody made; its rates are off by the factor."""
    history = follow(
        run.recipe, lambda t: factor * run.recipe.schedule(t), steps=STEPS,
        provenance={"device": "none", "data": data}, seconds=[0.123456] * run.recipe.epochs,
    )  # fmt: skip
    return store.save(run, history, results)


def edit(file, change):
    """Change the values of a record as somebody with an editor could."""
    values = json.loads(file.read_text())
    change(values)
    file.write_text(json.dumps(values))


STUDY = Study("s", "", [make_run().setting, make_run("b", Constant(0.2)).setting], seeds=[0, 1])


def save_all(results):
    return [save(run, results) for run in STUDY.runs()]


# --- writing --------------------------------------------------------------------------------------


def test_a_record_holds_its_run_and_its_history(tmp_path):
    run = make_run(seed=4)
    file = save(run, tmp_path)
    assert file == store.path(run, tmp_path) == tmp_path / "s" / "fixed-seed-4.json"
    values = json.loads(file.read_text())
    assert list(values) == ["format", "run", "history"]
    assert values["format"] == 2
    assert values["run"] == run.to_config()
    history = values["history"]
    assert "recipe" not in history, "it stands in the run's setting"
    assert history["provenance"] == {"device": "none", "data": "fingerprint"}
    assert history["train_images"] == STEPS * 128
    assert history["test_loss"] == [2.0] * EPOCHS
    assert history["lr"] == [0.1] * EPOCHS
    assert history["seconds"] == [0.123] * EPOCHS


@pytest.mark.parametrize("seed", [0, 3])
def test_what_is_saved_is_read_back(tmp_path, seed):
    run = make_run(seed=seed, optimizer=Momentum(), clip_norm=1.0)
    assert store.read(run, tmp_path) is None
    history = follow(run.recipe, train_loss=[0.1, 1 / 3, 1e-9])
    store.save(run, history, tmp_path)
    assert store.read(run, tmp_path) == history
    assert store.read(run, tmp_path).recipe.seed == seed


def test_rates_within_epochs_are_checked_and_then_forgotten(tmp_path):
    run = make_run(schedule=FALLING, per="step")
    whole = follow(run.recipe, steps=STEPS)
    assert len(whole.lr_changes) == EPOCHS * STEPS
    save(run, tmp_path)
    history = store.read(run, tmp_path)
    assert history.thinned
    assert history.lr == whole.lr
    assert history.lr_changes == [(float(e), whole.lr[e]) for e in range(EPOCHS)]
    assert lr_deviation(history) == 0
    assert lr_deviation(history, Constant(0.1)) == pytest.approx(2 / 3)


def test_rates_set_once_an_epoch_stay(tmp_path):
    run = make_run(schedule=FALLING)
    save(run, tmp_path)
    assert not store.read(run, tmp_path).thinned


@pytest.mark.parametrize("per", ["epoch", "step"])
@pytest.mark.parametrize(("factor", "told"), [(1.5, "5.0e-01"), (1 + 1e-11, "1.0e-11")])
def test_a_run_with_other_rates_than_intended_is_not_recorded(tmp_path, per, factor, told):
    message = f"the used rates differ from the intended ones by {told}"
    with pytest.raises(ValueError, match=re.escape(message)):
        save(make_run(per=per), tmp_path, factor=factor)
    assert not list(tmp_path.rglob("*"))
    assert save(make_run(per=per), tmp_path, factor=1 + 1e-13).exists()


def test_thirty_epochs_take_four_kilobytes(tmp_path):
    run = STUDIES["D2-cosine"].runs()[0]
    rng = np.random.default_rng(0)
    curves = {name: list(rng.random(30) * 3) for name in ("train_loss", "test_loss", "seconds")}
    curves["test_accuracy"] = [round(float(value), 4) for value in rng.random(30)]
    history = follow(run.recipe, steps=STEPS, **curves)
    assert store.save(run, history, tmp_path).stat().st_size < 4096


def test_the_default_folder_is_the_books():
    assert store.folder().parts[-2:] == ("book", "results")


def test_without_a_checkout_records_lie_beside_the_notebook(monkeypatch, tmp_path):
    monkeypatch.setattr(store, "CHECKOUT", tmp_path)
    assert str(store.folder()) == "results"


# --- a record that cannot be written --------------------------------------------------------------


def full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_named_and_nothing_is_lost(tmp_path, monkeypatch):
    kept = save(make_run(), tmp_path).read_text()
    monkeypatch.setattr(os, "fsync", full)
    for seed in (0, 1):
        with pytest.raises(RecordError, match=f"cannot write .*fixed-seed-{seed}.json: No space"):
            save(make_run(seed=seed), tmp_path)
    assert [entry.name for entry in (tmp_path / "s").iterdir()] == ["fixed-seed-0.json"]
    assert store.path(make_run(), tmp_path).read_text() == kept


@pytest.mark.parametrize("place", ["s", ""])
def test_a_file_in_the_folders_place_is_named(tmp_path, place):
    results = tmp_path / "results"
    results.mkdir()
    blocked = results / place if place else tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(RecordError, match=rf"cannot write {re.escape(str(blocked))}"):
        store.prepare([make_run()], results if place else blocked)
    with pytest.raises(RecordError, match="cannot write"):
        save(make_run(), results if place else blocked)
    assert blocked.read_text() == "in the way"


def test_a_folder_without_permission_is_named_before_anything_runs(tmp_path, monkeypatch):
    def refused(*_, **__):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(store.tempfile, "TemporaryFile", refused)
    with pytest.raises(RecordError, match=r"cannot write .*s: Permission denied.*--results"):
        store.prepare([make_run()], tmp_path)


def test_a_half_written_file_is_no_record(tmp_path, monkeypatch):
    seen, really = [], os.fsync

    def look(descriptor):
        seen.append([entry.name for entry in (tmp_path / "s").iterdir()])
        assert not list(tmp_path.rglob("*.json"))
        assert store.find(STUDY, tmp_path) == ({"fixed": [], "b": []}, [])
        really(descriptor)

    monkeypatch.setattr(os, "fsync", look)
    save(make_run(), tmp_path)
    ((name,),) = seen
    assert re.fullmatch(r"\.fixed-seed-0\.json\.\w+\.part", name)


def test_what_a_kill_left_half_written_goes_when_it_is_old(tmp_path):
    folder = tmp_path / "s"
    folder.mkdir()
    old, fresh = folder / ".a.json.x.part", folder / ".b.json.y.part"
    for file in (old, fresh):
        file.write_text('{"format": 2, "ru')
    os.utime(old, times=(time.time() - 120,) * 2)
    store.prepare([make_run()], tmp_path)
    assert [entry.name for entry in folder.iterdir()] == [fresh.name]
    save_all(tmp_path)
    assert store.find(STUDY, tmp_path).problems == []


# --- a record that cannot be used -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("recipe", "setting", "message"),
    [
        ({"schedule": Constant(0.3)}, {}, r"setting\.recipe\.schedule\.lr was 0\.1 and is 0\.3"),
        ({"schedule": FALLING}, {}, r"schedule\.class was 'Constant' and is 'LinearDecay'"),
        ({"batch_size": 64}, {}, r"setting\.recipe\.batch_size was 128 and is 64"),
        ({"optimizer": Momentum()}, {}, r"optimizer\.momentum was None and is 0\.9"),
        ({"clip_norm": 1}, {}, r"clip_norm was None and is 1\.0"),
        ({"per": "step"}, {}, "per was 'epoch' and is 'step'"),
        ({"epochs": 5}, {}, "epochs was 3 and is 5"),
        ({}, {"network": Network(init="glorot_uniform")},
         r"setting\.network\.init was 'kaiming_uniform' and is 'glorot_uniform'"),
        ({}, {"data": Images(limit=None)}, r"setting\.data\.limit was 60000 and is None"),
        ({}, {"data": Images("digits")}, r"data\.name was 'fashion_mnist' and is 'digits'"),
        ({}, {"label": "Fixed"}, "label was 'fixed' and is 'Fixed'"),
    ],
)  # fmt: skip
def test_a_changed_configuration_is_named(tmp_path, recipe, setting, message):
    run = make_run()
    file = save(run, tmp_path)
    setting["recipe"] = replace(run.setting.recipe, **recipe)
    changed = replace(run, setting=replace(run.setting, **setting))
    with pytest.raises(RecordError, match=message) as caught:
        store.read(changed, tmp_path)
    told = str(caught.value)
    assert told.startswith(f"{file} does not belong to the present configuration: ")
    assert told.endswith("Move it away, or delete it and the run is made anew")
    with pytest.raises(RecordError, match=message):
        store.missing([changed], tmp_path)
    study = Study("s", "", [changed.setting], seeds=[0])
    assert store.find(study, tmp_path).problems == [told]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda values: values["run"].update(seed=5), "seed was 5 and is 0"),
        (lambda values: values["run"].update(study="t"), "study was 't' and is 's'"),
        (lambda values: values["run"].update(seed=-5), "seed must be an integer of at least 0"),
        (lambda values: values["run"].update({"class": "Image"}), "must name a class out of Run"),
        (lambda values: values["run"]["setting"].pop("recipe"), "config does not fit Setting"),
        (lambda values: values.update(run=[]), "it has no table 'run'"),
        (lambda values: values.pop("history"), "it has no table 'history'"),
        (lambda values: values["history"].update(provenance=None), "its provenance is no table"),
        (lambda values: values["history"].update(foreign=1), "no record of a run: .*'foreign'"),
        (lambda values: values["history"].pop("lr"), "no record of a run: 'lr'"),
        (lambda values: values["history"]["test_loss"].pop(),
         r"curves have different lengths, \[2, 3\]"),
        (lambda values: [values["history"][name].pop() for name in (
            "lr", "train_loss", "test_loss", "test_accuracy")], "it holds 2 of 3 epochs"),
        (lambda values: values.update(format=3), "its format must be 2, received 3"),
    ],
)  # fmt: skip
def test_an_edited_record_is_named(tmp_path, change, message):
    file = save(make_run(), tmp_path)
    edit(file, change)
    with pytest.raises(RecordError, match=message) as caught:
        store.read(make_run(), tmp_path)
    assert str(file) in str(caught.value)


def test_a_record_of_format_1_is_named(tmp_path):
    file = save(make_run(), tmp_path)
    before = {"config": {"study": "s", "label": "fixed", "seed": 0}, "provenance": {}, "lr": []}
    file.write_text(json.dumps(before))
    message = f"cannot use {file}: its format must be 2, received None; format 1 said none"
    with pytest.raises(RecordError, match=re.escape(message)):
        store.read(make_run(), tmp_path)


@pytest.mark.parametrize("content", [b"", b'{"format": 2, "ru', b"\xff\xfe", b"[1, 2]", b"null"])
def test_a_truncated_or_foreign_file_is_named(tmp_path, content):
    file = save(make_run(), tmp_path)
    file.write_bytes(content)
    with pytest.raises(RecordError, match=f"cannot use {re.escape(str(file))}: .*made anew"):
        store.read(make_run(), tmp_path)


def test_a_folder_in_a_records_place_is_named(tmp_path):
    file = store.path(make_run(), tmp_path)
    file.mkdir(parents=True)
    with pytest.raises(RecordError, match=f"cannot read {re.escape(str(file))}: Is a directory"):
        store.read(make_run(), tmp_path)


def test_a_run_that_diverged_is_whole_though_it_is_short(tmp_path):
    run = make_run()
    history = follow(run.recipe, epochs=2, test_loss=[2.0, float("nan")])
    assert history.stopped
    store.save(run, history, tmp_path)
    assert store.read(run, tmp_path).stopped == history.stopped


def test_every_bad_record_is_named_at_once(tmp_path):
    files = save_all(tmp_path)
    for file in files[1:3]:
        file.write_text("{")
    with pytest.raises(RecordError) as caught:
        store.missing(STUDY.runs(), tmp_path)
    assert [str(file) in str(caught.value) for file in files] == [False, True, True, False]


# --- reading a study ------------------------------------------------------------------------------


def test_only_what_is_not_there_is_missing(tmp_path):
    runs = STUDY.runs()
    assert store.missing(runs, tmp_path) == runs
    save(runs[1], tmp_path)
    assert store.missing(runs, tmp_path) == [runs[0], *runs[2:]]


def test_what_is_found_is_sorted_by_label_and_seed(tmp_path):
    for seed in (10, 9, 1, 0):
        for label, lr in (("b", 0.2), ("fixed", 0.1)):
            save(make_run(label, Constant(lr), seed=seed), tmp_path)
    histories, problems = store.find(STUDY, tmp_path)
    assert (list(histories), problems) == (["fixed", "b"], [])
    assert [history.recipe.seed for history in histories["b"]] == [0, 1, 9, 10]
    assert {history.schedule for history in histories["b"]} == {Constant(0.2)}


@pytest.mark.parametrize("name", ["other-seed-0.json", "fixed-seed-01.json", "fixed.json"])
def test_a_file_that_belongs_to_no_setting_is_named(tmp_path, name):
    save_all(tmp_path)
    (tmp_path / "s" / name).write_text("{}")
    histories, (problem,) = store.find(STUDY, tmp_path)
    assert f"{name} belongs to no setting of s" in problem
    assert [len(seeds) for seeds in histories.values()] == [2, 2]


def test_a_record_of_other_data_is_named(tmp_path):
    save_all(tmp_path)
    save(make_run("b", Constant(0.2), seed=1), tmp_path, data="other")
    histories, (problem,) = store.find(STUDY, tmp_path)
    assert re.search(r"b-seed-1\.json was made from other data \(other\) than", problem)
    assert [len(seeds) for seeds in histories.values()] == [2, 1]


def test_different_limits_are_different_data(tmp_path):
    runs = [make_run("a", data=Images(limit=10)), make_run("b", data=Images(limit=20))]
    for run, data in zip(runs, ("ten", "twenty"), strict=True):
        save(run, tmp_path, data=data)
    study = Study("s", "", [run.setting for run in runs], seeds=[0])
    assert store.find(study, tmp_path).problems == []

"""Records: what is kept, where it is looked for, and what a full disk leaves behind."""

import errno
import json
import os
import re
import time

import numpy as np
import pytest

from lrlab import Constant
from lrlab.optimizers import Momentum
from lrlab.studies import store
from lrlab.studies.catalog import STUDIES
from lrlab.studies.store import RecordError
from lrlab.studies.study import Images, Study
from lrlab.training import lr_deviation
from tests.support.histories import follow_run
from tests.support.records import EPOCHS, FALLING, STEPS, STUDY, make_run, save, save_all

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
    history = follow_run(run, train_loss=[0.1, 1 / 3, 1e-9])
    store.save(run, history, tmp_path)
    assert store.read(run, tmp_path) == history
    assert store.read(run, tmp_path).recipe.seed == seed


def test_rates_within_epochs_are_checked_and_then_forgotten(tmp_path):
    run = make_run(schedule=FALLING, per="step")
    whole = follow_run(run)
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
    history = follow_run(run, **curves)
    assert store.save(run, history, tmp_path).stat().st_size < 4096


def test_whole_numbers_take_no_decimal_point_and_are_the_same_when_read(tmp_path):
    run = STUDIES["D2-cosine"].runs()[0]
    history = follow_run(run, test_loss=[2.0, 0.5] * 15)
    history.measured["updates"] = {"step": [0.0, 10.0], "loss": [0.25, 3.0]}
    text = store.save(run, history, tmp_path).read_text()
    assert '"test_loss":[2,0.5,' in text
    assert '"updates":{"step":[0,10],"loss":[0.25,3]}' in text
    read = store.read(run, tmp_path)
    assert (read.test_loss, read.measured) == (history.test_loss, history.measured)


@pytest.mark.parametrize("results", ["~nobody-of-this-name/x", "", "a\0b", 3, b"results"])
def test_what_names_no_folder_is_refused(results):
    for use in (store.folder, lambda name: store.find(STUDY, name)):
        with pytest.raises(RecordError, match=r"results must name a folder, received .*whole path"):
            use(results)


def test_without_a_home_the_remedy_is_named(monkeypatch):
    def homeless(_):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(store.Path, "expanduser", homeless)
    with pytest.raises(RecordError, match=r"'~/x' \(Could not .*\)\. Write out its whole path"):
        store.folder("~/x")


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


# --- reading a study ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["s", ""])
def test_a_folder_that_cannot_be_read_is_named_once(tmp_path, monkeypatch, name):
    save_all(tmp_path)
    locked = tmp_path / name if name else tmp_path
    really = os.listdir

    def listdir(path):
        if locked in (path, *path.parents):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return really(path)

    monkeypatch.setattr(os, "listdir", listdir)
    monkeypatch.setattr(os, "access", lambda path, _: path != locked)
    message = f"cannot read {locked}: Permission denied. Make it readable, or name another folder"
    assert [problem[: len(message)] for problem in store.find(STUDY, tmp_path)[1]] == [message]
    with pytest.raises(RecordError) as caught:
        store.missing([*STUDY.runs(), make_run(study="t")], tmp_path)
    assert str(caught.value).count("cannot read") == 1


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "s").touch()
    for results, named in ((tmp_path / "s", "s"), (tmp_path, "s")):
        (problem,) = store.find(STUDY, results).problems
        assert problem.startswith(f"cannot read {tmp_path / named}: Not a directory")


def test_a_record_that_is_removed_meanwhile_is_missing(tmp_path, monkeypatch):
    save_all(tmp_path)
    really = store.read_text

    def removed(file):
        file.unlink()
        return really(file)

    monkeypatch.setattr(store, "read_text", removed)
    assert store.find(STUDY, tmp_path) == ({"fixed": [], "b": []}, [])
    monkeypatch.undo()
    save_all(tmp_path)
    monkeypatch.setattr(store, "read_text", removed)
    assert store.missing(STUDY.runs(), tmp_path) == STUDY.runs()


def test_a_record_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    file = save(make_run(), tmp_path)

    def refused(_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file))

    monkeypatch.setattr(store, "read_text", refused)
    with pytest.raises(RecordError, match=f"cannot read {file}: Permission denied. Make it reada"):
        store.missing([make_run()], tmp_path)


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

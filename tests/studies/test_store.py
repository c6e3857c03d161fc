"""Records: what is kept, what is refused and named, and what a full disk leaves behind."""

import errno
import json
import os
import re
import time
from dataclasses import replace

import numpy as np
import pytest

from lrlab import Constant, LinearDecay
from lrlab.studies import store as records
from lrlab.studies.catalog import STUDIES
from lrlab.studies.store import RecordError, load
from lrlab.studies.study import Run, Setting, Study
from lrlab.training import History

EPOCHS, STEPS = 3, 4


def make_run(label="fixed", schedule=None, seed=0, study="s", **options):
    options = {"epochs": EPOCHS, **options}
    return Run(study, Setting(label, schedule=schedule or Constant(0.1), **options), seed)


def make_history(run, data="fingerprint", epochs=None, wrong=1.0):
    """What `fit` would return; with ``wrong`` its rates are off by that factor."""
    setting = run.setting
    fit_config = {"train_images": 500, "steps_per_epoch": STEPS, "model": "LeNet"}
    fit_config |= {"schedule": setting.schedule.to_config(), "per": setting.per}
    history = History(fit_config, {"device": "none", "data": data})
    for epoch in range(epochs or setting.epochs):
        for step in range(STEPS):
            t = epoch + step / STEPS
            history.record_lr(t, wrong * setting.schedule(t if setting.per == "step" else epoch))
        losses = {"train_loss": 1 / 3 + run.seed, "test_loss": 2.0}
        history.record_epoch(**losses, test_accuracy=0.5, seconds=0.123456)
    return history


def save(run, results, **options):
    return records.save(run, make_history(run, **options), results)


def edit(file, change):
    """Change the values of a record as somebody with an editor could."""
    values = json.loads(file.read_text())
    change(values)
    file.write_text(json.dumps(values))


STUDY = Study("s", "", [make_run().setting, make_run("b", Constant(0.2)).setting], seeds=[0, 1])


def save_all(results):
    return [save(run, results) for run in STUDY.runs()]


# --- writing --------------------------------------------------------------------------------------


def test_a_record_holds_configuration_provenance_and_curves(tmp_path):
    run = make_run()
    file = save(run, tmp_path)
    assert file == records.path(run, tmp_path) == tmp_path / "s" / "fixed-seed-0.json"
    values = json.loads(file.read_text())
    assert values["config"] == {**run.config, "train_images": 500, "steps_per_epoch": STEPS}
    assert values["provenance"] == {"device": "none", "data": "fingerprint"}
    assert values["train_loss"] == [1 / 3] * EPOCHS
    assert values["lr"] == [0.1] * EPOCHS
    assert values["seconds"] == [0.123] * EPOCHS


def test_what_is_saved_is_read_back(tmp_path):
    run = make_run()
    assert records.read(run, tmp_path) is None
    history = make_history(run)
    records.save(run, history, tmp_path)
    assert records.read(run, tmp_path) == history


def test_rates_within_epochs_are_checked_and_then_forgotten(tmp_path):
    run = make_run(schedule=LinearDecay(0.1, total_epochs=EPOCHS), per="step")
    whole = make_history(run)
    assert len(whole.lr_changes) == EPOCHS * STEPS
    save(run, tmp_path)
    history = records.read(run, tmp_path)
    assert history.thinned
    assert history.lr == whole.lr
    assert history.lr_changes == [(float(e), whole.lr[e]) for e in range(EPOCHS)]
    assert history.lr_deviation() == 0
    assert history.lr_deviation(Constant(0.1)) == pytest.approx(2 / 3)


def test_rates_set_once_an_epoch_stay(tmp_path):
    run = make_run(schedule=LinearDecay(0.1, total_epochs=EPOCHS))
    save(run, tmp_path)
    assert not records.read(run, tmp_path).thinned


@pytest.mark.parametrize("per", ["epoch", "step"])
def test_a_run_with_other_rates_than_intended_is_not_recorded(tmp_path, per):
    with pytest.raises(ValueError, match=r"used rates differ from the intended ones by 5\.0e-01"):
        save(make_run(per=per), tmp_path, wrong=1.5)
    assert not list(tmp_path.rglob("*"))


def test_thirty_epochs_take_four_kilobytes(tmp_path):
    run = STUDIES["D2-cosine"].runs()[0]
    history = make_history(run)
    rng = np.random.default_rng(0)
    for name in ("train_loss", "test_loss", "seconds"):
        setattr(history, name, list(rng.random(30) * 3))
    history.test_accuracy = [round(float(value), 4) for value in rng.random(30)]
    assert records.save(run, history, tmp_path).stat().st_size < 4096


def test_every_study_together_stays_small(tmp_path):
    """The largest records, those of as many epochs with a rate for each, of every declared run."""
    sizes = {}
    for run in [run for study in STUDIES.values() for run in study.runs()]:
        epochs = run.setting.epochs
        if epochs not in sizes:
            sizes[epochs] = (
                save(
                    make_run(
                        schedule=LinearDecay(0.1, total_epochs=epochs), per="step", epochs=epochs
                    ),
                    tmp_path / str(epochs),
                )
                .stat()
                .st_size
            )
    total = sum(sizes[run.setting.epochs] for study in STUDIES.values() for run in study.runs())
    assert total < 1_000_000


def test_the_default_folder_is_the_books():
    assert records.folder().parts[-2:] == ("book", "results")


def test_without_a_checkout_records_lie_beside_the_notebook(monkeypatch, tmp_path):
    monkeypatch.setattr(records, "CHECKOUT", tmp_path)
    assert str(records.folder()) == "results"


def test_an_installed_package_reads_the_records_that_came_with_it(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(records, "CHECKOUT", tmp_path)
    monkeypatch.setattr(records, "SHIPPED", tmp_path / "package")
    with pytest.raises(RecordError, match="runs of s are not recorded in results/s"):
        records.load(STUDY)
    save_all(tmp_path / "package")
    assert [len(histories) for histories in records.load(STUDY).values()] == [2, 2]
    # What the reader has recorded comes first.
    (tmp_path / "results").mkdir()
    with pytest.raises(RecordError, match="are not recorded in results/s"):
        records.load(STUDY)


def test_final_values(tmp_path):
    save_all(tmp_path)
    values = records.final_values(STUDY, "train_loss", tmp_path)
    expected = [1 / 3, 4 / 3]
    assert {k: v.tolist() for k, v in values.items()} == {"fixed": expected, "b": expected}
    with pytest.raises(ValueError, match="metric must be one of lr, train_loss"):
        records.final_values(STUDY, "loss", tmp_path)


def test_what_was_measured_by_its_keys(tmp_path):
    for run in STUDY.runs():
        history = make_history(run)
        history.measured = {"members": {"accuracy": [0.1 + run.seed, 0.2]}, "order": [1, 0]}
        records.save(run, history, tmp_path)
    accuracy = records.measured(STUDY, "members", "accuracy", results=tmp_path)
    assert list(accuracy) == ["fixed", "b"]
    assert accuracy["b"].tolist() == [[0.1, 0.2], [1.1, 0.2]]
    assert records.measured(STUDY, "order", results=tmp_path)["b"].shape == (2, 2)
    for keys in (["loss"], ["members", "loss"], ["order", "loss"]):
        name = "/".join(keys)
        with pytest.raises(RecordError, match=f"'fixed' of s holds no {name}; stopped: None"):
            records.measured(STUDY, *keys, results=tmp_path)


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
    assert records.path(make_run(), tmp_path).read_text() == kept


@pytest.mark.parametrize("place", ["s", ""])
def test_a_file_in_the_folders_place_is_named(tmp_path, place):
    results = tmp_path / "results"
    results.mkdir()
    blocked = results / place if place else tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(RecordError, match=rf"cannot write {re.escape(str(blocked))}"):
        records.prepare([make_run()], results if place else blocked)
    with pytest.raises(RecordError, match="cannot write"):
        save(make_run(), results if place else blocked)
    assert blocked.read_text() == "in the way"


def test_a_folder_without_permission_is_named_before_anything_runs(tmp_path, monkeypatch):
    def refused(*_, **__):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(records.tempfile, "TemporaryFile", refused)
    with pytest.raises(RecordError, match=r"cannot write .*s: Permission denied.*--results"):
        records.prepare([make_run()], tmp_path)


def test_what_a_kill_left_half_written_goes_when_it_is_old(tmp_path):
    folder = tmp_path / "s"
    folder.mkdir()
    old, fresh = folder / ".a.x.part.json", folder / ".b.y.part.json"
    for file in (old, fresh):
        file.write_text('{"conf')
    os.utime(old, times=(time.time() - 120,) * 2)
    records.prepare([make_run()], tmp_path)
    assert [entry.name for entry in folder.iterdir()] == [fresh.name]
    save_all(tmp_path)
    assert load(STUDY, tmp_path)


# --- a record that cannot be used -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schedule": Constant(0.3)}, r"schedule is .*'lr': 0\.1.*, not .*'lr': 0\.3"),
        ({"batch_size": 64}, "batch_size is 128, not 64"),
        ({"momentum": 0.9}, r"momentum is 0\.0, not 0\.9"),
        ({"init": "glorot_uniform"}, "init is 'kaiming_uniform', not 'glorot_uniform'"),
        ({"limit": None}, "limit is 60000, not None"),
        ({"per": "step"}, "per is 'epoch', not 'step'"),
        ({"dataset": "digits"}, "dataset is 'fashion_mnist', not 'digits'"),
        ({"epochs": 5}, "epochs is 3, not 5"),
        ({"label": "Fixed"}, "label is 'fixed', not 'Fixed'"),
    ],
)
def test_a_changed_configuration_is_named(tmp_path, change, message):
    run = make_run()
    file = save(run, tmp_path)
    changed = replace(run, setting=replace(run.setting, **change))
    for use in (records.read, lambda run, results: records.missing([run], results)):
        with pytest.raises(RecordError, match=message) as caught:
            use(changed, tmp_path)
        assert str(file) in str(caught.value)
    with pytest.raises(RecordError, match=message):
        load(Study("s", "", [changed.setting], seeds=[0]), tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda values: values["config"].update(seed=5), "seed is 5, not 0"),
        (lambda values: values["config"].update(study="t"), "study is 't', not 's'"),
        (lambda values: values["config"].pop("init"), "init is 'missing', not"),
        (lambda values: values.update(config=[]), "its config or its provenance is no table"),
        (lambda values: values.update(provenance=None), "its config or its provenance is no table"),
        (lambda values: values.update(foreign=1), "no record of a run"),
        (lambda values: values["test_loss"].pop(), r"curves have different lengths, \[2, 3\]"),
        (lambda values: [values[n].pop() for n in ("lr", "train_loss", "test_loss",
                                                   "test_accuracy")], "holds 2 of 3 epochs"),
    ],
)  # fmt: skip
def test_an_edited_record_is_named(tmp_path, change, message):
    file = save(make_run(), tmp_path)
    edit(file, change)
    with pytest.raises(RecordError, match=message) as caught:
        records.read(make_run(), tmp_path)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b'{"config": {"mod', b"\xff\xfe", b"[1, 2]", b"null"])
def test_a_truncated_or_foreign_file_is_named(tmp_path, content):
    file = save(make_run(), tmp_path)
    file.write_bytes(content)
    with pytest.raises(RecordError, match=f"cannot use {re.escape(str(file))}: .*made anew"):
        records.read(make_run(), tmp_path)


def test_a_folder_in_a_records_place_is_named(tmp_path):
    file = records.path(make_run(), tmp_path)
    file.mkdir(parents=True)
    with pytest.raises(RecordError, match=f"cannot read {re.escape(str(file))}: Is a directory"):
        records.read(make_run(), tmp_path)


def test_a_run_that_diverged_is_whole_though_it_is_short(tmp_path):
    run = make_run()
    history = make_history(run, epochs=2)
    history.stopped = "diverged"
    history.test_loss[-1] = float("nan")
    records.save(run, history, tmp_path)
    assert records.read(run, tmp_path).stopped == "diverged"


def test_every_bad_record_is_named_at_once(tmp_path):
    files = save_all(tmp_path)
    for file in files[1:3]:
        file.write_text("{")
    with pytest.raises(RecordError) as caught:
        records.missing(STUDY.runs(), tmp_path)
    assert [str(file) in str(caught.value) for file in files] == [False, True, True, False]


# --- reading a study ------------------------------------------------------------------------------


def test_only_what_is_not_there_is_missing(tmp_path):
    runs = STUDY.runs()
    assert records.missing(runs, tmp_path) == runs
    save(runs[1], tmp_path)
    assert records.missing(runs, tmp_path) == [runs[0], *runs[2:]]


def test_load_sorts_by_label_and_seed(tmp_path):
    for seed in (10, 9, 1, 0):
        for label, lr in (("b", 0.2), ("fixed", 0.1)):
            save(make_run(label, Constant(lr), seed=seed), tmp_path)
    loaded = load(STUDY, tmp_path)
    assert list(loaded) == ["fixed", "b"]
    assert [history.config["seed"] for history in loaded["b"]] == [0, 1, 9, 10]
    assert {history.schedule for history in loaded["b"]} == {Constant(0.2)}


def test_load_insists_on_every_run_unless_told_otherwise(tmp_path):
    files = save_all(tmp_path)
    files[3].unlink()
    with pytest.raises(RecordError, match=r"1 of 4 runs of s .*, b-seed-1 .*: lrlab run s"):
        load(STUDY, tmp_path)
    counts = {label: len(seeds) for label, seeds in load(STUDY, tmp_path, complete=False).items()}
    assert counts == {"fixed": 2, "b": 1}
    assert load(STUDY, tmp_path / "nowhere", complete=False) == {"fixed": [], "b": []}


@pytest.mark.parametrize("name", ["other-seed-0.json", "fixed-seed-01.json", "fixed.json"])
def test_a_file_that_belongs_to_no_setting_is_named(tmp_path, name):
    save_all(tmp_path)
    (tmp_path / "s" / name).write_text("{}")
    with pytest.raises(RecordError, match=f"{name} belongs to no setting of s"):
        load(STUDY, tmp_path)


def test_a_record_of_other_data_is_named(tmp_path):
    save_all(tmp_path)
    save(make_run("b", Constant(0.2), seed=1), tmp_path, data="other")
    with pytest.raises(RecordError, match=r"b-seed-1\.json was made from other data \(other\) tha"):
        load(STUDY, tmp_path)
    assert [len(h) for h in records.find(STUDY, tmp_path).histories.values()] == [2, 1]


def test_different_limits_are_different_data(tmp_path):
    study = Study("s", "", [make_run("a", limit=n).setting for n in (10,)], seeds=[0])
    more = Study("s", "", [*study.settings, make_run("b", limit=20).setting], seeds=[0])
    for run, data in zip(more.runs(), ("ten", "twenty"), strict=True):
        save(run, tmp_path, data=data)
    assert list(load(more, tmp_path)) == ["a", "b"]


def test_load_knows_the_catalogue_by_name(tmp_path):
    run = STUDIES["D2-sqrt"].runs()[0]
    save(run, tmp_path)
    (history,) = load("D2-sqrt", tmp_path, complete=False)["sqrt"]
    assert history.schedule == run.setting.schedule
    with pytest.raises(ValueError, match=r"study must be one of D2-constant, .*, received 'D9'"):
        load("D9", tmp_path)


# --- the records of this repository ---------------------------------------------------------------


@pytest.mark.parametrize("study", STUDIES.values(), ids=list(STUDIES))
def test_what_is_recorded_belongs_to_the_catalogue(study):
    assert records.find(study).problems == []


def test_the_records_of_this_repository_are_small():
    assert sum(file.stat().st_size for file in records.folder().rglob("*.json")) < 1_500_000

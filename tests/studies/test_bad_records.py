"""Records that are broken, foreign, hostile or no files: each is named, and none is used."""

import json
import os
import re
from dataclasses import replace

import pytest

from lrlab import Constant
from lrlab.optimizers import Momentum
from lrlab.studies import store
from lrlab.studies.store import RecordError
from lrlab.studies.study import Images, Network, Study
from tests.support.histories import follow_run
from tests.support.records import CURVES, FALLING, STUDY, edit, make_run, save, save_all


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
        ({}, {"data": Images(limit=None)}, r"setting\.data\.limit was 512 and is None"),
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
        (lambda values: values["history"].update(provenance=None), "provenance must be a table"),
        (lambda values: values["history"].update(foreign=1), "no record of a run: .*'foreign'"),
        (lambda values: values["history"].pop("lr"), "no record of a run: it lacks lr"),
        (lambda values: values["history"]["test_loss"].pop(),
         r"curves have different lengths, \[2, 3\]"),
        (lambda values: [values["history"][name].pop() for name in CURVES],
         "it holds 2 of 3 epochs"),
        (lambda values: [values["history"].update({name: []}) for name in (*CURVES, "lr_changes")],
         "it holds 0 of 3 epochs"),
        (lambda values: [values["history"].update({name: []}) for name in CURVES]
         + [values["history"].update(stopped="at once")], "it holds no epoch"),
        (lambda values: values["history"].update(network="AlexNet"),
         r"must be of \('LeNet', 'fashion_mnist', 512\), received \('AlexNet', "),
        (lambda values: values["history"].update(dataset="digits"), "received .*'digits', 512"),
        (lambda values: values["history"].update(train_images=513), "received .*_mnist', 513"),
        (lambda values: values["history"].update(lr=[0.2] * 3, lr_changes=[[0.0, 0.2]]),
         r"the used rates differ from the intended ones by 1\.0e\+00"),
        (lambda values: values["history"].update(test_accuracy=[7] * 3), r"in \[0, 1\], rec.* 7"),
        (lambda values: values.update(more=1), "no record has .'more'"),
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


@pytest.mark.parametrize(
    "content",
    [b"", b'{"format": 2, "ru', b"\xff\xfe", b"[1, 2]", b"null", b"[" * 100_000, b"9" * 5_000],
    ids=lambda content: str(content[:9]),
)
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


def test_a_pipe_in_a_records_place_is_not_waited_for(tmp_path):
    file = store.path(make_run(), tmp_path)
    file.parent.mkdir(parents=True)
    os.mkfifo(file)
    with pytest.raises(RecordError, match=f"cannot use {re.escape(str(file))}: .* no regular file"):
        store.read(make_run(), tmp_path)


def test_a_file_of_any_size_is_not_read(tmp_path):
    file = save(make_run(), tmp_path)
    os.truncate(file, 10**12)
    with pytest.raises(RecordError, match="it is larger than 64 MiB"):
        store.read(make_run(), tmp_path)


HOSTILE = "\x1b[2J\r\x9b31m\u202e"


@pytest.mark.parametrize(
    "change",
    [
        lambda values: values.update({HOSTILE: 1}),
        lambda values: values.update(format=HOSTILE),
        lambda values: values["run"].update({HOSTILE: 1}),
        lambda values: values["run"].update({"class": HOSTILE}),
        lambda values: values["run"]["setting"].update(label=f"fixed {HOSTILE}"),
        lambda values: values["run"]["setting"]["recipe"].update({HOSTILE: 1}),
        lambda values: values["history"].update({HOSTILE: 1}),
        lambda values: values["history"].update(dataset=HOSTILE),
        lambda values: values["history"]["lr_changes"].append(HOSTILE),
        lambda values: values["run"]["setting"]["data"].update(name="x" * 100_000),
    ],
)
def test_a_terminal_obeys_no_error_about_a_record(tmp_path, change):
    tmp_path /= HOSTILE
    edit(save(make_run(), tmp_path), change)
    (tmp_path / "s" / f"{HOSTILE}-seed-0.json").touch()
    found = store.find(STUDY, tmp_path)
    assert len(found.problems) == 2
    assert all(problem.isprintable() and len(problem) < 1_000 for problem in found.problems)
    with pytest.raises(RecordError) as caught:
        store.read(make_run(), tmp_path)
    assert str(caught.value).isprintable()


def test_a_run_that_diverged_is_whole_though_it_is_short(tmp_path):
    run = make_run()
    history = follow_run(run, epochs=2, test_loss=[2.0, float("nan")])
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

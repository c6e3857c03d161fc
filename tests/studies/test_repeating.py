"""Recorded runs made again: what is equal, close or different, and what is kept of it."""

import json
import math
from dataclasses import replace

import pytest

from lrlab.studies import RecordError, note, notes, repeat, repeating, store
from lrlab.studies.execution import execute
from tests.support.histories import follow_run
from tests.support.tiny_study import FAULTY, TINY, contents, quick

pytestmark = pytest.mark.usefixtures("tiny_images")
RUNS = TINY.runs()[:2]


@pytest.fixture
def records(tmp_path):
    """The records of two runs."""
    folder = tmp_path / "records"
    execute(RUNS, results=folder, workers=1, device="cpu")
    return folder


def again(runs, records, **options):
    return repeat(runs, results=records, workers=1, device="cpu", **options)


def test_a_run_that_is_made_again_is_equal_and_its_record_untouched(records):
    before = contents(records)
    found = again([*RUNS, TINY.runs()[2]], records)
    assert [(one.run, one.word, one.epoch) for one in found] == [(r, "equal", None) for r in RUNS]
    assert str(found[0]) == "tiny/lr-0.1-seed-0 equal"
    assert contents(records) == before


@pytest.mark.parametrize(
    ("factor", "word"), [(1 + 1e-9, "close"), (1 + 0.9e-3, "close"), (1 + 1.1e-3, "different")]
)
def test_a_loss_that_is_another_is_named_with_its_epoch(records, factor, word):
    file = store.path(RUNS[0], records)
    record = json.loads(file.read_text())
    record["history"]["test_loss"][1] *= factor
    record["history"]["train_loss"][2] *= 1 + (factor - 1) / 2
    file.write_text(json.dumps(record))
    changed, same = again(RUNS, records)
    assert (changed.word, changed.epoch, same.word) == (word, 1, "equal")
    assert changed.deviation == pytest.approx(factor - 1, rel=1e-2)
    assert str(changed).startswith(f"tiny/lr-0.1-seed-0 {word}: from epoch 1 on, by up to ")


def compared(change):
    run = quick(2)
    before, after = follow_run(run), follow_run(run)
    change(after)
    return repeating.compare(run, before, after)


def set_last(name, value):
    return lambda history: getattr(history, name).__setitem__(-1, value)


@pytest.mark.parametrize(
    ("change", "word", "epoch"),
    [
        (lambda history: None, "equal", None),
        (set_last("seconds", 99.0), "equal", None),
        (lambda history: history.measured.update(later=1), "equal", None),
        (set_last("test_loss", math.nan), "different", 1),
        (set_last("train_loss", math.inf), "different", 1),
        (set_last("lr_changes", (1.0, 0.7)), "different", 1),
    ],
)
def test_what_counts_as_the_same(change, word, epoch):
    found = compared(change)
    assert (found.word, found.epoch) == (word, epoch)


def test_accuracies_may_differ_by_two_images_in_a_thousand():
    run = quick(1)
    before = follow_run(run)
    for difference, word in ((0.0019, "close"), (-0.0021, "different")):
        after = follow_run(run)
        after.test_accuracy[0] = before.test_accuracy[0] + difference
        assert repeating.compare(run, before, after).word == word


def test_two_runs_that_diverge_alike_are_equal():
    def diverge(history):
        history.test_loss[-1] = math.nan

    run = quick(2)
    before, after = follow_run(run), follow_run(run)
    diverge(before)
    diverge(after)
    assert repeating.compare(run, before, after).word == "equal"


def test_what_was_measured_belongs_to_the_run():
    run = quick(2)
    before, after = follow_run(run), follow_run(run)
    before.measured, after.measured = {"a": [1.0]}, {"a": [2.0], "b": 3}
    assert repeating.compare(run, before, after).word == "different"


def test_other_images_are_no_comparison():
    def others(history):
        history.provenance["data"] = "other"

    found = compared(others)
    assert found.word == "failed"
    assert "the images are others (other)" in str(found)


def test_a_run_that_fails_now_says_why(records, monkeypatch):
    def fail(run, device):
        raise RuntimeError("no more")

    monkeypatch.setattr("lrlab.studies.execution.train", fail)
    found = again(RUNS, records)
    assert [one.word for one in found] == ["failed", "failed"]
    assert str(found[0]).endswith("failed: RuntimeError: no more")


def test_a_sample_is_drawn_by_its_seed_and_never_larger_than_all(records, monkeypatch):
    made = []
    monkeypatch.setattr(repeating, "execute", lambda runs, **_: made.append(runs) or _Nothing())
    for seed in (1, 1, 2, 3, 4, 5):
        repeat(RUNS, sample=1, seed=seed, results=records)
    assert made[0] == made[1]
    assert {runs[0] for runs in made} == set(RUNS)
    repeat(RUNS, sample=9, results=records)
    assert sorted(made[-1], key=str) == sorted(RUNS, key=str)


class _Nothing:
    failed = ()
    ended = "nothing was made"


def test_a_broken_record_is_named_before_anything_is_made(records):
    store.path(RUNS[0], records).write_text("{")
    with pytest.raises(RecordError, match="cannot use"):
        again(RUNS, records)


def test_notes_are_kept_by_study_and_renewed(records):
    assert notes(records) == {}
    found = again(RUNS, records)
    file = note(found, records)
    (kept,) = notes(records).values()
    assert (kept["equal"], kept["close"], kept["different"]) == (2, 0, 0)
    assert kept["device"]
    assert kept["torch"]
    other = replace(found[0], run=replace(RUNS[0], study="other"), word="different")
    failed = replace(found[0], run=replace(RUNS[0], study="third"), word="failed")
    note([other, failed], records)
    assert notes(records) == {"tiny": kept, "other": {**kept, "equal": 0, "different": 1}}
    for text in ("{", "[]", '{"tiny": 1}'):
        file.write_text(text)
        with pytest.raises(RecordError, match=r"repeated.json.* Move it away"):
            notes(records)


def test_the_command_checks_and_notes(records, capsys):
    from lrlab import cli

    arguments = ["check", "tiny", "--results", str(records), "--workers", "1", "--device", "cpu"]
    assert cli.main([*arguments, "--sample", "1", "--note"], {"tiny": TINY}) == 0
    out = capsys.readouterr().out
    assert "recorded runs made again: 1 (1 equal)\n" in out
    assert f"noted in {records / repeating.NOTES}" in out
    file = store.path(RUNS[1], records)
    record = json.loads(file.read_text())
    record["history"]["test_loss"][0] *= 2
    file.write_text(json.dumps(record))
    assert cli.main(arguments, {"tiny": TINY}) == 1
    assert "recorded runs made again: 2 (1 equal, 1 different)\n" in capsys.readouterr().out


def test_where_nothing_is_recorded_nothing_is_made(tmp_path, capsys):
    from lrlab import cli

    assert cli.main(["check", "faulty", "--results", str(tmp_path)], {"faulty": FAULTY}) == 0
    assert capsys.readouterr().out == "recorded runs made again: 0\n"

"""Execution: only what is missing, the same bits every time, whatever is killed or fails."""

import errno
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import replace

import joblib
import pytest
import torch

from lrlab import pytorch
from lrlab.data import DataError
from lrlab.optimizers import AdaGrad, Momentum
from lrlab.studies import execution, store
from lrlab.studies.execution import execute, train
from lrlab.studies.store import RecordError
from lrlab.studies.study import Network
from lrlab.training import lr_deviation
from lrlab.utils import progress
from tests.conftest import ROOT
from tests.support.histories import follow
from tests.support.tiny_study import FAULTY, TINY, contents, quick, write_data


@pytest.fixture(autouse=True)
def images(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("data")
    write_data(folder)
    monkeypatch.setenv("LRLAB_DATA", str(folder))
    monkeypatch.delenv("LRLAB_PROGRESS", raising=False)
    execution._images.cache_clear()
    return folder


def make(runs, results, **options):
    """Alone in this process, where a test can reach in."""
    return execute(runs, results=results, workers=1, device="cpu", **options)


# --- one run --------------------------------------------------------------------------------------


def test_a_run_repeats_to_the_last_bit():
    first, second = train(quick(3), "cpu"), train(quick(3), "cpu")
    assert first.train_loss == second.train_loss
    assert first.test_loss == second.test_loss


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 2}, {"batch_size": 10}, {"optimizer": Momentum(momentum=0.5)},
        {"network": Network(init="glorot_uniform")}, {"images": 40}, {"seed": 1},
        {"clip_norm": 0.1}, {"optimizer": AdaGrad()},
    ],
    ids=str,
)  # fmt: skip
def test_everything_that_is_declared_changes_the_run(change):
    assert train(quick(**change), "cpu").test_loss != train(quick(), "cpu").test_loss


@pytest.fixture
def asked(monkeypatch):
    """What `fit` is asked for, and with which weights, instead of training."""
    seen = []

    def spy(model, dataset, recipe, **options):
        weights = torch.cat([p.detach().ravel() for p in model.parameters()])
        seen.append((recipe, weights, torch.get_num_threads()))

    monkeypatch.setattr(pytorch, "fit", spy)
    return seen


def test_the_seed_decides_the_weights_and_the_order(asked):
    runs = [quick(seed=seed) for seed in (0, 0, 1)]
    for run in runs:
        train(run)
    assert [recipe for recipe, *_ in asked] == [run.recipe for run in runs]
    weights = [weights for _, weights, _ in asked]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[1], weights[2])


@pytest.mark.parametrize("width", [1.0, 0.25])
def test_the_network_gets_the_declared_width(asked, monkeypatch, width):
    widths = []

    def spy(**options):
        widths.append(options.pop("width", 1.0))
        return pytorch.LeNet(**options)

    monkeypatch.setattr(pytorch, "AlexNet", spy)
    train(quick(network=Network("AlexNet", width=width)))
    assert widths == [width]


def test_a_run_follows_its_schedule_at_the_declared_moments():
    falling = TINY.settings[2]
    run = replace(TINY.runs()[0], setting=falling)
    history = train(run, "cpu")
    assert history.recipe == run.recipe
    assert len(history.lr_changes) == 3 * 12
    assert lr_deviation(history) == 0


def test_a_run_has_one_thread_and_gives_the_others_back(asked):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        train(quick())
        assert [threads for *_, threads in asked] == [1]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


# --- several runs ---------------------------------------------------------------------------------


def test_only_what_is_missing_is_made(tmp_path):
    runs = [quick(seed=seed) for seed in range(3)]
    first = make(runs[:2], tmp_path)
    assert (first.present, len(first.outcomes), first.failed) == (0, 2, [])
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.json")}
    second = make(runs, tmp_path)
    assert (second.present, [outcome.run for outcome in second.outcomes]) == (2, runs[2:])
    assert before == {file: file.stat().st_mtime_ns for file in before}
    assert store.missing(runs, tmp_path) == []
    assert make(runs, tmp_path).outcomes == []


def test_a_record_that_does_not_belong_stops_all_before_it_starts(tmp_path):
    make([quick()], tmp_path)
    with pytest.raises(RecordError, match="batch_size was 25 and is 10"):
        make([quick(batch_size=10), quick(seed=1)], tmp_path)
    assert list(contents(tmp_path)) == ["quick/quick-seed-0.json"]


def test_a_run_that_fails_leaves_the_others_alone(tmp_path):
    report = make(FAULTY.runs(), tmp_path)
    (failure,) = report.failed
    assert (report.ended, report.unmade) == (None, 0)
    assert str(failure).startswith("faulty/blobs-seed-0 failed: ValueError: image_shape must be")
    assert list(contents(tmp_path)) == ["faulty/diverges-seed-0.json", "faulty/fine-seed-0.json"]
    assert store.read(FAULTY.runs()[2], tmp_path).stopped.startswith("diverged")
    assert len(make(FAULTY.runs(), tmp_path).outcomes) == 1


def test_a_full_disk_stops_what_has_not_started(tmp_path, monkeypatch):
    make([quick()], tmp_path)
    before = contents(tmp_path)

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    report = make([quick(seed=seed) for seed in range(6)], tmp_path)
    assert report.ended == "a record could not be written"
    assert report.unmade == 5 - len(report.outcomes) > 0
    assert "quick-seed-1.json: No space left on device" in report.failed[0].error
    assert contents(tmp_path) == before
    assert not list(tmp_path.rglob("*.part"))


def test_a_folder_that_cannot_be_written_is_named_before_it_starts(tmp_path, monkeypatch):
    monkeypatch.setattr(execution, "train", None)
    (tmp_path / "quick").write_text("in the way")
    with pytest.raises(RecordError, match=r"cannot write .*/quick: File exists"):
        make([quick()], tmp_path)
    with pytest.raises(RecordError, match=r"cannot write .*/quick/quick: Not a directory"):
        make([quick()], tmp_path / "quick")


def test_data_is_looked_for_before_anything_starts(tmp_path, images, monkeypatch):
    monkeypatch.setattr(execution, "train", None)
    (images / "digits16.npz").write_bytes(b"PK")
    with pytest.raises(DataError, match="digits16"):
        make([quick()], tmp_path)


def test_records_of_other_data_are_named_before_anything_starts(tmp_path, images):
    make([quick()], tmp_path)
    file = store.path(quick(), tmp_path)
    fingerprint = store.read(quick(), tmp_path).provenance["data"]
    file.write_text(file.read_text().replace(fingerprint, "0123456789abcdef"))
    with pytest.raises(RecordError, match=r"seed-0\.json was made from other data \(0123456789abc"):
        make([quick(), quick(seed=1)], tmp_path)
    assert len(contents(tmp_path)) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": 0}, "workers must be a positive integer, received 0"),
        ({"device": "abacus"}, "device 'abacus' is not to be had here"),
    ],
)
def test_execute_refuses(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        execute([quick()], results=tmp_path, **options)
    assert contents(tmp_path) == {}


def test_a_run_with_other_rates_than_intended_is_a_failure(tmp_path, monkeypatch):
    monkeypatch.setattr(execution, "train", lambda run, device: follow(run.recipe, lambda t: 0.3))
    report = make([quick(), quick(seed=1)], tmp_path)
    errors = [outcome.error for outcome in report.failed]
    assert errors == ["ValueError: the used rates differ from the intended ones by 2.0e+00"] * 2
    assert (report.ended, contents(tmp_path)) == (None, {})


def test_a_killed_worker_is_reported(tmp_path, monkeypatch):
    def broken(tasks, workers):
        outcome = execution._perform(quick(), "cpu", os.getpid())
        assert contents(tmp_path) == {}, "a worker writes nothing"
        yield outcome
        raise BrokenProcessPool

    monkeypatch.setattr(execution, "_side_by_side", broken)
    report = make([quick(seed=seed) for seed in range(3)], tmp_path)
    assert (len(report.outcomes), report.unmade) == (1, 2)
    assert report.ended.startswith("a worker process was killed")
    assert list(contents(tmp_path)) == ["quick/quick-seed-0.json"]


def test_no_more_workers_than_runs_and_by_default_one_a_core(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(execution, "_side_by_side", lambda tasks, n: asked.append(n) or iter(()))
    monkeypatch.setattr(joblib, "cpu_count", lambda: 3)
    for count in (2, 5):
        execute([quick(seed=seed) for seed in range(count)], results=tmp_path)
    assert asked == [2, 3]


def test_each_finished_run_is_logged_where_nobody_watches(tmp_path):
    lines = []
    make(FAULTY.runs(), tmp_path, log=lines.append)
    assert lines[0].startswith("[1/3] faulty/fine-seed-0 recorded, ")
    assert lines[1].startswith("[2/3] faulty/blobs-seed-0 failed: ValueError: ")


def test_the_bar_shows_runs_epochs_rate_and_time_left(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(progress, "watched", lambda: True)
    lines = []
    monkeypatch.setattr(execution.tqdm, "monitor_interval", 0)
    make([quick(2, seed=seed) for seed in range(2)], tmp_path, log=lines.append)
    shown = capsys.readouterr().err
    assert lines == []
    assert "0/4" in shown
    assert "runs 0/2" in shown
    last = [line for line in shown.split("\r") if "runs 2/2" in line][-1]
    assert "100%" in last
    assert "epoch/s" in last


# --- the end of the process -----------------------------------------------------------------------


@pytest.fixture
def start():
    """Starts the command in a session of its own, of which nothing outlives the test."""
    started = []

    def begin(study, results, *options):
        module = [sys.executable, "-m", "tests.support.tiny_study"]
        process = subprocess.Popen(
            [*module, "run", study, "--results", results, "--device", "cpu", *options],
            cwd=ROOT,
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # Where pytest itself runs in the background, Ctrl-C is ignored, which is inherited.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        if process.returncode is None:
            process.communicate()


PATIENCE = 300  # seconds; a busy machine takes a minute to start two workers


def until(condition, process=None):
    """Wait for something to become true, as long as the process runs that is to make it so."""
    deadline = time.monotonic() + PATIENCE
    while not (value := condition()) and time.monotonic() < deadline:
        if process is not None and process.poll() is not None:
            pytest.fail(f"the command has ended: {process.communicate()[0]}")
        time.sleep(0.02)
    return value


def all_gone(session):
    """Whether no process of a session runs any more."""
    command = ["ps", "-o", "stat=", "-s", str(session)]
    states = subprocess.run(command, capture_output=True, text=True).stdout.split()
    return all(state.startswith("Z") for state in states)


# How fast processes begin and end on a shared machine is nothing for CI to judge.
timed = pytest.mark.skipif("CI" in os.environ, reason="starts and kills processes, by the clock")


@timed
def test_a_kill_at_a_random_moment_changes_no_record(tmp_path, start):
    """Two workers are killed with their parent; one process alone makes what is missing."""
    runs = TINY.runs(range(6))
    undisturbed, results = tmp_path / "undisturbed", tmp_path / "killed"
    make(runs, undisturbed)
    process = start("tiny", results, "--seeds", "6", "--workers", "2")
    assert until(lambda: contents(results), process)
    time.sleep(random.Random(0).uniform(0, 0.3))
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    kept = contents(results)
    assert 0 < len(kept) < len(runs)
    report = make(runs, results)
    assert (report.present, report.failed) == (len(kept), [])
    assert contents(results) == contents(undisturbed)
    assert len(contents(results)) == len(runs)


@timed
@pytest.mark.parametrize(
    ("end", "number", "status"),
    [
        (os.killpg, signal.SIGINT, 130),  # as a terminal sends it: to everybody
        (os.kill, signal.SIGTERM, 130),
        (os.kill, signal.SIGKILL, -9),
    ],
    ids=["ctrl-c", "kill", "kill -9"],
)
def test_an_end_keeps_what_is_finished_and_leaves_nobody_behind(
    tmp_path, start, end, number, status
):
    process = start("endless", tmp_path, "--workers", "2")
    assert until(lambda: len(contents(tmp_path)) == 2, process)
    time.sleep(0.2)
    end(process.pid, number)
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == status
    if status == 130:
        assert "the same command goes on from there" in output
        assert f"lrlab run endless --results {tmp_path} --device cpu --workers 2" in output
        assert "Traceback" not in output
        assert "Warning" not in output
    assert until(lambda: all_gone(process.pid))
    assert len(contents(tmp_path)) == 2

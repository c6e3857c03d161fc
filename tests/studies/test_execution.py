"""Execution: only what is missing, the same bits every time, whatever is killed or fails."""

import errno
import math
import os
import sys
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace

import joblib
import pytest
import torch

import lrlab
from lrlab import Constant, LinearDecay, pytorch
from lrlab.data import DataError
from lrlab.optimizers import AdaGrad, Momentum
from lrlab.studies import execution, store
from lrlab.studies.execution import execute, train
from lrlab.studies.store import RecordError
from lrlab.studies.study import Images, Measure, Network
from lrlab.training import lr_deviation
from lrlab.utils import progress
from tests.support import light_study
from tests.support.histories import follow_run
from tests.support.tiny_study import FAULTY, TINY, contents, quick

pytestmark = pytest.mark.usefixtures("tiny_images")


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


def test_a_run_that_is_evaluated_on_both_sees_the_test_images_once_at_its_end():
    """Its curves are those of a run that never sees them."""
    images = [
        Images("digits16", limit=50, held_out=30, evaluate_on=on) for on in ("held_out", "both")
    ]
    chosen, both = (train(quick(2, images=one), "cpu") for one in images)
    assert both.test_loss == chosen.test_loss
    assert chosen.measured == {}
    tested = train(quick(2, images=Images("digits16", limit=50, held_out=30)), "cpu")
    expected = {"loss": tested.test_loss[-1], "accuracy": tested.test_accuracy[-1]}
    assert both.measured == {"test": expected}
    assert both.test_loss[-1] != expected["loss"]
    assert train(quick(2, images=images[1], schedule=Constant(1e6)), "cpu").measured == {}


def test_what_is_measured_within_a_run_is_recorded_and_changes_nothing(tmp_path):
    """60 images in batches of 25: three updates an epoch."""
    falling = LinearDecay(0.1, total_epochs=3)
    plain = train(quick(3, schedule=falling, per="step", images=60), "cpu")
    found = {}
    for what in ("loss", "sharpness", "preconditioned sharpness"):
        measure = Measure(what, every=2)
        run = quick(3, schedule=falling, per="step", images=60, measure=measure)
        history = train(run, "cpu")
        assert history.test_loss == plain.test_loss
        store.save(run, history, tmp_path)
        found[what] = store.read(run, tmp_path).measured["updates"]
    assert found["loss"].keys() == {"step", "loss"}
    assert found["loss"]["step"] == [0, 2, 4, 6, 8]
    assert found["sharpness"] == found["loss"] | {"sharpness": found["sharpness"]["sharpness"]}
    # SGD divides by nothing, but there is nothing yet that an optimizer remembers.
    values, conditioned = (found[what]["sharpness"] for what in list(found)[1:])
    assert math.isnan(conditioned[0])
    assert conditioned[1:] == pytest.approx(values[1:], rel=1e-2)
    assert min(values) > 0
    few = Measure("sharpness", every=9, images=20)
    history = train(quick(3, schedule=falling, per="step", images=60, measure=few), "cpu")
    (value,) = history.measured["updates"]["sharpness"]
    alone = train(quick(1, images=20, batch_size=20, measure=Measure("sharpness")), "cpu")
    assert value == pytest.approx(alone.measured["updates"]["sharpness"][0], rel=2e-3) != values[0]
    assert found["loss"]["loss"][0] == pytest.approx(math.log(10), abs=0.1)


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


def test_a_full_disk_stops_what_an_executor_would_make(tmp_path, monkeypatch):
    def executor(runs, device, asked):
        for run in runs:
            monkeypatch.setattr(store, "write_text", full)
            yield execution._perform(run, device, os.getpid())

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    report = make([quick(seed=seed) for seed in range(3)], tmp_path, executor=executor)
    assert (len(report.failed), report.unmade) == (1, 2)
    assert report.ended == "a record could not be written"


def test_a_folder_that_cannot_be_written_is_named_before_it_starts(tmp_path, monkeypatch):
    monkeypatch.setattr(execution, "train", None)
    (tmp_path / "quick").write_text("in the way")
    with pytest.raises(RecordError, match=r"cannot read .*/quick: Not a directory"):
        make([quick()], tmp_path)
    with pytest.raises(RecordError, match=r"cannot read .*/quick: Not a directory"):
        make([quick()], tmp_path / "quick")


def test_data_is_looked_for_before_anything_starts(tmp_path, tiny_images, monkeypatch):
    monkeypatch.setattr(execution, "train", None)
    (tiny_images / "digits16.npz").write_bytes(b"PK")
    with pytest.raises(DataError, match="digits16"):
        make([quick()], tmp_path)


def test_records_of_other_data_are_named_before_anything_starts(tmp_path, tiny_images):
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
        ({"workers": 10**11}, r"workers must be \d+ or less here, received 100000000000"),
        ({"device": "abacus"}, "device 'abacus' is not to be had here"),
    ],
)
def test_execute_refuses(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        execute([quick()], results=tmp_path, **options)
    assert contents(tmp_path) == {}


def test_a_run_with_other_rates_than_intended_is_a_failure(tmp_path, monkeypatch):
    monkeypatch.setattr(execution, "train", lambda run, device: follow_run(run, lambda t: 0.3))
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


@pytest.mark.parametrize("error", [OSError(errno.EAGAIN, "no more processes"), OSError("/tmp?")])
def test_workers_that_cannot_be_started_are_reported(tmp_path, monkeypatch, error):
    def broken(tasks, workers):
        yield execution._perform(quick(), "cpu", os.getpid())
        raise error

    monkeypatch.setattr(execution, "_side_by_side", broken)
    report = make([quick(seed=seed) for seed in range(3)], tmp_path)
    assert (len(report.outcomes), report.unmade) == (1, 2)
    assert report.ended == f"the workers cannot go on: {error}"


class Broken:
    """A finder for which `lrlab.pytorch` cannot be imported."""

    def __init__(self, error):
        self.error = error

    def find_spec(self, name, path, target=None):
        if name == "lrlab.pytorch":
            raise self.error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ModuleNotFoundError("No module named 'torch'", name="torch"),
         r"there is no PyTorch here \(No module named 'torch'\)\. Install it: pip install torch"),
        (ModuleNotFoundError("No module named 'sympy'", name="sympy"),
         r"cannot be imported \(ModuleNotFoundError: No module named 'sympy'\)\. Install it anew"),
        (ImportError("libtorch.so: cannot open\nshared object file", name="torch._C"),
         r"cannot be imported \(ImportError: libtorch.so: cannot open shared object file\)\. Inst"),
        (OSError("libcudart.so.12: no such file"), r"\(OSError: libcudart.so.12: no such file\)"),
        (RuntimeError("built for another NumPy"), r"\(RuntimeError: built for another NumPy\)"),
    ],
)  # fmt: skip
def test_without_torch_nothing_is_started(tmp_path, monkeypatch, error, told):
    monkeypatch.setattr(execution, "_images", None)
    monkeypatch.delitem(sys.modules, "lrlab.pytorch")
    monkeypatch.delattr(lrlab, "pytorch")
    monkeypatch.setattr(sys, "meta_path", [Broken(error), *sys.meta_path])
    for use in (lambda: make([quick()], tmp_path), lambda: train(quick())):
        with pytest.raises(ImportError, match=told) as caught:
            use()
        assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_what_is_recorded_needs_no_torch(tmp_path, monkeypatch):
    make([quick()], tmp_path)
    monkeypatch.setattr(execution, "_pytorch", None)
    assert make([quick()], tmp_path).present == 1


@pytest.mark.parametrize("workers", [1, 2])
def test_standard_streams_need_not_be_there(tmp_path, monkeypatch, workers):
    if workers == 2:  # which start faster without PyTorch, and take the streams that there are
        monkeypatch.setattr(execution, "_perform", light_study.perform)
    monkeypatch.setattr(sys, "stderr", None)
    monkeypatch.setattr(sys, "stdout", None)
    runs = [quick(seed=seed) for seed in range(2)]
    report = execute(runs, results=tmp_path, workers=workers, device="cpu")
    assert (report.failed, report.ended, len(report.outcomes)) == ([], None, 2)
    assert sys.stderr is sys.stdout is None


def test_no_more_workers_than_runs_and_by_default_one_a_core(tmp_path, monkeypatch):
    asked = []

    def nothing(tasks, workers):
        asked.append(workers)
        yield from ()

    monkeypatch.setattr(execution, "_side_by_side", nothing)
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

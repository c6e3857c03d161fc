"""Runs on a Dask cluster: the same records, whatever happens to its workers and its scheduler."""

import os
import re
import signal
import sys
from functools import partial
from importlib.metadata import PackageNotFoundError
from types import SimpleNamespace

import numpy as np
import pytest

from lrlab import Constant, cli
from lrlab.studies import ExecutorError, cluster, execute, on_dask, store, train
from lrlab.studies.study import Images, Parts, Run
from tests.support.cluster import Cluster, alive, killed_again_and_again, pretend, start
from tests.support.tiny_study import FAULTY, FOREVER, STUDIES, contents, setting
from tests.support.waiting import PATIENCE, until

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.usefixtures("tiny_images")


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    """Two workers: one has no images, the other has other ones under the same name."""
    folder = tmp_path_factory.mktemp("machines")
    images, labels = np.zeros((300, 16, 16, 1), np.uint8), np.zeros(300, np.int64)
    other = {"x_train": images, "y_train": labels, "x_test": images, "y_test": labels}
    np.savez(folder / "digits16.npz", **other)
    machines = Cluster(folder)
    deadly = ("--preload", "tests.support.deadly", "--preload-nanny", "tests.support.forked")
    forks = {"DASK_DISTRIBUTED__WORKER__MULTIPROCESSING_METHOD": "forkserver"}
    machines.add_worker(*deadly, **forks)
    machines.add_worker(*deadly, **forks, LRLAB_DATA=str(folder))
    yield machines
    machines.close()


@pytest.fixture
def make(machines, tmp_path):
    return partial(execute, results=tmp_path, device="cpu", executor=on_dask(machines.address))


def run(label, seed=0, **options):
    return Run("clustered", setting(label, Constant(0.1), **{"images": 50, **options}), seed)


def test_records_are_those_of_local_runs_to_the_last_bit(make, tmp_path):
    held_out = Images("digits16", limit=50, held_out=20)
    both = Images("digits16", limit=50, held_out=20, evaluate_on="both")
    runs = [run("a"), run("a", 1), run("parts", images=held_out, snapshots=Parts(1))]
    runs += [run("both", images=both)]
    runs += FAULTY.runs()
    report, local = make(runs), tmp_path / "local"
    alone = execute(runs, results=local, workers=1, device="cpu")
    assert report.ended is None
    assert {(made.run, made.error) for made in report.outcomes} == {
        (made.run, made.error) for made in alone.outcomes
    }
    assert [made.run.setting.label for made in report.failed] == ["blobs"]
    assert contents(local)
    assert contents(local) == {
        name: record for name, record in contents(tmp_path).items() if "local" not in name
    }
    assert make(runs[:3]).present == 3


def test_what_nobody_waits_for_ends(machines):
    """The workers are free again, though these runs would go on for days."""
    executor = on_dask(machines.address)
    outcomes = executor([run("a", epochs=n) for n in (1, FOREVER, FOREVER + 1)], "cpu")
    assert next(outcomes).error is None
    outcomes.close()
    assert len(list(executor([run("b"), run("c")], "cpu"))) == 2


def test_no_run_goes_on_when_a_record_cannot_be_written(make, monkeypatch):
    def full(*_):
        raise store.RecordError("no room")

    monkeypatch.setattr(store, "save", full)
    report = make([run("a", epochs=1), run("b", epochs=FOREVER), run("c", epochs=FOREVER)])
    assert (report.ended, report.unmade) == ("a record could not be written", 2)


def test_other_versions_are_refused_by_name(make, monkeypatch):
    def tomorrow(package):
        if package == "lrlab":
            raise PackageNotFoundError
        return "9.0"

    monkeypatch.setattr(cluster, "version", tomorrow)
    report = make([run("a"), run("b")])
    assert re.search(
        r"^the worker at tcp://127.0.0.1:\d+ has lrlab \d\S+, torch \d\S+, and not lrlab of no "
        "version, torch 9.0 as here. Install the same there$",
        report.ended,
    )
    assert (report.outcomes, report.unmade) == ([], 2)


def test_several_threads_are_refused_by_name(monkeypatch):
    worker = SimpleNamespace(address="tcp://there", state=SimpleNamespace(nthreads=8))
    monkeypatch.setattr(distributed, "get_worker", lambda: worker)
    with pytest.raises(ExecutorError, match=r"tcp://there has 8 threads.*--nthreads 1"):
        cluster._perform(run("a"), "cpu", "name", cluster._versions())


def test_a_worker_that_cannot_begin_is_told_of(make, monkeypatch):
    monkeypatch.setattr(cluster, "_perform", len)
    assert re.fullmatch(
        r"a worker of tcp://\S+ cannot make runs \(TypeError: .*\). Install there what is .* here",
        make([run("a")]).ended,
    )


def test_a_scheduler_that_does_not_answer_is_named(make, monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT", 0.2)
    report = make([run("a")], executor=on_dask("tcp://127.0.0.1:9"))
    assert re.match("no scheduler answers at tcp://127.0.0.1:9 .* dask scheduler", report.ended)
    report = make([run("a")], executor=on_dask("nowhere"))
    assert report.ended.startswith("no scheduler answers at nowhere")


def test_a_scheduler_without_workers_and_one_that_goes_away_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT", 1)
    alone = Cluster(tmp_path)
    make = partial(execute, device="cpu", executor=on_dask(alone.address), results=tmp_path / "r")
    try:
        with monkeypatch.context() as patch:
            patch.setattr(cluster, "JOIN", 0.1)
            ended = make([run("a")]).ended
        assert ended.startswith(f"no worker has joined {alone.address} for 0.1 s. Start some: dask")
        alone.add_worker()
        short = run("a", epochs=1)
        monkeypatch.setattr(cluster, "_perform", partial(pretend, train(short, "cpu")))
        report = make(
            [short, run("b", epochs=FOREVER)],
            log=lambda line: os.killpg(alone.scheduler.pid, signal.SIGKILL),
        )
    finally:
        alone.close()
    assert report.ended == (
        f"the scheduler at {alone.address} has gone away. Start it and its workers again"
    )
    assert (len(report.outcomes), report.unmade) == (1, 1)
    assert len(contents(tmp_path / "r")) == 1


def test_kills_at_random_moments_change_no_record(machines, tmp_path):
    assert killed_again_and_again(tmp_path, 2, seed=1, scheduler=machines.address) > 0


def test_a_dead_worker_costs_the_run_in_flight(machines, make, tmp_path):
    runs, local = [run("kills once"), run("a"), run("b")], tmp_path / "local"
    report = make(runs)
    assert (machines.folder / "killed").exists()
    assert (len(report.outcomes), report.failed, report.ended) == (3, [], None)
    execute(runs, results=local, workers=1, device="cpu")
    assert len(contents(local)) == 3
    assert contents(local).items() <= contents(tmp_path).items()


def test_a_run_that_kills_its_workers_fails_and_the_others_go_on(make):
    runs = [run("kills"), run("a"), run("b")]
    report = make(runs)
    assert report.ended is None
    assert len(report.outcomes) == 3
    (failed,) = report.failed
    assert failed.run == runs[0]
    assert failed.error.startswith("2 workers died in a row while they made it")


# --- a cluster of its own -------------------------------------------------------------------------


def test_ctrl_c_leaves_nobody_behind_and_the_command_goes_on(tmp_path, capsys):
    with start("endless", tmp_path, "--workers", "1") as process:
        until(lambda: len(contents(tmp_path)) == 2, lambda: process.poll() is None)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal sends it: to everybody
        output = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode in (130, -signal.SIGINT)
    assert [line for line in output.splitlines() if not line.startswith("[")] == [
        "",
        "Stopped.",
        "What is finished is recorded; the same command goes on from there:",
        f"  lrlab run endless --device cpu --results {tmp_path} --executor dask --workers 1",
    ]
    until(lambda: not alive(process.pid))
    again = ["run", "endless", "--results", str(tmp_path), "--executor", "dask", "--dry-run"]
    assert cli.main(again, STUDIES) == 0
    assert "2 of 4 runs to make" in capsys.readouterr().out


# --- without a cluster ----------------------------------------------------------------------------


def test_without_dask_it_is_said_what_to_install(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match=r"there is no Dask here .*'lrlab\[dask\]'"):
        on_dask()
    command = ["run", "blinks", "--results", str(tmp_path), "--executor", "dask"]
    assert cli.main(command, STUDIES) == 1
    assert "pip install 'lrlab[dask]'" in capsys.readouterr().err


def test_workers_are_those_of_the_scheduler_or_so_many():
    with pytest.raises(ValueError, match="workers must be None with a scheduler"):
        on_dask("tcp://127.0.0.1:9", 2)
    with pytest.raises(ValueError, match="workers must be a positive integer"):
        on_dask(workers=0)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--scheduler", "tcp://127.0.0.1:9"], "--scheduler is for --executor dask"),
        (["--executor", "dask", "--scheduler", ""], "scheduler must be an address such as tcp://"),
        (["--executor", "dask", "--scheduler", "x", "--workers", "1"], "workers must be None"),
    ],
)
def test_a_command_that_makes_no_sense_is_refused(tmp_path, capsys, options, told):
    assert cli.main(["run", "blinks", "--results", str(tmp_path), *options], STUDIES) == 2
    assert told in capsys.readouterr().err


def test_many_runs_in_one_program_want_a_gpu(tmp_path, capsys):
    command = ["run", "blinks", "--results", str(tmp_path), "--executor", "batched"]
    assert cli.main(command, STUDIES) == 1
    assert "device must be a GPU, and there is none here" in capsys.readouterr().err

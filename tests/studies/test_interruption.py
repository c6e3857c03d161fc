"""Ctrl-C, SIGTERM and SIGKILL at any moment: what is finished is kept, and nobody is left behind.

Nothing here waits for a time: a signal comes where something else has happened.
"""

import os
import shlex
import signal
import subprocess
import sys
import threading
from contextlib import suppress

import pytest

from lrlab import cli
from lrlab.studies import execution, store
from lrlab.studies.execution import execute
from lrlab.utils import signals
from tests.conftest import ROOT
from tests.support.tiny_study import STUDIES, TINY, contents
from tests.support.waiting import PATIENCE, until

SIGNALS = (signal.SIGINT, signal.SIGTERM)
RUNS = STUDIES["blinks"].runs()


pytestmark = pytest.mark.usefixtures("tiny_images")


# --- in this process ------------------------------------------------------------------------------

# Where a signal strikes: before which call of what, and how many runs are finished by then.
MOMENTS = {
    "records are looked for": (store, "missing", 1, 0),
    "torch is imported": (execution, "_pytorch", 1, 0),
    "folders are made": (store, "prepare", 1, 0),
    "data is loaded": (execution, "_images", 1, 0),
    "the first run begins": (execution, "train", 1, 0),
    "the second run begins": (execution, "train", 2, 1),
    "a record is made": (store, "save", 1, 1),
    "a record is half written": (os, "fsync", 2, 2),
    "a record gets its name": (os, "replace", 2, 2),
}


def strike(monkeypatch, place, name, at, do):
    """Do something before the ``at``-th call of a function, which goes on."""
    really, calls = getattr(place, name), []

    def struck(*arguments, **options):
        calls.append(name)
        if len(calls) == at:
            do()
        return really(*arguments, **options)

    monkeypatch.setattr(place, name, struck)


def run_blinks(results):
    arguments = ["run", "blinks", "--workers", "1", "--device", "cpu", "--results", str(results)]
    return cli.main(arguments, STUDIES)


@pytest.mark.parametrize("number", SIGNALS, ids=["ctrl-c", "kill"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_signal_at_any_moment_keeps_every_finished_run(
    tmp_path, monkeypatch, capsys, moment, number
):
    *where, finished = MOMENTS[moment]
    before = [signal.getsignal(each) for each in SIGNALS]
    with monkeypatch.context() as patch:
        strike(patch, *where, lambda: signal.raise_signal(number))
        assert run_blinks(tmp_path) == 130
    assert [signal.getsignal(each) for each in SIGNALS] == before
    told = capsys.readouterr().err.splitlines()
    assert told[-3:-1] == [
        "Stopped.", "What is finished is recorded; the same command goes on from there:"
    ]  # fmt: skip
    assert len(contents(tmp_path)) == finished
    assert not list(tmp_path.rglob("*.part"))
    assert run_blinks(tmp_path) == 0
    assert f"already there: {finished}," in capsys.readouterr().out
    assert len(contents(tmp_path)) == len(RUNS)


def test_more_signals_disturb_no_end(tmp_path, monkeypatch, capsys):
    def all_of_them():
        for number in SIGNALS:
            signal.raise_signal(number)

    strike(monkeypatch, execution, "train", 2, lambda: signal.raise_signal(signal.SIGINT))
    strike(monkeypatch, cli, "_tell", 2, all_of_them)  # the first one is about the first run
    assert run_blinks(tmp_path) == 130
    assert capsys.readouterr().err.count("Stopped.") == 1
    assert len(contents(tmp_path)) == 1


def test_what_is_ignored_stays_ignored(tmp_path, monkeypatch):
    """As under nohup, or in the background of a script."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
        strike(monkeypatch, execution, "train", 1, lambda each=number: signal.raise_signal(each))
    assert run_blinks(tmp_path) == 0
    assert [signal.getsignal(number) for number in SIGNALS] == [signal.SIG_IGN] * 2


def test_nothing_disturbs_the_end_of_a_process_that_is_the_command(monkeypatch):
    blocked = []
    monkeypatch.setattr(signal, "pthread_sigmask", lambda how, which: blocked.extend(which))
    monkeypatch.setattr(sys, "argv", ["lrlab", "list"])
    strike(monkeypatch, cli, "find", 1, lambda: signal.raise_signal(signal.SIGINT))
    assert cli.main(studies=STUDIES) == 130
    for number in SIGNALS:
        signal.raise_signal(number)
    assert blocked == list(SIGNALS)


def test_what_joblibs_thread_says_is_heard_until_the_end_and_no_longer(monkeypatch):
    heard = []
    monkeypatch.setattr(execution, "PATIENCE", 0)  # that of an earlier test may still be there
    monkeypatch.setattr(threading, "excepthook", lambda args: heard.append(args.thread.name))
    before = threading.excepthook

    def fail(name):
        def raise_it():
            raise KeyError(1)

        thread = threading.Thread(target=raise_it, name=name)
        thread.start()
        thread.join()

    with execution._unheard(2) as ended:
        fail(execution.MANAGER)
        ended.set()
        fail(execution.MANAGER)
        fail("another")
    assert heard == [execution.MANAGER, "another"]
    assert threading.excepthook is before


def test_one_worker_ends_without_waiting_for_somebody_elses_thread(tmp_path, monkeypatch):
    class Another(threading.Thread):
        def join(self, timeout=None):
            raise AssertionError("waited for")

    done = threading.Event()
    Another(target=done.wait, name=execution.MANAGER, daemon=True).start()
    strike(monkeypatch, execution, "train", 1, lambda: signal.raise_signal(signal.SIGINT))
    try:
        assert run_blinks(tmp_path) == 130
    finally:
        done.set()


def test_where_signals_cannot_be_blocked_workers_start_all_the_same(monkeypatch):
    monkeypatch.delattr(signal, "pthread_sigmask")
    with signals.blocked():
        pass


def test_a_handler_that_is_not_pythons_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(signal, "getsignal", lambda _: None)
    monkeypatch.setattr(signal, "signal", None)
    assert run_blinks(tmp_path) == 0


@pytest.mark.parametrize("command", ["list", "show"])
def test_other_commands_only_stop(monkeypatch, capsys, command):
    strike(monkeypatch, cli, "find", 1, lambda: signal.raise_signal(signal.SIGINT))
    assert cli.main([command, "tiny"], STUDIES) == 130
    assert capsys.readouterr().err == "\nStopped.\n"


def test_signals_are_no_business_of_another_thread(tmp_path):
    status = []
    thread = threading.Thread(target=lambda: status.append(run_blinks(tmp_path)))
    thread.start()
    thread.join()
    assert status == [0]
    assert len(contents(tmp_path)) == len(RUNS)


# --- in processes of their own --------------------------------------------------------------------


@pytest.fixture
def start():
    """Starts the command in a session of its own, of which nothing outlives the test."""
    started = []

    def begin(study, results, *options, program="light_study"):
        module = [sys.executable, "-m", f"tests.support.{program}"]
        process = subprocess.Popen(
            [*module, "run", study, "--results", results, "--device", "cpu", *options],
            cwd=ROOT,
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        if process.returncode is None:
            process.communicate()


def ps(session, column):
    """A column of the processes of a session."""
    command = ["ps", "-ww", "-o", f"{column}=", "-s", str(session)]
    return subprocess.run(command, capture_output=True, text=True).stdout.splitlines()


def all_gone(session):
    """Whether no process of a session runs any more."""
    return all(state.startswith("Z") for state in ps(session, "stat"))


def wait(condition, process):
    """Wait for something that the process is to do."""
    return until(condition, lambda: process.poll() is None)


def check_orderly(process, results, workers):
    output, _ = process.communicate(timeout=PATIENCE)
    # A shell calls both 130: Python drops its handlers a moment before it ends.
    assert process.returncode in (130, -signal.SIGINT)
    assert output.endswith(
        "\nStopped.\nWhat is finished is recorded; the same command goes on from there:\n"
        f"  lrlab run endless --results {shlex.quote(str(results))} --device cpu "
        f"--workers {workers}\n"
    )
    assert "Traceback" not in output
    assert "Warning" not in output


def test_a_kill_changes_no_record(tmp_path, start):
    """Two workers are killed with their parent, which is writing; one process makes the rest."""
    runs = TINY.runs(range(1))
    undisturbed, results = tmp_path / "undisturbed", tmp_path / "killed"
    execute(runs, results=undisturbed, workers=1, device="cpu")
    process = start("tiny", results, "--seeds", "1", "--workers", "2", program="killed_study")
    assert process.communicate(timeout=PATIENCE)[0].count("recorded") == 2
    assert process.returncode == -signal.SIGKILL
    assert len(list(results.rglob(".*.part"))) == 1
    assert len(contents(results)) == 2
    report = execute(runs, results=results, workers=1, device="cpu")
    assert (report.present, report.failed) == (2, [])
    assert contents(results) == contents(undisturbed)
    assert len(contents(results)) == len(runs)


@pytest.mark.parametrize(
    ("end", "number"),
    [
        (os.killpg, signal.SIGINT),  # as a terminal sends it: to everybody
        (os.kill, signal.SIGKILL),
    ],
    ids=["ctrl-c", "kill -9"],
)
def test_an_end_keeps_what_is_finished_and_leaves_nobody_behind(tmp_path, start, end, number):
    process = start("endless", tmp_path, "--workers", "2")
    wait(lambda: len(contents(tmp_path)) == 2, process)
    end(process.pid, number)
    if number == signal.SIGKILL:
        process.communicate(timeout=PATIENCE)
    else:
        check_orderly(process, tmp_path, 2)
    until(lambda: all_gone(process.pid))
    assert len(contents(tmp_path)) == 2


@pytest.mark.parametrize("at_work", [True, False])
def test_what_killed_workers_leave_is_tidied_up_in_silence(at_work):
    left = "from joblib.externals.loky.backend.resource_tracker import ensure_running, register\n"
    left += "ensure_running(); register('/gone', 'semlock')"
    program = "from lrlab.utils import signals\nwith signals.blocked(): pass\n" * at_work
    command = [sys.executable, "-c", program + left]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert ("leaked semlock" in run.stderr) != at_work


def test_a_kill_and_ctrl_c_again_and_again_while_workers_start(tmp_path, start):
    process = start("endless", tmp_path, "--workers", "2")
    wait(lambda: sum("LokyProcess" in line for line in ps(process.pid, "args")) == 2, process)
    os.kill(process.pid, signal.SIGTERM)
    while process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
    check_orderly(process, tmp_path, 2)
    until(lambda: all_gone(process.pid))

"""A Dask cluster for tests: processes as on other machines, which share nothing with the test.

    python -m tests.support.cluster [ROUNDS [EXECUTOR]]

kills ``lrlab run`` at random moments, with a cluster of its own or with another executor, and goes
on until all is recorded.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

from lrlab.studies import Outcome, Run, batched, execute, on_dask
from lrlab.training import History
from tests.conftest import ROOT
from tests.support.tiny_study import FOREVER, TINY, contents, write_data
from tests.support.waiting import PATIENCE, until

LONGEST = 5  # seconds until a command is killed of which nobody waits for a record


class Cluster:
    """A scheduler and its workers, each with a nanny that starts it again.

    Args:
        folder: Where they keep their files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.started = folder, []
        file = folder / "scheduler.json"
        self.scheduler = self._start(
            "scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", file,
            DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="1",
        )  # fmt: skip
        told = until(lambda: file.exists() and file.read_text(), lambda: not self.scheduler.poll())
        self.address = json.loads(told)["address"]

    def add_worker(self, *options: str, **environment: str) -> None:
        """Start a worker that finds no images, unless the environment says where."""
        self._start(
            "worker", self.address, "--nthreads", "1", "--local-directory", self.folder,
            "--memory-limit", "0", *options, **{"LRLAB_DATA": "", **environment},
        )  # fmt: skip

    def _start(self, part: str, *options: str | Path, **environment: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.dask_{part}", "--no-dashboard", *options],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.started.append(process)
        return process

    def close(self) -> None:
        """Kill all of them."""
        for process in self.started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def pretend(history: History, run: Run, *_: object) -> Outcome:
    """Make a run of one epoch in a worker without PyTorch, and others never."""
    if run.recipe.epochs > 1:
        time.sleep(FOREVER)
    return Outcome(run, 0.0, history)


def killed_again_and_again(
    folder: Path,
    rounds: int,
    seed: int,
    scheduler: str | None = None,
    *,
    executor: str = "dask",
) -> int:
    """Kill ``lrlab run`` at random moments, go on, and compare the records.

    Args:
        folder: An empty one.
        rounds: How many kills.
        seed: Of the moments.
        scheduler: Of a cluster; None for a cluster that dies as well.
        executor: The command's, and that of the one which goes on.

    Returns:
        How many records the kills left; they, and those made afterwards, equal undisturbed ones.
    """
    draw, left = random.Random(seed), 0
    runs, options = TINY.runs(range(2)), ["--workers", "2"]
    make = partial(execute, runs, device="cpu")
    if executor == "dask":
        options = ["--scheduler", scheduler] if scheduler else options
        make = partial(make, executor=on_dask(scheduler, None if scheduler else 2))
    elif executor == "batched":
        options, make = [], partial(make, executor=batched)
    make_alone = make if executor == "batched" else partial(execute, runs, device="cpu", workers=1)
    make_alone(results=folder / "undisturbed")
    for number in range(rounds):
        results = folder / str(number)
        with start("tiny", results, "--seeds", "2", *options, executor=executor) as process:
            wanted = draw.randrange(6)  # so many records, and a moment
            while len(contents(results)) < wanted and process.poll() is None:
                time.sleep(0.01)
            with suppress(subprocess.TimeoutExpired):
                process.wait(draw.uniform(0, 0.3 if wanted else LONGEST))
            how = draw.choice([os.kill, os.killpg])
            what = draw.choice([signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
            with suppress(ProcessLookupError):
                how(process.pid, what)
            told = process.communicate(timeout=PATIENCE)[0]
        assert "Traceback" not in told, told
        until(lambda at=process.pid: not alive(at))
        made = len(contents(results))
        report = make(results=results)
        assert (report.present, report.failed, report.ended) == (made, [], None)
        assert contents(results) == contents(folder / "undisturbed")
        left += made
    return left


def start(study: str, results: Path, *options: str, executor: str = "dask") -> subprocess.Popen:
    """Start the command in a session of its own."""
    command = ["run", study, "--device", "cpu", "--results", str(results), "--executor", executor]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.tiny_study", *command, *options],
        cwd=ROOT,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def alive(session: int) -> bool:
    """Whether a process of a session runs."""
    command = ["ps", "-o", "stat=", "-s", str(session)]
    states = subprocess.run(command, capture_output=True, text=True).stdout.split()
    return not all(state.startswith("Z") for state in states)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        os.environ["LRLAB_DATA"] = place
        write_data(Path(place))
        rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
        executor = sys.argv[2] if len(sys.argv) > 2 else "dask"
        left = killed_again_and_again(Path(place), rounds, time.time_ns(), executor=executor)
        print(f"{rounds} kills left {left} of {6 * rounds} records; all are equal in the end")

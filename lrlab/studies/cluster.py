"""Runs made by the workers of a Dask cluster, on this machine or on many.

A run is one task of `distributed`, which hands it to a worker that is free, and to another one if
that worker dies. Workers share no disk with the client. It sends them the images, once to each,
also to one that joins later, and they look for none themselves: so all see the same images, and
none downloads any.
"""

from __future__ import annotations

import logging
import os
import signal
import tempfile
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError
from contextlib import ExitStack, contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from typing import TYPE_CHECKING

import joblib

from lrlab.studies import execution
from lrlab.studies.execution import Executor, ExecutorError, Outcome
from lrlab.studies.study import Run
from lrlab.utils import checks, signals

if TYPE_CHECKING:
    from distributed import Client, KilledWorker

CONNECT = 10  # seconds until a scheduler has to answer
JOIN = 120  # seconds until a first worker has to be there; a busy machine takes one to start some
LOOK = 1  # seconds after which we look for workers that have joined
SILENT = logging.CRITICAL + 1
TALKATIVE = ("distributed", "distributed.client", "tornado", "asyncio")  # loggers
SAME = ("lrlab", "torch")  # packages whose versions decide what a run gives


def on_dask(scheduler: str | None = None, workers: int | None = None) -> Executor:
    """Return an executor that makes runs on the workers of a Dask cluster.

    A run that a worker took with it when it died is made again. A run that kills workers again and
    again, four by the scheduler's default, fails, and the others go on. Each worker has one thread,
    so a run gives what it gives without Dask, to the last bit on machines of one kind.

    Args:
        scheduler: Address of a running scheduler, such as ``"tcp://192.168.1.2:8786"``. None starts
            a cluster on this machine, and closes it when the runs are made. A script that does so
            needs the line ``if __name__ == "__main__":``, since workers import it.
        workers: How many processes that cluster has; by default one a CPU core.

    Returns:
        What `execute` takes as its ``executor``. Iterating over what it gives raises an
        `ExecutorError` where the scheduler or its workers are of no use.

    Raises:
        ValueError: ``scheduler`` is no text; ``workers`` is no positive integer, or is given with a
            scheduler, which has workers of its own.
        ImportError: Dask is missing.

    Example:
        >>> from lrlab.studies import STUDIES, execute
        >>> runs = STUDIES["D2-cosine"].runs()
        >>> execute(runs, executor=on_dask("tcp://192.168.1.2:8786"))  # doctest: +SKIP
    """
    if scheduler is not None and workers is not None:
        raise ValueError("workers must be None with a scheduler, which has workers of its own")
    if scheduler is not None and not (isinstance(scheduler, str) and scheduler.strip()):
        raise ValueError(
            f"scheduler must be an address such as tcp://HOST:8786, received {scheduler!r}"
        )
    workers = joblib.cpu_count() if workers is None else checks.count("workers", workers)
    try:
        import distributed  # noqa: F401  late, here and below: few need it, and it may be missing
    except ImportError as error:
        raise ImportError(
            f"there is no Dask here ({error}). Install it: pip install 'lrlab[dask]'", name="dask"
        ) from error

    def executor(runs: list[Run], device: str, _: object = None) -> Iterator[Outcome]:
        with _quiet(), ExitStack() as stack:
            address = scheduler or stack.enter_context(_cluster(min(workers, len(runs))))
            yield from _outcomes(stack.enter_context(_client(address)), address, runs, device)

    return executor


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask's own lines out of ours: what matters in them ends in an `ExecutorError`."""
    loggers = [logging.getLogger(name) for name in TALKATIVE]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(SILENT)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


@contextmanager
def _cluster(workers: int) -> Iterator[str]:
    """A cluster of worker processes on this machine, as the address of its scheduler."""
    from distributed import LocalCluster

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, ExitStack() as stack:
        # The loop's thread inherits that Ctrl-C is blocked, and each worker that it starts does.
        with signals.held_back(), signals.blocked():
            cluster = LocalCluster(
                n_workers=0,
                threads_per_worker=1,
                memory_limit=0,
                dashboard_address="127.0.0.1:0",
                local_directory=folder,
                silence_logs=SILENT,
            )
            stack.enter_context(cluster)
        try:
            cluster.scale(workers)
            yield cluster.scheduler_address
        finally:  # an orderly end takes a worker a second, and it has nothing more to say
            for nanny in cluster.workers.values():
                nanny.auto_restart = False
                with suppress(ProcessLookupError):
                    if nanny.pid:
                        os.kill(nanny.pid, signal.SIGTERM)


@contextmanager
def _client(address: str) -> Iterator[Client]:
    from distributed import Client

    try:
        client = Client(address, timeout=CONNECT)
    except (OSError, ValueError) as error:  # no answer, no address
        raise ExecutorError(
            f"no scheduler answers at {address} ({error}). Start one: dask scheduler; or correct "
            "the address"
        ) from error
    with client:
        yield client


def _outcomes(client: Client, address: str, runs: list[Run], device: str) -> Iterator[Outcome]:
    """Make runs, no more at a time than there are workers, and yield what became of each."""
    from distributed import Future, KilledWorker, WorkerPlugin, wait

    sent = WorkerPlugin()  # each worker receives it, and drops it at the end
    vars(sent)["images"] = {run.setting.data: execution._images(run.setting.data) for run in runs}
    name = f"lrlab-{client.id}"
    same = _versions()
    made: dict[Future, Run] = {}
    waiting = iter(runs)
    try:
        _wait_for_one(client, address)
        client.register_plugin(sent, name=name)
        while True:
            # No run waits behind another one: where that kills its worker, both would be blamed.
            free = max(1, len(client.nthreads())) - len(made)
            for run in islice(waiting, max(0, free)):
                made[client.submit(_perform, run, device, name, same, pure=False)] = run
            if not made:
                return
            try:
                done = wait([*made], LOOK, FIRST_COMPLETED).done
            except TimeoutError:
                continue
            for future in done:
                run = made.pop(future)
                try:
                    outcome = future.result()
                except KilledWorker as error:
                    outcome = Outcome(run, 0.0, error=_blame(error))
                yield outcome
    except ExecutorError:
        raise
    except (OSError, CancelledError) as error:
        raise ExecutorError(
            f"the scheduler at {address} has gone away. Start it and its workers again"
        ) from error
    except Exception as error:  # of a worker before it begins, whatever it is
        raise ExecutorError(
            f"a worker of {address} cannot make runs ({type(error).__name__}: {error}). Install "
            "there what is installed here"
        ) from error
    finally:
        if client.status == "running":
            with suppress(Exception):  # whatever it is, there is nothing more to be done
                client.cancel([*made])
                client.unregister_worker_plugin(name)


def _wait_for_one(client: Client, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=JOIN)
    except TimeoutError as error:
        raise ExecutorError(
            f"no worker has joined {address} for {JOIN} s. Start some: dask worker {address} "
            "--nthreads 1"
        ) from error


def _blame(error: KilledWorker) -> str:
    return (
        f"{error.allowed_failures + 1} workers died in a row while they made it, perhaps for want "
        f"of memory, the last one at {error.last_worker.address}"
    )


def _perform(run: Run, device: str, name: str, same: str) -> Outcome:
    """Make a run in a worker, on the images that it was sent, as long as somebody waits for it.

    Raises:
        ExecutorError: The worker is not as it has to be.
    """
    from distributed import get_worker

    worker = get_worker()
    if (there := _versions()) != same:
        raise ExecutorError(
            f"the worker at {worker.address} has {there}, and not {same} as here. Install the same "
            "there"
        )
    if worker.state.nthreads != 1:
        raise ExecutorError(
            f"the worker at {worker.address} has {worker.state.nthreads} threads, and runs repeat "
            "with one. Start it with --nthreads 1"
        )

    from lrlab import pytorch  # late, as it may be missing there

    class Wanted(pytorch.Observer):
        """Ends the run when the client has taken its images back."""

        def after_update(self, training: pytorch.Training) -> None:
            if name not in worker.plugins:
                training.stopped = "nobody waits for it"

    os.environ["LRLAB_PROGRESS"] = "0"
    execution._keep_tqdm_local()
    images = vars(worker.plugins[name])["images"][run.setting.data]
    return execution._perform(run, device, os.getpid(), images=images, observers=[Wanted()])


def _versions() -> str:
    """The versions on which it depends what a run gives."""
    found = []
    for package in SAME:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:  # a checkout has none
            found.append(f"{package} of no version")
    return ", ".join(found)

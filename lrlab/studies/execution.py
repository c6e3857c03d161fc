"""Make the runs that have no record yet, several side by side with one thread each.

Workers return histories, and `execute` alone writes records, each the moment its run is finished.
So whatever ends the program, at most the runs in flight are lost, and the same command goes on from
there. With one thread a run repeats to the last bit on the same machine, side by side with others
or alone.
"""

from __future__ import annotations

import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import joblib
from tqdm import tqdm

from lrlab import data
from lrlab.studies import measures, store
from lrlab.studies.store import RecordError
from lrlab.studies.study import Images, Run
from lrlab.training import History
from lrlab.utils import checks, progress, signals

Loaded = tuple[data.Dataset, data.Dataset | None]  # what `Images.load` gives

MANAGER = "ExecutorManagerThread"  # of joblib's processes
PATIENCE = 5  # seconds until it has ended


@dataclass(frozen=True)
class Outcome:
    """What became of one run: its history, or the ``error`` for which there is none."""

    run: Run
    seconds: float
    history: History | None = None
    error: str | None = None

    def __str__(self) -> str:
        said = f"failed: {self.error}" if self.error else f"recorded, {self.seconds:.1f} s"
        return f"{self.run.study}/{self.run.name} {said}"


class ExecutorError(RuntimeError):
    """What makes the runs cannot go on; the message says why, and what to do."""


#: Takes the runs that are missing, a device, and all runs that were asked for; makes the missing
#: ones, and yields what became of each. It is closed when no further one is wanted; `execute`
#: writes the records.
Executor = Callable[[list[Run], str, list[Run]], Iterator[Outcome]]


@dataclass
class Report:
    """What became of all runs.

    Args:
        present: How many there were already.
        outcomes: What became of each one that was made.
        unmade: How many were not made, since no run could go on.
        ended: Why none could.
    """

    present: int
    outcomes: list[Outcome] = field(default_factory=list)
    unmade: int = 0
    ended: str | None = None

    @property
    def failed(self) -> list[Outcome]:
        """The runs that ended without a record."""
        return [outcome for outcome in self.outcomes if outcome.error]


def execute(
    runs: Iterable[Run],
    *,
    results: Path | str | None = None,
    workers: int | None = None,
    device: str = "auto",
    executor: Executor | None = None,
    log: Callable[[str], None] | None = None,
) -> Report:
    """Make the runs that have no record yet, and record each when it is finished.

    A run that fails does not touch the others, unless its record could not be written: then no
    further run is started. A progress bar shows the epochs trained, their rate and the time left.

    Args:
        runs: What is wanted.
        results: Folder of the records, see `lrlab.studies.folder`.
        workers: Runs side by side; by default one a CPU core, also where they share a GPU.
        device: A torch device, or ``"auto"``: a GPU if there is one.
        executor: What makes the runs, see `Executor`, such as `batched` or what `on_dask` returns;
            None for processes side by side.
        log: Receives a line for each finished run, where nobody watches the bar.

    Returns:
        The outcomes, failures included.

    Raises:
        ValueError: ``workers`` is no positive integer or more than `most_workers` gives, there is
            no such device, or a data set is not known.
        ImportError: PyTorch is missing or broken; nothing has been started or loaded.
        lrlab.studies.RecordError: A record that exists cannot be used, or records cannot be
            written; nothing has been started.
        lrlab.data.DataError: A data set cannot be had.
    """
    runs = list(runs)
    workers = joblib.cpu_count() if workers is None else checks.count("workers", workers)
    if workers > most_workers():
        raise ValueError(f"workers must be {most_workers()} or less here, received {workers}")
    todo = store.missing(runs, results)
    report = Report(present=len(runs) - len(todo))
    if not todo:
        return report
    _pytorch().pick_device(device)
    store.prepare(todo, results)
    _check_data(runs, todo, results)

    stop = threading.Event()

    def tasks() -> Iterator[Any]:
        for run in todo:
            if stop.is_set():
                return
            yield joblib.delayed(_perform)(run, device, os.getpid())

    _keep_tqdm_local()
    watched = progress.watched()
    total = sum(run.recipe.epochs for run in todo)
    with (
        progress.standing_in(),
        # No smoothing: runs that end together would make the time left jump.
        tqdm(total=total, unit="epoch", smoothing=0, leave=False, disable=not watched) as bar,
    ):
        bar.set_postfix_str(f"runs 0/{len(todo)}")
        if executor is None:
            outcomes = _side_by_side(tasks(), min(workers, len(todo)))
        else:
            outcomes = _relayed(executor(todo, device, runs))
        try:
            with closing(outcomes):
                for made in outcomes:
                    with signals.held_back():
                        outcome, written = _record(made, results)
                        report.outcomes.append(outcome)
                    if not written:
                        report.ended = "a record could not be written"
                        stop.set()
                    if outcome.error and watched:
                        bar.write(str(outcome))
                    elif log and not watched:
                        log(f"[{len(report.outcomes)}/{len(todo)}] {outcome}")
                    bar.update(outcome.run.recipe.epochs)
                    bar.set_postfix_str(f"runs {len(report.outcomes)}/{len(todo)}")
                    if report.ended and executor is not None:
                        break
        except BrokenProcessPool:
            report.ended = "a worker process was killed, perhaps for want of memory"
        except ExecutorError as error:
            report.ended = str(error)
        except OSError as error:  # no process, no temporary folder, no shared memory
            report.ended = f"the workers cannot go on: {error}"
    report.unmade = len(todo) - len(report.outcomes)
    return report


def most_workers() -> int:
    """Return how many runs may be made side by side: more a core would only wait for it."""
    return 4 * joblib.cpu_count()


def _pytorch() -> Any:
    """The room `lrlab.pytorch`; where it cannot be imported, an error that says what to install."""
    try:
        from lrlab import pytorch
    except Exception as error:  # a broken build raises whatever it likes
        told = checks.printable(" ".join(str(error).split()))
        if isinstance(error, ModuleNotFoundError) and error.name == "torch":
            told = f"there is no PyTorch here ({told}). Install it: pip install torch"
        else:
            told = (
                f"PyTorch cannot be imported ({type(error).__name__}: {told}). Install it anew: "
                "pip install --force-reinstall torch"
            )
        raise ImportError(f"runs are trained with PyTorch, and {told}", name="torch") from error
    return pytorch


def _record(outcome: Outcome, results: Path | str | None) -> tuple[Outcome, bool]:
    """Write the record of a run; return what became of it, and whether records can be written."""
    if outcome.history is None:
        return outcome, True
    error, written = None, True
    try:
        store.save(outcome.run, outcome.history, results)
    except RecordError as reason:
        error, written = str(reason), False
    except ValueError as reason:
        error = f"{type(reason).__name__}: {reason}"
    return replace(outcome, history=None, error=error), written


def train(
    run: Run,
    device: str = "auto",
    *,
    images: Loaded | None = None,
    observers: Sequence[Any] = (),
) -> History:
    """Make one run here and now, with one thread, and return its history.

    Args:
        run: What to train.
        device: A torch device, or ``"auto"``: a GPU if there is one. A GPU is asked for
            algorithms that repeat to the last bit.
        images: What `Images.load` of the run gives; None loads them.
        observers: What else looks on, see `lrlab.pytorch.Observer`.
    """
    pytorch = _pytorch()
    from lrlab.studies.ensembles import train_parts

    setting = run.setting
    dataset, later = images or _images(setting.data)
    on_cuda = pytorch.pick_device(device).type == "cuda"
    with pytorch.one_thread(), pytorch.deterministic() if on_cuda else nullcontext():
        if setting.snapshots is not None and later is not None:
            fresh = partial(network, run, dataset)
            return train_parts(run, setting.snapshots, fresh, dataset, later, device, observers)
        model, measure = network(run, dataset), setting.measure
        meter = measures.meter(measure) if measure else None
        looking = [*observers, *([meter] if meter else [])]
        history = pytorch.fit(model, dataset, run.recipe, device=device, observers=looking)
        if setting.data.evaluate_on == "both" and later is not None and history.stopped is None:
            loss, accuracy = pytorch.evaluate(model, later)
            history.measured["test"] = {"loss": loss, "accuracy": accuracy}
        if meter is not None:
            history.measured["updates"] = measures.columns(meter.rows)
        return history


def network(run: Run, dataset: data.Dataset, *, seed: int | None = None) -> Any:
    """Return a run's network with its initial weights, or with those of another seed."""
    from lrlab import pytorch

    chosen = run.setting.network
    options = chosen.options(dataset)
    return getattr(pytorch, chosen.name)(seed=run.seed if seed is None else seed, **options)


@cache
def _images(chosen: Images) -> Loaded:
    return chosen.load()


def _side_by_side(tasks: Iterator[Any], workers: int) -> Generator[Outcome, None, None]:
    with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
        # One task at a time for each worker: a task dispatched ahead could not be called back.
        parallel = joblib.Parallel(
            n_jobs=workers, return_as="generator_unordered", pre_dispatch="n_jobs", batch_size=1
        )
    with warnings.catch_warnings(), _unheard(workers) as ended, parallel, ExitStack() as stack:
        # That runs are given up, and that processes are killed, need not be said by joblib.
        warnings.filterwarnings("ignore", module="joblib")
        try:
            with signals.held_back(), signals.blocked():
                outcomes = stack.enter_context(closing(parallel(tasks)))  # starts the workers
            yield from outcomes
        except BaseException:
            ended.set()
            raise


@contextmanager
def _unheard(workers: int) -> Iterator[threading.Event]:
    """Let nothing be heard of joblib's thread once the event is set.

    The thread hands tasks to the workers, and where all is given up it may find that the task in
    its hand is gone. One worker needs no such thread: one that is there is somebody else's.
    """
    before, ended = threading.excepthook, threading.Event()

    def hook(args: threading.ExceptHookArgs) -> None:
        if not (ended.is_set() and args.thread is not None and args.thread.name == MANAGER):
            before(args)

    threading.excepthook = hook
    try:
        yield ended
    finally:
        for thread in threading.enumerate():
            if workers > 1 and ended.is_set() and thread.name == MANAGER:
                thread.join(PATIENCE)
        threading.excepthook = before


def _relayed(outcomes: Iterator[Outcome]) -> Generator[Outcome, None, None]:
    """The same, to be closed: that ends an executor that is a generator as well."""
    yield from outcomes


def _perform(run: Run, device: str, parent: int, **options: Any) -> Outcome:
    """Train, and say how it went; in a worker, or in the parent if it is alone."""
    if os.getpid() != parent:
        _settle(parent)
    start = time.perf_counter()
    history, error = None, None
    try:
        history = train(run, device, **options)
    except Exception as reason:  # whatever it is, the other runs go on
        error = f"{type(reason).__name__}: {reason}"
    return Outcome(run, time.perf_counter() - start, history, error)


@cache
def _settle(parent: int) -> None:
    """Make a worker process quiet, and unable to outlive its parent by more than a moment."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # also in one that was started later than others
    os.environ["LRLAB_PROGRESS"] = "0"
    _keep_tqdm_local()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _keep_tqdm_local() -> None:
    """Spare tqdm its lock between processes, a semaphore that a killed process leaves behind."""
    tqdm.set_lock(threading.RLock())


def _check_data(runs: list[Run], todo: list[Run], results: Path | str | None) -> None:
    """Load what will be needed, once, and see that earlier records saw the same."""
    needed = {run.setting.data for run in todo}
    for run in runs:
        chosen = run.setting.data
        if chosen not in needed or (history := store.read(run, results)) is None:
            continue
        here, there = _images(chosen)[0].fingerprint, history.provenance.get("data")
        if here != there:
            raise RecordError(
                f"{store.path(run, results)} was made from other data ({there}) than what "
                f"{chosen.name!r} gives here ({here}). Use the same data, or another folder with "
                "--results"
            )
    for chosen in needed:
        _images(chosen)

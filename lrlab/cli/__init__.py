"""The command ``lrlab``: run, list, show and check recorded studies, and what they decide."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TextIO

from lrlab.cli.arguments import parser
from lrlab.data import DataError
from lrlab.studies import (
    STUDIES,
    Executor,
    Study,
    UnknownStudy,
    batched,
    execute,
    find,
    folder,
    missing,
    note,
    on_dask,
    places,
    repeat,
    select,
)
from lrlab.training import History
from lrlab.utils import checks, progress, signals

DONE, FAILED, MISUSED, INTERRUPTED, CLOSED = 0, 1, 2, 130, 141
WIDTH = 100  # of a paragraph, in letters

# What `lrlab show` tells of the last epoch: title, field of the history, decimals.
MEASURES = (
    ("train loss", "train_loss", 4),
    ("test loss", "test_loss", 4),
    ("test accuracy", "test_accuracy", 4),
)


def main(arguments: Sequence[str] | None = None, studies: Mapping[str, Study] = STUDIES) -> int:
    """Carry out a command line.

    Args:
        arguments: What follows the program's name; by default that of this process.
        studies: The catalogue.

    Returns:
        The exit status: 0, or 1 if something failed, 2 for a command line that makes no sense,
        130 after Ctrl-C or SIGTERM, 141 if nobody reads the output to its end, as a program has it
        in a shell that either ends.
    """
    with progress.standing_in(), _ended_once(for_good=arguments is None):
        arguments = sys.argv[1:] if arguments is None else list(arguments)
        try:
            try:
                return _carry_out(arguments, studies)
            finally:
                sys.stdout.flush()
        except KeyboardInterrupt:
            _tell("\nStopped.")
            if arguments[:1] == ["run"]:
                again = shlex.join(["lrlab", *arguments])
                _tell("What is finished is recorded; the same command goes on from there:")
                _tell(f"  {again}")
            return INTERRUPTED
        except BrokenPipeError:
            _give_up(sys.stdout)
            return CLOSED
        except OSError as error:
            _give_up(sys.stdout)
            what = f"use {error.filename}" if error.filename else "write the output"
            return _complain(f"cannot {what}: {error.strerror or error}", FAILED)


def _carry_out(arguments: list[str], studies: Mapping[str, Study]) -> int:
    try:
        options = parser().parse_args(arguments)
        if options.command == "claims":
            return _claims(options)
        chosen = select(options.names, studies)
        commands = {"run": _run, "list": _list, "show": _show, "check": _check}
        return commands[options.command](chosen, options)
    except UnknownStudy as error:
        return _complain(error, MISUSED)
    except (ValueError, DataError, ImportError) as error:  # a RecordError is a ValueError
        return _complain(error, FAILED)


@contextmanager
def _ended_once(*, for_good: bool) -> Iterator[None]:
    """Let the first Ctrl-C or SIGTERM end the command orderly, and nothing disturb that end.

    Args:
        for_good: Nothing of this process follows the command that another signal could end.
    """
    ended = False

    def end(number: int, _: object) -> None:
        nonlocal ended
        if not ended:  # not SIG_IGN from then on: Python complains of a signal on its way
            ended = True
            raise KeyboardInterrupt

    before = signals.answer(end)
    try:
        yield
    finally:
        if not (ended and for_good):
            signals.give_back(before)
        elif hasattr(signal, "pthread_sigmask"):  # Python drops its handlers before it ends
            signal.pthread_sigmask(signal.SIG_BLOCK, before)


def _run(chosen: list[Study], options: argparse.Namespace) -> int:
    seeds = None if options.seeds is None else range(options.seeds)
    runs = [run for study in chosen for run in study.runs(seeds)]
    if options.dry_run:
        absent = missing(runs, options.results)
        for run in absent:
            _say(f"{run.study}/{run.name}")
        _say(f"{len(absent)} of {len(runs)} runs to make, in {folder(options.results)}")
        return DONE
    try:
        executor = _executor(options)
    except ValueError as error:
        return _complain(error, MISUSED)
    report = execute(
        runs,
        results=options.results,
        workers=options.workers,
        device=options.device,
        executor=executor,
        log=_tell,
    )
    failed = report.failed
    for outcome in failed:
        _tell(outcome)
    _say(
        f"runs made: {len(report.outcomes) - len(failed)}, already there: {report.present}, in "
        f"{_where(options)}"
    )
    if failed or report.ended:
        why = f": {report.ended}" if report.ended else ""
        text = f"runs failed: {len(failed)}, not made: {report.unmade}{why}"
        return _complain(f"{text}. The same command tries again", FAILED)
    return DONE


def _executor(options: argparse.Namespace) -> Executor | None:
    """What makes the runs; None for processes side by side."""
    if options.scheduler is not None and options.executor != "dask":
        raise ValueError("--scheduler is for --executor dask")
    if options.executor == "dask":
        return on_dask(options.scheduler, options.workers)
    return batched if options.executor == "batched" else None


def _list(chosen: list[Study], options: argparse.Namespace) -> int:
    rows: list[tuple[str, ...]] = [("study", "settings", "seeds", "recorded", "what it is")]
    problems = []
    for study in chosen:
        found = find(study, options.results)
        problems += found.problems
        count = sum(len(histories) for histories in found.histories.values())
        total = len(study.runs())
        rows.append(
            (
                study.name,
                str(len(study.settings)),
                str(len(study.seeds)),
                f"{count}/{total}",
                study.description,
            )
        )
    _print_table(rows)
    _say(f"records: {_where(options)}")
    if not options.names and len(places(options.results)) == 1:
        place = folder(options.results)
        known = {study.name for study in chosen}
        with suppress(OSError), os.scandir(place) as entries:  # told of each study already
            folders = {entry.name for entry in entries if entry.is_dir()}
            foreign = sorted(name for name in folders - known if not name.startswith("."))
            problems += [f"{place / name} belongs to no study" for name in foreign]
    return _summary(problems)


def _show(chosen: list[Study], options: argparse.Namespace) -> int:
    problems = []
    for position, study in enumerate(chosen):
        _say("\n" * (position > 0) + f"{study.name}: {study.description}")
        if study.decides:
            _say(textwrap.fill(f"It decides: {study.decides}", WIDTH))
        found = find(study, options.results)
        problems += found.problems
        titles = [f"{title} [95 %]" for title, _, _ in MEASURES]
        rows = [("setting", "seeds", *titles, "stopped early")]
        rows += [_row(label, of_label) for label, of_label in found.histories.items()]
        _print_table(rows)
        made = {
            tuple(history.provenance.get(name, "(not told)") for name in ("device", "torch"))
            for of_label in found.histories.values()
            for history in of_label
        }
        for device, version in sorted(made):
            _say(f"made on {device}, torch {version}")
    return _summary(problems)


def _check(chosen: list[Study], options: argparse.Namespace) -> int:
    runs = [run for study in chosen for run in study.runs()]
    found = repeat(
        runs,
        sample=options.sample,
        results=options.results,
        workers=options.workers,
        device=options.device,
        log=_tell,
    )
    for one in found:
        _say(one)
    counts = Counter(one.word for one in found)
    told = ", ".join(f"{count} {word}" for word, count in counts.items())
    _say(f"recorded runs made again: {len(found)}" + f" ({told})" * bool(found))
    if options.note:
        _say(f"noted in {note(found, options.results)}")
    return FAILED if counts["different"] or counts["failed"] else DONE


def _claims(options: argparse.Namespace) -> int:
    from lrlab.claims import UnknownClaim, ledger  # late, as no other command needs it

    try:
        found = ledger(options.names)
    except UnknownClaim as error:
        return _complain(error, MISUSED)
    if options.json:
        _say(json.dumps(found.to_list(), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        _say(repr(found))
        counts = Counter(entry.word for entry in found)
        _say(f"\n{len(found)} claims: {', '.join(f'{n} {word}' for word, n in counts.items())}")
    return DONE


def _where(options: argparse.Namespace) -> str:
    """Where records are looked for."""
    return ", then ".join(map(str, places(options.results)))


def _row(label: str, histories: list[History]) -> tuple[str, ...]:
    """The last epoch's mean and interval over the seeds that reached it."""
    from lrlab.statistics import mean_interval

    finished = [history for history in histories if history.stopped is None]
    cells = []
    for _, name, digits in MEASURES:
        values = [getattr(history, name)[-1] for history in finished]
        if len(values) > 1:
            cells.append(mean_interval(values).format(digits))
        else:
            cells.append(f"{values[0]:.{digits}f}" if values else "-")
    stopped = len(histories) - len(finished)
    return label, str(len(histories)), *cells, str(stopped or "")


def _print_table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        _say("  ".join(cells).rstrip())


def _say(text: object) -> None:
    """Print what the command is for."""
    _print(str(text), sys.stdout)


def _tell(text: object) -> None:
    """Print what is said besides; that nobody can read it stops nothing."""
    try:
        _print(str(text), sys.stderr)
    except (OSError, ValueError):
        _give_up(sys.stderr)


def _complain(message: object, status: int) -> int:
    _tell(f"lrlab: {message}")
    return status


def _summary(problems: list[str]) -> int:
    return _complain("\n".join(dict.fromkeys(problems)), FAILED) if problems else DONE


def _print(text: str, stream: TextIO) -> None:
    """Print lines in letters that the stream has, and with which a terminal does nothing."""
    lines = "\n".join(checks.printable(line) for line in text.split("\n"))
    encoding = stream.encoding or "utf-8"
    print(lines.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)


def _give_up(stream: TextIO) -> None:
    """Let what cannot be written go nowhere, or Python would try and complain once more."""
    with suppress(OSError, ValueError), open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), stream.fileno())

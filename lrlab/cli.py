"""The command ``lrlab``: run, list and show the recorded studies."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
import textwrap
from collections.abc import Mapping, Sequence

from lrlab.data import DataError
from lrlab.studies import STUDIES, Study, UnknownStudy, execute, find, folder, load, missing, select
from lrlab.training import History

DONE, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130
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
        130 after Ctrl-C.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    parser = _parser()
    try:
        options = parser.parse_args(arguments)
        chosen = select(options.names, studies)
        return {"run": _run, "list": _list, "show": _show}[options.command](chosen, options)
    except UnknownStudy as error:
        return _complain(error, MISUSED)
    except (ValueError, DataError) as error:  # a RecordError is a ValueError
        return _complain(error, FAILED)
    except KeyboardInterrupt:
        again = shlex.join(["lrlab", *arguments])
        print(
            f"\nStopped. What is finished is recorded; the same command goes on from there:\n"
            f"  {again}",
            file=sys.stderr,
        )
        return INTERRUPTED


def _run(chosen: list[Study], options: argparse.Namespace) -> int:
    seeds = None if options.seeds is None else range(options.seeds)
    runs = [run for study in chosen for run in study.runs(seeds)]
    if options.dry_run:
        absent = missing(runs, options.results)
        for run in absent:
            print(f"{run.study}/{run.name}")
        print(f"{len(absent)} of {len(runs)} runs to make, in {folder(options.results)}")
        return DONE

    def log(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    # A plain `kill` ends the workers as orderly as Ctrl-C does.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        report = execute(
            runs, results=options.results, workers=options.workers, device=options.device, log=log
        )
    finally:
        signal.signal(signal.SIGTERM, before)
    failed = report.failed
    print(
        f"runs made: {len(report.outcomes) - len(failed)}, already there: {report.present}, in "
        f"{folder(options.results)}"
    )
    for outcome in failed:
        print(outcome, file=sys.stderr)
    if failed or report.ended:
        why = f": {report.ended}" if report.ended else ""
        text = f"runs failed: {len(failed)}, not made: {report.unmade}{why}"
        return _complain(f"{text}. The same command tries again", FAILED)
    return DONE


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
    if not options.names:
        place = folder(options.results)
        known = {study.name for study in chosen}
        folders = sorted(entry for entry in place.glob("[!.]*") if entry.is_dir())
        problems += [f"{entry} belongs to no study" for entry in folders if entry.name not in known]
    return _complain("\n".join(problems), FAILED) if problems else DONE


def _show(chosen: list[Study], options: argparse.Namespace) -> int:
    for position, study in enumerate(chosen):
        print("\n" * (position > 0) + f"{study.name}: {study.description}")
        if study.decides:
            print(textwrap.fill(f"It decides: {study.decides}", WIDTH))
        histories = load(study, options.results, complete=False)
        titles = [f"{title} [95 %]" for title, _, _ in MEASURES]
        rows = [("setting", "seeds", *titles, "stopped early")]
        rows += [_row(label, of_label) for label, of_label in histories.items()]
        _print_table(rows)
        made = {
            (history.provenance["device"], f"torch {history.provenance['torch']}")
            for of_label in histories.values()
            for history in of_label
        }
        for device, version in sorted(made):
            print(f"made on {device}, {version}")
    return DONE


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
        print("  ".join(cells).rstrip())


def _complain(message: object, status: int) -> int:
    print(f"lrlab: {message}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lrlab",
        description="Recorded studies of learning-rate strategies: make them, list them, sum them "
        "up. A run is a JSON file; what is recorded is never made again.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--results", metavar="DIR", help="folder of the records (default: book/results)"
    )
    pattern = "a study, or a quoted pattern such as 'D2-*'"

    run = commands.add_parser(
        "run",
        parents=[common],
        help="make the runs that are missing",
        description="Make the runs that have no record yet. Ctrl-C is safe: finished runs are "
        "kept, and the same command goes on from there.",
        epilog="Example: lrlab run 'D2-*' --seeds 5 --workers 2",
    )
    run.add_argument("names", nargs="+", metavar="NAME", help=pattern)
    run.add_argument(
        "--seeds", type=_count, metavar="N", help="seeds 0 to N-1 (default: the study's own)"
    )
    run.add_argument(
        "--workers", type=_count, metavar="N", help="runs side by side (default: one a CPU core)"
    )
    run.add_argument(
        "--device", default="auto", help="cpu, cuda, mps or auto: a GPU if there is one (default)"
    )
    run.add_argument("--dry-run", action="store_true", help="only say what would be made")

    listing = commands.add_parser(
        "list",
        parents=[common],
        help="the studies, and how many of their runs are recorded",
        description="List the studies, and how many of their runs are recorded.",
    )
    listing.add_argument("names", nargs="*", metavar="NAME", help=f"{pattern} (default: all)")

    show = commands.add_parser(
        "show",
        parents=[common],
        help="the results of a study",
        description="For each setting, the last epoch's mean over the seeds, with its 95 %% "
        "interval. Runs that stopped early are counted, not averaged.",
    )
    show.add_argument("names", nargs="+", metavar="NAME", help=pattern)
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a positive integer, received {text!r}")
    return int(text)

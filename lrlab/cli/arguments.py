"""What the command ``lrlab`` understands."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from lrlab.studies import most_workers
from lrlab.utils import checks

MOST_SEEDS = 1_000  # from there on they are those of networks that start afresh within a run


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    whole = argparse.ArgumentParser(
        prog="lrlab",
        description="Recorded studies of learning-rate strategies: make them, list them, sum them "
        "up. A run is a JSON file; what is recorded is never made again.",
    )
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--results",
        metavar="DIR",
        help="folder of the records (default: book/results of the "
        "checkout; for an installed lrlab results, and then the records that came along)",
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
        "--seeds",
        type=_count(MOST_SEEDS),
        metavar="N",
        help="seeds 0 to N-1 (default: the study's own)",
    )
    _add_machine(run)
    run.add_argument(
        "--executor",
        choices=("local", "dask", "batched"),
        default="local",
        help="what makes the runs: processes side by side (default), the workers of a Dask "
        "cluster, or one program for many runs on a GPU",
    )
    run.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="of a Dask cluster, such as tcp://HOST:8786 (default: a cluster on this machine, of "
        "--workers processes)",
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

    check = commands.add_parser(
        "check",
        parents=[common],
        help="make recorded runs again, and compare",
        description="Make recorded runs again and compare: equal to the last bit, close, as with "
        "sums in another order, or different, and from which epoch on. The records stay.",
        epilog="Example: lrlab check 'sensitivity-*' --sample 3",
    )
    check.add_argument("names", nargs="*", metavar="NAME", help=f"{pattern} (default: all)")
    check.add_argument(
        "--sample", type=_count(MOST_SEEDS), metavar="N", help="only N runs, drawn at random"
    )
    _add_machine(check)
    check.add_argument(
        "--note", action="store_true", help="note beside the records when and where it was done"
    )

    claims = commands.add_parser(
        "claims",
        help="the claims of the source documents, and what the records say of them",
        description="Each claim with its verdict; for each condition under which it was tried, the "
        "effect with its 95 %% interval, the seeds, the interval that all claims of its chapter "
        "together need (Holm), and what it is held against.",
    )
    claims.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="a claim, or a quoted pattern such as 'D2.*' (default: all)",
    )
    claims.add_argument("--json", action="store_true", help="as JSON, rules and records included")
    return whole


def _add_machine(parser: argparse.ArgumentParser) -> None:
    """Add what says where runs are made."""
    parser.add_argument(
        "--workers",
        type=_count(most_workers()),
        metavar="N",
        help="runs side by side (default: one a CPU core)",
    )
    parser.add_argument(
        "--device", default="auto", help="cpu, cuda, mps or auto: a GPU if there is one (default)"
    )


def _count(most: int) -> Callable[[str], int]:
    def count(text: str) -> int:
        if not text.isdecimal() or len(text) > len(str(most)) or not 1 <= int(text) <= most:
            raise argparse.ArgumentTypeError(
                f"must be an integer from 1 to {most}, received {checks.printable(text, 40)!r}"
            )
        return int(text)

    return count

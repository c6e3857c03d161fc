"""The literature of chapter 12, tried on all problems and budgets: which schedule."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from lrlab.claims import evidence
from lrlab.claims.claim import Claim, Trial
from lrlab.claims.evidence import Values, combined, less
from lrlab.statistics import Pairs
from lrlab.studies import CELLS, Cell

CHAPTER = "which_schedule"
MARGINS = "margins"  # the unit: 1 point of accuracy on images, 0.02 nats of loss for the decoder
STOPS = (0.25, 0.5, 0.75)
#: Cells that have another one of half the epochs.
LONGER = tuple(cell for cell in CELLS if Cell(cell.problem, cell.epochs // 2) in CELLS)
FINALS = tuple(cell.study for cell in CELLS)
TRIALS = tuple(cell.study_of_trials for cell in CELLS)
NETWORKS = "LeNet, AlexNet of an eighth of the width and a decoder"

OfCell = Callable[[Cell], Values]


def tested(cell: Cell) -> dict[str, Values]:
    """What every schedule ends with on the test examples."""
    return cell.tested(evidence.runs(cell.study))


def over(cells: tuple[Cell, ...], of_cell: OfCell) -> Pairs:
    """The mean over cells, for each seed, of what a cell gives in its own unit."""
    margins = [cell.margin for cell in cells]

    def mean(*values: float) -> float:
        return float(np.mean(np.divide(values, margins)))

    return combined(mean, *map(of_cell, cells))


def more(first: str, second: str, cell: Cell) -> Values:
    """How much higher the first schedule's error or loss is than the second one's."""
    ends = tested(cell)
    return less(ends[first], ends[second]).differences


def reference_less(name: str, cell: Cell) -> Values:
    """The error or loss of the schedule that is best in the trials, less that of another."""
    return more(cell.reference(evidence.runs(cell.study_of_trials)), name, cell)


def stopped_early(first: str, second: str, cell: Cell) -> Values:
    """How much higher the first one's is on held-out examples, the mean over early stops."""
    curves = [cell.stopped(part, evidence.runs(cell.study)) for part in STOPS]
    behind = [less(curve[first], curve[second]).differences for curve in curves]
    return {seed: float(np.mean([of[seed] for of in behind])) for seed in behind[0]}


def less_half_as_long(first: str, second: str, cell: Cell) -> Values:
    """The first schedule's error or loss, less that of the second with half of the epochs."""
    half = Cell(cell.problem, cell.epochs // 2)
    return less(tested(cell)[first], tested(half)[second]).differences


def _trial(
    what: str,
    effect: OfCell,
    margin: float,
    *,
    where: str = f"{NETWORKS} at 4, 8 and 16 epochs, mean of nine cells",
    cells: tuple[Cell, ...] = CELLS,
    studies: tuple[str, ...] = FINALS,
) -> Trial:
    return Trial(
        f"{where}, tuned rates: {what}",
        partial(over, cells, effect),
        margin=margin,
        unit=MARGINS,
        evidence=studies,
    )


ENDS = (
    "Error or loss on test examples after the last epoch, each schedule at the rate that held-out "
    "ones chose, in units of the margin (1 point, or 0.02 nats), the mean of "
)
RULE = ENDS + "nine cells: "
KNOWN = "The rule was written when one cell of nine was known, the decoder after 8 epochs."


def claims() -> list[Claim]:
    """L12.1 to L12.6."""
    return [
        Claim(
            "L12.1",
            "A linear decay to 0 is a schedule for every budget.",
            chapter=CHAPTER,
            paper="Li, Yumer and Ramanan 2020, arXiv:1905.04753",
            rule=RULE + "the schedule that is best in the trials less linear, above -1.",
            trials=(
                _trial("reference less linear", partial(reference_less, "linear"), -1,
                       studies=FINALS + TRIALS),
            ),
            figure="fig-standings",
            note=KNOWN + " The reference is chosen by one run for each rate: another schedule may "
            "be better than it on the test examples.",
        ),
        Claim(
            "L12.2",
            "A decay of the rate is better than none.",
            chapter=CHAPTER,
            paper="Li, Yumer and Ramanan 2020, arXiv:1905.04753",
            rule=RULE + "constant less linear, above 1.",
            trials=(_trial("constant less linear", partial(more, "constant", "linear"), 1),),
            figure="fig-standings",
            note=KNOWN,
        ),
        Claim(
            "L12.3",
            "A linear decay beats a cosine on most problems.",
            chapter=CHAPTER,
            paper="Defazio, Cutkosky, Mehta and Mishchenko 2023, arXiv:2310.07831",
            rule=RULE + "cosine less linear, above 1.",
            trials=(_trial("cosine less linear", partial(more, "cosine", "linear"), 1),),
            figure="fig-standings",
            note=KNOWN,
        ),
        Claim(
            "L12.4",
            "A constant rate with a cooldown is as good as a cosine.",
            chapter=CHAPTER,
            paper="Hägele and others 2024, arXiv:2405.18392",
            rule=RULE + "cosine less trapezoid, above -1.",
            trials=(_trial("cosine less trapezoid", partial(more, "cosine", "trapezoid"), -1),),
            figure="fig-standings",
            note=KNOWN,
        ),
        Claim(
            "L12.5",
            "Warm restarts are better than one decay if the run is stopped early.",
            chapter=CHAPTER,
            paper="Loshchilov and Hutter 2017, arXiv:1608.03983",
            rule="Error or loss of the same runs on held-out examples, the mean over 25, 50 and "
            "75 % of the epochs and over nine cells, in margins: cosine less restarts, above 1.",
            trials=(
                _trial("stopped early, cosine less restarts",
                       partial(stopped_early, "cosine", "restarts"), 1),
            ),
            figure="fig-anytime",
            note=KNOWN + " A cycle is a fourth of the run behind the ramp: on images every stop "
            "falls on the end of a cycle; in the decoder, with its ramp of an epoch, none does.",
        ),
        Claim(
            "L12.6",
            "One cycle needs fewer epochs than a rate that falls in steps.",
            chapter=CHAPTER,
            paper="Smith and Topin 2018, arXiv:1708.07120",
            rule=ENDS + "three problems, 4 against 8 and 8 against 16 epochs: steps less one cycle "
            "of half the epochs, above -1.",
            trials=(
                _trial("steps less one cycle of half the epochs",
                       partial(less_half_as_long, "steps", "one cycle"), -1,
                       where=f"{NETWORKS} at 8 and 16 epochs, mean of six cells", cells=LONGER),
            ),
            figure="fig-standings",
            note=KNOWN,
        ),
    ]  # fmt: skip

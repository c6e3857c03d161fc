"""The literature of chapter 11: schedules at tuned rates, and what came after AdamW."""

from __future__ import annotations

import math
from functools import partial

from lrlab.claims.claim import BEFORE, Claim, Trial
from lrlab.claims.evidence import Values, each, less, runs
from lrlab.claims.transformers import CHAPTER, MARGIN, SYMBOLS
from lrlab.statistics import Pairs
from lrlab.training import History


def _tested(study: str, label: str) -> Values:
    """The loss on the test sequences, looked at once, after the last epoch."""

    def value(run: History) -> float:
        return math.log(SYMBOLS) if run.stopped else float(run.measured["test"]["loss"])

    return each(study, label, value)


def _against(study: str, first: str, second: str, *, margin: float = MARGIN) -> Trial:
    """That the second way's test loss is lower than the first one's, each at its chosen rate."""

    def effect() -> Pairs:
        labels = {label.rpartition(", lr ")[0]: label for label in runs(study)}
        return less(*(_tested(study, labels[name]) for name in (first, second)))

    return Trial(
        f"the decoder on the Markov language, 8 epochs, tuned rates: {first} less {second}",
        effect,
        margin=margin,
        unit="nats",
        evidence=(study,),
        declared=BEFORE,
    )


TESTED = "Loss on test sequences after epoch 8, each way at the rate that held-out ones chose, "


def _later_claims() -> list[Claim]:
    compare = partial(_against, "decoder-optimizers")
    line = "AdamW, linear"
    return [
        Claim(
            "L11.13",
            "A schedule-free optimizer needs no schedule.",
            chapter=CHAPTER,
            paper="Defazio and others 2024, arXiv:2405.15682",
            rule=TESTED + "AdamW with a line to 0 less schedule-free AdamW: above -0.02 nats; and "
            "AdamW at a constant rate less it: above 0.02 nats.",
            trials=(
                compare(line, "schedule-free", margin=-MARGIN),
                compare("AdamW, constant", "schedule-free"),
            ),
            figure="fig-after-adam",
            note="All have the same ramp.",
        ),
        Claim(
            "L11.14",
            "Muon gains on AdamW.",
            chapter=CHAPTER,
            paper="Liu, Su and others 2025, arXiv:2502.16982",
            rule=TESTED + "AdamW with a line to 0 less Muon with one: above 0.02 nats.",
            trials=(compare(line, "Muon, linear"),),
            figure="fig-after-adam",
        ),
        Claim(
            "L11.15",
            "Lion gains on AdamW.",
            chapter=CHAPTER,
            paper="Chen and others 2023, arXiv:2302.06675",
            rule=TESTED + "AdamW with a line to 0 less Lion with one: above 0.02 nats.",
            trials=(compare(line, "Lion, linear"),),
            figure="fig-after-adam",
        ),
    ]


def _schedule_claims() -> list[Claim]:
    compare = partial(_against, "which-decoder-8")
    return [
        Claim(
            "L11.16",
            "For language models a linear decay to 0 beats one to a tenth of the peak.",
            chapter=CHAPTER,
            paper="Bergsma and others 2025, arXiv:2502.15938",
            rule=TESTED + "a line to a tenth less one to 0: above 0.02 nats.",
            trials=(compare("linear to a tenth", "linear"),),
            figure="fig-schedules",
        ),
        Claim(
            "L11.17",
            "A linear decay beats a cosine.",
            chapter=CHAPTER,
            paper="Defazio, Cutkosky, Mehta and Mishchenko 2023, arXiv:2310.07831",
            rule=TESTED + "a cosine less a line, both to 0: above 0.02 nats.",
            trials=(compare("cosine", "linear"),),
            figure="fig-schedules",
        ),
        Claim(
            "L11.18",
            "A constant rate with a cooldown is as good as a cosine.",
            chapter=CHAPTER,
            paper="Hägele and others 2024, arXiv:2405.18392",
            rule=TESTED + "a cosine less a trapezoid: above -0.02 nats.",
            trials=(compare("cosine", "trapezoid", margin=-MARGIN),),
            figure="fig-schedules",
        ),
        Claim(
            "L11.19",
            "Adaptive optimizers gain from a decay of the rate too.",
            chapter=CHAPTER,
            paper="Loshchilov and Hutter 2019, arXiv:1711.05101",
            rule=TESTED + "a constant rate less a line to 0: above 0.02 nats.",
            trials=(compare("constant", "linear"),),
            figure="fig-schedules",
        ),
    ]


def claims() -> list[Claim]:
    """L11.13 to L11.19."""
    return [*_later_claims(), *_schedule_claims()]

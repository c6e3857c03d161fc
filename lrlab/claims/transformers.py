"""The literature of chapter 11: warm-up, longer runs, weight decay and spikes under AdamW."""

from __future__ import annotations

import math
from collections.abc import Hashable
from functools import partial

import numpy as np

from lrlab.claims import evidence
from lrlab.claims.claim import BEFORE, Claim, Trial
from lrlab.claims.evidence import Values, combined, each, less
from lrlab.statistics import Pairs, spikes
from lrlab.training import History

CHAPTER = "transformers"
DECODER = "the decoder with AdamW on the Markov language"
SYMBOLS = 24
RATES = (0.001, 0.003, 0.01, 0.03)  # of the studies of ramps
MARGIN = 0.02  # nats
PLACES = {"before": "normalised before", "after": "normalised after"}
GUESSES = " A run that overflows counts as guessing, log 24."


def _loss(study: str, label: str) -> Values:
    """The loss on held-out sequences after the last epoch."""
    return evidence.last(study, label, "test_loss", guess=True, classes=SYMBOLS)


def _gain(study: str, first: str, second: str) -> Pairs:
    """By how much the second setting's loss is lower, seed by seed."""
    return less(_loss(study, first), _loss(study, second))


def _trial(
    study: str, words: str, first: str, second: str, *, margin: float = MARGIN, kind: str = "more"
) -> Trial:
    """That the second setting's loss is lower than the first one's by more than the margin."""
    return Trial(
        f"{DECODER}, {words}",
        partial(_gain, study, first, second),
        margin=margin,
        unit="nats",
        kind=kind,
        evidence=(study,),
        declared=BEFORE,
    )


def _ramp(place: str, ramp: int, lr: float) -> str:
    return f"{place}, ramp {ramp}, lr {lr:g}"


def _ramp_helps(place: str, lr: float) -> Trial:
    return _trial(
        "decoder-warmup",
        f"{PLACES[place]}, 4 epochs, lr {lr:g}: none less a ramp of 150",
        _ramp(place, 0, lr),
        _ramp(place, 150, lr),
    )


def _needs_less(study: str, blocks: str, lr: float) -> Trial:
    def effect() -> Pairs:
        columns = [
            _loss(study, _ramp(place, ramp, lr))
            for place in ("after", "before")
            for ramp in (0, 150)
        ]
        return combined(lambda a, b, c, d: (a - b) - (c - d), *columns)

    return Trial(
        f"{DECODER}, {blocks} blocks, 4 epochs, lr {lr:g}: gain of the ramp, normalised after "
        "less before",
        effect,
        margin=MARGIN,
        unit="nats",
        evidence=(study,),
        declared=BEFORE,
    )


def _larger_rate(place: str) -> Trial:
    """How much larger the rate with the lowest mean is with the ramp, in decades.

    For each seed it is the mean of the others, so that one seed is seen to decide nothing.
    """

    def best(ramp: int) -> Values:
        ends = {lr: _loss("decoder-warmup", _ramp(place, ramp, lr)) for lr in RATES}

        def lowest(seed: Hashable) -> float:
            others = {
                lr: np.mean([end for other, end in of.items() if other != seed])
                for lr, of in ends.items()
            }
            return math.log10(min(others, key=others.__getitem__))

        return {seed: lowest(seed) for seed in ends[RATES[0]]}

    return Trial(
        f"{DECODER}, {PLACES[place]}, 4 epochs: best of four rates with a ramp of 150 over without",
        lambda: less(best(150), best(0)),
        margin=0.2,
        unit="decades",
        evidence=("decoder-warmup",),
        declared=BEFORE,
    )


def _warmup_claims() -> list[Claim]:
    return [
        Claim(
            "L11.1",
            "Under AdamW a transformer gains from a warm-up.",
            chapter=CHAPTER,
            paper="Kosson, Messmer and Jaggi 2024, arXiv:2410.23922",
            rule="Loss on held-out sequences after epoch 4, none less a ramp of 150 updates, at "
            "each of four rates and for both places of the normalisation: above 0.02 nats."
            + GUESSES,
            trials=tuple(_ramp_helps(place, lr) for place in PLACES for lr in RATES),
            figure="fig-ramps",
        ),
        Claim(
            "L11.2",
            "A transformer that is normalised before its blocks needs less warm-up than one that "
            "is normalised after them.",
            chapter=CHAPTER,
            paper="Xiong and others 2020, arXiv:2002.04745",
            rule="The gain of a ramp of 150 updates in loss after epoch 4, when normalised after "
            "less when normalised before, at each of the rates: above 0.02 nats. One rate is "
            "enough: 'depends' means that it holds at some." + GUESSES,
            trials=(
                *(_needs_less("decoder-warmup", "two", lr) for lr in RATES),
                *(_needs_less("decoder-warmup-deep", "six", lr) for lr in (0.003, 0.01)),
            ),
            figure="fig-ramps",
        ),
        Claim(
            "L11.3",
            "The main gain of a warm-up is that it lets a larger rate in.",
            chapter=CHAPTER,
            paper="Kalra and Barkeshli 2024, arXiv:2406.09405",
            rule="The rate whose loss after epoch 4 is lowest in the mean of five seeds, with a "
            "ramp of 150 updates over without: larger, so by a step of the grid, 0.5 decades, or "
            "more; above 0.2 decades.",
            trials=tuple(map(_larger_rate, PLACES)),
            figure="fig-ramps",
            note="For each seed the mean is that of the four others; all five choose alike.",
        ),
    ]


WELL = "linear, planned for 8"


def _extending_claims() -> list[Claim]:
    def trial(way: str, words: str, *, worse: bool = False) -> Trial:
        first, second = (way, WELL) if worse else (WELL, way)
        margin = MARGIN if worse else -MARGIN
        return _trial("decoder-extending", words, first, second, margin=margin)

    return [
        Claim(
            "L11.4",
            "A constant rate with a cooldown can be extended after its end without a loss.",
            chapter=CHAPTER,
            paper="Hägele and others 2024, arXiv:2405.18392",
            rule="Loss after epoch 8, a line planned for 8 less a trapezoid that was cooled at "
            "epoch 4, goes on with its weights at the peak rate and is cooled again: above -0.02 "
            "nats.",
            trials=(trial("trapezoid, cooled twice", "8 epochs: line less trapezoid twice"),),
            figure="fig-extending",
        ),
        Claim(
            "L11.5",
            "A cosine has to be planned for the length of the run.",
            chapter=CHAPTER,
            paper="Hoffmann and others 2022, arXiv:2203.15556",
            rule="Loss after epoch 8, a cosine to a tenth planned for 4 that stays at its end, "
            "less a line planned for 8: above 0.02 nats.",
            trials=(
                trial("cosine for 4, then its end", "8 epochs: cosine for 4 less line", worse=True),
            ),
            figure="fig-extending",
        ),
        Claim(
            "L11.6",
            "To warm up again and decay again makes up for a decay that came too early.",
            chapter=CHAPTER,
            paper="Ibrahim and others 2024, arXiv:2403.08763",
            rule="Loss after epoch 8, a line planned for 8 less two lines of 4 epochs, each with a "
            "ramp: above -0.02 nats.",
            trials=(trial("linear for 4, then again", "8 epochs: line less two lines"),),
            figure="fig-extending",
        ),
    ]


def _decay_claims() -> list[Claim]:
    def label(decay: float, schedule: str) -> str:
        return f"decay {decay:g}, {schedule}"

    def scheduled() -> Pairs:
        columns = [
            _loss("decoder-decay", label(decay, schedule))
            for schedule in ("linear", "constant")
            for decay in (0, 1)
        ]
        return combined(lambda a, b, c, d: (a - b) - (c - d), *columns)

    return [
        Claim(
            "L11.7",
            "Weight decay lowers the loss of a language model.",
            chapter=CHAPTER,
            paper="D'Angelo, Andriushchenko, Varre and Flammarion 2023, arXiv:2310.04415",
            rule="Loss after epoch 8, decay 0 less 0.01, 0.1 or 1, with a line to 0 and with a "
            "constant rate: above 0.02 nats.",
            trials=tuple(
                _trial(
                    "decoder-decay",
                    f"{schedule}, 8 epochs: decay 0 less {decay:g}",
                    label(0, schedule),
                    label(decay, schedule),
                )
                for schedule in ("linear", "constant")
                for decay in (0.01, 0.1, 1)
            ),
            figure="fig-decay",
        ),
        Claim(
            "L11.8",
            "What a weight decay brings does not depend on the schedule of the rate.",
            chapter=CHAPTER,
            paper="Loshchilov and Hutter 2019, arXiv:1711.05101",
            rule="The gain of the decay 1 over 0 after epoch 8, with a line to 0 less with a "
            "constant rate: within 0.02 nats.",
            trials=(
                Trial(
                    f"{DECODER}, 8 epochs: gain of the decay 1, linear less constant",
                    scheduled,
                    margin=MARGIN,
                    unit="nats",
                    kind="same",
                    evidence=("decoder-decay",),
                    declared=BEFORE,
                ),
            ),
            figure="fig-decay",
            note="The paper says it of the size of the rate, and multiplies the decay by the "
            "schedule alone; in PyTorch and Keras it is multiplied by the rate.",
        ),
        Claim(
            "L11.9",
            "Biases and the numbers of a normalisation should not be decayed.",
            chapter=CHAPTER,
            paper="He and others 2019, arXiv:1812.01187",
            rule="Loss after epoch 8 with the decay 1, all parameters decayed less all but the "
            "vectors: above 0.02 nats.",
            trials=(
                _trial(
                    "decoder-decay",
                    "linear, 8 epochs, decay 1: all less without vectors",
                    label(1, "linear"),
                    "decay 1 without vectors, linear",
                ),
            ),
            figure="fig-decay",
            note="The paper trains networks for images with SGD.",
        ),
    ]


def _spikes(run: History) -> float:
    """How many batches after the ramp have a loss that jumps out; all if the run overflowed."""
    losses = run.measured["updates"]["loss"]
    return float(np.sum(spikes(losses) >= run.steps_per_epoch))


def _fewer(words: str, first: str, second: str) -> Trial:
    return Trial(
        f"{DECODER}, 8 epochs, lr 0.03: {words}",
        lambda: less(*(each("decoder-spikes", label, _spikes) for label in (first, second))),
        margin=0,
        unit="spikes",
        evidence=("decoder-spikes",),
        declared=BEFORE,
    )


def _spike_claims() -> list[Claim]:
    return [
        Claim(
            "L11.10",
            "For language models the β₂ of Adam should be smaller than 0.999.",
            chapter=CHAPTER,
            paper="Brown and others 2020, arXiv:2005.14165, who train with 0.95",
            rule="Loss after epoch 8, β₂ of 0.999 less another one, at two rates: above 0.02 nats.",
            trials=tuple(
                _trial(
                    "decoder-beta2",
                    f"8 epochs, lr {lr:g}: β₂ 0.999 less {beta2:g}",
                    f"beta2 0.999, lr {lr:g}",
                    f"beta2 {beta2:g}, lr {lr:g}",
                )
                for lr in (0.01, 0.03)
                for beta2 in (0.99, 0.95, 0.9)
            ),
            figure="fig-beta2",
        ),
        Claim(
            "L11.11",
            "A smaller β₂ prevents spikes of the loss.",
            chapter=CHAPTER,
            paper="Wortsman and others 2023, arXiv:2304.13013",
            rule="A spike is a batch after the ramp whose loss lies 0.5 nats above the median of "
            "the 50 before it. Their number per run, β₂ of 0.999 less 0.95: above 0.",
            trials=(
                _fewer(
                    "β₂ 0.999 less 0.95", "beta2 0.999, clipping none", "beta2 0.95, clipping none"
                ),
            ),
        ),
        Claim(
            "L11.12",
            "Clipping the gradient prevents spikes of the loss.",
            chapter=CHAPTER,
            paper="Pascanu, Mikolov and Bengio 2013, arXiv:1211.5063",
            rule="Spikes per run, counted as for L11.11, none less clipping at 1: above 0.",
            trials=tuple(
                _fewer(
                    f"β₂ {beta2:g}, without clipping less with",
                    f"beta2 {beta2:g}, clipping none",
                    f"beta2 {beta2:g}, clipping at 1",
                )
                for beta2 in (0.95, 0.999)
            ),
            note="The paper clips recurrent networks under SGD.",
        ),
    ]


def claims() -> list[Claim]:
    """L11.1 to L11.12."""
    return [*_warmup_claims(), *_extending_claims(), *_decay_claims(), *_spike_claims()]

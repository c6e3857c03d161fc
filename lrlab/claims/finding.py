"""The literature of chapter 9: range tests, successive halving, batch sizes and rates."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from functools import partial
from typing import Any

import numpy as np

from lrlab.claims import evidence
from lrlab.claims.claim import BEFORE, Claim, Trial
from lrlab.claims.evidence import Values
from lrlab.statistics import Pairs, best_rate, paired
from lrlab.studies import range_tests, searches

CHAPTER = "finding_a_rate"
PROBLEMS = {
    "LeNet": "LeNet with momentum on Fashion-MNIST",
    "AlexNet": "AlexNet of an eighth of the width with momentum on CIFAR-10",
    "decoder": "the decoder with AdamW on the Markov language",
}
RULES = {"steepest": "steepest", "minimum / 10": "minimum_tenth", "valley": "valley"}
# What was searched in which records: all ways of a problem are found at once.
_SEARCHED: dict[str, tuple[Any, Any]] = {}
NEAR = 0.95  # of the seeds: all of them


def _share(good: Mapping[Hashable, float]) -> Pairs:
    return paired(good, dict.fromkeys(good, 0.0))


def _best(study: str, start: str = "", *, ends: bool = False) -> Values:
    """For each seed the best rate of a grid whose labels begin so."""
    runs = {
        float(label.rpartition(" ")[2]): of
        for label, of in evidence.runs(study).items()
        if label.startswith(start)
    }
    losses = [[run.test_loss[-1] for run in of] for of in runs.values()]
    seeds = [run.recipe.seed for run in next(iter(runs.values()))]
    return dict(zip(seeds, best_rate(list(runs), losses, ends=ends).tolist(), strict=True))


def _trusted(problem: str, rule: str) -> Pairs:
    """For each seed whether the rule's suggestion is within a factor of 3 of the best rate."""
    best = np.mean(np.log(list(_best(f"rates-{problem}").values())))
    good: Values = {}
    for seed, test in range_tests(evidence.runs(f"range-{problem}")["range test"]).items():
        lr = test.suggestions()[rule]
        good[seed] = float(lr is not None and abs(math.log(lr) - best) <= math.log(3))
    return _share(good)


def _finds(problem: str, way: str) -> Pairs:
    """For each seed in what part of its searches they come within 10 % of the best loss."""
    records = tuple(evidence.runs(f"{kind}-{problem}") for kind in ("rates", "range"))
    if problem not in _SEARCHED or _SEARCHED[problem][0] is not records[0]:
        runs = [run for of in records[0].values() for run in of]
        tests = range_tests(records[1]["range test"])
        _SEARCHED[problem] = records[0], searches(runs, tests)
    found = _SEARCHED[problem][1][way]
    return _share(
        {seed: float(np.mean([one.times_best <= 1.1 for one in of])) for seed, of in found.items()}
    )


def _near(problem: str, words: str, effect: partial[Pairs]) -> Trial:
    return Trial(
        f"{PROBLEMS[problem]}: {words}",
        effect,
        margin=NEAR,
        unit="of the seeds",
        evidence=(f"range-{problem}", f"rates-{problem}"),
        declared=BEFORE,
    )


def _range_claims() -> list[Claim]:
    return [
        Claim(
            "L9.1",
            "One short run whose rate grows shows where the good rates are.",
            chapter=CHAPTER,
            paper="Smith 2017, arXiv:1506.01186",
            rule="After the test three whole runs are made: at what a rule suggests, at about a "
            "third and at about three times that. They come within 10 % of the lowest held-out "
            "loss of a grid by factors of 1.8. The share of the seeds in which they do: above "
            "0.95, so in all.",
            trials=tuple(
                _near(problem, f"three runs around {rule}", partial(_finds, problem, f"{rule} + 3"))
                for problem in PROBLEMS
                for rule in RULES
            ),
            figure="fig-searches",
        ),
        Claim(
            "L9.2",
            "A program can read the rate to train with from the curve of the test.",
            chapter=CHAPTER,
            paper="Howard and Gugger 2020, arXiv:2002.04688",
            rule="The suggestion lies within a factor of 3 of the best rate of a grid, the mean of "
            "five seeds over the logarithm. The share of the seeds in which it does: above 0.95, "
            "so in all ten.",
            trials=tuple(
                _near(problem, f"what {name} suggests", partial(_trusted, problem, rule))
                for problem in PROBLEMS
                for name, rule in RULES.items()
            ),
            figure="fig-suggestions",
            note="Which rules fastai offers has changed with its versions; the paper is of 2020.",
        ),
        Claim(
            "L9.3",
            "Runs that are behind early can be ended early, and what is best is still found.",
            chapter=CHAPTER,
            paper="Jamieson and Talwalkar 2016, arXiv:1502.07943",
            rule="Successive halving of six or seven rates, by factors of 3, comes within 10 % of "
            "the lowest held-out loss of a grid by factors of 1.8. The share of the searches in "
            "which it does: above 0.95, so in all.",
            trials=tuple(
                _near(
                    problem,
                    "halving after epochs 1 and 2 of 4",
                    partial(_finds, problem, "halving"),
                )
                for problem in PROBLEMS
            ),
            figure="fig-searches",
        ),
    ]


BATCHES = {
    "LeNet-momentum": (
        "LeNet with momentum on Fashion-MNIST, batches of 32, 128 and 512",
        (32, 128, 512),
    ),
    "LeNet-Adam": ("LeNet with Adam on Fashion-MNIST, batches of 32, 128 and 512", (32, 128, 512)),
    "decoder-AdamW": (
        "the decoder with AdamW on the Markov language, batches of 4, 16 and 64",
        (4, 16, 64),
    ),
}


def _slope(name: str) -> Values:
    """For each seed the slope of the best rate over the size of the batch, on logarithmic axes."""
    study, sizes = f"rates-batches-{name}", BATCHES[name][1]
    best = [_best(study, f"batch {size}, ", ends=True) for size in sizes]
    x = np.log(sizes)
    rates = {seed: [of[seed] for of in best] for seed in best[0]}
    return {seed: float(np.polyfit(x, np.log(lrs), 1)[0]) for seed, lrs in rates.items()}


def _rule_of(name: str, power: float) -> Trial:
    def effect() -> Pairs:
        slopes = _slope(name)
        return paired(slopes, dict.fromkeys(slopes, power))

    return Trial(
        f"{BATCHES[name][0]}: slope minus {power:g}",
        effect,
        margin=0.25,
        kind="same",
        evidence=(f"rates-batches-{name}",),
        declared=BEFORE,
    )


SLOPE = (
    "The best rate of each batch size is where the held-out loss after the last epoch is lowest on "
    "a grid by factors of 3. Its slope over the batch size, both on logarithmic axes, is 1 under "
    "the linear rule, 1/2 under the square root. Where the loss is lowest at an end of the grid, "
    "that end counts. Slope minus that of the rule: within 0.25."
)


def _batch_claims() -> list[Claim]:
    return [
        Claim(
            "L9.4",
            "When the batch is k times as large, multiply the rate by k.",
            chapter=CHAPTER,
            paper="Goyal and others 2017, arXiv:1706.02677",
            rule=SLOPE,
            trials=(_rule_of("LeNet-momentum", 1),),
            figure="fig-batches",
            note="The paper adds a warm-up and trains to the end; here each size has four epochs.",
        ),
        Claim(
            "L9.5",
            "When the batch is k times as large, multiply the rate of SGD by the square root of k.",
            chapter=CHAPTER,
            paper="Krizhevsky 2014, arXiv:1404.5997; Hoffer, Hubara and Soudry 2017, "
            "arXiv:1705.08741",
            rule=SLOPE,
            trials=(_rule_of("LeNet-momentum", 0.5),),
            figure="fig-batches",
        ),
        Claim(
            "L9.6",
            "With Adam, multiply the rate by the square root of k.",
            chapter=CHAPTER,
            paper="Malladi, Lyu, Panigrahi and Arora 2022, arXiv:2205.10287",
            rule=SLOPE,
            trials=(_rule_of("LeNet-Adam", 0.5), _rule_of("decoder-AdamW", 0.5)),
            figure="fig-batches",
            note="The paper scales both betas and epsilon as well; here they stay as they are.",
        ),
        Claim(
            "L9.7",
            "No one rule for the rate of a larger batch holds for all networks and optimizers.",
            chapter=CHAPTER,
            paper="Shallue and others 2019, arXiv:1811.03600",
            rule="The slope of the best rate over the batch size, for LeNet with momentum minus "
            "that with Adam: above 0.25.",
            trials=(
                Trial(
                    "LeNet on Fashion-MNIST: slope with momentum minus slope with Adam",
                    lambda: paired(_slope("LeNet-momentum"), _slope("LeNet-Adam")),
                    margin=0.25,
                    evidence=("rates-batches-LeNet-momentum", "rates-batches-LeNet-Adam"),
                ),
            ),
            figure="fig-batches",
            note="The rule of this one was not declared before the runs.",
        ),
    ]


def claims() -> list[Claim]:
    """L9.1 to L9.7."""
    return [*_range_claims(), *_batch_claims()]

"""The literature of chapter 9: range tests, successive halving, batch sizes and rates."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from functools import partial

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
NEAR = 0.95  # of the seeds: all of them


def _share(good: Mapping[Hashable, float]) -> Pairs:
    return paired(good, dict.fromkeys(good, 0.0))


def _best(study: str, start: str = "") -> Values:
    """For each seed the best rate of a grid whose labels begin so."""
    runs = {
        float(label.rpartition(" ")[2]): of
        for label, of in evidence.runs(study).items()
        if label.startswith(start)
    }
    losses = [[run.test_loss[-1] for run in of] for of in runs.values()]
    seeds = [run.recipe.seed for run in next(iter(runs.values()))]
    return dict(zip(seeds, best_rate(list(runs), losses).tolist(), strict=True))


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
    runs = [run for of in evidence.runs(f"rates-{problem}").values() for run in of]
    tests = range_tests(evidence.runs(f"range-{problem}")["range test"])
    found = searches(runs, tests)[way]
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


def claims() -> list[Claim]:
    """L9.1 to L9.3."""
    return _range_claims()

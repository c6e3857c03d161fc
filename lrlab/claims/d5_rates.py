"""D5, configuring the learning rate: what the rate does."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial
from itertools import pairwise

import numpy as np

from lrlab.claims import computed
from lrlab.claims.claim import Claim, Trial
from lrlab.claims.d1 import DIVERGES, EFFECTS, LENET
from lrlab.claims.d2 import ALEXNET
from lrlab.claims.evidence import (
    Values,
    best,
    choices,
    combined,
    epochs_until,
    last,
    less,
    less_best,
    overflows,
)
from lrlab.statistics import Pairs
from lrlab.studies import BATCH_RATES, RATES

REACHED = 0.8  # a test loss that good rates reach in the first of five epochs
BATCH = tuple(f"lr {lr:.3g}" for lr in BATCH_RATES)


def lenet(
    study: str,
    first: str,
    second: str,
    *,
    margin: float,
    metric: str = "test_loss",
    words: str = "",
) -> Trial:
    """One setting's loss minus another's of the same study."""
    epochs = "five epochs" if study.startswith("sensitivity-5") else "one epoch"
    return Trial(
        f"{LENET}, {epochs}: {words or f'{first} minus {second}'}",
        lambda: less(*(last(study, label, metric, guess=True) for label in (first, second))),
        margin=margin,
        unit="nats",
        evidence=(study,),
    )


def _sooner(small: str, large: str) -> Trial:
    return Trial(
        f"{LENET}: epochs until a test loss of {REACHED:g}, {small} minus {large}",
        lambda: less(
            *(epochs_until("sensitivity-5", f"lr {lr}", REACHED) for lr in (small, large))
        ),
        margin=0.5,
        unit="epochs",
        evidence=("sensitivity-5",),
    )


def _inside(study: str, words: str) -> tuple[Trial, ...]:
    labels = [f"lr {lr:g}" for lr in RATES]
    return tuple(
        Trial(
            f"{LENET}, {words}: {end} minus the best rate",
            partial(less_best, study, labels, "test_loss", than=end),
            margin=0.1,
            unit="nats",
            evidence=(study,),
        )
        for end in (labels[0], labels[-1])
    )


def _overflows(lr: float) -> Trial:
    name = "warmup-rates-none"
    return Trial(
        f"{ALEXNET}, 5 epochs: share of runs at rate {lr:g} that overflow",
        lambda: combined(float, overflows(name, f"lr {lr:g}")),
        margin=0.5,
        unit="of the runs",
        evidence=(name,),
    )


def _batch(size: int, lr: float) -> Values:
    return last("batch-size", f"batch {size}, lr {lr:.3g}", "test_loss", guess=True)


def _best_of_batch(size: int) -> Values:
    return best("batch-size", [f"batch {size}, {lr}" for lr in BATCH], "test_loss")


def _rate_beside_batch() -> Pairs:
    return combined(
        lambda low, high, large, small: (low - high) - (large - small),
        _batch(128, BATCH_RATES[6]),
        _batch(128, BATCH_RATES[2]),
        _best_of_batch(512),
        _best_of_batch(32),
    )


def _best_rate(size: int) -> Values:
    found = choices("batch-size", [f"batch {size}, {lr}" for lr in BATCH])
    rates = {f"batch {size}, {label}": lr for label, lr in zip(BATCH, BATCH_RATES, strict=True)}
    return {seed: math.log2(rates[label]) for seed, label in found.items()}


def _shift(small: int, large: int) -> Trial:
    return Trial(
        f"{LENET}, two epochs: best rate at batch {large} against batch {small}",
        lambda: less(_best_rate(large), _best_rate(small)),
        margin=0.5,
        unit="doublings",
        evidence=("batch-size",),
    )


def _steeper(study: str, words: str) -> Trial:
    """The steepest rise of the loss between neighbours of the grid, on either side of the best."""

    def effect() -> Pairs:
        rates = sorted(RATES)
        losses = {lr: last(study, f"lr {lr:g}", "test_loss", guess=True) for lr in rates}
        centre = min(rates, key=lambda lr: float(np.mean([*losses[lr].values()])))

        def steepest(pairs: Iterable[tuple[float, float]]) -> Values:
            """Of pairs of a rate and its neighbour that is nearer to the best."""
            slopes = [
                {
                    seed: (losses[far][seed] - losses[near][seed]) / abs(math.log10(far / near))
                    for seed in losses[far]
                }
                for far, near in pairs
            ]
            return {seed: max(slope[seed] for slope in slopes) for seed in slopes[0]}

        neighbours = list(pairwise(rates))
        left = steepest((a, b) for a, b in neighbours if b <= centre)
        right = steepest((b, a) for a, b in neighbours if a >= centre)
        return less(left, right)

    return Trial(
        f"{LENET}, {words}: steepest rise on the left minus that on the right",
        effect,
        margin=0.5,
        unit="nats per decade",
        evidence=(study,),
    )


def _interaction() -> Pairs:
    low, high = BATCH_RATES[5], BATCH_RATES[1]
    return combined(
        lambda a, b, c, d: (a - b) - (c - d),
        _batch(32, high),
        _batch(32, low),
        _batch(512, high),
        _batch(512, low),
    )


def claims() -> list[Claim]:
    """D5.1 to D5.12, D5.19 and D5.21."""
    bowl = "a noisy bowl, 0.1 against 0.01"
    slower = Trial(
        f"{bowl}: how much longer the small rate takes",
        lambda: computed.time_ratio(0.01, 0.1),
        margin=0.3,
        unit="decades",
    )
    floor = Trial(
        f"{bowl}: how much further from the minimum the large one settles",
        lambda: computed.floor_ratio(0.1, 0.01),
        margin=0.3,
        unit="decades",
    )
    return [
        Claim(
            "D5.1",
            "Larger rates need fewer epochs, smaller ones more.",
            chapter=EFFECTS,
            rule="Epochs until a test loss of 0.8 at a rate minus those at ten times the rate: "
            "above 0.5. A run that has not come so low in its five epochs counts as six.",
            trials=tuple(
                _sooner(*pair) for pair in (("0.003", "0.03"), ("0.01", "0.1"), ("0.1", "1"))
            ),
            figure="fig-u",
        ),
        Claim(
            "D5.2",
            "A perfectly configured rate gives the best approximation for a given budget.",
            chapter=EFFECTS,
            rule="The best rate lies inside of the grid: the test loss at either end minus that at "
            "the best rate, which the test losses of the other seeds choose, above 0.1 nats.",
            trials=(
                *_inside("sensitivity-1", "one epoch"),
                *_inside("sensitivity-5", "five epochs"),
            ),
            figure="fig-u",
        ),
        Claim(
            "D5.3",
            "Larger rates learn faster, at the cost of a suboptimal final weight set.",
            chapter=EFFECTS,
            rule="On the bowl, the steps of the small rate against those of the large one, and the "
            "mean squared distance at which either settles: above 0.3 decades.",
            trials=(slower, floor),
            figure="fig-floor",
            note="On the bowl alone; no small rate was trained to its end in a network.",
        ),
        Claim(
            "D5.4",
            "Smaller rates can reach better weights but take far longer.",
            chapter=EFFECTS,
            rule="As D5.3: both above 0.3 decades.",
            trials=(floor, slower),
            figure="fig-floor",
            note="On the bowl alone; no small rate was trained to its end in a network.",
        ),
        Claim(
            "D5.5",
            "Too large: the loss oscillates, weights diverge, up to numerical overflow.",
            chapter=EFFECTS,
            rule="On a bowl, the growth of the distance in 100 steps at 1.05 times the border: "
            "above 0 decades. In a network, the share of runs that overflow: above 0.5.",
            trials=(
                DIVERGES,
                _overflows(8.0),
            ),
            figure="fig-fates",
            note="At 0.1 none of these runs overflows. That the loss oscillates is seen in the "
            "figures, and not judged here.",
        ),
        Claim(
            "D5.6",
            "Too small: never converges, or gets stuck at a high training error.",
            chapter=EFFECTS,
            rule="Training loss after five epochs at a small rate minus that at 0.1: "
            "above 0.5 nats.",
            trials=tuple(
                lenet("sensitivity-5", f"lr {lr}", "lr 0.1", margin=0.5, metric="train_loss")
                for lr in ("1e-05", "0.0001", "0.001")
            ),
            figure="fig-u",
            note="Slow is what is seen; five epochs cannot show that it never converges.",
        ),
        Claim(
            "D5.7",
            "The rate is perhaps the most important hyperparameter; tune it first.",
            chapter=EFFECTS,
            rule="What a factor of 16 in the rate costs at batch 128 minus what a factor of 16 in "
            "the batch costs at the best rates, in test loss: above 0 nats. The best rates are "
            "chosen by the test losses of the other seeds.",
            trials=(
                Trial(
                    f"{LENET}, two epochs",
                    _rate_beside_batch,
                    margin=0,
                    unit="nats",
                    evidence=("batch-size",),
                ),
            ),
            figure="fig-batch",
            note="One rival, over an equal factor; a larger batch also makes fewer steps.",
        ),
        Claim(
            "D5.8",
            "The best rate cannot be computed analytically; it must be found by trial.",
            chapter=EFFECTS,
            rule="How many decades more steps the rate 2/(smallest + largest curvature) takes on a "
            "bowl than the best of a fine grid: above 0.01 decades.",
            trials=(
                Trial(
                    "a bowl without noise",
                    computed.analytic_excess,
                    margin=0.01,
                    unit="decades",
                ),
            ),
            figure="fig-fates",
            note="The bowl alone decides it: for a network no such formula is known, which no run "
            "can prove.",
        ),
        Claim(
            "D5.9",
            "Smaller batches suit smaller rates.",
            chapter=EFFECTS,
            rule="The best rate at a batch four times as large against the one at the smaller "
            "batch, each chosen by the test losses of the other seeds: above 0.5 doublings.",
            trials=(_shift(32, 128), _shift(128, 512)),
            figure="fig-batch",
        ),
        Claim(
            "D5.10",
            "0.01 works for standard networks, but relying on it is unwise.",
            chapter=EFFECTS,
            rule="Test loss at 0.01 minus that at 0.1: above 0.1 nats, so that relying on it costs "
            "something.",
            note="Whether it works for standard networks is not judged: after one epoch it has "
            "hardly begun here.",
            trials=(
                lenet("sensitivity-1", "lr 0.01", "lr 0.1", margin=0.1),
                lenet("sensitivity-5", "lr 0.01", "lr 0.1", margin=0.1),
            ),
            figure="fig-u",
        ),
        Claim(
            "D5.11",
            "Line plots of the loss diagnose: too fast, too slow, oscillation.",
            chapter=EFFECTS,
            figure="fig-quiz",
            note="A way of reading figures: the chapter's quiz tries it, and no number decides it.",
        ),
        Claim(
            "D5.12",
            "The loss against the rate is a U, which rises sharply on the side of the small rates.",
            chapter=EFFECTS,
            rule="The steepest rise of the test loss between two neighbours of the grid on the "
            "side of the small rates minus that on the side of the large ones: above 0.5 nats per "
            "decade. A run that overflows counts as guessing, log 10, and no loss rises above it.",
            trials=(
                _steeper("sensitivity-1", "one epoch"),
                _steeper("sensitivity-5", "five epochs"),
            ),
            figure="fig-u",
        ),
        Claim(
            "D5.19",
            "The noise of sampled gradients does not vanish at a minimum, so the rate must decay.",
            chapter=EFFECTS,
            rule="On a noisy bowl the mean loss at the end, that of the constant rate minus that "
            "of the inverse square root: above 0.3 decades.",
            trials=(
                Trial(
                    "a noisy bowl",
                    lambda: computed.bounces_without(computed.CONSTANT, computed.SLOW),
                    margin=0.3,
                    unit="decades",
                ),
            ),
            figure="fig-floor",
            note="That the noise does not vanish is built into the bowl, and not measured on a "
            "network; a network that fits every example would be the counter-case.",
        ),
        Claim(
            "D5.21",
            "The rate interacts with other parts of the optimisation, and not linearly.",
            chapter=EFFECTS,
            rule="What 16 times the rate costs in test loss at batch 32 minus what it costs at "
            "batch 512: above 0.1 nats, where no interaction would give 0. A run that overflows, "
            "as one at batch 32 does, counts as guessing.",
            trials=(
                Trial(
                    f"{LENET}, two epochs, rate and batch size",
                    _interaction,
                    margin=0.1,
                    unit="nats",
                    evidence=("batch-size",),
                ),
            ),
            figure="fig-batch",
        ),
    ]

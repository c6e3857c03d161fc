"""D2: scheduling a LeNet on Fashion-MNIST."""

from __future__ import annotations

import math
from functools import partial

from lrlab.claims import computed
from lrlab.claims.claim import AFTER, ALONGSIDE, Claim, Trial
from lrlab.claims.d1 import (
    D2_SEEDS,
    DIVERGES,
    EFFECTS,
    LENET,
    LOST,
    final_gain,
    five_epochs,
    overfits,
    tuned,
)
from lrlab.claims.evidence import at_best_epoch, combined, last, less, rise, when_trained_to
from lrlab.statistics import Pairs

DECAYS, WORK, WARMUP = "decay_schedules", "schedules_at_work", "warmup"
ALEXNET = "AlexNet of an eighth of the width on CIFAR-10"
SAME_FIT = 0.13  # a training loss that every schedule of D2 reaches but the square root's


def _pair(label: str) -> tuple[tuple[str, str], tuple[str, str]]:
    return (f"D2-{label}", D2_SEEDS), ("D2-constant", D2_SEEDS)


def _best_epoch(label: str) -> Trial:
    ours, constant = _pair(label)
    return Trial(
        f"{LENET}, D2's rates, {label}, at each run's lowest test loss: the test images choose it",
        lambda: less(at_best_epoch(ours, label), at_best_epoch(constant, "constant")),
        margin=0.3,
        unit="points",
        evidence=(*ours, constant[0]),
    )


def _not_ideal() -> Trial:
    ours, _ = _pair("multistep")
    cosine, _ = _pair("cosine")
    return Trial(
        f"{LENET}, D2's rates, cosine minus multistep, after epoch 30",
        lambda: less(last(cosine, "cosine"), last(ours, "multistep")),
        margin=0.3,
        unit="points",
        evidence=(*cosine, ours[0]),
    )


def _removed() -> Trial:
    ours, _ = _pair("cosine")
    return Trial(
        f"{LENET}, D2's rates, cosine: test loss after epoch 30 minus its lowest",
        lambda: combined(float, rise(ours, "cosine")),
        margin=0.02,
        unit="nats",
        kind="same",
        evidence=ours,
    )


def _less_overfitting() -> Trial:
    ours, constant = _pair("cosine")
    return Trial(
        f"{LENET}, D2's rates: rise of the test loss, constant minus cosine",
        lambda: less(rise(constant, "constant"), rise(ours, "cosine")),
        margin=0.02,
        unit="nats",
        evidence=(*ours, constant[0]),
    )


def _generalise(label: str) -> Trial:
    ours, constant = _pair(label)
    return Trial(
        f"{LENET}, at a training loss of {SAME_FIT}: test loss, constant minus {label}",
        lambda: less(
            when_trained_to(constant, "constant", SAME_FIT),
            when_trained_to(ours, label, SAME_FIT),
        ),
        margin=0.01,
        unit="nats",
        evidence=(*ours, constant[0]),
    )


def ramp_gain(lr: float, metric: str, margin: float, *, weights: str = "Keras'") -> Trial:
    """What a ramp of an epoch gains for AlexNet with a framework's initial weights at a rate."""
    sign = -1 if metric == "train_loss" else 1
    words = "training loss, none minus a ramp" if sign < 0 else "accuracy, a ramp minus none"
    place = {"Keras'": "", "PyTorch's": "torch-"}[weights]
    names = f"warmup-rates-{place}warmup", f"warmup-rates-{place}none"

    def effect() -> Pairs:
        ramp, none = (last(name, f"lr {lr:g}", metric, guess=True) for name in names)
        return less(ramp, none) if sign > 0 else less(none, ramp)

    return Trial(
        f"{ALEXNET}, {weights} initial weights, 5 epochs at rate {lr:g}: {words}",
        effect,
        margin=margin,
        unit="nats" if sign < 0 else "points",
        evidence=names,
        declared=ALONGSIDE if place else AFTER,
    )


def _too_large() -> Trial:
    return Trial(
        f"{LENET}, one epoch: accuracy at 0.3 minus accuracy at 1",
        lambda: less(*(last("sensitivity-1", f"lr {lr}", guess=True) for lr in ("0.3", "1"))),
        margin=10,
        unit="points",
        evidence=("sensitivity-1",),
    )


def claims() -> list[Claim]:
    """D2.1 to D2.8."""
    return [
        Claim(
            "D2.1",
            "Too large a rate diverges; too small a one takes too long or ends in a suboptimal "
            "result; the condition number matters.",
            chapter=EFFECTS,
            rule="On a bowl, the growth of the distance in 100 steps at 1.05 times the border: "
            "above 0 decades. In a network, the accuracy at 0.3 minus that at 1: above 10 points. "
            "Too small: the test loss after five epochs at 0.001 minus that at 0.1: above 0.1 "
            "nats. The best steps at condition 100 against those at 10: above 0.5 decades.",
            trials=(
                DIVERGES,
                _too_large(),
                Trial(
                    f"{LENET}, five epochs: test loss at 0.001 minus test loss at 0.1",
                    partial(five_epochs, "0.001", "0.1"),
                    margin=0.1,
                    unit="nats",
                    evidence=("sensitivity-5",),
                ),
                Trial(
                    "bowls of condition 100 and 10, each at its best rate",
                    lambda: math.log10(
                        computed.steps(100, momentum=False) / computed.steps(10, momentum=False)
                    ),
                    margin=0.5,
                    unit="decades",
                ),
            ),
            figure="fig-fates",
        ),
        Claim(
            "D2.2",
            "Without enough decay the iterate bounces around the minimum; the rate should decay, "
            "but slowly enough.",
            chapter=DECAYS,
            rule="On a noisy bowl the mean loss of the last 200 of 2,000 steps: that of the "
            "constant rate, and that of a rate halved in every step, each minus that of the "
            "inverse square root, above 0.3 decades.",
            trials=tuple(
                Trial(
                    f"a noisy bowl, {words}",
                    partial(computed.bounces_without, schedule, computed.SLOW),
                    margin=0.3,
                    unit="decades",
                )
                for words, schedule in (
                    ("constant rate", computed.CONSTANT),
                    ("rate halved in every step", computed.FAST),
                )
            ),
            figure="fig-bowl-decay",
            note="Twenty walkers stand for seeds.",
        ),
        Claim(
            "D2.3",
            "Large first steps may bring nothing while the parameters are random: hence warm-up.",
            chapter=WARMUP,
            rule="Training loss after five epochs, no ramp minus a ramp of an epoch: above 0.1 "
            "nats. A run that overflows counts as guessing, log 10.",
            trials=tuple(
                ramp_gain(lr, "train_loss", 0.1, weights=weights)
                for weights in ("Keras'", "PyTorch's")
                for lr in (0.1, 0.3, 1.0, 2.0, 4.0)
            ),
            figure="fig-warm-u",
            note="At 8 no run learns, with a ramp or without. The rule for PyTorch's weights is "
            "older than its runs, but not that it decides this claim. That the first directions "
            "may be meaningless, and the cosine's premise, are not tested.",
        ),
        Claim(
            "D2.4",
            "The square-root schedule gives smoother curves and a better result than the constant "
            "rate.",
            chapter=WORK,
            rule="Test accuracy, paired by seed: above 0.3 points." + LOST,
            trials=(
                final_gain("sqrt"),
                _best_epoch("sqrt"),
                tuned("D2-tuned", "sqrt", "constant"),
            ),
            figure="fig-accuracy",
            note="How smooth the curves are is measured in the chapter, and not judged here.",
        ),
        Claim(
            "D2.5",
            "The multi-step schedule is not ideal here: it overfits.",
            chapter=WORK,
            rule="Not ideal: the cosine's accuracy minus that of the multi-step schedule, above "
            "0.3 points. Overfits: its test loss at the end minus its lowest, above 0.02 nats. At "
            "tuned rates: the constant rate's accuracy minus that of the multi-step schedule, "
            "above -0.3 points: it gains nothing that matters." + LOST,
            trials=(
                _not_ideal(),
                overfits("multistep"),
                tuned("D2-tuned", "constant", "multistep", margin=-0.3),
            ),
            figure="fig-full",
        ),
        Claim(
            "D2.6",
            "The cosine schedule removes the overfitting and improves the result.",
            chapter=WORK,
            rule="Improves: test accuracy, paired by seed, above 0.3 points. Reduces: the rise of "
            "the constant rate's test loss above its lowest minus that of the cosine's, above 0.02 "
            "nats. Removes: the cosine's own rise is within 0.02 nats." + LOST,
            trials=(
                final_gain("cosine"),
                tuned("D2-tuned", "cosine", "constant"),
                _best_epoch("cosine"),
                _less_overfitting(),
                _removed(),
            ),
            figure="fig-gains",
        ),
        Claim(
            "D2.7",
            "With the same training error, different schedules generalise differently.",
            chapter=WORK,
            rule=f"Test loss after the first epoch with a training loss of {SAME_FIT}, the "
            "constant rate's minus another schedule's: above 0.01 nats. A run that never comes so "
            "low is left out with its seed.",
            trials=(_generalise("multistep"), _generalise("cosine")),
            figure="fig-full",
        ),
        Claim(
            "D2.8",
            "Well-chosen rates help the algorithm converge fast and reach a good optimum.",
            chapter=EFFECTS,
            rule="Test loss after five epochs at a tenth of the rate 0.1, and at the rate 1, minus "
            "that at 0.1: above 0.1 nats. A run that overflows counts as guessing.",
            trials=tuple(
                Trial(
                    f"{LENET}, five epochs: rate {lr} beside 0.1",
                    partial(five_epochs, lr, "0.1"),
                    margin=0.1,
                    unit="nats",
                    evidence=("sensitivity-5",),
                )
                for lr in ("0.01", "1")
            ),
            figure="fig-u",
        ),
    ]

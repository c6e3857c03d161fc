"""D4: warm-up."""

from __future__ import annotations

from lrlab.claims.claim import AFTER, BEFORE, Claim, Trial
from lrlab.claims.d2 import WARMUP, ramp_gain
from lrlab.claims.evidence import Values, combined, each, last, less
from lrlab.statistics import Pairs

WIDTHS = {
    "AlexNet of an eighth of the width on CIFAR-10": ("", AFTER),
    "AlexNet at full width on CIFAR-10": ("D4-full-width", BEFORE),
}


def _study(where: str, label: str) -> str:
    return WIDTHS[where][0] or f"D4-{label}"


def _value(where: str, label: str, epoch: int) -> Values:
    return last(_study(where, label), label, epoch=epoch - 1)


def _difference(where: str, first: str, second: str, *, margin: float, epoch: int = 30) -> Trial:
    labels = (first, second)
    return Trial(
        f"{where}, after epoch {epoch}: {first} less {second}",
        lambda: less(*(_value(where, label, epoch) for label in labels)),
        margin=margin,
        unit="points",
        evidence=tuple(dict.fromkeys(_study(where, label) for label in labels)),
        declared=WIDTHS[where][1],
    )


def _drop(where: str) -> Trial:
    """The fall of the training loss from epoch 15 to 16, where the step schedule cuts."""

    def effect() -> Pairs:
        loss = each(
            _study(where, "step"), "step", lambda run: run.train_loss[14] - run.train_loss[15]
        )
        return combined(float, loss)

    return Trial(
        f"{where}: fall of the training loss at the step's cut",
        effect,
        margin=0.05,
        unit="nats",
        evidence=(_study(where, "step"),),
        declared=WIDTHS[where][1],
    )


def claims() -> list[Claim]:
    """D4.1 to D4.4."""
    return [
        Claim(
            "D4.1",
            "A high rate on a freshly initialised model is unstable; ramping up over a few epochs "
            "fixes that.",
            chapter=WARMUP,
            rule="Test accuracy after five epochs, a ramp of an epoch less none: above 1 point. A "
            "run that overflows counts as guessing, 10 %.",
            trials=tuple(
                ramp_gain(lr, "test_accuracy", 1) for lr in (0.1, 0.3, 1.0, 2.0, 4.0, 8.0)
            ),
            figure="fig-warm-rates",
        ),
        Claim(
            "D4.2",
            "Here warm-up did not improve accuracy, nor did the first five epochs improve faster, "
            "compared with a step schedule 0.1 to 0.01.",
            chapter=WARMUP,
            rule="Test accuracy of the step schedule less that of the warmed run with the sine "
            "recurrence, after epochs 5 and 30: above -1 point.",
            trials=tuple(
                _difference(where, "step", "sin-decay", margin=-1, epoch=epoch)
                for where in WIDTHS
                for epoch in (5, 30)
            ),
            figure="fig-d4",
        ),
        Claim(
            "D4.3",
            "The reason given: both decays barely change the rate, while the step to 0.01 gave a "
            "visible drop of the loss.",
            chapter=WARMUP,
            rule="Test accuracy of the step schedule less that of the run without warm-up, after "
            "epoch 30: above 1 point. The fall of its training loss from epoch 15 to 16: above "
            "0.05 nats.",
            trials=tuple(
                trial
                for where in WIDTHS
                for trial in (_difference(where, "step", "no-warmup", margin=1), _drop(where))
            ),
            figure="fig-d4",
        ),
        Claim(
            "D4.4",
            "So warm-up pays in long runs, or with a decay applied every step after the warm-up.",
            chapter=WARMUP,
            rule="Test accuracy of a cosine per step after a warm-up less that of the cosine "
            "alone, after epoch 30: above 1 point.",
            trials=tuple(
                _difference(where, "warmup-cosine", "cosine", margin=1) for where in WIDTHS
            ),
            figure="fig-d4",
            note="Runs longer than 30 epochs are not tried.",
        ),
    ]

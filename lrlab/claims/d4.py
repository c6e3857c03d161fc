"""D4: warm-up."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from lrlab.claims import computed
from lrlab.claims.claim import AFTER, BEFORE, Claim, Trial
from lrlab.claims.d1 import LENET
from lrlab.claims.d2 import WARMUP, ramp_gain
from lrlab.claims.evidence import Values, best, combined, each, last, less, overflows
from lrlab.schedules import Recurrence
from lrlab.statistics import Pairs
from lrlab.studies import ADAM_RATES

NARROW = "AlexNet of an eighth of the width on CIFAR-10"
WIDTHS = {
    NARROW: ("", AFTER),
    "AlexNet at full width on CIFAR-10": ("D4-full-width", BEFORE),
}

RULES = {"sin-decay": "sin", "gradual-decay": "power"}


def _study(where: str, label: str) -> str:
    return WIDTHS[where][0] or f"D4-{label}"


def _value(where: str, label: str, epoch: int) -> Values:
    return last(_study(where, label), label, epoch=epoch - 1)


def _difference(where: str, first: str, second: str, *, margin: float, epoch: int = 30) -> Trial:
    labels = (first, second)
    return Trial(
        f"{where}, after epoch {epoch}: {first} minus {second}",
        lambda: less(*(_value(where, label, epoch) for label in labels)),
        margin=margin,
        unit="points",
        evidence=tuple(dict.fromkeys(_study(where, label) for label in labels)),
        declared=WIDTHS[where][1],
    )


def _fall(where: str, label: str) -> Values:
    """The fall of the training loss from epoch 15 to 16, where the step schedule cuts."""
    return each(_study(where, label), label, lambda run: run.train_loss[14] - run.train_loss[15])


def _drops(where: str) -> tuple[Trial, Trial]:
    """The fall at the cut, and how much of it is more than without a cut."""
    own, other = _study(where, "step"), _study(where, "no-warmup")
    return (
        Trial(
            f"{where}: fall of the training loss at the step's cut",
            lambda: combined(float, _fall(where, "step")),
            margin=0.05,
            unit="nats",
            evidence=(own,),
            declared=WIDTHS[where][1],
        ),
        Trial(
            f"{where}: the same minus the fall in that epoch without a cut",
            lambda: less(_fall(where, "step"), _fall(where, "no-warmup")),
            margin=0.05,
            unit="nats",
            evidence=tuple(dict.fromkeys((own, other))),
        ),
    )


def _stabler(lr: float) -> Trial:
    """How many runs more overflow without a ramp than with one."""
    names = "warmup-rates-none", "warmup-rates-warmup"
    return Trial(
        f"{NARROW}, Keras' initial weights, 5 epochs at rate {lr:g}: runs that overflow",
        lambda: less(*(overflows(name, f"lr {lr:g}") for name in names)),
        margin=0.5,
        unit="of the runs",
        evidence=names,
    )


def _under_adam(name: str) -> tuple[Trial, ...]:
    """What a ramp of 500 updates gains at each rate, and at the best rates."""
    study = f"warmup-{name}"

    def at(lr: float) -> Pairs:
        labels = (f"ramp {ramp}, lr {lr:g}" for ramp in (500, 0))
        return less(*(last(study, label, guess=True) for label in labels))

    def at_best_rates() -> Pairs:
        ways = ([f"ramp {ramp}, lr {lr:g}" for lr in ADAM_RATES] for ramp in (500, 0))
        return less(*(best(study, labels, "test_accuracy") for labels in ways))

    effects: dict[str, Callable[[], Pairs]] = {
        **{f"at rate {lr:g}": partial(at, lr) for lr in ADAM_RATES},
        "each at its best rate, which the other seeds choose": at_best_rates,
    }
    return tuple(
        Trial(
            f"{LENET}, {name}, held-out images, five epochs, ramp of 500 updates minus none, "
            f"{words}",
            effect,
            margin=1,
            unit="points",
            evidence=(study,),
            declared=BEFORE,
        )
        for words, effect in effects.items()
    )


def _barely(label: str) -> Trial:
    return Trial(
        f"{label}: the part of the rate that is lost from epoch 5 to 30",
        partial(computed.decayed, Recurrence(0.1, rule=RULES[label])),
        margin=0.05,
        unit="of the rate",
        kind="same",
    )


def claims() -> list[Claim]:
    """D4.1 to D4.4."""
    return [
        Claim(
            "D4.1",
            "A high rate on a freshly initialised model is unstable; ramping up over a few epochs "
            "fixes that.",
            chapter=WARMUP,
            rule="High are the rates of the grid at which runs without a ramp overflow: 2, 4 and "
            "8. A ramp of an epoch fixes that if the share of runs that overflow without it minus "
            "the share with it lies above 0.5, and if the test accuracy after five epochs with it "
            "minus that without lies above 1 point, where a run that overflows counts as guessing, "
            "10 %. Under Adam and AdamW, a ramp of 500 updates helps at some rate, and with each "
            "way at its best rate: above 1 point. One rate is enough for the first.",
            trials=(
                *(
                    trial
                    for lr in (2.0, 4.0, 8.0)
                    for trial in (_stabler(lr), ramp_gain(lr, "test_accuracy", 1))
                ),
                *_under_adam("Adam"),
                *_under_adam("AdamW"),
            ),
            figure="fig-warm-adam",
            note="Up to 1 no run overflows without a ramp; what a ramp does there, D2.3 shows. "
            "Other lengths, shapes and initial weights: see the chapter.",
        ),
        Claim(
            "D4.2",
            "Here warm-up did not improve accuracy, nor did the first five epochs improve faster, "
            "compared with a step schedule 0.1 to 0.01.",
            chapter=WARMUP,
            rule="Test accuracy of the step schedule minus that of the warmed run with the sine "
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
            rule="Test accuracy of the step schedule minus that of the run without warm-up, after "
            "epoch 30: above 1 point. The fall of its training loss from epoch 15 to 16: above "
            "0.05 nats; and so the fall minus that of the run without a cut. Barely: the "
            "recurrences lose a part of the rate within 0.05.",
            trials=(
                *(
                    trial
                    for where in WIDTHS
                    for trial in (
                        _difference(where, "step", "no-warmup", margin=1),
                        *_drops(where),
                    )
                ),
                *map(_barely, RULES),
            ),
            figure="fig-d4",
        ),
        Claim(
            "D4.4",
            "So warm-up pays in long runs, or with a decay applied every step after the warm-up.",
            chapter=WARMUP,
            rule="Test accuracy of a cosine per step after a warm-up minus that of the cosine "
            "alone, after epoch 30: above 1 point.",
            trials=tuple(
                _difference(where, "warmup-cosine", "cosine", margin=1) for where in WIDTHS
            ),
            figure="fig-d4",
            note="Runs longer than 30 epochs are not tried.",
        ),
    ]

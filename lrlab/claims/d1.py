"""D1: common schedules in Keras."""

from __future__ import annotations

from functools import partial

from lrlab.claims import computed
from lrlab.claims.claim import BEFORE, Claim, Trial
from lrlab.claims.evidence import POINTS, Values, combined, each, last, less, rise, runs
from lrlab.statistics import Pairs

LENET = "LeNet on Fashion-MNIST"
EFFECTS, DECAYS, PLATEAU = "learning_rate_effects", "decay_schedules", "plateau"
D2_SEEDS = "further-seeds"


def _faster(small: str, large: str) -> Trial:
    def effect() -> Pairs:
        losses = (
            last("sensitivity-1", f"lr {lr}", "train_loss", guess=True) for lr in (small, large)
        )
        return less(*losses)

    return Trial(
        f"{LENET}, one epoch, rate {small} to {large}",
        effect,
        margin=0.1,
        unit="nats",
        evidence=("sensitivity-1",),
    )


LOST = " A run that overflows has no last epoch: its seed is left out, and counted as lost."


def final_gain(label: str) -> Trial:
    """A schedule of D2 minus the constant rate, over all 20 seeds."""
    names = [(f"D2-{name}", D2_SEEDS) for name in (label, "constant")]

    def effect() -> Pairs:
        return less(last(names[0], label), last(names[1], "constant"))

    return Trial(
        f"{LENET}, D2's rates, {label}, after epoch 30",
        effect,
        margin=0.3,
        unit="points",
        evidence=(*names[0], names[1][0]),
    )


def tuned(study: str, first: str, second: str, *, margin: float = 0.3) -> Trial:
    """One way minus another in a comparison that has each at the rate that was chosen for it."""

    def effect() -> Pairs:
        labels = {label.rpartition(", lr ")[0]: label for label in runs(study)}
        return less(*(last(study, labels[name]) for name in (first, second)))

    epochs = {"D2-tuned": 30, "optimizer-tuned": 10}[study]
    return Trial(
        f"{LENET}, after epoch {epochs}, each at the rate that held-out images chose: '{first}' "
        f"minus '{second}'",
        effect,
        margin=margin,
        unit="points",
        evidence=(study,),
        declared=BEFORE,
    )


def plateau(first: str, second: str, *, margin: float, kind: str = "more") -> Trial:
    """One way of "plateau" minus another, on the test images."""

    def accuracy(label: str) -> Values:
        return each("plateau", label, lambda run: POINTS * run.measured["test"]["accuracy"])

    return Trial(
        f"LeNet on 25,000 images of Fashion-MNIST, after epoch 30: '{first}' minus '{second}'",
        lambda: less(accuracy(first), accuracy(second)),
        margin=margin,
        unit="points",
        kind=kind,
        evidence=("plateau",),
        declared=BEFORE,
    )


def five_epochs(first: str, second: str, metric: str = "test_loss") -> Pairs:
    """A loss after five epochs at one rate minus that at another."""
    return less(*(last("sensitivity-5", f"lr {lr}", metric, guess=True) for lr in (first, second)))


#: The trial of D2.1 and D5.5 that a rate beyond the border diverges.
DIVERGES = Trial(
    "a bowl, 1.05 times the border", partial(computed.growth, 1.05), margin=0, unit="decades"
)


def claims() -> list[Claim]:
    """D1.1 to D1.7."""
    return [
        Claim(
            "D1.1",
            "A large rate makes the loss fall faster.",
            chapter=EFFECTS,
            rule="Training loss after an epoch, a rate's minus that of about ten times the rate: "
            "above 0.1 nats. A run that overflows counts as guessing.",
            trials=tuple(
                _faster(*pair) for pair in (("0.001", "0.01"), ("0.01", "0.1"), ("0.1", "1"))
            ),
            figure="fig-u",
        ),
        Claim(
            "D1.2",
            "A large rate escapes local minima more easily.",
            chapter=EFFECTS,
            rule="The share of 200 starts in the sharp valley that leave it, a large rate's minus "
            "that of 0.05: above 0.5.",
            trials=tuple(
                Trial(
                    f"a double well, one weight, no noise, rate {lr}, {times} times the border",
                    partial(computed.leave, lr, beyond=0.05),
                    margin=0.5,
                    unit="of the starts",
                )
                for lr, times in ((0.11, 1.1), (0.15, 1.5))
            ),
            figure="fig-wells",
        ),
        Claim(
            "D1.3",
            "A large rate can make the model oscillate around a minimum, which costs precision.",
            chapter=EFFECTS,
            rule="On the bowl, the mean squared distance at which 0.1 settles against that of "
            "0.01: above 0.3 decades. In a network, the accuracy of D2's cosine, which ends at "
            "0.01, minus that of the constant rate 0.3: above 0.3 points." + LOST,
            trials=(
                Trial(
                    "a noisy bowl",
                    lambda: computed.floor_ratio(0.1, 0.01),
                    margin=0.3,
                    unit="decades",
                ),
                final_gain("cosine"),
            ),
            figure="fig-floor",
        ),
        Claim(
            "D1.4",
            "A small rate helps convergence and precision.",
            chapter=EFFECTS,
            rule="Precision: the floor of 0.1 against that of 0.01 on the bowl, above 0.3 decades. "
            "Convergence: the test loss of LeNet after five epochs, that of 0.1 minus that of "
            "0.01, above 0.1 nats.",
            trials=(
                Trial(
                    "precision on a noisy bowl, as many steps as it takes",
                    lambda: computed.floor_ratio(0.1, 0.01),
                    margin=0.3,
                    unit="decades",
                ),
                Trial(
                    f"convergence of {LENET} in five epochs",
                    partial(five_epochs, "0.1", "0.01"),
                    margin=0.1,
                    unit="nats",
                    evidence=("sensitivity-5",),
                ),
            ),
            figure="fig-floor",
        ),
        Claim(
            "D1.5",
            "A small rate converges slowly and can get trapped near a local minimum.",
            chapter=EFFECTS,
            rule="Slowly: the training loss after five epochs, that of 0.003 minus that of 0.1, "
            "above 0.1 nats. Trapped: the share of starts that 0.05 leaves in the sharp valley, "
            "above 0.5.",
            trials=(
                Trial(
                    f"slow, {LENET}, five epochs",
                    partial(five_epochs, "0.003", "0.1", "train_loss"),
                    margin=0.1,
                    unit="nats",
                    evidence=("sensitivity-5",),
                ),
                Trial(
                    "trapped, a sharp valley of a double well, no noise",
                    lambda: 1 - computed.leave(0.05),
                    margin=0.5,
                    unit="of the starts",
                ),
            ),
            figure="fig-wells",
        ),
        Claim(
            "D1.6",
            "The rate should change, large first and small later; any decreasing function is worth "
            "a try.",
            chapter=DECAYS,
            rule="In a network, the accuracy of each of D2's decreasing schedules minus that of "
            "its constant rate: above 0.3 points. On a bowl, how much lower the loss ends at a "
            "rate that is halved in every step than at the constant one, after 50 steps: above 0 "
            "decades." + LOST,
            trials=(
                *(final_gain(label) for label in ("sqrt", "multistep", "cosine")),
                Trial(
                    "a bowl, a rate halved in every step",
                    computed.halved_in_every_step,
                    margin=0,
                    unit="decades",
                ),
            ),
            figure="fig-bowl-decay",
            note="The peaks are the document's own, not tuned: kind and final rate are mixed. The "
            "document's own warm-up rises first, and cyclic schedules rise again: neither is a "
            "decreasing function.",
        ),
        Claim(
            "D1.7",
            "ReduceLROnPlateau adapts by itself and is enough for most training jobs.",
            chapter=PLATEAU,
            rule="Enough: test accuracy after epoch 30 of a rule that watches held-out images, "
            "minus that of a cosine from the same rate: above -0.5 points, with patience 2 and, as "
            "D3 sets it, 10.",
            trials=tuple(plateau(label, "cosine", margin=-0.5) for label in ("rule", "patient")),
            figure="fig-plateau-cosine",
            note="'Most training jobs' is no number that runs could have: this is one.",
        ),
    ]


def overfits(label: str) -> Trial:
    """How far the test loss of a schedule of D2 has risen at the end."""
    names = (f"D2-{label}", D2_SEEDS)
    return Trial(
        f"{LENET}, D2's rates, {label}: test loss after epoch 30 minus its lowest",
        lambda: combined(float, rise(names, label)),
        margin=0.02,
        unit="nats",
        evidence=names,
    )

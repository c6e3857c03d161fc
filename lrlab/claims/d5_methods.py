"""D5, configuring the learning rate: momentum, schedules and adaptive rules."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

from lrlab.claims import computed
from lrlab.claims.claim import BEFORE, Claim, Trial
from lrlab.claims.d1 import LENET, LOST, PLATEAU, final_gain, plateau, tuned
from lrlab.claims.d2 import WORK
from lrlab.claims.d5_rates import lenet
from lrlab.claims.evidence import Values, choices, last, less, level, lr_labels, width
from lrlab.statistics import Pairs
from lrlab.studies import CHOSEN_RATES, RATES

MOMENTUM, ADAPTIVE = "momentum", "adaptive_optimisers"


def _momentum_labels(momentum: float) -> dict[float, str]:
    prefix = f"momentum {momentum:g}, "
    return lr_labels([lr for lr in RATES if lr >= 1e-4], prefix)


def _best_lr(study: str, rates: dict[float, str]) -> Values:
    by_label = {label: lr for lr, label in rates.items()}
    return {
        seed: math.log10(by_label[label])
        for seed, label in choices(study, list(rates.values())).items()
    }


def _independent() -> Pairs:
    plain = lr_labels([lr for lr in RATES if lr >= 1e-4])
    return less(_best_lr("sensitivity-1", plain), _best_lr("momentum-rates", _momentum_labels(0.9)))


def _no_wider() -> Pairs:
    plain = lr_labels(RATES)
    below = level("sensitivity-1", plain)
    return less(
        width("sensitivity-1", plain, below),
        width("momentum-rates", _momentum_labels(0.9), below),
    )


def _decay_forgives(study: str, words: str) -> Trial:
    rates = lr_labels(RATES)

    def effect() -> Pairs:
        below = level(study, rates)
        return less(width(f"{study}-linear", rates, below), width(study, rates, below))

    return Trial(
        f"{LENET}, {words}: decades of good first rates, linear decay minus constant",
        effect,
        margin=0.2,
        unit="decades",
        evidence=(study, f"{study}-linear"),
    )


def _forgiving(name: str, rates: Sequence[float]) -> Trial:
    study, plain = f"sensitivity-1-{name}", lr_labels(RATES)

    def effect() -> Pairs:
        below = level("sensitivity-1", plain)
        return less(width(study, lr_labels(rates), below), width("sensitivity-1", plain, below))

    return Trial(
        f"{LENET}, one epoch: decades of good rates, {name} minus SGD",
        effect,
        margin=0.3,
        unit="decades",
        evidence=(study, "sensitivity-1"),
    )


def _badly_configured(lr: str) -> Trial:
    def effect() -> Pairs:
        plain = last("sensitivity-1", f"lr {lr}", "test_loss", guess=True)
        return less(plain, last("sensitivity-1-Adam", "lr 0.001", "test_loss", guess=True))

    return Trial(
        f"{LENET}, one epoch: SGD at {lr} minus Adam at its default 0.001",
        effect,
        margin=0.1,
        unit="nats",
        evidence=("sensitivity-1", "sensitivity-1-Adam"),
    )


def _ten_epochs(kind: str) -> Pairs:
    """The accuracy with momentum minus that without, at equal long-run rates."""
    return less(last("momentum-10", f"{kind}, lr 0.03"), last("momentum-10", "momentum 0, lr 0.3"))


def _tuned_momentum(size: int) -> Trial:
    """The accuracy with momentum minus that without, each at the rate that was chosen for it."""

    def effect() -> Pairs:
        labels = (
            f"batch {size}, momentum {momentum:g}, lr {lr:.3g}"
            for momentum, lr in zip((0, 0.9), CHOSEN_RATES[size], strict=True)
        )
        none, heavy = (last("momentum-batch", label, guess=True) for label in labels)
        return less(heavy, none)

    return Trial(
        f"{LENET}, two epochs, batch {size}, tuned rates: momentum 0.9 minus none",
        effect,
        margin=0.5,
        unit="points",
        evidence=("momentum-batch",),
        declared=BEFORE,
    )


def claims() -> list[Claim]:
    """D5.13 to D5.18, D5.20, and D5.22 to D5.26."""
    return [*_momentum(), *_schedules(), *_adaptive()]


def _momentum() -> list[Claim]:
    return [
        Claim(
            "D5.13",
            "Momentum accelerates on high curvature, small consistent, or noisy gradients; helps "
            "with widely spread eigenvalues.",
            chapter=MOMENTUM,
            rule="Spread eigenvalues: the power of the condition number with which the best steps "
            "grow, without minus with momentum, above 0.3. Small steady slopes: the speed with 0.9 "
            "against that without, above 0.3 decades. Noise: how far momentum lowers the floor, "
            "above 0.3 decades.",
            trials=(
                Trial(
                    "bowls of condition 100 to 10,000, each way at its best",
                    lambda: computed.exponent(momentum=False) - computed.exponent(momentum=True),
                    margin=0.3,
                ),
                *(
                    Trial(
                        f"a steady slope, the same {words}",
                        partial(computed.heavy_ball_gain, long_run=long_run),
                        margin=0.3,
                        unit="decades",
                    )
                    for words, long_run in (("rate", False), ("long-run rate", True))
                ),
                *(
                    Trial(
                        f"a noisy bowl, the same {words}",
                        partial(computed.floors, long_run=long_run),
                        margin=0.3,
                        unit="decades",
                    )
                    for words, long_run in (("rate", False), ("long-run rate", True))
                ),
            ),
            figure="fig-kappa",
            note="That it smooths the path is seen in the chapter, and not judged here.",
        ),
        Claim(
            "D5.14",
            "Momentum does not make the rate easier to choose, since the two are independent.",
            chapter=MOMENTUM,
            rule="Independent: the best rate without momentum against that with 0.9, chosen by the "
            "test losses of the other seeds, within 0.2 decades. No easier: the decades of rates "
            "that end within 1.5 times the lowest mean without it, without minus with 0.9, above "
            "-0.3.",
            trials=(
                Trial(
                    f"{LENET}, one epoch: best rate",
                    _independent,
                    margin=0.2,
                    unit="decades",
                    kind="same",
                    evidence=("sensitivity-1", "momentum-rates"),
                ),
                Trial(
                    f"{LENET}, one epoch: decades of good rates",
                    _no_wider,
                    margin=-0.3,
                    unit="decades",
                    evidence=("sensitivity-1", "momentum-rates"),
                ),
            ),
            figure="fig-lenet-rates",
        ),
        Claim(
            "D5.22",
            "Momentum makes it more likely to find better weights in fewer epochs.",
            chapter=MOMENTUM,
            rule="Test accuracy after epoch 10, momentum 0.9 at 0.03 minus none at 0.3, its "
            "long-run rate: above 0.3 points. After two epochs, each at the rate that held-out "
            "images choose: above 0.5 points.",
            trials=(
                *(
                    Trial(
                        f"{LENET}, ten epochs, batch 128: {kind} minus none",
                        partial(_ten_epochs, kind),
                        margin=0.3,
                        unit="points",
                        evidence=("momentum-10",),
                    )
                    for kind in ("momentum 0.9", "Nesterov 0.9")
                ),
                *map(_tuned_momentum, CHOSEN_RATES),
            ),
            figure="fig-ten",
            note="In the ten epochs the rates are the better of two a side, chosen by the same "
            "test images, both at the upper end of what was tried.",
        ),
    ]


def _schedules() -> list[Claim]:
    return [
        Claim(
            "D5.15",
            "A schedule makes the choice of the initial rate less sensitive than a fixed rate.",
            chapter=WORK,
            rule="Decades of first rates whose test loss ends within 1.5 times the constant rates' "
            "lowest mean, a linear decay's minus a constant rate's: above 0.2.",
            trials=(
                _decay_forgives("sensitivity-1", "one epoch"),
                _decay_forgives("sensitivity-5", "five epochs"),
            ),
            figure="fig-window-lenet",
        ),
        Claim(
            "D5.16",
            "Reducing on a plateau is the simplest adaptive rate; raising it again is an "
            "alternative.",
            chapter=PLATEAU,
            rule="An alternative: test accuracy after epoch 30 of the rule that raises the rate "
            "fourfold after six epochs without progress, minus that of the same rule without "
            "raises: above -0.5 points.",
            trials=(plateau("raised", "rule", margin=-0.5),),
            figure="fig-plateau-raise-run",
            note="'Simplest' is no number that runs could have. A raise late in the run leaves the "
            "rate high at the end: the last epoch is the worst moment for it.",
        ),
        Claim(
            "D5.20",
            "A schedule is perhaps best practice when training networks.",
            chapter=WORK,
            rule="Test accuracy at the end, a schedule's minus that of the constant rate: above "
            "0.3 points, at D2's rates and at tuned ones." + LOST,
            trials=(
                *(final_gain(label) for label in ("sqrt", "multistep", "cosine")),
                tuned("D2-tuned", "linear", "constant"),
                tuned("optimizer-tuned", "momentum, cosine", "momentum"),
            ),
            figure="fig-accuracy",
            note="For the other schedules at tuned rates see D2.4 to D2.6.",
        ),
        Claim(
            "D5.23",
            "The adaptive rate watches performance on the training set.",
            chapter=PLATEAU,
            rule="What is watched is no matter: test accuracy after epoch 30 of the rule that "
            "watches the training loss minus that of the rule that watches the loss on held-out "
            "images: within 0.5 points.",
            trials=(plateau("rule, training loss", "rule", margin=0.5, kind="same"),),
            figure="fig-plateau-watched",
            note="A choice of whoever sets it up: either loss can be watched.",
        ),
    ]


def _adaptive() -> list[Claim]:
    grids = {
        "AdaGrad": RATES[:9],
        "RMSProp": RATES[2:11],
        "Adam": RATES[2:11],
    }
    return [
        Claim(
            "D5.17",
            "Adaptive methods usually beat a badly configured rate; AdaGrad, RMSProp and Adam are "
            "robust.",
            chapter=ADAPTIVE,
            rule="Decades of rates whose test loss ends within 1.5 times SGD's lowest mean, a "
            "rule's minus SGD's: above 0.3.",
            trials=tuple(_forgiving(name, rates) for name, rates in grids.items()),
            figure="fig-ada-u",
            note="Robust across networks is not tried: there is one network. For bad rates see "
            "D5.26. That no single method is best is not judged here.",
        ),
        Claim(
            "D5.18",
            "Start from Adam as the baseline, then see whether a carefully chosen rate or a simple "
            "schedule improves on it.",
            chapter=ADAPTIVE,
            rule="A rate: test loss after one epoch at Adam's default 0.001 minus that at 0.01, "
            "above 0.05 nats; 0.01 is the best of the grid by the same test losses. A schedule, "
            "with every rate tuned: test accuracy of Adam with a cosine, or of momentum with one, "
            "minus that of Adam, above 0.3 points; one of the two is enough.",
            trials=(
                lenet(
                    "sensitivity-1-Adam",
                    "lr 0.001",
                    "lr 0.01",
                    margin=0.05,
                    words="Adam at 0.001 minus Adam at 0.01",
                ),
                *(
                    tuned("optimizer-tuned", f"{name}, cosine", "Adam")
                    for name in ("Adam", "momentum")
                ),
            ),
            figure="fig-ada-final",
        ),
        Claim(
            "D5.24",
            "Adam is perhaps the most popular, since it adds momentum to RMSProp.",
            chapter=ADAPTIVE,
            rule="Adam without its mean and its correction against RMSProp, the largest difference "
            "of a weight in 200 steps: within 1e-09.",
            trials=(Trial("a bowl", computed.adam_less_rmsprop, margin=1e-9, kind="same"),),
            figure="fig-ada-correction",
            note="Popularity is nothing that runs could have.",
        ),
        Claim(
            "D5.25",
            "A reasonable choice is SGD with momentum and a decaying rate.",
            chapter=ADAPTIVE,
            rule="Test accuracy of momentum with a cosine minus that of Adam with one: above -0.3 "
            "points.",
            note="Of the decaying rates a cosine alone is tried.",
            trials=(tuned("optimizer-tuned", "momentum, cosine", "Adam, cosine", margin=-0.3),),
            figure="fig-ada-final",
        ),
        Claim(
            "D5.26",
            "A good adaptive algorithm converges much faster than simple descent with a badly "
            "chosen fixed rate.",
            chapter=ADAPTIVE,
            rule="Test loss after one epoch, SGD's at a bad rate minus Adam's at its default: "
            "above 0.1 nats. A run that overflows counts as guessing.",
            trials=tuple(_badly_configured(lr) for lr in ("0.001", "0.003", "0.01", "1")),
            figure="fig-ada-u",
        ),
    ]

"""L10: the edge of stability, rivers and valleys, and the convex bound, in the literature."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import cache, partial
from itertools import combinations

import numpy as np

from lrlab.claims.claim import AFTER, BEFORE, Claim, Trial
from lrlab.claims.evidence import Values, combined, each, last, less, runs
from lrlab.landscapes import Noisy, Quadratic, descend
from lrlab.optimizers import Adam, Momentum
from lrlab.schedules import Constant
from lrlab.statistics import Pairs
from lrlab.studies import STUDIES, at_edge
from lrlab.theory import best_base_lr, edge_of_stability, expected_losses
from lrlab.training import History

CHAPTER = "edge_of_stability"
COHEN = "Cohen, Kaur, Li, Kolter, Talwalkar 2021, arXiv:2103.00065"
COHEN_ADAPTIVE = "Cohen et al. 2022, arXiv:2207.14484"
GILMER = "Gilmer et al. 2021, arXiv:2110.04369"
WEN = "Wen, Li, Wang, Hall, Liang, Ma 2024, arXiv:2410.05192"
SCHAIPP = "Schaipp, Hägele, Taylor, Şimşekli, Bach 2025, arXiv:2501.18965"
DEFAZIO = "Defazio, Cutkosky, Mehta, Mishchenko 2023, arXiv:2310.07831"
RAVINE = Noisy(Quadratic((0.01, 10.0)), covariance=((0, 0), (0, 4)))
HIGH, LOW, STEPS, COOLDOWN = 0.1, 0.01, 300, 60
PER_EPOCH = 469  # updates of LeNet in an epoch of Fashion-MNIST
PEAKS = {
    "constant": 0.05,
    "sqrt": 0.2,
    "multistep": 0.2,
    "cosine": 0.2,
    "tenths": 0.2,
    "linear": 0.2,
}
LABELS = {name: f"{name}, lr {lr:g}" for name, lr in PEAKS.items()}
TUNED = "LeNet on Fashion-MNIST, 30 epochs, six schedules at their own peaks"

ALEXNET = "AlexNet of an eighth of the width at rate 2, on a ramp of 391 updates"
ALL = 0.95  # of the runs: every one
LENET = "LeNet on 500 images, all of them in every update"
NEAR = 0.405  # ln 1.5


def beyond(factor: float) -> float:
    """How many decades the loss rises in 1,000 steps of momentum 0.9, at so many edges."""
    rule, lr = Momentum(momentum=0.9), 0.1
    bowl = Quadratic((factor * float(edge_of_stability(rule, lr)),))
    loss = descend(bowl, rule, Constant(lr), [1.0], 1_000).loss
    return math.log10(float(loss[-1] / loss[0]))


def adam_ratio() -> float:
    """The preconditioned sharpness of Adam on a bowl over its edge, as a logarithm."""
    rule, lr, curvatures = Adam(beta2=0.99), 0.01, np.array([1.0, 10.0])
    path = descend(Quadratic(tuple(curvatures)), rule, Constant(lr), [0.01, 0.01], 1_600)
    memory, found = np.zeros(2), []
    for step, square in enumerate((curvatures * path.w[:-1]) ** 2, start=1):
        memory = rule.beta2 * memory + (1 - rule.beta2) * square
        root = np.sqrt(memory / (1 - rule.beta2**step)) + rule.eps
        found.append((curvatures / root).max())
    return math.log(float(np.median(found[800:])) / float(edge_of_stability(rule, lr)))


@cache
def parts(way: str) -> np.ndarray:
    """The loss along and across the ravine, before each step and after the last."""
    rates = np.full(STEPS, LOW if way == "low" else HIGH)
    if way == "cooldown":
        rates[-COOLDOWN:] *= 1 - np.arange(COOLDOWN) / COOLDOWN
    return expected_losses(RAVINE, rates, [10, 1])


def travel() -> float:
    """How much more of the river's loss the high rate has used up before any decay."""
    return float((parts("low") - parts("high"))[STEPS - COOLDOWN, 0] / parts("low")[0, 0])


def height_share() -> float:
    """The part of the loss that a cooldown gains which was height."""
    before, after = parts("cooldown")[[STEPS - COOLDOWN, -1]]
    return float((before - after)[1] / (before - after).sum())


def less_than_held() -> float:
    """How many decades lower the loss ends with a cooldown than without."""
    held, cooled = (float(parts(way)[-1].sum()) for way in ("high", "cooldown"))
    return math.log10(held / cooled)


def bound(name: str, steps: int) -> float:
    """The bound at the best base rate, without the root of the steps that all have in common."""
    time = np.arange(steps) / steps
    shapes = {"constant": np.ones(steps), "cooldown": np.minimum(1, (1 - time) / 0.2)}
    return best_base_lr(shapes[name]).bound * math.sqrt(steps)


def growth(name: str) -> float:
    """By how many decades that grows from 100 to 10,000 steps."""
    return math.log10(bound(name, 10_000) / bound(name, 100))


@cache
def foretold() -> dict[str, float]:
    """The bound of each of the six schedules at its best base rate."""
    found = {}
    for name, label in LABELS.items():
        schedule = runs("D2-tuned")[label][0].recipe.schedule
        rates = np.repeat([float(schedule(epoch)) for epoch in range(30)], PER_EPOCH)
        found[name] = best_base_lr(rates).bound
    return found


def in_order() -> Values:
    """The share of the 15 pairs of schedules whose training losses the bound puts in order."""
    bounds = foretold()
    losses = {name: last("D2-tuned", label, "train_loss") for name, label in LABELS.items()}
    pairs = list(combinations(LABELS, 2))
    return {
        seed: float(np.mean([(bounds[a] < bounds[b]) == (losses[a][seed] < losses[b][seed])
                             for a, b in pairs]))
        for seed in losses["linear"]
    }  # fmt: skip


def of_lenet(*optimizers: str) -> list[str]:
    """The labels of some optimizers, at every rate."""
    labels = [setting.label for setting in STUDIES["edge"].settings]
    return [label for label in labels if label.startswith(optimizers)]


def medians(label: str) -> Values:
    """For each seed the median of sharpness over edge, where it counts."""
    return each("edge", label, lambda run: at_edge(run).median())


def log_median(label: str) -> Pairs:
    """For each seed the logarithm of the median of sharpness over edge."""
    return combined(math.log, medians(label))


def climb(labels: Iterable[str]) -> Pairs:
    """For each seed the share of its runs that begin below half of their edge and reach it."""

    def begins_below(run: History) -> float:
        ratio = at_edge(run).ratio
        return float(ratio[0] < 0.5 <= ratio.max())

    return combined(lambda *runs: float(np.mean(runs)),
                    *(each("edge", label, begins_below) for label in labels))  # fmt: skip


def rate_decides() -> Pairs:
    """The median sharpness under plain descent at 0.01 over that at 0.05."""
    low, high = (medians(f"SGD, lr {lr:g}") for lr in (0.01, 0.05))
    edges = 5  # of the first over that of the second: 2 / 0.01 over 2 / 0.05
    return combined(lambda a, b: a / b * edges if math.isfinite(b) else math.inf, low, high)


def _tuned(metric: str, first: str, second: str) -> Pairs:
    """What one schedule has more than another, seed by seed, each at its tuned peak."""
    return less(*(last("D2-tuned", LABELS[name], metric) for name in (first, second)))


def on_ramp(step: int, meets: Callable[[float, float], bool]) -> Pairs:
    """For each seed 1 if the sharpness after so many steps, and that of fresh weights, are so."""

    def value(run: History) -> float:
        measured = at_edge(run)
        found = dict(zip(measured.step, measured.sharpness, strict=True))
        return float(
            run.stopped is None and meets(found.get(step, math.nan), found.get(0, math.nan))
        )

    return combined(float, each("edge-warmup", "ramp", value))


def _stays(labels: Iterable[str]) -> list[Trial]:
    return [
        Trial(f"{LENET}: {label} stays",
              partial(log_median, label),
              margin=NEAR, kind="same", evidence=("edge",), declared=BEFORE)
        for label in labels
    ]  # fmt: skip


def _recorded() -> list[Claim]:
    return [
        Claim(
            "L10.8",
            "A warm-up lets a larger rate in, by lowering the sharpness.",
            chapter=CHAPTER,
            rule="On the ramp the sharpness at step 380 lies below half of that of fresh weights, "
            "and at step 20 it lies above 1, the edge of the rate 2, in every run: shares above "
            "0.95. A run that overflows counts against it.",
            trials=(
                Trial(f"{ALEXNET}: below half of the fresh sharpness at step 380",
                      lambda: on_ramp(380, lambda late, fresh: late < fresh / 2),
                      margin=ALL, unit="of the runs", evidence=("edge-warmup",), declared=BEFORE),
                Trial(f"{ALEXNET}: above the edge of the rate 2 at step 20",
                      lambda: on_ramp(20, lambda early, _: early > 1),
                      margin=ALL, unit="of the runs", evidence=("edge-warmup",), declared=BEFORE),
            ),
            figure="fig-alexnet-ramp",
            note="That a warm-up lets the rate 2 in is known from other runs, those of the "
            "chapter on warm-up; here the question is why. The rule does not ask whether the "
            "sharpness follows the edge, and no run at a small constant rate was recorded, which "
            "would tell the ramp from learning.",
            paper=GILMER,
        ),
        Claim(
            "L10.9",
            "Under full-batch descent the sharpness of a network climbs to the edge and stays, "
            "so that the rate decides how sharp it becomes.",
            chapter=CHAPTER,
            rule="The logarithm of the median of sharpness over edge, from half of the edge on and "
            "while the loss is above 0.1, lies within ln 1.5 = 0.405. It climbed there if the "
            "first number lies below half of the edge in every run: a share above 0.95. The "
            "median sharpness of plain descent at 0.01 over that at 0.05: above 2.",
            trials=(
                *_stays(of_lenet("SGD", "momentum")),
                Trial(f"{LENET}: SGD and momentum begin below half",
                      lambda: climb(of_lenet("SGD", "momentum")), margin=ALL, unit="of the runs",
                      evidence=("edge",), declared=BEFORE),
                Trial(f"{LENET}: SGD, sharpness at 0.01 over that at 0.05", rate_decides,
                      margin=2, evidence=("edge",), declared=BEFORE),
            ),
            figure="fig-lenet-edge",
            note="Pilots with seed 0, of SGD at 0.02 and of momentum at 0.005, came before the "
            "rule.",
            paper=COHEN,
        ),
        Claim(
            "L10.10",
            "Under Adam the preconditioned sharpness of a network climbs to 38/η and stays.",
            chapter=CHAPTER,
            rule="The logarithm of the median of preconditioned sharpness over edge, from half of "
            "the edge on and while the loss is above 0.1, lies within ln 1.5 = 0.405. It climbed "
            "there if the first number lies below half of the edge in every run: a share above "
            "0.95.",
            trials=(
                *_stays(of_lenet("Adam")),
                Trial(f"{LENET}: Adam begins below half", lambda: climb(of_lenet("Adam")),
                      margin=ALL, unit="of the runs", evidence=("edge",), declared=BEFORE),
            ),
            figure="fig-lenet-edge",
            note="A pilot with seed 0, at 0.001, came before the rule.",
            paper=COHEN_ADAPTIVE,
        ),
    ]  # fmt: skip


def claims() -> list[Claim]:
    """L10.1 to L10.10."""
    return [
        Claim(
            "L10.1",
            "With momentum β, descent bears curvatures up to (2 + 2β)/η, and none above.",
            chapter=CHAPTER,
            rule="Momentum 0.9 on a bowl, 1,000 steps: the loss falls by more than 1 decade at a "
            "curvature of 0.99 times the edge, and rises by more than 1 decade at 1.01 times.",
            trials=(
                Trial("on a bowl, 1 % below the edge: fall", lambda: -beyond(0.99), margin=1,
                      unit="decades"),
                Trial("on a bowl, 1 % above the edge: rise", lambda: beyond(1.01), margin=1,
                      unit="decades"),
            ),
            figure="fig-rules",
            paper=COHEN,
        ),
        Claim(
            "L10.2",
            "Under Adam the preconditioned sharpness comes to rest at 38/η.",
            chapter=CHAPTER,
            rule="Adam with β₂ = 0.99 on a bowl of curvatures 1 and 10, rate 0.01, from a start at "
            "0.01: the logarithm of the preconditioned sharpness over 38/η, its median over the "
            "last 800 of 1,600 steps, lies within 0.1.",
            trials=(Trial("on a bowl", adam_ratio, margin=0.1, kind="same"),),
            figure="fig-rules",
            note="On a bowl H does not change: Adam's memory alone brings the edge about, once it "
            "has forgotten the start. The first rule took the default, β₂ = 0.999, and the last "
            "6,000 of 12,000 steps: -0.06 from this start; from 0.1 and from 4 it had not come "
            "there by then. With β₂ = 0.99 these two starts take 2,000 and 4,000 steps.",
            paper=COHEN_ADAPTIVE,
        ),
        Claim(
            "L10.3",
            "While the rate is high the loss falls little, and yet the descent travels.",
            chapter=CHAPTER,
            rule="In the noisy ravine, 240 steps: what the rate 0.1 has used up of the loss along "
            "the river, less what the rate 0.01 has, as a part of all: above 0.1.",
            trials=(Trial("in the noisy ravine, computed", travel, margin=0.1),),
            figure="fig-river",
            paper=WEN,
        ),
        Claim(
            "L10.4",
            "A decay at the end reveals the progress: the loss falls at once, since the height "
            "above the river does.",
            chapter=CHAPTER,
            rule="In the noisy ravine, a linear cooldown over the last 60 of 300 steps: the loss "
            "ends more than 0.1 decades below that of the rate that is held, and height is more "
            "than 0.5 of what the cooldown gains.",
            trials=(
                Trial("in the noisy ravine, against the held rate", less_than_held, margin=0.1,
                      unit="decades"),
                Trial("in the noisy ravine, share of the height", height_share, margin=0.5),
            ),
            figure="fig-river",
            paper=WEN,
        ),
        Claim(
            "L10.5",
            "In the bound of a constant rate there is a logarithm of the steps; a linear cooldown "
            "does away with it.",
            chapter=CHAPTER,
            rule="The bound times the root of the steps, from 100 to 10,000 steps, at the best "
            "base rates: it grows by more than 0.1 decades with a constant rate, and by 0.05 "
            "decades at most with a cooldown over the last fifth.",
            trials=(
                Trial("constant rate", lambda: growth("constant"), margin=0.1, unit="decades"),
                Trial("cooldown over the last fifth", lambda: growth("cooldown"), margin=0.05,
                      unit="decades", kind="same"),
            ),
            figure="fig-bound",
            paper=SCHAIPP,
        ),
        Claim(
            "L10.6",
            "Real losses under different schedules behave as the bound does.",
            chapter=CHAPTER,
            rule="The share of the 15 pairs of six schedules whose training losses of the last "
            "epoch are in the order of the bounds: above 0.8. Guessing has 0.5.",
            trials=(
                Trial(TUNED, lambda: combined(float, in_order()), margin=0.8,
                      evidence=("D2-tuned",), declared=AFTER),
            ),
            figure="fig-bound",
            note="The paper looks at the shapes of loss curves of language models, which see no "
            "example twice; here the images come round 30 times.",
            paper=SCHAIPP,
        ),
        Claim(
            "L10.7",
            "Linear decay to 0 matches or beats the other schedules.",
            chapter=CHAPTER,
            rule="Linear decay against the constant rate and against the cosine: its training loss "
            "in the last epoch is lower by more than 0.01 nats, and its test accuracy is at most "
            "0.3 points lower (the difference lies above -0.3).",
            trials=(
                *(
                    Trial(f"{TUNED}: training loss, {rival} less linear",
                          partial(_tuned, "train_loss", rival, "linear"), margin=0.01, unit="nats",
                          evidence=("D2-tuned",), declared=AFTER)
                    for rival in ("constant", "cosine")
                ),
                *(
                    Trial(f"{TUNED}: accuracy, linear less {rival}",
                          partial(_tuned, "test_accuracy", "linear", rival),
                          margin=-0.3, unit="points", evidence=("D2-tuned",), declared=AFTER)
                    for rival in ("constant", "cosine")
                ),
            ),
            figure="fig-bound",
            paper=DEFAZIO,
        ),
        *_recorded(),
    ]  # fmt: skip

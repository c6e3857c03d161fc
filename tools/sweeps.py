"""The recorded sweeps of the rate that the explorer of sensitivity shows, in few numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lrlab.training import History

DIGITS = 5  # decimals of a loss in nats, and of the share of wrong answers

ADAPTIVE = ("AdaGrad", "RMSProp", "AdaDelta", "Adam", "AdamW")
TUNED = ("momentum", "Adam", "AdamW 0.01", "AdamW 0.1", "AdamW 1")


@dataclass(frozen=True)
class Problem:
    """What is trained, and the ways of which each has a sweep.

    Attributes:
        title: Network and length of the runs.
        ways: For each way its study, and what stands before the rate in the study's labels.
        classes: Number of classes, or of symbols.
    """

    title: str
    ways: dict[str, tuple[str, str]]
    classes: int = 10


PROBLEMS = {
    "LeNet-1": Problem(
        "LeNet, 1 epoch",
        {
            "SGD": ("sensitivity-1", ""),
            "momentum": ("momentum-rates", "momentum 0.9, "),
            **{name: (f"sensitivity-1-{name}", "") for name in ADAPTIVE},
        },
    ),
    "LeNet-5": Problem(
        "LeNet, 5 epochs",
        {
            "SGD, constant": ("sensitivity-5", ""),
            "SGD, linear to 0": ("sensitivity-5-linear", ""),
        },
    ),
    "LeNet-10": Problem(
        "LeNet, 10 epochs",
        {
            f"{name}, {word}": ("optimizer-choosing", f"{name}, {prefix}")
            for name in TUNED
            for word, prefix in (("constant", ""), ("cosine to 0", "cosine, "))
        },
    ),
    "LeNet-4": Problem(
        "LeNet, 4 epochs, 6,000 images", {"momentum, linear to 0": ("rates-LeNet", "")}
    ),
    "AlexNet-4": Problem(
        "AlexNet, 4 epochs, 6,000 images", {"momentum, linear to 0": ("rates-AlexNet", "")}
    ),
    "decoder-4": Problem(
        "Decoder, 4 epochs", {"AdamW, linear to 0": ("rates-decoder", "")}, classes=24
    ),
}


def sweep(study: str, prefix: str) -> dict[float, list[History]]:
    """The runs of each rate of a sweep, in the order of the rates."""
    from lrlab import studies  # late, as few pages need them

    start = f"{prefix}lr "
    found = {
        float(label.removeprefix(start)): runs
        for label, runs in studies.load(study).items()
        if label.startswith(start)
    }
    return dict(sorted(found.items()))


def curves(run: History) -> list[list[float | None]]:
    """Loss and share of wrong answers after each epoch; None where a run has diverged."""
    losses = [round(loss, DIGITS) if math.isfinite(loss) else None for loss in run.test_loss]
    errors: list[float | None] = [round(1 - share, DIGITS) for share in run.test_accuracy]
    if run.stopped:
        losses[-1] = errors[-1] = None
    return [losses, errors]


def data() -> dict[str, Any]:
    """For each problem what it is, and for each way the rates with the curves of all seeds."""
    from lrlab import studies

    found = {}
    for name, problem in PROBLEMS.items():
        sweeps = {way: sweep(*where) for way, where in problem.ways.items()}
        first = next(iter(sweeps.values()))
        (run, *_) = next(iter(first.values()))
        study = studies.STUDIES[next(iter(problem.ways.values()))[0]]
        found[name] = {
            "title": problem.title,
            "classes": problem.classes,
            "epochs": run.recipe.epochs,
            "judge": study.settings[0].data.evaluate_on.replace("_", "-"),
            "ways": {
                way: {"lrs": list(rates), "runs": [[*map(curves, runs)] for runs in rates.values()]}
                for way, rates in sweeps.items()
            },
        }
    return found


def picture() -> Figure:
    """The explorer as it starts: seven optimisers after one epoch."""
    from lrlab import plots

    drawn = {}
    for way, where in PROBLEMS["LeNet-1"].ways.items():
        rates = sweep(*where)
        losses = [[run.test_loss[-1] for run in runs] for runs in rates.values()]
        drawn[way] = list(rates), losses
    return plots.sensitivities(
        {"LeNet on Fashion-MNIST, one epoch": drawn},
        ylabel="test loss",
        title="Seven optimisers, each at a grid of rates",
        ylim=(0, 2.6),
    )

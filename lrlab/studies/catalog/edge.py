"""The edge of stability: the sharpness of a network under descent on all of its images."""

from __future__ import annotations

from collections.abc import Iterable

from lrlab.optimizers import SGD, Adam, Momentum, Optimizer
from lrlab.schedules import Constant, Schedule, warmup
from lrlab.studies.catalog.d4 import CIFAR10, NARROW
from lrlab.studies.catalog.warmup import BORDER_RATE
from lrlab.studies.study import Images, Measure, Setting, Study
from lrlab.training import Recipe

IMAGES, UPDATES = 500, 100  # updates in an epoch
#: What descends, at which rates, for how many epochs, and after how many updates it is measured.
WAYS: dict[str, tuple[Optimizer, tuple[float, ...], int, int]] = {
    "SGD": (SGD(), (0.01, 0.02, 0.05), 15, 50),
    "momentum": (Momentum(momentum=0.9), (0.005, 0.01), 10, 25),
    "Adam": (Adam(), (3e-4, 1e-3), 5, 10),
}
DECIDES = (
    "For each run the median ratio of the sharpness to the edge of the optimizer: 2/η of plain "
    "descent, (2 + 2β)/η of momentum, and for Adam, with the preconditioned sharpness, (2 + "
    "2β₁)/((1 − β₁)η). It is over the measurements from the first one that reaches half of the "
    "edge, and while the loss is above 0.1: where cross-entropy is nearly used up, the sharpness "
    "falls (Cohen et al. 2021). A run that never reaches half has none. The logarithm has a 95 % "
    "interval over the seeds; the margin is ln 1.5. The sharpness stays at the edge at a rate if "
    "the interval lies within the margin. It climbed there if the first number lies below half of"
    " the edge in every run. That the rate decides: of plain descent, the median sharpness at "
    "0.01 over that at 0.05, of the same measurements and paired by seed, lies above 2; a run "
    "that never reaches half of its edge is left out. A pilot with seed 0, at 0.02 and, of "
    "momentum, at 0.005 and of Adam at 0.001, came before this rule. L10.9, L10.10."
)
DECIDES_WARMUP = (
    "That a warm-up lets the rate 2 in is known from warmup-shapes, whose runs have other seeds. "
    "Here the question is why: it does so by lowering the sharpness if with the ramp the "
    "sharpness at step 380, before the ramp ends, lies below half of that of fresh weights in "
    "every run, and if at step 20 it is above the edge of the rate 2, which is 1. A run that "
    "overflows has no such numbers and counts against it. What happens without a ramp is told. "
    "L10.8."
)


def studies() -> Iterable[Study]:
    """Descent on all of 500 images by three optimizers, and a ramp at the border rate."""
    data = Images("fashion_mnist", limit=IMAGES, per_epoch=IMAGES * UPDATES)
    settings = tuple(
        Setting(
            f"{name}, lr {lr:g}",
            Recipe(Constant(lr), epochs=epochs, batch_size=IMAGES, optimizer=optimizer),
            data=data,
            measure=Measure("preconditioned " * (name == "Adam") + "sharpness", every=every),
        )
        for name, (optimizer, rates, epochs, every) in WAYS.items()
        for lr in rates
    )
    text = "LeNet on all of 500 images in every update: sharpness under SGD, momentum and Adam"
    yield Study("edge", text, settings, decides=DECIDES)
    ramps: dict[str, Schedule] = {
        "none": Constant(BORDER_RATE),
        "ramp": warmup(Constant(BORDER_RATE), 1),
    }
    settings = tuple(
        Setting(
            label,
            Recipe(schedule, epochs=2, per="step"),
            network=NARROW,
            data=CIFAR10,
            measure=Measure("sharpness", every=20, images=IMAGES),
        )
        for label, schedule in ramps.items()
    )
    text = (
        "2 epochs of AlexNet of an eighth of the width at rate 2: sharpness with and without ramp"
    )
    yield Study("edge-warmup", text, settings, seeds=(40, 41, 42), decides=DECIDES_WARMUP)

"""Warm-up beyond the document: under Adam, other ramps, and PyTorch's initial weights."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from lrlab.optimizers import Adam, AdamW, Optimizer
from lrlab.schedules import Constant, CosineDecay, Geometric, Schedule, join, warmup
from lrlab.studies.catalog.d4 import CIFAR10, NARROW, WARMUP_RATES
from lrlab.studies.catalog.tuning import CHOOSING
from lrlab.studies.study import Network, Setting, Study
from lrlab.training import Recipe

FIVE = (0, 1, 2, 3, 4)
#: The rates of warm-up under Adam and AdamW.
ADAM_RATES = (0.001, 0.003, 0.01, 0.03, 0.1)
RAMPS = (0, 100, 500, 1_500)  # updates
UPDATES = 391  # in an epoch of 50,000 images; those of CIFAR-10 are as many
BORDER_RATE = 2.0  # at which warm-up decides for this network, see "warmup-rates-none"
LENGTHS = (10, 50, 100, 782)  # updates; the shapes have 391
DECIDES_ADAM = (
    "Accuracy on the held-out images after the last epoch, paired by seed, with 95 % intervals; "
    "the margin is 1 point; a run that overflows counts as guessing, 10 %. A ramp helps at a rate "
    "if it less no ramp lies above the margin; it does not matter there if that lies within it. "
    "The claim that a high rate on fresh weights is unstable and a ramp fixes it (D4.1, under "
    "Adam): at some rate of the grid the ramp of 500 updates helps. That it pays where one would "
    "train: with each way at its best rate, for each seed the one with the lowest mean loss of the "
    "other four seeds, the ramp of 500 less none lies above the margin. All other pairs are told, "
    "and decide neither."
)
DECIDES_SHAPES = (
    "Training loss after epoch 5, paired by seed, with 95 % intervals; the margin is 0.1; a run "
    "that overflows counts as guessing, log 10. A ramp helps if no ramp less it lies above the "
    "margin. The shape matters if another shape less the line of 391 updates lies outside of the "
    "margin, and does not if it lies within; so it is for each other length of the line."
)
DECIDES_WEIGHTS = (
    "Training loss after epoch 5, paired by seed, with 95 % intervals; the margin is 0.1; a run "
    "that overflows counts as guessing, log 10. With PyTorch's initial weights a warm-up helps at "
    "a rate if 'none' less 'warmup' lies above the margin, and does not matter within it. That "
    "the initial weights decide which rates need it: there is a rate at which it helps with one "
    "framework's weights and lies within the margin with the other's."
)


def studies() -> Iterable[Study]:
    """Rates and ramps of Adam, ramps of SGD at the border, six rates with other initial weights."""
    about = "5 epochs of LeNet on Fashion-MNIST"
    for name, optimizer in (("Adam", Adam()), ("AdamW", AdamW())):
        settings = tuple(
            Setting(
                f"ramp {ramp}, lr {lr:g}",
                _steps(warmup(Constant(lr), ramp / UPDATES), optimizer),
                data=CHOOSING,
            )
            for ramp in RAMPS
            for lr in ADAM_RATES
        )
        text = f"{about} with {name}, rates 0.001 to 0.1 after ramps of 0 to 1,500 updates"
        yield Study(f"warmup-{name}", text, settings, seeds=FIVE, decides=DECIDES_ADAM)
    lr = BORDER_RATE
    ramps: dict[str, Schedule] = {
        "none": Constant(lr),
        "line": warmup(Constant(lr), 1),
        "cosine": join([CosineDecay(0, total_epochs=1, final_lr=lr), Constant(lr)], at=[1]),
        "exponential": Geometric(lr / 100, total_epochs=1, final_lr=lr),
        "jump": join([Constant(lr / 10), Constant(lr)], at=[1]),
    }
    ramps |= {f"line of {n}": warmup(Constant(lr), n / UPDATES) for n in LENGTHS}
    settings = tuple(_image_run(label, ramp) for label, ramp in ramps.items())
    about = "AlexNet of an eighth of the width on CIFAR-10 for 5 epochs"
    text = f"{about} at rate 2 after ramps of four shapes and five lengths"
    yield Study("warmup-shapes", text, settings, seeds=FIVE, decides=DECIDES_SHAPES)
    torchs = replace(NARROW, init="kaiming_uniform")
    for way, length in (("none", 0), ("warmup", 1)):
        settings = tuple(
            _image_run(f"lr {lr:g}", warmup(Constant(lr), length), network=torchs)
            for lr in WARMUP_RATES
        )
        text = f"{about} from PyTorch's weights, rates 8 to 0.1"
        text += f" after a warm-up of {length} epoch" * length
        yield Study(f"warmup-rates-torch-{way}", text, settings, decides=f"D2.3. {DECIDES_WEIGHTS}")


def _steps(schedule: Schedule, optimizer: Optimizer) -> Recipe:
    return Recipe(schedule, epochs=5, per="step", optimizer=optimizer)


def _image_run(label: str, schedule: Schedule, network: Network = NARROW) -> Setting:
    recipe = Recipe(schedule, epochs=5, per="step")
    return Setting(label, recipe, network=network, data=CIFAR10)

"""The document on scheduling a LeNet (D2), and the same schedules each at its own peak rate."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from lrlab.schedules import (
    Constant,
    CosineDecay,
    InverseSqrtDecay,
    LinearDecay,
    MultiStepDecay,
    Schedule,
    join,
)
from lrlab.studies.catalog.tuning import CHOICE, CHOOSING, CHOOSING_SEEDS, FINAL_SEEDS
from lrlab.studies.study import Setting, Study
from lrlab.training import Recipe

SCHEDULES = {
    "constant": Constant(0.3),
    "sqrt": InverseSqrtDecay(0.1),
    "multistep": MultiStepDecay(0.3, gamma=0.5, milestones=(15, 30)),
    "cosine": CosineDecay(0.3, total_epochs=20, final_lr=0.01),
}
SEEDS = (0, 1, 2, 3, 4)
FURTHER_SEEDS = tuple(range(5, 20))
# The document's schedules by their peak, and two that end at small rates: by ten twice, and a line.
BY_PEAK: dict[str, Callable[[float], Schedule]] = {
    "constant": Constant,
    "sqrt": InverseSqrtDecay,
    "multistep": lambda lr: MultiStepDecay(lr, gamma=0.5, milestones=(15, 30)),
    "cosine": lambda lr: CosineDecay(lr, total_epochs=20, final_lr=lr / 30),
    "tenths": lambda lr: MultiStepDecay(lr, gamma=0.1, milestones=(15, 25)),
    "linear": lambda lr: LinearDecay(lr, total_epochs=30),
}
PEAKS = (0.05, 0.1, 0.2, 0.4, 0.8)
FURTHER_PEAKS = {"constant": (0.025,)}  # where the choice fell on an end of the grid
# What "D2-tuning" chose.
CHOSEN_PEAKS = {
    "constant": 0.05,
    "sqrt": 0.2,
    "multistep": 0.2,
    "cosine": 0.2,
    "tenths": 0.2,
    "linear": 0.2,
}
DECIDES_TUNED = (
    f"{CHOICE} The comparison with seeds 20 to 24, D2-tuned, is of the test accuracy after epoch "
    "30, paired by seed, with 95 % intervals and with Holm's for its seven claims; the margin is "
    "0.3 points. D2.4: sqrt less constant lies above the margin. D2.5: constant less multistep "
    "lies above minus the margin, so that it gains nothing that matters. D2.6: cosine less "
    "constant lies above it. D5.20: so does linear less constant. Is it the kind or the final "
    "rate? The kind does not matter if tenths less cosine, and linear less cosine, lie within the "
    "margin; the final rate does if multistep, which ends at half of its peak, less tenths lies "
    "below minus the margin."
)


def studies() -> Iterable[Study]:
    """Each schedule as the text means it, two an epoch late, all with fresh seeds; then tuned."""
    settings = []
    for label, schedule in SCHEDULES.items():
        text = f"LeNet on Fashion-MNIST for 30 epochs, {label} schedule as the text means it"
        settings.append(Setting(label, Recipe(schedule, epochs=30)))
        yield Study(f"D2-{label}", text, tuple(settings[-1:]), seeds=SEEDS)
    for label in ("sqrt", "cosine"):
        late = join([Constant(0.3), SCHEDULES[label]], at=[1])
        text = f"the same, {label} schedule an epoch late, as the printed loop applies it"
        settings.append(Setting(f"{label}, late", Recipe(late, epochs=30)))
        yield Study(f"D2-{label}-late", text, tuple(settings[-1:]), seeds=SEEDS)
    text = "all runs of D2 with seeds 5 to 19, many networks in one program on a GPU"
    yield Study("further-seeds", text, tuple(settings), seeds=FURTHER_SEEDS)
    text = "30 epochs of LeNet on Fashion-MNIST, six schedules at five or six peaks, to choose"
    peaks = tuple(
        replace(_at_peak(name, lr), data=CHOOSING)
        for name in BY_PEAK
        for lr in (*PEAKS, *FURTHER_PEAKS.get(name, ()))
    )
    yield Study("D2-tuning", text, peaks, seeds=CHOOSING_SEEDS, decides=DECIDES_TUNED)
    text = "30 epochs of LeNet on Fashion-MNIST, six schedules, each at the peak that was chosen"
    peaks = tuple(_at_peak(name, lr) for name, lr in CHOSEN_PEAKS.items())
    yield Study("D2-tuned", text, peaks, seeds=FINAL_SEEDS, decides=DECIDES_TUNED)


def _at_peak(name: str, lr: float) -> Setting:
    return Setting(f"{name}, lr {lr:g}", Recipe(BY_PEAK[name](lr), epochs=30))

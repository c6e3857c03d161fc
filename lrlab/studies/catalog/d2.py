"""The document on scheduling a LeNet (D2)."""

from __future__ import annotations

from collections.abc import Iterable

from lrlab.schedules import Constant, CosineDecay, InverseSqrtDecay, MultiStepDecay, join
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


def studies() -> Iterable[Study]:
    """Each schedule as the text means it, and two an epoch late; then all with fresh seeds."""
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

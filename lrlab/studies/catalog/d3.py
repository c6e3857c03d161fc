"""The document on snapshot ensembles (D3).

Its rates, cycles and epochs are the document's; its network, data set and batch size are not told.
Half of the images are trained on: five seeds then take no longer than two or three would.
"""

from __future__ import annotations

from collections.abc import Iterable

from lrlab.schedules import Constant, CosineDecay, CyclicCosine, Schedule
from lrlab.studies.study import Images, Parts, Setting, Study
from lrlab.training import Recipe

HALF = Images(limit=30_000, held_out=5_000)
DECIDES = (
    "Always paired by seed, with 95 % intervals. D3.3: the test accuracy of the three snapshots of "
    "'restarts', probabilities averaged, less that of the last network of 'constant'. D3.2: that "
    "of the first snapshot of 'restarts' less that of the last network of 'one cosine'; sufficient "
    "within 1 point. D3.1: how far the training loss rises on the straight line between "
    "consecutive snapshots of 'restarts'; another optimum above 0.05. All other comparisons are "
    "told, and decide none of the three."
)


def _setting(label: str, schedule: Schedule, parts: Parts, per: str = "epoch") -> Setting:
    return Setting(label, Recipe(schedule, epochs=60, per=per), data=HALF, snapshots=parts)


def studies() -> Iterable[Study]:
    """Four ways to three snapshots, restarts set at every step, and shorter cycles."""
    restarts = CyclicCosine(0.1, cycle_epochs=20)
    about = "60 epochs of LeNet on half of Fashion-MNIST"
    settings = (
        _setting("constant", Constant(0.1), Parts(3)),
        _setting("one cosine", CosineDecay(0.1, total_epochs=60), Parts(3)),
        _setting("restarts", restarts, Parts(3)),
        _setting("fresh starts", restarts, Parts(3, fresh=True)),
    )
    text = f"{about}, three snapshots of each: constant, cosine, restarts, new networks"
    yield Study("D3", text, settings, seeds=(0, 1, 2, 3, 4), decides=DECIDES)
    setting = _setting("restarts, per step", restarts, Parts(3), per="step")
    yield Study("D3-per-step", f"{about}, restarts set at every step", (setting,))
    shorter = tuple(
        _setting(f"cycles of {c}", CyclicCosine(0.1, cycle_epochs=c), Parts(60 // c))
        for c in (5, 10)
    )
    yield Study("D3-cycles", f"{about}, restarts after 5 and 10 epochs", shorter)

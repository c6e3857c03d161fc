"""The document on snapshot ensembles (D3).

Its rates, cycles and epochs are the document's; its network, data set and batch size are not told.
Half of the images are trained on: five seeds then take no longer than two or three would.
"""

from __future__ import annotations

from collections.abc import Iterable

from lrlab.optimizers import SGD, Momentum, Optimizer
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
PEAKS = (0.05, 0.1, 0.3)
DECIDES_PEAKS = (
    "Of each optimizer and peak rate, paired by seed, with 95 % intervals; a run that overflows "
    "counts as guessing, 10 %. D3.3: the test accuracy of the three snapshots of 'restarts', "
    "probabilities averaged, less that of the last network of 'constant', then less the one of its "
    "three snapshots that the held-out images choose, then less the last network of 'one cosine': "
    "each time the margin is 0.5 points. D3.1: the training loss on the line between consecutive "
    "snapshots of 'restarts' rises by more than 0.05. Calibrated: the test log-loss of the three "
    "less that of 'one cosine', each at the temperature that the held-out images give it, lies "
    "below 0. The source's long-run rate is 1, momentum 0.9 at 0.1; a verdict is told for each."
)


def _setting(
    label: str,
    schedule: Schedule,
    parts: Parts,
    per: str = "epoch",
    optimizer: Optimizer = SGD(),  # noqa: B008, a value that nothing changes
) -> Setting:
    recipe = Recipe(schedule, epochs=60, per=per, optimizer=optimizer)
    return Setting(label, recipe, data=HALF, snapshots=parts)


def _ways(peak: float, optimizer: Optimizer, *, fresh: bool) -> tuple[Setting, ...]:
    """Constant, one cosine and restarts from a peak rate; new networks in the place of restarts."""
    name = "momentum 0.9" if isinstance(optimizer, Momentum) else "momentum 0"
    restarts = CyclicCosine(peak, cycle_epochs=20)
    ways = {
        "constant": (Constant(peak), Parts(3)),
        "one cosine": (CosineDecay(peak, total_epochs=60), Parts(3)),
        "restarts": (restarts, Parts(3)),
        "fresh starts": (restarts, Parts(3, fresh=True)),
    }
    return tuple(
        _setting(f"{way}, {name}, lr {peak:g}", schedule, parts, optimizer=optimizer)
        for way, (schedule, parts) in ways.items()
        if fresh or not parts.fresh
    )


def studies() -> Iterable[Study]:
    """Four ways to three snapshots, restarts at every step, shorter cycles, momentum and peaks."""
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
    heavy = Momentum(momentum=0.9)
    many = [one for peak in PEAKS for one in _ways(peak, heavy, fresh=peak == 0.1)]
    text = f"{about}, momentum 0.9 at peak rates 0.05, 0.1, 0.3, and no momentum at 0.3"
    many += _ways(0.3, SGD(), fresh=True)
    yield Study("D3-peaks", text, tuple(many), decides=DECIDES_PEAKS)

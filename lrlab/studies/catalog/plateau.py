"""Reducing on a plateau, beside a schedule that was fixed beforehand (D1, D3, D5)."""

from __future__ import annotations

from collections.abc import Iterable

from lrlab.plateau import ReduceOnPlateau
from lrlab.schedules import Constant, CosineDecay, Schedule
from lrlab.studies.study import Images, Setting, Study
from lrlab.training import Recipe, Watch

WATCHED = Images(limit=25_000, held_out=5_000, evaluate_on="both")
PEAK = 0.2
EPOCHS = 30
DECIDES = (
    "Accuracy on the test images, once after epoch 30, paired by seed, with 95 % intervals and "
    "with Holm's for the claims of its chapter; the margin is 0.5 points. D1.7, enough: 'rule' "
    "less 'cosine' lies above minus the margin; so for D3's numbers, 'patient'. D5.16, raising is "
    "an alternative: 'raised' less 'rule' lies above minus the margin. D5.23, what is watched is "
    "no matter: 'rule' that watches the training loss less 'rule' lies within the margin."
)


def studies() -> Iterable[Study]:
    """Two schedules, and a rule as this book, as D3 and as D5 have it, which watch two losses."""
    rule = ReduceOnPlateau(PEAK, convention="pytorch", factor=0.5, patience=2, min_delta=0)
    patient = ReduceOnPlateau(PEAK, factor=0.5, patience=10)
    raised = ReduceOnPlateau(
        PEAK,
        convention="pytorch",
        factor=0.5,
        patience=2,
        min_delta=0,
        raise_after=6,
        raise_factor=4,
    )
    ways: dict[str, tuple[Schedule, Watch | None]] = {
        "constant": (Constant(PEAK), None),
        "cosine": (CosineDecay(PEAK, total_epochs=EPOCHS), None),
        "rule": (Constant(PEAK), Watch(rule)),
        "patient": (Constant(PEAK), Watch(patient)),
        "raised": (Constant(PEAK), Watch(raised)),
        "rule, training loss": (Constant(PEAK), Watch(rule, metric="train_loss")),
    }
    settings = tuple(
        Setting(label, Recipe(schedule, epochs=EPOCHS, watch=watch), data=WATCHED)
        for label, (schedule, watch) in ways.items()
    )
    text = "30 epochs of LeNet on 25,000 images of Fashion-MNIST: plateau rules and a cosine"
    yield Study("plateau", text, settings, seeds=(0, 1, 2, 3, 4), decides=DECIDES)

"""D3: custom decay and snapshot ensembles."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from lrlab import studies
from lrlab.claims.claim import AFTER, ALONGSIDE, BEFORE, Claim, Trial
from lrlab.claims.evidence import GUESSING, POINTS, Values, combined, each, last, less
from lrlab.training import History

ENSEMBLES = "snapshot_ensembles"
NETWORK = "LeNet on half of Fashion-MNIST"
WHERE = f"{NETWORK}, no momentum, peak 0.1"
#: What follows the way in the labels of D3-peaks: optimizer and peak rate.
PEAKS = tuple(
    setting.label.removeprefix("restarts, ")
    for setting in studies.STUDIES["D3-peaks"].settings
    if setting.label.startswith("restarts, ")
)


def _measured(
    value: Callable[[dict], float], label: str, study: str = "D3", lost: float = math.inf
) -> Values:
    """A number for each seed; a run that overflowed has none, or the one for what is lost."""

    def of(run: History) -> float:
        return lost if run.stopped else value(run.measured)

    return each(study, label, of)


def together(label: str = "restarts", study: str = "D3") -> Values:
    """The accuracy of three snapshots, probabilities averaged, in points."""

    def of(found: dict) -> float:
        return POINTS * found["together"]["probabilities"]["accuracy"][-1]

    return _measured(of, label, study, GUESSING["test_accuracy"])


def chosen(label: str, study: str = "D3") -> Values:
    """The accuracy of the one of a run's snapshots that the held-out images choose, in points."""

    def of(found: dict) -> float:
        best = int(np.argmax(found["validation"]["accuracy"]))
        return POINTS * found["members"]["accuracy"][best]

    return _measured(of, label, study, GUESSING["test_accuracy"])


def _barrier(found: dict) -> float:
    """How far the training loss rises between two snapshots, the mean of a run's two lines."""
    losses = [line["train_loss"] for line in found["lines"]]
    return float(np.mean([max(line) - max(line[0], line[-1]) for line in losses]))


def _beats(words: str, rival: Callable[[], Values], declared: str) -> Trial:
    return Trial(
        f"{WHERE}: three snapshots minus {words}",
        lambda: less(together(), rival()),
        margin=0,
        unit="points",
        evidence=("D3",),
        declared=declared,
    )


def _rises(at: str) -> Trial:
    """Whether the loss rises between snapshots of the restarts of D3-peaks."""
    return Trial(
        f"{NETWORK}, {at}, restarts",
        lambda: combined(float, _measured(_barrier, f"restarts, {at}", "D3-peaks")),
        margin=0.05,
        unit="nats",
        evidence=("D3-peaks",),
        declared=BEFORE,
    )


def _beats_at(at: str) -> list[Trial]:
    """Whether three snapshots of D3-peaks beat the three rivals of their optimizer and peak."""

    def beats(words: str, rival: Callable[[], Values]) -> Trial:
        return Trial(
            f"{NETWORK}, {at}: three snapshots minus {words}",
            lambda: less(together(f"restarts, {at}", "D3-peaks"), rival()),
            margin=0.5,
            unit="points",
            evidence=("D3-peaks",),
            declared=BEFORE,
        )

    return [
        beats(
            "the last network of the constant rate",
            lambda: last("D3-peaks", f"constant, {at}", guess=True),
        ),
        beats(
            "the one of its three that the held-out images choose",
            lambda: chosen(f"constant, {at}", "D3-peaks"),
        ),
        beats("one cosine", lambda: last("D3-peaks", f"one cosine, {at}", guess=True)),
    ]


def claims() -> list[Claim]:
    """D3.1 to D3.3."""
    return [
        Claim(
            "D3.1",
            "The restarts let the model leave a local optimum for another one.",
            chapter=ENSEMBLES,
            rule="How far the training loss rises on the straight line between consecutive "
            "snapshots, on average over a run's two lines: above 0.05 nats. A run that overflowed "
            "has no snapshots, and its seed is left out.",
            trials=(
                Trial(
                    f"{WHERE}, restarts",
                    lambda: combined(float, _measured(_barrier, "restarts")),
                    margin=0.05,
                    unit="nats",
                    evidence=("D3",),
                    declared=ALONGSIDE,
                ),
                *map(_rises, PEAKS),
            ),
            figure="fig-line",
            note="A line without a rise shows one valley; a rise does not show two, since a curved "
            "way may be low (Garipov 2018, Draxler 2018).",
        ),
        Claim(
            "D3.2",
            "Twenty epochs a cycle train each snapshot sufficiently.",
            chapter=ENSEMBLES,
            rule="Accuracy of the first snapshot minus that of one cosine over all 60 epochs: "
            "above -1 point.",
            trials=(
                Trial(
                    WHERE,
                    lambda: less(
                        _measured(lambda m: POINTS * m["members"]["accuracy"][0], "restarts"),
                        last("D3", "one cosine"),
                    ),
                    margin=-1,
                    unit="points",
                    evidence=("D3",),
                    declared=ALONGSIDE,
                ),
            ),
            figure="fig-gain",
        ),
        Claim(
            "D3.3",
            "An ensemble of the snapshots beats the baseline trained for the same 60 epochs.",
            chapter=ENSEMBLES,
            rule="Accuracy of the three snapshots together minus that of a rival: above 0 points. "
            "The baseline is the last network of the constant rate; the other rivals came later. "
            "With momentum and at other peaks: above 0.5 points, each rival written before the "
            "runs; a run that overflows counts as guessing, 10 %.",
            trials=(
                _beats(
                    "the last network of the constant rate",
                    lambda: last("D3", "constant"),
                    ALONGSIDE,
                ),
                _beats(
                    "the one of its three that the held-out images choose",
                    lambda: chosen("constant"),
                    AFTER,
                ),
                _beats("one cosine", lambda: last("D3", "one cosine"), AFTER),
                *(trial for at in PEAKS for trial in _beats_at(at)),
            ),
            figure="fig-rivals",
        ),
    ]

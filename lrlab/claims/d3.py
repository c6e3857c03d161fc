"""D3: custom decay and snapshot ensembles."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lrlab.claims.claim import AFTER, ALONGSIDE, Claim, Trial
from lrlab.claims.evidence import POINTS, Values, combined, each, last, less
from lrlab.training import History

ENSEMBLES = "snapshot_ensembles"
WHERE = "LeNet on half of Fashion-MNIST, no momentum, peak 0.1"


def _measured(value: Callable[[dict], float], label: str) -> Values:
    def of(run: History) -> float:
        return value(run.measured)

    return each("D3", label, of)


def together() -> Values:
    """The accuracy of the three snapshots of the restarts, probabilities averaged, in points."""
    return _measured(
        lambda found: POINTS * found["together"]["probabilities"]["accuracy"][-1], "restarts"
    )


def chosen(label: str) -> Values:
    """The accuracy of the one of a run's snapshots that the held-out images choose, in points."""

    def of(found: dict) -> float:
        best = int(np.argmax(found["validation"]["accuracy"]))
        return POINTS * found["members"]["accuracy"][best]

    return _measured(of, label)


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


def claims() -> list[Claim]:
    """D3.1 to D3.3."""
    return [
        Claim(
            "D3.1",
            "The restarts let the model leave a local optimum for another one.",
            chapter=ENSEMBLES,
            rule="How far the training loss rises on the straight line between consecutive "
            "snapshots, on average over a run's two lines: above 0.05 nats.",
            trials=(
                Trial(
                    f"{WHERE}, restarts",
                    lambda: combined(float, _measured(_barrier, "restarts")),
                    margin=0.05,
                    unit="nats",
                    evidence=("D3",),
                    declared=ALONGSIDE,
                ),
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
            "The baseline is the last network of the constant rate; the other rivals came later.",
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
            ),
            figure="fig-rivals",
        ),
    ]

"""Scores of a classifier's probabilities: accuracy, log-loss and calibration.

Probabilities have shape ``(examples, classes)``, one row an example. A label is the number of the
right class, counted from 0.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lrlab.ensembles.outputs import checked_classes, checked_probabilities
from lrlab.utils import checks


class Scores(NamedTuple):
    """Three scores on one set of examples.

    Args:
        accuracy: The share of examples whose predicted class is right, in [0, 1].
        log_loss: Mean of -log of the right class's probability, in nats, at least 0.
        calibration_error: Expected calibration error, in [0, 1].
    """

    accuracy: float
    log_loss: float
    calibration_error: float


def score(
    probabilities: np.ndarray,
    labels: np.ndarray,
    *,
    classes: np.ndarray | None = None,
    bins: int = 15,
) -> Scores:
    r"""Return three scores of the probabilities p of N examples whose right classes are y.

    The log-loss is :math:`-\frac1N\sum_n \log p_{n,y_n}`, infinite if a right class was given 0:
    nothing is clipped.

    The confidence of an example is the probability of its predicted class. It puts the example into
    one of M bins of equal width, :math:`B_m = (\frac{m-1}{M}, \frac{m}{M}]`; a confidence of 0 goes
    into the first. The expected calibration error is the mean gap between the accuracy and the mean
    confidence of a bin, weighted by the number of its examples:

    .. math:: \sum_m \frac{|B_m|}{N} \left| \mathrm{accuracy}(B_m) - \mathrm{confidence}(B_m)
        \right|

    Args:
        probabilities: Shape ``(examples, classes)``; rows sum to 1 but for rounding (0.001) and
            are divided by their sum.
        labels: The right classes, shape ``(examples,)``.
        classes: The predicted classes, shape ``(examples,)``; by default the most probable class
            of each row, the first of several.
        bins: Number M of bins, at least 1.

    Raises:
        ValueError: The probabilities, labels, classes or bins break a rule, or shapes do not fit.

    Example:
        One of the two predictions with confidence 0.75 is right, and so is the one with 1.

        >>> scores = score([[0.75, 0.25], [0.75, 0.25], [0, 1]], [0, 1, 1], bins=4)
        >>> [round(value, 4) for value in scores]
        [0.6667, 0.558, 0.1667]

    References:
        Guo, Pleiss, Sun, Weinberger 2017, arXiv:1706.04599, eq. 3.
    """
    rows = checked_probabilities("probabilities", probabilities)
    labels = checked_classes("labels", labels, rows.shape)
    predicted = rows.argmax(axis=1)
    if classes is not None:
        predicted = checked_classes("classes", classes, rows.shape)
    bins = checks.count("bins", bins)
    right = predicted == labels
    confidence = rows[np.arange(len(rows)), predicted]
    return Scores(
        accuracy=float(right.mean()),
        log_loss=_log_loss(rows[np.arange(len(rows)), labels]),
        calibration_error=_calibration_error(confidence, right, bins),
    )


def _log_loss(given: np.ndarray) -> float:
    """Return the log-loss; ``given`` are the probabilities of the right classes."""
    with np.errstate(divide="ignore"):  # log 0 is meant
        return float(0.0 - np.log(given).mean())  # a perfect loss is 0.0 and not -0.0


def _calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int) -> float:
    # Edges are rounded quotients, so that a confidence of 0.3 is on the edge 3/10, not beside it.
    index = np.searchsorted(np.arange(1, bins) / bins, confidence, side="left")
    gaps = np.bincount(index, weights=right - confidence)
    return float(np.abs(gaps).sum() / len(confidence))

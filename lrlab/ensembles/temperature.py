"""One number that makes a classifier's probabilities as sure as it is right."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.optimize
import scipy.special

from lrlab.ensembles.ensemble import Ensemble
from lrlab.ensembles.scores import score
from lrlab.utils import checks

HIGHEST = 100.0  # temperature, and one divided by the lowest: beyond it nothing changes any more


class Calibrated(NamedTuple):
    """A temperature, and the two scores that it changes; the accuracy stays as it is.

    Args:
        temperature: What the logarithms of the probabilities are divided by.
        log_loss: As in `Scores`.
        calibration_error: As in `Scores`.
    """

    temperature: float
    log_loss: float
    calibration_error: float


def calibrate(test: Ensemble, validation: Ensemble, *, bins: int = 15) -> Calibrated:
    r"""Score the members together on test images, at the temperature that others give them.

    The members' probabilities are averaged to p. At temperature T they become
    :math:`p_T \propto p^{1/T}`: surer than p for T < 1, less sure for T > 1. For one network these
    are the probabilities of its logits divided by T. T is the one that gives the validation images
    the lowest log-loss, within [0.01, 100].

    To compare ways of training by their log-loss, give each its own temperature: networks that
    were trained for long are too sure of themselves, an average of several is less so, and one
    number mends either.

    Args:
        test: The members on the images of the scores.
        validation: The same members, in the same order, on images that were neither trained nor
            tested on.
        bins: Number of bins of calibration.

    Raises:
        ValueError: The two differ in the number of members or classes, or ``bins`` breaks its rule.

    Example:
        A network that is 90 % sure and right in three of four cases should be 75 % sure.

        >>> sure = Ensemble([[[0.9, 0.1]] * 4], labels=[0, 0, 0, 1], kind="probabilities")
        >>> temperature, loss, error = calibrate(sure, sure)
        >>> round(temperature, 6), round(loss, 4), round(error, 4)
        (2.0, 0.5623, 0.0)

    References:
        Guo, Pleiss, Sun, Weinberger 2017, arXiv:1706.04599 (one temperature); Rahaman, Thiery 2021,
        arXiv:2007.08792 (average first, then calibrate).
    """
    shapes = [(len(one), one.members.shape[2]) for one in (test, validation)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"validation must have the {shapes[0][0]} members and {shapes[0][1]} classes of test, "
            f"received {shapes[1][0]} and {shapes[1][1]}"
        )
    temperature = fit_temperature(_logarithms(validation), validation.labels)
    probabilities = scipy.special.softmax(_logarithms(test) / temperature, axis=1)
    scores = score(probabilities, test.labels, bins=checks.count("bins", bins))
    return Calibrated(temperature, scores.log_loss, scores.calibration_error)


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    r"""Return the temperature at which logits z have the lowest log-loss.

    The log-loss of ``softmax(z / T)`` is convex in :math:`1/T`, and least where the right class's
    mean logit equals the mean of what is expected under the probabilities,
    :math:`\sum_n z_{n,y_n} = \sum_{n,c} p_T(n, c)\, z_{n,c}`.

    Args:
        logits: Shape ``(examples, classes)``; to each row any number may be added.
        labels: The right classes, integers from 0.

    Returns:
        T, in [0.01, 100]. Logits that know less than nothing get the upper end, those that are
        always right the lower one.

    Example:
        >>> logits = np.log([[0.9, 0.1]] * 4)
        >>> round(fit_temperature(logits, np.array([0, 0, 0, 1])), 6)
        2.0
    """
    z = logits - logits.max(axis=1, keepdims=True)  # none is infinite then, multiplied by 100
    right = z[np.arange(len(z)), labels].mean()

    def slope(inverse: float) -> float:
        return float((scipy.special.softmax(inverse * z, axis=1) * z).sum(axis=1).mean() - right)

    low, high = 1 / HIGHEST, HIGHEST
    if slope(low) >= 0:
        return HIGHEST
    if slope(high) <= 0:
        return 1 / HIGHEST
    return float(1 / scipy.optimize.brentq(slope, low, high, rtol=1e-12))


def _logarithms(ensemble: Ensemble) -> np.ndarray:
    """Of the averaged probabilities; one that is 0 counts as the smallest number."""
    return np.log(np.maximum(ensemble.combine().probabilities, np.finfo(np.float64).tiny))

r"""How often a plateau rule cuts if the metric is little but noise.

An epoch is good only if its metric is a record, so the question is how long a noisy series goes
without one.
"""

from __future__ import annotations

import numpy as np

from lrlab.utils import checks


def expected_cuts(epochs: int, cuts_after: int, trend: float = 0.0) -> float:
    r"""Return the expected number of cuts of a metric that is a trend plus independent noise.

    Let P bad epochs in a row bring a cut, without threshold and cooldown. In epoch n, counted from
    1, the metric is a record with probability :math:`p_n`, independently of the other epochs, and
    within N epochs one expects

    .. math::
        \sum_{k=1}^{\lfloor N/P \rfloor} e^{-ckP} \sum_{n=kP+1}^{N} p_n
        \text{ cuts}, \qquad p_n = \frac{1 - e^{-c}}{1 - e^{-cn}}.

    Without a trend, where c = 0 and :math:`p_n = 1/n`, this is exact for every continuous
    distribution, however large or small the noise. With a trend it is exact for Gumbel's
    distribution with its long tail on the better side; c is the progress per epoch in units of its
    scale, :math:`\sqrt 6/\pi` standard deviations. Normal noise has fewer outliers, so its records
    are beaten sooner and there are fewer cuts.

    Args:
        epochs: Epochs N of the run, a positive integer.
        cuts_after: Bad epochs P in a row that bring a cut, a positive integer; see
            `ReduceOnPlateau.cuts_after`.
        trend: Progress of the metric per epoch in standard deviations of its noise, at least 0.

    Raises:
        ValueError: An argument breaks its rule.

    Example:
        >>> [round(expected_cuts(30, patience), 1) for patience in (1, 3, 10)]
        [26.0, 7.6, 1.5]
        >>> round(expected_cuts(30, 3, trend=0.5), 1)
        2.2

    References:
        Arnold, Balakrishnan, Nagaraja 1998, *Records*; Ballerini, Resnick 1985, *Records from
        improving populations*.
    """
    epochs, wait = checks.count("epochs", epochs), checks.count("cuts_after", cuts_after)
    pace = checks.non_negative("trend", trend) * np.pi / np.sqrt(6)
    n = np.arange(1, epochs + 1)
    record = np.expm1(-pace) / np.expm1(-pace * n) if pace else 1 / n
    later = range(wait, epochs, wait)  # bad epochs after a record at the first cut, the second, …
    return float(sum(np.exp(-pace * bad) * record[bad:].sum() for bad in later))

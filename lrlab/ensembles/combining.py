"""Three rules that combine the outputs of several classifiers, member by member."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import NamedTuple

import numpy as np
import scipy.special

from lrlab.ensembles.outputs import KINDS, as_probabilities, checked_members
from lrlab.utils import checks

RULES = ("probabilities", "logits", "vote")
SMALLEST = 2.0**-149  # the smallest number above 0 in float32


class Combined(NamedTuple):
    """The prediction of several members together.

    Args:
        probabilities: float64 array of shape ``(examples, classes)``.
        classes: The predicted classes, int64 array of shape ``(examples,)``.
    """

    probabilities: np.ndarray
    classes: np.ndarray


def prefixes(
    members: Iterable[np.ndarray], *, kind: str, rule: str = "probabilities"
) -> Iterator[Combined]:
    r"""Combine the first member, the first two, and so on to all, with a running sum.

    Only one member's outputs are in memory at a time, so an ensemble may be larger than memory.

    Let :math:`z_m` be the logits of member m for an example and :math:`p_m` their softmax. M
    members together give the example, by rule,

    - ``"probabilities"``: the mean :math:`\frac1M\sum_m p_m`;
    - ``"logits"``: the softmax of :math:`\frac1M\sum_m z_m`. If the members are probabilities, z is
      log p, and a p below :math:`2^{-149}`, the smallest number of float32, is raised to it;
    - ``"vote"``: for each class, the share of members that find it the most probable. If two
      classes have equally many votes, the one with the higher mean probability is predicted. The
      log-loss of votes is infinite as soon as an example's right class has no vote.

    The class with the highest value is predicted, the first one if several are equal.

    Args:
        members: The members' outputs, each of shape ``(examples, classes)``.
        kind: ``"logits"`` or ``"probabilities"``. The rows of probabilities sum to 1 but for
            rounding (0.001) and are divided by their sum.
        rule: ``"probabilities"``, ``"logits"`` or ``"vote"``.

    Yields:
        The prediction of the first member, of the first two, and so on.

    Raises:
        ValueError: The kind or the rule is unknown. While iterating: there is no member, or a
            member has another shape than the first, is not finite, or has a row of probabilities
            with a negative number or another sum than 1.

    Example:
        >>> members = ([[0.0, 1.0]] if last else [[0.75, 0.25]] for last in (False, True))
        >>> [first.classes.tolist() for first in prefixes(members, kind="probabilities")]
        [[0], [1]]
    """
    checks.choice("kind", kind, KINDS)
    checks.choice("rule", rule, RULES)
    parts = (contribution(member, kind, rule) for member in checked_members(members, kind))
    return (together(total, count, rule) for count, total in enumerate(accumulate(parts), start=1))


def contribution(member: np.ndarray, kind: str, rule: str) -> np.ndarray:
    """Return a member's contribution: `together` needs only the sum of these over the members."""
    if rule == "logits" and kind == "logits":
        return member.astype(np.float64)
    probabilities = as_probabilities(member, kind)
    if rule == "logits":
        return np.log(np.maximum(probabilities, SMALLEST))
    if rule == "probabilities":
        return probabilities
    votes = np.zeros_like(probabilities)
    votes[np.arange(len(votes)), probabilities.argmax(axis=1)] = 1.0
    return np.stack([votes, probabilities])  # the second breaks the ties of the first


def together(total: np.ndarray, count: int, rule: str) -> Combined:
    """Combine so many members, given the sum of their contributions."""
    mean = total / count
    if rule == "vote":
        shares, probabilities = mean
        most = shares == shares.max(axis=1, keepdims=True)
        # Where a class has a vote, its mean probability is greater than 0.
        return Combined(shares, (most * probabilities).argmax(axis=1))
    probabilities = scipy.special.softmax(mean, axis=1) if rule == "logits" else mean
    return Combined(probabilities, probabilities.argmax(axis=1))

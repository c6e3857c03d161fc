"""Combine the outputs of several classifiers, member by member.

A member is the table of its outputs on one set of examples, logits or probabilities of shape
``(examples, classes)``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from lrlab.ensembles.scores import checked_probabilities, checked_table, softmax
from lrlab.utils import checks

KINDS = ("logits", "probabilities")
RULES = ("probabilities", "logits", "vote")
SMALLEST = 2.0**-149  # what float32 tells from 0


class Combined(NamedTuple):
    """What several members say together.

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

    It holds one member's outputs at a time, for ensembles that do not fit into memory.

    With p the probabilities of M members (the softmax of their logits z), a rule gives an example

    - ``"probabilities"``: the mean :math:`\frac1M\sum_m p_m`;
    - ``"logits"``: the softmax of :math:`\frac1M\sum_m z_m`. Of members that are probabilities,
      z is log p, where a p of less than :math:`2^{-149}` (float32's smallest) counts as that;
    - ``"vote"``: the share of members whose most probable class it is. Of classes with equally
      many votes, the one of the higher mean probability is predicted. The log-loss of votes is
      infinite as soon as no member votes for a right class.

    Where classes are equal in everything, the first is predicted.

    Args:
        members: The members' outputs, each of shape ``(examples, classes)``.
        kind: What the outputs are, ``"logits"`` or ``"probabilities"``; the rows of probabilities
            sum to 1 but for rounding (0.001) and are divided by their sum.
        rule: ``"probabilities"``, ``"logits"`` or ``"vote"``.

    Raises:
        ValueError: The kind or the rule is unknown; later, when its turn comes, a member has
            another shape than the first, is not finite, or has a row of probabilities with a
            negative number or another sum than 1; or there is no member.

    Example:
        >>> members = ([[0.0, 1.0]] if last else [[0.75, 0.25]] for last in (False, True))
        >>> [first.classes.tolist() for first in prefixes(members, kind="probabilities")]
        [[0], [1]]
    """
    checks.choice("kind", kind, KINDS)
    checks.choice("rule", rule, RULES)
    terms = (term(member, kind, rule) for member in checked_members(members, kind))
    return (combined(total, count, rule) for count, total in enumerate(accumulate(terms), 1))


def checked_members(members: Iterable[np.ndarray], kind: str) -> Iterator[np.ndarray]:
    """The members in turn, each seen to be of that kind and of the first one's shape."""
    shape = None
    check = checked_probabilities if kind == "probabilities" else checked_table
    for i, member in enumerate(members):
        array = np.asarray(member)
        check(f"members[{i}]", array)
        if shape not in (None, array.shape):
            raise ValueError(
                f"members[{i}] must have the first member's shape {shape}, received {array.shape}"
            )
        shape = array.shape
        yield array
    if shape is None:
        raise ValueError("members must be one or more, received none")


def as_probabilities(member: np.ndarray, kind: str) -> np.ndarray:
    """A checked member's probabilities in float64, of which each row sums to 1."""
    if kind == "logits":
        return softmax(member)
    rows = member.astype(np.float64)
    return rows / rows.sum(axis=1, keepdims=True)


def term(member: np.ndarray, kind: str, rule: str) -> np.ndarray:
    """What a member adds to the sum of which `combined` is made."""
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


def combined(total: np.ndarray, count: int, rule: str) -> Combined:
    """The combination of members whose terms have that sum."""
    mean = total / count
    if rule == "vote":
        shares, probabilities = mean
        most = shares == shares.max(axis=1, keepdims=True)
        # A class that somebody votes for has more than no probability.
        return Combined(shares, (most * probabilities).argmax(axis=1))
    probabilities = softmax(mean) if rule == "logits" else mean
    return Combined(probabilities, probabilities.argmax(axis=1))

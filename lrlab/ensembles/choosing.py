"""Choose members of an ensemble on examples that are neither trained nor tested on."""

from __future__ import annotations

import numpy as np

from lrlab.ensembles.combining import (
    RULES,
    combined,
    term,
)
from lrlab.ensembles.ensemble import Ensemble
from lrlab.ensembles.scores import Scores
from lrlab.utils import checks


def choose_best(validation: Ensemble, size: int, *, by: str = "log_loss") -> tuple[int, ...]:
    """Choose the members that are best alone.

    Args:
        validation: The members on examples that are neither trained nor tested on.
        size: How many to choose, from 1 to all.
        by: ``"log_loss"`` or ``"accuracy"``.

    Returns:
        The members' indices, the best first; of equals, the earlier member first.

    Raises:
        ValueError: The size or the score breaks its rule.

    Example:
        >>> members = [[[0.5, 0.5]], [[1, 0]], [[0.75, 0.25]]]
        >>> choose_best(Ensemble(members, labels=[0], kind="probabilities"), 2)
        (1, 2)
    """
    size, by = _checked_choice(validation, size, by)
    losses = [_loss(scores, by) for scores in validation.member_scores()]
    return tuple(sorted(range(len(validation)), key=losses.__getitem__)[:size])


def choose_greedily(
    validation: Ensemble, size: int, *, by: str = "log_loss", rule: str = "probabilities"
) -> tuple[int, ...]:
    """Choose members one by one, each time the one with which the chosen are best together.

    A member is chosen once. Choose on validation, then score ``test.subset(choice)``: to choose on
    the test set itself would flatter the ensemble.

    Args:
        validation: The members on examples that are neither trained nor tested on.
        size: How many to choose, from 1 to all.
        by: ``"log_loss"`` or ``"accuracy"``.
        rule: How the chosen are combined, as in `Ensemble`.

    Returns:
        The members' indices in the order of choice, so that fewer are a prefix of more; of equals,
        the earlier member.

    Raises:
        ValueError: The size, the score or the rule breaks its rule.

    Example:
        The second member is right where the first is not, the third is nearly the first.

        >>> members = [[[1, 0], [0.75, 0.25]], [[0.25, 0.75], [0, 1]], [[0.99, 0.01], [0.7, 0.3]]]
        >>> validation = Ensemble(members, labels=[0, 1], kind="probabilities")
        >>> choose_best(validation, 2), choose_greedily(validation, 2)
        ((2, 0), (2, 1))

    References:
        Caruana, Niculescu-Mizil, Crew, Ksikes 2004, doi:10.1145/1015330.1015432.
    """
    size, by = _checked_choice(validation, size, by)
    checks.choice("rule", rule, RULES)
    terms = [term(member, validation.kind, rule) for member in validation.members]
    chosen: list[int] = []
    total = np.zeros_like(terms[0])
    for count in range(1, size + 1):
        losses = {}
        for i in sorted(set(range(len(terms))) - set(chosen)):
            together = combined(total + terms[i], count, rule)
            losses[i] = _loss(validation._score(together), by)
        chosen.append(min(losses, key=losses.__getitem__))
        total = total + terms[chosen[-1]]
    return tuple(chosen)


def _loss(scores: Scores, by: str) -> float:
    """What the best choice has least of."""
    return scores.log_loss if by == "log_loss" else -scores.accuracy


def _checked_choice(validation: Ensemble, size: int, by: str) -> tuple[int, str]:
    size = checks.count("size", size)
    if size > len(validation):
        raise ValueError(f"size must be at most the {len(validation)} members, received {size}")
    return size, checks.choice("by", by, ("log_loss", "accuracy"))

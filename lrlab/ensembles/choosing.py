"""Choose members of an ensemble on examples that are neither trained nor tested on."""

from __future__ import annotations

import numpy as np

from lrlab.ensembles.combining import RULES, Combined, contribution, together
from lrlab.ensembles.ensemble import Ensemble
from lrlab.ensembles.scores import score
from lrlab.utils import checks


def choose_greedily(
    validation: Ensemble, size: int, *, by: str = "log_loss", rule: str = "probabilities"
) -> tuple[int, ...]:
    """Choose members one by one, each time the one that improves the chosen ones the most.

    No member is chosen twice. Choose on validation images, then score ``test.subset(choice)``: a
    choice made on the test images would look better than it is.

    Args:
        validation: The members on examples that are neither trained nor tested on.
        size: How many to choose, from 1 to all.
        by: ``"log_loss"`` or ``"accuracy"``.
        rule: How the chosen are combined, as in `Ensemble`.

    Returns:
        The members' indices in the order of choice. A smaller choice is the beginning of a larger
        one. If two members do equally well, the earlier one is chosen.

    Raises:
        ValueError: ``size`` is not in its range, or ``by`` or ``rule`` is unknown.

    Example:
        The third member is the best one alone, and the second is right where the third is not.

        >>> members = [[[1, 0], [0.75, 0.25]], [[0.25, 0.75], [0, 1]], [[0.99, 0.01], [0.7, 0.3]]]
        >>> validation = Ensemble(members, labels=[0, 1], kind="probabilities")
        >>> choose_greedily(validation, 2)
        (2, 1)

    References:
        Caruana, Niculescu-Mizil, Crew, Ksikes 2004, doi:10.1145/1015330.1015432.
    """
    size = checks.count("size", size)
    if size > len(validation):
        raise ValueError(f"size must be at most the {len(validation)} members, received {size}")
    checks.choice("by", by, ("log_loss", "accuracy"))
    checks.choice("rule", rule, RULES)

    def loss(part: Combined) -> float:
        scores = score(part.probabilities, validation.labels, classes=part.classes)
        return scores.log_loss if by == "log_loss" else -scores.accuracy

    parts = [contribution(member, validation.kind, rule) for member in validation.members]
    chosen: list[int] = []
    total = np.zeros_like(parts[0])
    for count in range(1, size + 1):
        rest = [i for i in range(len(parts)) if i not in chosen]
        losses = {i: loss(together(total + parts[i], count, rule)) for i in rest}
        best = min(rest, key=losses.__getitem__)
        chosen.append(best)
        total = total + parts[best]
    return tuple(chosen)

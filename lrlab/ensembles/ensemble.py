"""Several classifiers asked together: combine them, score them, compare them, choose among them.

A member is the table of its outputs on one set of labelled examples, logits or probabilities of
shape ``(examples, classes)``. How a model makes them is no concern of this module.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral

import numpy as np

from lrlab.ensembles.combining import (
    KINDS,
    Combined,
    as_probabilities,
    checked_members,
    prefixes,
)
from lrlab.ensembles.scores import Scores, checked_classes, score
from lrlab.utils import checks


@dataclass(frozen=True, eq=False, repr=False)
class Ensemble:
    """Members on one set of labelled examples.

    They are combined by the rules of `lrlab.ensembles.prefixes`: ``"probabilities"`` (the default),
    ``"logits"`` or ``"vote"``.

    Args:
        members: The members' outputs, each of shape ``(examples, classes)``: an array of shape
            ``(members, examples, classes)`` or any iterable. A generator that loads a model,
            predicts and yields needs no two models in memory.
        labels: The right classes, integers from 0, shape ``(examples,)``.
        kind: What the outputs are, ``"logits"`` or ``"probabilities"``; the rows of probabilities
            sum to 1 but for rounding (0.001) and are divided by their sum where they are used.

    Raises:
        ValueError: There is no member, members differ in shape, an output is not finite, a row of
            probabilities has a negative number or another sum than 1, or a label is no class.

    Example:
        >>> members = [[[0.75, 0.25], [0.75, 0.25]], [[0.75, 0.25], [0, 1]]]
        >>> ensemble = Ensemble(members, labels=[0, 1], kind="probabilities")
        >>> ensemble.combine().probabilities.tolist()
        [[0.75, 0.25], [0.375, 0.625]]
        >>> [scores.accuracy for scores in ensemble.member_scores()], ensemble.score().accuracy
        ([0.5, 1.0], 1.0)
        >>> ensemble.disagreement().tolist()
        [[0.0, 0.5], [0.5, 0.0]]

    References:
        Huang, Li, Pleiss, Liu, Hopcroft, Weinberger 2017, arXiv:1704.00109, section 3.
    """

    members: np.ndarray
    labels: np.ndarray
    kind: str

    def __post_init__(self) -> None:
        checks.choice("kind", self.kind, KINDS)
        members = np.stack(list(checked_members(self.members, self.kind)))
        labels = checked_classes("labels", self.labels, members.shape[1:])
        for name, array in (("members", members), ("labels", labels)):
            array.setflags(write=False)  # a copy, which stays as it was checked
            object.__setattr__(self, name, array)

    def __len__(self) -> int:
        """How many members there are."""
        return len(self.members)

    def subset(self, indices: Iterable[int]) -> Ensemble:
        """Return the ensemble of some members, in the order given.

        Apply a choice that was made on a validation split to the test set. The last snapshot first,
        as Huang et al. count them: ``ensemble.subset(reversed(range(len(ensemble))))``.

        Args:
            indices: One or more different members, counted from 0.

        Raises:
            ValueError: There is no index, one is no member, or one comes twice.
        """
        chosen = list(indices)
        allowed = all(
            isinstance(i, Integral) and not isinstance(i, bool) and 0 <= i < len(self)
            for i in chosen
        )
        if not (chosen and allowed and len(set(chosen)) == len(chosen)):
            raise ValueError(
                f"indices must be one or more different integers in 0 to {len(self) - 1}, "
                f"received {chosen!r}"
            )
        return Ensemble(self.members[chosen], self.labels, self.kind)

    def combine(self, rule: str = "probabilities") -> Combined:
        """Return what all members say together, by that rule."""
        return deque(prefixes(self.members, kind=self.kind, rule=rule), maxlen=1).pop()

    def score(self, rule: str = "probabilities", *, bins: int = 15) -> Scores:
        """Return the scores of all members together, with that many bins of calibration."""
        return self._score(self.combine(rule), bins)

    def prefix_scores(self, rule: str = "probabilities", *, bins: int = 15) -> tuple[Scores, ...]:
        """Return the scores of the first member, of the first two together, and so on to all."""
        parts = prefixes(self.members, kind=self.kind, rule=rule)
        return tuple(self._score(together, bins) for together in parts)

    def member_scores(self, *, bins: int = 15) -> tuple[Scores, ...]:
        """Return the scores of each member alone."""
        alone = (as_probabilities(member, self.kind) for member in self.members)
        return tuple(score(rows, self.labels, bins=bins) for rows in alone)

    def disagreement(self) -> np.ndarray:
        """Return the share of examples for which two members predict different classes.

        Returns:
            A symmetric matrix of shape ``(members, members)`` with zeros on its diagonal.
        """
        classes = self._member_classes()
        return np.stack([(classes != own).mean(axis=1) for own in classes])

    def error_correlation(self) -> np.ndarray:
        r"""Return the correlation of two members' errors over the examples.

        Pearson's r of vectors that are 1 where a member errs and 0 elsewhere. With :math:`n_i`
        errors of member i of N, :math:`n_{ij}` of them shared with member j,

        .. math:: r_{ij} = \frac{N n_{ij} - n_i n_j}{\sqrt{n_i (N - n_i)\, n_j (N - n_j)}}

        A member that never errs, or always, says nothing about when another does: its r with every
        other one, undefined as a quotient, is 0 here.

        Returns:
            A symmetric matrix of shape ``(members, members)`` with ones on its diagonal.
        """
        errors = (self._member_classes() != self.labels).astype(np.float64)
        examples = errors.shape[1]
        counts = errors.sum(axis=1)
        covariance = examples * (errors @ errors.T) - np.outer(counts, counts)
        variance = counts * (examples - counts)
        spread = np.sqrt(np.outer(variance, variance))
        correlation = np.divide(covariance, spread, out=np.zeros_like(covariance), where=spread > 0)
        np.fill_diagonal(correlation, 1.0)
        return correlation

    def _score(self, together: Combined, bins: int = 15) -> Scores:
        return score(together.probabilities, self.labels, classes=together.classes, bins=bins)

    def _member_classes(self) -> np.ndarray:
        return np.stack([as_probabilities(m, self.kind).argmax(axis=1) for m in self.members])

"""An ensemble: members on one set of labelled examples, combined, scored and compared."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral

import numpy as np

from lrlab.ensembles.combining import Combined, prefixes
from lrlab.ensembles.outputs import KINDS, as_probabilities, checked_classes, checked_members
from lrlab.ensembles.scores import Scores, score
from lrlab.utils import checks


@dataclass(frozen=True, eq=False, repr=False)
class Ensemble:
    """Members on one set of labelled examples.

    A member is the table of a model's outputs. The rules of `lrlab.ensembles.prefixes` combine the
    members: ``"probabilities"`` (the default), ``"logits"`` or ``"vote"``.

    Args:
        members: The members' outputs, each of shape ``(examples, classes)``: an array of shape
            ``(members, examples, classes)`` or any iterable. A generator can load one model after
            the other, so that two are never in memory.
        labels: The right classes, integers from 0, shape ``(examples,)``.
        kind: ``"logits"`` or ``"probabilities"``. The rows of probabilities sum to 1 but for
            rounding (0.001) and are divided by their sum where they are used.

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
            array.setflags(write=False)  # a copy of ours, which stays as it was checked
            object.__setattr__(self, name, array)

    def __len__(self) -> int:
        """Return the number of members."""
        return len(self.members)

    def subset(self, indices: Iterable[int]) -> Ensemble:
        """Return the ensemble of some members, in the order given.

        It applies a choice that was made on validation images to the test images. To count from
        the last snapshot back, as Huang et al. do, take ``range(len(ensemble))[::-1]``.

        Args:
            indices: One or more different numbers of members, counted from 0.

        Raises:
            ValueError: There is no index, an index is no member's, or one is repeated.
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
        """Return the prediction of all members together, by a rule."""
        return deque(prefixes(self.members, kind=self.kind, rule=rule), maxlen=1).pop()

    def score(self, rule: str = "probabilities", *, bins: int = 15) -> Scores:
        """Return the scores of all members together, by a rule and with bins of calibration."""
        return self._score(self.combine(rule), bins)

    def prefix_scores(self, rule: str = "probabilities", *, bins: int = 15) -> tuple[Scores, ...]:
        """Return the scores of the first member, of the first two together, and so on to all."""
        parts = prefixes(self.members, kind=self.kind, rule=rule)
        return tuple(self._score(part, bins) for part in parts)

    def member_scores(self, *, bins: int = 15) -> tuple[Scores, ...]:
        """Return the scores of each member alone."""
        alone = (as_probabilities(member, self.kind) for member in self.members)
        return tuple(score(rows, self.labels, bins=bins) for rows in alone)

    def disagreement(self) -> np.ndarray:
        """Return for each two members the share of examples where their predictions differ.

        Returns:
            A symmetric matrix of shape ``(members, members)`` with zeros on its diagonal.
        """
        classes = self._member_classes()
        return np.stack([(classes != own).mean(axis=1) for own in classes])

    def error_correlation(self) -> np.ndarray:
        r"""Return the correlation of two members' errors over the examples.

        It is Pearson's r of two vectors that are 1 where a member errs and 0 elsewhere. Let member
        i err on :math:`n_i` of N examples and both members on :math:`n_{ij}`. Then

        .. math:: r_{ij} = \frac{N n_{ij} - n_i n_j}{\sqrt{n_i (N - n_i)\, n_j (N - n_j)}}

        If a member errs always or never, the quotient is 0/0. Its errors say nothing about those of
        another member, so r is 0 here.

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

    def _score(self, part: Combined, bins: int) -> Scores:
        return score(part.probabilities, self.labels, classes=part.classes, bins=bins)

    def _member_classes(self) -> np.ndarray:
        return np.stack([as_probabilities(m, self.kind).argmax(axis=1) for m in self.members])

"""A claim: what is said, the rule that decides it, what was tried, and what came out.

Example:
    >>> trial = Trial("on a bowl", lambda: 0.8, margin=0.3, unit="decades")
    >>> claim = Claim(
    ...     "X1.1", "Bread falls on its buttered side", chapter="momentum",
    ...     rule="Butter less bread; above 0.3", trials=(trial,),
    ... )
    >>> print(judge([claim])[0])
    X1.1 holds: Bread falls on its buttered side
      on a bowl: 0.80 decades, computed; more than 0.3 decades: holds
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import KW_ONLY, dataclass

from lrlab.statistics import Interval, Pairs, combine, decide, family

#: A difference for each seed, or one number that was computed without seeds. It is positive where
#: it supports the claim.
Effect = Pairs | float

#: A rule that was in the history before the first of its runs was made.
BEFORE = "before its runs"
#: A rule that came into the history together with the first of its runs.
ALONGSIDE = "in one commit with the first of its runs"
#: A rule that was written when the runs were known.
AFTER = "after its runs"


@dataclass(frozen=True)
class Trial:
    """A condition under which a claim is tried.

    Args:
        condition: Network, data, moment: what the verdict is restricted to.
        effect: Gives the effect; nothing is computed before it is asked for.
        margin: The smallest effect that matters, in ``unit``.
        unit: Of the effect and the margin, such as "points" of accuracy or "decades"; "" for none.
        kind: "more" if the effect is to exceed the margin, "same" if it is to stay within it.
        evidence: What the effect is taken from: names of studies, or () for a computation.
        declared: When the rule was written, `BEFORE`, `ALONGSIDE` or `AFTER` its runs.
    """

    condition: str
    effect: Callable[[], Effect]
    _: KW_ONLY
    margin: float
    unit: str = ""
    kind: str = "more"
    evidence: tuple[str, ...] = ()
    declared: str = AFTER


@dataclass(frozen=True)
class Claim:
    """A claim of a source document, or of the literature.

    Args:
        name: Document and number, such as "D2.4"; "L9.2" is the second claim of the literature that
            chapter 9 tries.
        statement: What is claimed, in our words.
        chapter: The chapter that examines it; its claims are one family.
        rule: What decides, in words, with every margin.
        trials: The conditions; none for what cannot be tested here.
        figure: Label of the figure or the section of the chapter where it is seen, if any.
        note: What else has to be known; why a claim without trials cannot be tested.
        paper: Who claims it, where that is the literature: authors, year and address.
    """

    name: str
    statement: str
    _: KW_ONLY
    chapter: str
    rule: str = ""
    trials: tuple[Trial, ...] = ()
    figure: str = ""
    note: str = ""
    paper: str = ""

    @property
    def document(self) -> str:
        """The document that claims it, such as "D2"; "L" for the literature."""
        document = self.name.partition(".")[0]
        return "L" if document.startswith("L") else document


@dataclass(frozen=True)
class Found:
    """What came out under one condition.

    Attributes:
        trial: The condition.
        effect: Mean and 95 % interval over the seeds; what was computed has no width.
        seeds: Number of seeds; 0 for what was computed.
        lost: Number of seeds that are left out, since a run of theirs overflowed.
        word: "holds", "fails" or "open".
        family: The interval at the level that the chapter's family of claims needs, see
            `lrlab.statistics.holm`; None for what was computed, and where all seeds give the same.
        family_word: What follows from that one.
    """

    trial: Trial
    effect: Interval
    seeds: int
    lost: int
    word: str
    family: Interval | None
    family_word: str

    @property
    def size(self) -> str:
        """The effect and its 95 % interval; what has no scatter has none."""
        digits, effect = digits_of(self.trial.margin), self.effect
        return f"{effect.mean:z.{digits}f}" if self.family is None else effect.format(digits)

    @property
    def family_size(self) -> str:
        """The interval at the level of the family; "" for what has no scatter."""
        if self.family is None:
            return ""
        digits = digits_of(self.trial.margin)
        return f"[{self.family.low:z.{digits}f}, {self.family.high:z.{digits}f}]"

    @property
    def counted(self) -> str:
        """The number of seeds, and of those that are left out."""
        if not self.seeds:
            return "computed"
        same = " alike" * (self.family is None)
        return f"{self.seeds} seeds{same}" + f", {self.lost} lost" * (self.lost > 0)

    @property
    def verdict(self) -> str:
        """The verdict, and that of the family where it is another one."""
        return _both(self.word, self.family_word)

    def __str__(self) -> str:
        """The condition, the sizes and the verdict, in a line."""
        sizes = [f"{self.size} {self.trial.unit}".rstrip(), self.counted, self.family_size]
        told = ", ".join(filter(None, sizes))
        return f"{self.trial.condition}: {told}; {limit(self.trial)}: {self.verdict}"


@dataclass(frozen=True)
class Entry:
    """A claim with what came out: ``str`` is the claim's paragraph in the ledger."""

    claim: Claim
    found: tuple[Found, ...]

    @property
    def word(self) -> str:
        """The verdict, "holds", "fails", "depends" or "open"; "not tested" without trials."""
        return combine(one.word for one in self.found) if self.found else "not tested"

    @property
    def family_word(self) -> str:
        """The verdict at the level of the family."""
        return combine(one.family_word for one in self.found) if self.found else self.word

    @property
    def verdict(self) -> str:
        """The verdict, and that of the family where it is another one."""
        return _both(self.word, self.family_word)

    def __str__(self) -> str:
        claim = self.claim
        lines = [f"{claim.name} {self.verdict}: {claim.statement}"]
        lines += [f"  {claim.paper}"] if claim.paper else []
        lines += [f"  {one}" for one in self.found]
        lines += [f"  {claim.note}"] if claim.note else []
        return "\n".join(lines)


def judge(claims: Iterable[Claim]) -> list[Entry]:
    """Look at the evidence of claims and decide each by its rule.

    Holm's levels are those of the claims that are given, a family for each chapter: give all of a
    chapter, or a claim looks surer than it is.

    Args:
        claims: What is decided.

    Raises:
        lrlab.studies.RecordError: A record is missing or cannot be used.
    """
    claims = list(claims)
    effects = [[trial.effect() for trial in claim.trials] for claim in claims]
    chapters: dict[str, dict[tuple[int, int], tuple[Pairs, float]]] = {}
    for i, claim in enumerate(claims):
        for k, trial in enumerate(claim.trials):
            if isinstance(effect := effects[i][k], Pairs) and _scatters(effect):
                margin = _nearer_margin(trial, effect)
                chapters.setdefault(claim.chapter, {})[i, k] = effect, margin
    wider: dict[tuple[int, int], Interval] = {}
    for one in chapters.values():
        wider |= family(one)
    return [
        Entry(
            claim,
            tuple(
                _found(trial, effects[i][k], wider.get((i, k)))
                for k, trial in enumerate(claim.trials)
            ),
        )
        for i, claim in enumerate(claims)
    ]


def _found(trial: Trial, effect: Effect, wider: Interval | None) -> Found:
    def word(interval: Interval) -> str:
        return decide(interval, trial.margin, claim=trial.kind).word

    if not isinstance(effect, Pairs):
        exact = Interval(effect, effect, effect)
        return Found(trial, exact, 0, 0, word(exact), None, word(exact))
    interval = effect.interval()
    seeds, later = len(effect.differences), word(wider or interval)
    return Found(trial, interval, seeds, effect.lost, word(interval), wider, later)


def _scatters(effect: Pairs) -> bool:
    """Whether the seeds differ. If none does, Student's interval has no width and means nothing."""
    return len(set(effect.differences.values())) > 1


def _both(word: str, family_word: str) -> str:
    return word if word == family_word else f"{word}; {family_word} all together"


def _nearer_margin(trial: Trial, effect: Pairs) -> float:
    """What the effect is held against; of the two margins of "same" the nearer one."""
    below = trial.kind == "same" and sum(effect.differences.values()) < 0
    return -trial.margin if below else trial.margin


def limit(trial: Trial) -> str:
    """What the effect is held against, in words."""
    words = "more than" if trial.kind == "more" else "within ±"
    joint = " " if trial.kind == "more" else ""
    unit = trial.unit.removesuffix("s") if abs(trial.margin) == 1 else trial.unit
    return f"{words}{joint}{trial.margin:g} {unit}".rstrip()


def digits_of(margin: float) -> int:
    """How many decimals an effect is shown with, one more than its margin has."""
    places = re.sub(r"0+$", "", f"{margin:.6f}".partition(".")[2])
    return len(places) + 1

"""The one rule that turns an interval and a margin into a verdict on a claim."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass

from lrlab.statistics.intervals import Interval
from lrlab.utils import checks

#: What `decide` can find under one condition. Over several conditions "depends" comes in addition.
WORDS = ("holds", "fails", "open")


@dataclass(frozen=True)
class Verdict:
    """What `decide` found; ``str`` says it in a line.

    Attributes:
        word: "holds", "fails", "depends" or "open".
        effects: The interval of the effect under each condition; a single effect has the
            condition "".
        conditions: For each of `WORDS` the conditions to which it applies.
        margin: The margin.
        claim: "more" or "same".
    """

    word: str
    effects: Mapping[Hashable, Interval]
    conditions: dict[str, tuple[Hashable, ...]]
    margin: float
    claim: str

    def __str__(self) -> str:
        found = {word: self._named(word) for word in WORDS if self.conditions[word]}
        if len(found) == 1:
            return f"{self.word}: {found[self.word]}; margin {self.margin:.3g}"
        parts = "; ".join(f"{word} for {named}" for word, named in found.items())
        return f"{self.word}: {parts}; margin {self.margin:.3g}"

    def _named(self, word: str) -> str:
        texts = (f"{one} {_text(self.effects[one])}" for one in self.conditions[word])
        return ", ".join(texts).lstrip()  # a single effect has no name


def decide(
    effect: Interval | Mapping[Hashable, Interval], margin: float, *, claim: str = "more"
) -> Verdict:
    """Return whether a claim holds, by where the interval of its effect lies.

    ======= ==================================== ====================================
    claim   holds                                fails
    ======= ==================================== ====================================
    "more"  the interval lies above the margin   the interval lies below the margin
    "same"  it lies within (−margin, margin)     it lies outside of it, on one side
    ======= ==================================== ====================================

    In all other cases the verdict is open: more runs would be needed. Under several conditions the
    claim holds if it holds under all of them and fails if it fails under all of them. It depends
    if it holds under some and fails under others; the verdict names them. Otherwise it is open.

    Args:
        effect: The interval of a difference that is positive where it supports the claim; or such
            an interval for each condition under which the claim was tried.
        margin: The smallest difference that matters. It may be 0 or negative for "more", and is
            positive for "same".
        claim: "more" for a difference greater than the margin, "same" for one within it.

    Raises:
        ValueError: An argument breaks its rule.

    Example:
        >>> print(decide(Interval(0.03, 0.02, 0.04), 0.01))
        holds: 0.03 [0.02, 0.04]; margin 0.01
        >>> by_size = {"small": Interval(0.3, 0.2, 0.4), "large": Interval(-0.1, -0.2, 0)}
        >>> print(decide(by_size, 0.1))
        depends: holds for small 0.3 [0.2, 0.4]; fails for large -0.1 [-0.2, 0]; margin 0.1
        >>> decide(by_size, 0.5, claim="same").word
        'holds'
    """
    effects: Mapping[Hashable, Interval]
    effects = {"": effect} if isinstance(effect, Interval) else effect
    if not isinstance(effects, Mapping) or not len(effects):
        shown = "none" if isinstance(effects, Mapping) else checks.shown(effects)
        raise ValueError(f"effect must be an interval or hold one or more, received {shown}")
    if checks.choice("claim", claim, ("more", "same")) == "same":
        margin = checks.positive("margin", margin)
    else:
        margin = checks.number("margin", margin, "of either sign", lambda x: True)
    words = {condition: _word(one, margin, claim) for condition, one in effects.items()}
    conditions = {
        word: tuple(condition for condition, found in words.items() if found == word)
        for word in WORDS
    }
    return Verdict(combine(words.values()), dict(effects), conditions, margin, claim)


def combine(words: Iterable[str]) -> str:
    """Return the verdict over several conditions, from the one under each, as `decide` has it.

    Args:
        words: One or more of `WORDS`.

    Raises:
        ValueError: There is none, or another word.

    Example:
        >>> combine(["holds", "holds"]), combine(["holds", "open", "fails"]), combine(["open"])
        ('holds', 'depends', 'open')
    """
    found = {checks.choice("words", word, WORDS) for word in words}
    if not found:
        raise ValueError("words must be one or more, received none")
    if len(found) == 1:
        return found.pop()
    return "depends" if {"holds", "fails"} <= found else "open"


def _word(effect: Interval, margin: float, claim: str) -> str:
    if not isinstance(effect, Interval) or not effect.low <= effect.mean <= effect.high:
        raise ValueError(
            f"effect must be an Interval, low <= mean <= high, received {checks.shown(effect)}"
        )
    if claim == "more":
        holds, fails = effect.low > margin, effect.high < margin
    else:
        holds = -margin < effect.low and effect.high < margin
        fails = effect.low > margin or effect.high < -margin
    return "holds" if holds else "fails" if fails else "open"


def _text(effect: Interval) -> str:
    return f"{effect.mean:.3g} [{effect.low:.3g}, {effect.high:.3g}]"

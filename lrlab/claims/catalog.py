"""The ledger: every claim of the source documents and of the literature, in their order."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterable, Mapping

from lrlab.claims import (
    after_adam,
    choosing,
    d1,
    d2,
    d3,
    d4,
    d5_methods,
    d5_rates,
    edge,
    finding,
    transformers,
)
from lrlab.claims.claim import Claim, judge
from lrlab.claims.showing import Ledger


def _number(claim: Claim) -> tuple[str, int, int]:
    document, number = claim.name.split(".")
    return document[0], int(document[1:]), int(number)


DOCUMENTS = (
    *(d1, d2, d3, d4, d5_rates, d5_methods),
    *(finding, edge, transformers, after_adam, choosing),
)

#: The claims by name.
CLAIMS: Mapping[str, Claim] = {
    claim.name: claim
    for claim in sorted(
        (claim for module in DOCUMENTS for claim in module.claims()),
        key=_number,
    )
}


class UnknownClaim(ValueError):
    """No claim has this name; the message lists the ones that are spelled like it."""


def ledger(
    patterns: Iterable[str] = (),
    *,
    chapter: str | None = None,
    claims: Mapping[str, Claim] = CLAIMS,
) -> Ledger:
    """Return claims with what came out.

    All claims of their chapters are judged, so that the levels are those of whole families.

    A notebook shows the claims as tables, ``print`` as paragraphs.

    Args:
        patterns: Names or shell patterns, such as "D2.*"; none name all.
        chapter: The chapter whose claims are wanted; None for any.
        claims: What there is to choose from.

    Raises:
        UnknownClaim: Nothing has such a name, or no claim belongs to the chapter.
        lrlab.studies.RecordError: A record is missing or cannot be used.
    """
    names: set[str] = set()
    for pattern in patterns:
        matches = fnmatch.filter(claims, pattern)
        if not matches:
            close = difflib.get_close_matches(pattern, claims, n=3)
            hint = f"Did you mean {', '.join(close)}?" if close else "`lrlab claims` shows all."
            raise UnknownClaim(f"there is no claim {pattern!r}. {hint}")
        names.update(matches)
    wanted = [
        claim
        for claim in claims.values()
        if (not names or claim.name in names) and chapter in (None, claim.chapter)
    ]
    if not wanted:
        chapters = sorted({claim.chapter for claim in claims.values()})
        raise UnknownClaim(f"chapter must be one of {', '.join(chapters)}, received {chapter!r}")
    families = {claim.chapter for claim in wanted}
    judged = judge(claim for claim in claims.values() if claim.chapter in families)
    found = Ledger(entry for entry in judged if entry.claim in wanted)
    found.chapter = chapter
    return found

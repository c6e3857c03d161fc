"""The ledger as readers see it: paragraphs in a terminal, tables in a notebook, values in JSON."""

from __future__ import annotations

from html import escape
from typing import Any

from lrlab.claims.claim import AFTER, ALONGSIDE, BEFORE, Claim, Entry, Found, limit
from lrlab.studies import notes

WORDS = ("equal", "close", "different")
COLUMNS = ("tried on", "effect [95 %]", "all together", "holds if", "seeds", "verdict")


class Ledger(tuple[Entry, ...]):
    """Claims with what came out, to be shown.

    Attributes:
        chapter: The chapter that shows them, or None for the page of all claims.
    """

    chapter: str | None = None

    def __repr__(self) -> str:
        return "\n\n".join(map(str, self))

    def _repr_html_(self) -> str:
        claims = "".join(_claim(entry, self.chapter) for entry in self)
        return f'<div class="claims">{claims}</div>'

    def to_list(self) -> list[dict[str, Any]]:
        """Return the claims as plain values that JSON can hold."""
        return [_plain(entry) for entry in self]


def _plain(entry: Entry) -> dict[str, Any]:
    claim, repeated = entry.claim, notes()
    return {
        "name": claim.name,
        "statement": claim.statement,
        "paper": claim.paper,
        "chapter": claim.chapter,
        "figure": claim.figure,
        "rule": claim.rule,
        "note": claim.note,
        "verdict": entry.word,
        "verdict_among_all": entry.family_word,
        "trials": [
            {
                "condition": found.trial.condition,
                "unit": found.trial.unit,
                "margin": found.trial.margin,
                "kind": found.trial.kind,
                "evidence": list(found.trial.evidence),
                "declared": found.trial.declared if found.trial.evidence else None,
                "repeated": {name: repeated.get(name) for name in found.trial.evidence},
                "effect": found.effect._asdict(),
                "among_all": None if found.family is None else found.family._asdict(),
                "seeds": found.seeds,
                "lost": found.lost,
                "verdict": found.word,
                "verdict_among_all": found.family_word,
            }
            for found in entry.found
        ],
    }


def _claim(entry: Entry, here: str | None) -> str:
    claim = entry.claim
    word = entry.word.replace(" ", "-")
    parts = [
        f'<div class="claim" id="{claim.name}" data-document="{claim.document}" '
        f'data-verdict="{word}">',
        f'<p><strong>{claim.name}</strong> <span class="verdict {word}">{entry.verdict}</span> '
        f"{escape(claim.statement)}{_said(claim)}{_seen(claim, here)}</p>",
    ]
    if entry.found:
        head = "".join(f"<th>{column}</th>" for column in COLUMNS)
        rows = "".join(map(_row, entry.found))
        parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>")
    if claim.note:
        parts.append(f"<p>{escape(claim.note)}</p>")
    if claim.rule:
        parts.append(
            f"<details><summary>Rule and records</summary><p>{escape(claim.rule)}</p>"
            f"<p>{escape(_declared(entry))}</p></details>"
        )
    return "".join([*parts, "</div>"])


def _row(found: Found) -> str:
    unit = f" {found.trial.unit}" if found.trial.unit else ""
    cells = (
        found.trial.condition, found.size + unit, found.family_size, limit(found.trial),
        found.counted, found.verdict,
    )  # fmt: skip
    named = zip(COLUMNS, cells, strict=True)
    tags = (f'<td data-column="{column}">{escape(cell)}</td>' for column, cell in named)
    return f"<tr>{''.join(tags)}</tr>"


def _said(claim: Claim) -> str:
    return f" ({escape(claim.paper)})" if claim.paper else ""


def _seen(claim: Claim, here: str | None) -> str:
    """A link to the figure or the chapter, from that chapter or from a page of the reference."""
    page = "" if here else f"../{claim.chapter}.html"
    anchor = f"#{claim.figure}" if claim.figure else ""
    return f' <a href="{page}{anchor}">seen here</a>' if page + anchor else ""


def _declared(entry: Entry) -> str:
    """When the rule was written, and what was recorded."""
    texts, repeated = [], notes()
    for declared in (BEFORE, ALONGSIDE, AFTER):
        studies = [
            study
            for found in entry.found
            for study in found.trial.evidence
            if found.trial.declared == declared
        ]
        if studies:
            names = ", ".join(dict.fromkeys(studies))
            texts.append(f"Written {declared}: {names}.")
            texts += [_repeated(name, repeated[name]) for name in studies if name in repeated]
    return " ".join(dict.fromkeys(texts)) or "Computed, without runs."


def _repeated(study: str, kept: dict[str, Any]) -> str:
    """When runs of a study were last made again, where, and what came out."""
    counts = ", ".join(f"{kept[word]} {word}" for word in WORDS if kept.get(word))
    return f"{study} was made again on {kept['date']} ({kept['device']}): {counts}."

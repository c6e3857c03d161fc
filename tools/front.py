"""Sphinx extension: what the front page says of the book, computed when the page is read.

``{findings}`` lists the entries of ``findings.yml``, each a trial of a claim in the ledger::

    - claim: L12.2                        # as the ledger names it
      condition: constant less linear     # a part of the trial's condition that no other trial has
      verdict: holds                      # what came out when the sentence was written
      text: A rate that falls along a line beats the best constant rate.

``{tested}`` counts what the book rests on, and ``{citation}`` says how to cite it.
"""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import nbformat
import yaml
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from lrlab.claims import Entry, Found, Ledger

ROOT = Path(__file__).resolve().parent.parent
MINUS = "\N{MINUS SIGN}"
# What several claims do.
PLURAL = {
    "open": "are open", "holds": "hold", "fails": "fail", "depends": "depend on the condition",
}  # fmt: skip


@cache
def ledger() -> Ledger:
    """All claims with what came out; to judge them takes seconds."""
    from lrlab import claims

    return claims.ledger()


@dataclass(frozen=True)
class Finding:
    """An entry of ``findings.yml``."""

    claim: str
    condition: str
    verdict: str
    text: str

    def trial(self, ledger: Ledger) -> tuple[Entry, Found]:
        """The finding's claim, and what came out in its trial.

        Raises:
            ValueError: There is no such trial, or several, or its verdict is another one by now.
        """
        trials = [
            (entry, found)
            for entry in ledger
            for found in entry.found
            if entry.claim.name == self.claim and self.condition in found.trial.condition
        ]
        if len(trials) != 1:
            raise ValueError(f"{self.claim} has {len(trials)} trials with {self.condition!r}")
        entry, found = trials[0]
        if found.word != self.verdict:
            raise ValueError(
                f"{self.claim} was {self.verdict!r} when its sentence was written, and is "
                f"{found.word!r} now: {found}"
            )
        return entry, found


def read(path: Path) -> list[Finding]:
    """The entries of the file.

    Raises:
        ValueError: It cannot be read, or an entry has not the fields of a finding.
    """
    try:
        return [Finding(**entry) for entry in yaml.safe_load(path.read_text(encoding="utf-8"))]
    except (OSError, TypeError, yaml.YAMLError) as error:
        raise ValueError(f"{path.name}: {error}") from error


class Findings(SphinxDirective):
    """``{findings}``: for each the number, the sentence, its setup, and the claim it belongs to."""

    def run(self) -> list[nodes.Node]:
        path = Path(self.env.srcdir, "findings.yml")
        self.env.note_dependency(str(path))
        shown = nodes.bullet_list(classes=["findings"])
        try:
            for one in read(path):
                shown += self.item(one, *one.trial(ledger()))
        except ValueError as error:
            raise self.error(str(error)) from None
        return [shown]

    def item(self, finding: Finding, entry: Entry, found: Found) -> nodes.list_item:
        from lrlab.claims.claim import limit

        for study in found.trial.evidence:
            for record in ROOT.glob(f"book/results/{study}/*.json"):
                self.env.note_dependency(str(record))
        claim, condition = entry.claim, found.trial.condition
        effect = found.size.replace("-", MINUS)
        size = nodes.strong(text=f"{effect} {found.trial.unit}".strip())
        place = self.env.app.builder.get_relative_uri(self.env.docname, "reference/claims")
        condition = f"{condition[0].upper()}{condition[1:]}; {found.counted}"
        scope = f"{condition}. See {{doc}}`/{claim.chapter}`."
        link = nodes.reference("", claim.name, refuri=f"{place}#{claim.name}", internal=True)
        asked = limit(found.trial).replace("-", MINUS)
        statement = f", “{claim.statement.rstrip('.')}”, holds if the effect is {asked}: "
        judged = f"{statement}**{found.verdict}**{of_the_claim(entry, found)}."
        return nodes.list_item(
            "",
            nodes.paragraph("", "", size, classes=["size"]),
            nodes.paragraph("", "", *self.inline(finding.text)),
            nodes.paragraph("", "", *self.inline(scope), classes=["scope"]),
            nodes.paragraph("", "", link, *self.inline(judged), classes=["scope"]),
        )

    def inline(self, text: str) -> list[nodes.Node]:
        parsed, messages = self.parse_inline(text)
        return [*parsed, *messages]


def of_the_claim(entry: Entry, found: Found) -> str:
    """What came out for the claim as a whole, as far as its trial says something else."""
    if entry.verdict == found.verdict:
        return ""
    if entry.word == found.verdict:
        return f"; {entry.family_word} all together"
    return f"; the claim as a whole: {entry.verdict}"


def counts(root: Path, ledger: Ledger) -> dict[str, str]:
    """What the book rests on: how many there are of a thing, and what is said of them."""
    trials = [found for entry in ledger for found in entry.found]
    seeds = [found.seeds for found in trials if found.seeds]
    verdicts = Counter(entry.word for entry in ledger).most_common()
    alone = sum(entry.verdict != entry.word for entry in ledger)
    runs = sum(1 for _ in root.glob("book/results/*/*.json"))
    cells = sum(
        cell.cell_type == "code"
        for path in root.glob("book/**/*.ipynb")
        for cell in nbformat.read(path, as_version=4).cells
    )
    tests = sum(
        isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        for path in root.glob("tests/**/test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    )
    return {
        f"{len(ledger)} claims": "each with the rule that decides it: "
        + ", ".join(f"{number} {PLURAL.get(word, word)}" for word, number in verdicts)
        + f"; {alone} of them would be open if all comparisons of their chapter were counted",
        f"{len(trials):,} trials": "of these claims, one for each condition; where chance has a "
        f"part, over {min(seeds)} to {max(seeds)} seeds, {median(seeds):.0f} in the median",
        f"{runs:,} runs": "recorded, and kept with the book",
        f"{cells:,} cells": "of notebooks, executed and compared with what is printed here",
        f"{tests:,} tests": "of the package and the pages, most of them with many values",
    }


class Tested(SphinxDirective):
    """``{tested}``: how the book was tested, in figures."""

    def run(self) -> list[nodes.Node]:
        for counted in ("book/**/*.ipynb", "tests/**/test_*.py"):
            for path in ROOT.glob(counted):
                self.env.note_dependency(str(path))
        shown = nodes.definition_list(classes=["tested"])
        for number, words in counts(ROOT, ledger()).items():
            term = nodes.term(text=number)
            told = nodes.definition("", nodes.paragraph(text=words))
            shown += nodes.definition_list_item("", term, told)
        return [shown]


def bibtex(cff: str, year: str) -> str:
    """The entry for BibTeX of a work, from the text of its ``CITATION.cff``."""
    known = yaml.safe_load(cff)
    names = (author.get("name") or "{family-names}, {given-names}".format(**author)
             for author in known["authors"])  # fmt: skip
    fields = {
        "author": " and ".join(f"{{{name}}}" for name in names),
        "title": known["title"],
        "version": known["version"],
        "year": year,
        "url": known.get("repository-code"),
    }
    lines = [f"  {key:7} = {{{value}}}," for key, value in fields.items() if value]
    return "\n".join(["@software{lrlab,", *lines, "}"])


class Citation(SphinxDirective):
    """``{citation}``: the entry for BibTeX, to be copied."""

    def run(self) -> list[nodes.Node]:
        path = ROOT / "CITATION.cff"
        self.env.note_dependency(str(path))
        entry = bibtex(path.read_text(encoding="utf-8"), str(self.config.copyright))
        return [nodes.literal_block(entry, entry, language="bibtex")]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.add_directive("findings", Findings)
    app.add_directive("tested", Tested)
    app.add_directive("citation", Citation)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Sphinx extension: ``{status} notebooks``, ``versions`` or ``claims``, from stored metadata.

``tools.execute`` stores with each notebook when it was executed, how long that took and with which
versions; with the page of all claims also the verdicts, and which of them changed. The directive
shows this as tables, and marks what is no longer so: versions that requirements.txt does not pin,
and claims that have another verdict when they are judged anew.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from tools.bounds import ROOT, pins

REQUIREMENTS = ROOT / "requirements.txt"
ABSENT = "not recorded"

Records = Mapping[str, Mapping[str, Any]]  # by the name of a page what its notebook holds


def table(head: str, rows: Iterable[str]) -> str:
    """A table in Markdown; the cells of a row are parted by ``|``."""
    return "\n".join([head, "|".join("-" for _ in head.split("|")), *rows])


def off(used: Mapping[str, str], pinned: Mapping[str, str]) -> dict[str, str]:
    """Those of some versions that are not the pinned ones. What nobody pins is as it should be."""
    return {name: one for name, one in used.items() if pinned.get(name, one) != one}


def notebooks(records: Records, pinned: Mapping[str, str]) -> str:
    """When each notebook was executed, how long it took, and whether with the pinned versions."""

    def row(page: str, record: Mapping[str, Any]) -> str:
        if not record:
            return f"{{doc}}`/{page}` | {ABSENT} | {ABSENT} | {ABSENT}"
        others = off(record["versions"], pinned)
        told = [f"**{name} {one}**, pinned {pinned[name]}" for name, one in others.items()]
        cells = (
            record["executed"],
            f"{record['seconds']}\N{NO-BREAK SPACE}s",
            "; ".join(told) or "pinned",
        )
        return f"{{doc}}`/{page}` | " + " | ".join(cells)

    rows = [row(page, record) for page, record in records.items()]
    return table("notebook | executed | took | versions", rows)


def versions(records: Records, pinned: Mapping[str, str]) -> str:
    """For each package the pinned version, and those that notebooks were executed with."""
    used: dict[str, Counter[str]] = {}
    for record in filter(None, records.values()):
        for name, one in record["versions"].items():
            used.setdefault(name, Counter())[one] += 1

    def counted(name: str, one: str, times: int) -> str:
        mark = "**" if off({name: one}, pinned) else ""
        return f"{mark}{one}{mark} ({times} notebook{'s' * (times > 1)})"

    rows = [
        f"{name} | {pinned.get(name, '–')} | "
        + ", ".join(counted(name, one, times) for one, times in found.items())
        for name, found in sorted(used.items())
    ]
    return table("package | pinned | executed with", rows)


def claims(records: Records, now: Mapping[str, str]) -> str:
    """Whether the stored verdicts are those of today, and which changed from execution to another.

    Args:
        records: What the notebooks hold; one of them has verdicts.
        now: The verdict of each claim, judged anew.
    """
    record = next((one for one in records.values() if "verdicts" in one), None)
    if record is None:
        return f"Verdicts: {ABSENT}."
    stored = record["verdicts"]
    others = [
        f"{name} | {stored.get(name, ABSENT)} | **{now.get(name, 'no longer a claim')}**"
        for name in dict.fromkeys([*now, *stored])
        if stored.get(name) != now.get(name)
    ]
    parts = [f"The {len(stored)} verdicts in the book are those of {record['executed']}."]
    if others:
        parts[0] += " Judged anew while this page was made, these are different:"
        parts.append(table("claim | in the book | now", others))
    else:
        parts[0] += " Judged anew while this page was made, all are the same."
    changed = [
        '{date} | <a href="claims.html#{claim}">{claim}</a> | {before} | {after}'.format(
            **{key: escape(value) for key, value in change.items()}
        )
        for change in reversed(record["changes"])
    ]
    if changed:
        times = f"{len(changed)} times" if len(changed) > 1 else "once"
        parts.append(f"Since {record['since']}, a verdict changed {times}:")
        parts.append(table("date | claim | before | after", changed))
    else:
        parts.append(f"Since {record['since']} no verdict changed.")
    return "\n\n".join(parts)


class Status(SphinxDirective):
    """``{status} WHAT``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        tables = {"notebooks": self.notebooks, "versions": self.versions, "claims": self.claims}
        what = self.arguments[0]
        if what not in tables:
            raise self.error(f"status must be one of {', '.join(tables)}, received {what!r}")
        return self.parse_text_to_nodes(tables[what]())

    def records(self) -> dict[str, dict[str, Any]]:
        """What each notebook of the book holds, nothing for one that was not recorded."""
        paths = {page: Path(self.env.doc2path(page)) for page in sorted(self.env.found_docs)}
        found = {}
        for page, path in paths.items():
            if path.suffix == ".ipynb":
                self.env.note_dependency(str(path))
                metadata = json.loads(path.read_text(encoding="utf-8"))["metadata"]
                found[page] = metadata.get("lrlab", {})
        return found

    def pinned(self) -> dict[str, str]:
        """The versions of requirements.txt, and of lrlab the one that makes the page."""
        self.env.note_dependency(str(REQUIREMENTS))
        return {**pins(REQUIREMENTS.read_text(encoding="utf-8")), "lrlab": version("lrlab")}

    def notebooks(self) -> str:
        return notebooks(self.records(), self.pinned())

    def versions(self) -> str:
        return versions(self.records(), self.pinned())

    def claims(self) -> str:
        from lrlab import studies  # late, as few pages need them
        from lrlab.claims import ledger

        for place in studies.places():  # a record that is edited may change a verdict
            for path in place.rglob("*.json"):
                self.env.note_dependency(str(path))
        return claims(self.records(), {one.claim.name: one.verdict for one in ledger()})


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.add_directive("status", Status)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

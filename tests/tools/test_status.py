"""The status page: what the notebooks' metadata say, and what is no longer so."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_markdown_cell, new_notebook

from tests.conftest import ROOT
from tests.support.small_book import build
from tools import execute, status
from tools.bounds import pins

PINNED = pins((ROOT / "requirements.txt").read_text(encoding="utf-8"))
USED = {"python": "3.12.1", "torch": PINNED["torch"], "numpy": PINNED["numpy"]}
CLAIMS = ROOT / "book" / "reference" / "claims.ipynb"


def record(**others: str) -> dict[str, Any]:
    return {"executed": "2026-11-27", "seconds": 61, "versions": USED | others}


def judged(**others: Any) -> dict[str, Any]:
    kept = {"since": "2026-11-20", "verdicts": {"D1.1": "holds", "D1.2": "open"}, "changes": []}
    return {"claims": record() | kept | others}


def notebook(title: str, metadata: dict[str, Any]) -> str:
    cells = [new_markdown_cell(f"# {title}\n\nText.")]
    return nbformat.writes(new_notebook(cells=cells, metadata=metadata))


def rows(page: str) -> list[list[str]]:
    """The cells of each row of the tables of a page, with bold text between asterisks."""
    found = [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.S) for row in page.split("<tr")[1:]]
    bold = [[re.sub(r"</?strong>", "*", cell) for cell in row] for row in found]
    return [[html.unescape(re.sub(r"<[^>]+>", "", cell)).strip() for cell in row] for row in bold]


@pytest.mark.parametrize("path", sorted(ROOT.glob("book/**/*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_of_the_book_says_how_it_was_executed(path: Path) -> None:
    record = nbformat.read(path, as_version=4).metadata["lrlab"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", record["executed"])
    assert record["seconds"] > 0
    assert status.off(record["versions"], PINNED) == {}


def test_the_tables_of_a_small_book(tmp_path: Path) -> None:
    files = {
        "index.md": "# Book\n\n```{toctree}\ndeep/new\nold\nbare\n```\n\n"
        "```{status} notebooks\n```\n\n```{status} versions\n```\n",
        "deep/new.ipynb": notebook("A new one", {"lrlab": record()}),
        "old.ipynb": notebook("An old one", {"lrlab": record(torch="1.0")}),
        "bare.ipynb": notebook("A bare one", {}),
    }
    out = build(tmp_path, files, "status")
    page = out.joinpath("index.html").read_text(encoding="utf-8")
    assert rows(page) == [
        ["notebook", "executed", "took", "versions"],
        ["A bare one", "not recorded", "not recorded", "not recorded"],
        ["A new one", "2026-11-27", "61\N{NO-BREAK SPACE}s", "pinned"],
        [
            "An old one",
            "2026-11-27",
            "61\N{NO-BREAK SPACE}s",
            f"*torch 1.0*, pinned {PINNED['torch']}",
        ],
        ["package", "pinned", "executed with"],
        ["numpy", PINNED["numpy"], f"{PINNED['numpy']} (2 notebooks)"],
        ["python", "–", "3.12.1 (2 notebooks)"],
        ["torch", PINNED["torch"], f"{PINNED['torch']} (1 notebook), *1.0* (1 notebook)"],
    ]
    assert "61" not in out.joinpath("old.html").read_text(encoding="utf-8")  # no field list


def test_an_unknown_table_is_refused(tmp_path: Path) -> None:
    files = {"index.md": "# Book\n\n```{status} weather\n```\n"}
    with pytest.raises(ValueError, match="must be one of notebooks, versions, claims, received 'w"):
        build(tmp_path, files, "status")


def test_the_same_verdicts_are_said_to_be_the_same() -> None:
    text = status.claims({"other": {}} | judged(), {"D1.1": "holds", "D1.2": "open"})
    assert "The 2 verdicts in the book are those of 2026-11-27." in text
    assert "all are the same" in text
    assert text.endswith("Since 2026-11-20 no verdict changed.")


@pytest.mark.parametrize(
    ("now", "row"),
    [
        ({"D1.1": "fails", "D1.2": "open"}, "D1.1 | holds | **fails**"),
        ({"D1.1": "holds", "D1.2": "open", "D1.3": "open"}, "D1.3 | not recorded | **open**"),
        ({"D1.2": "open"}, "D1.1 | holds | **no longer a claim**"),
    ],
)
def test_a_verdict_that_is_another_one_now_is_named(now: dict[str, str], row: str) -> None:
    text = status.claims(judged(), now)
    assert "these are different" in text
    assert "all are the same" not in text
    assert [line for line in text.splitlines() if "**" in line] == [row]


def test_changes_are_told_with_the_last_one_first() -> None:
    changes = [
        {"date": "2026-11-21", "claim": "D1.1", "before": "open", "after": "fails"},
        {"date": "2026-11-22", "claim": "D1.1", "before": "fails", "after": "holds"},
    ]
    text = status.claims(judged(changes=changes), judged()["claims"]["verdicts"])
    assert "Since 2026-11-20, a verdict changed 2 times:" in text
    link = '<a href="claims.html#D1.1">D1.1</a>'
    assert text.endswith(f"2026-11-22 | {link} | fails | holds\n2026-11-21 | {link} | open | fails")


def test_without_verdicts_it_says_so() -> None:
    assert status.claims({"chapter": record()}, {"D1.1": "holds"}) == "Verdicts: not recorded."


def test_the_books_claims_hold_the_verdicts_that_they_show() -> None:
    page = nbformat.read(CLAIMS, as_version=4)
    kept = page.metadata["lrlab"]
    assert len(kept["verdicts"]) > 80
    assert kept["verdicts"] == execute.verdicts(page)
    for change in kept["changes"]:
        assert change["before"] != change["after"]
        assert kept["since"] <= change["date"] <= kept["executed"]

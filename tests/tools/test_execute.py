"""`make execute` stores what the cells give, and loses nothing."""

import sys
from datetime import date
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook

from tests.conftest import ROOT
from tools import execute


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(execute, "BOOK", tmp_path)
    return tmp_path


def test_a_chapter_is_stored_whole_or_stays_as_it_was(book: Path) -> None:
    path = book / "chapter.ipynb"
    cells = [new_code_cell("print('first'); 1 + 1"), new_code_cell("1 / 0")]
    nbformat.write(new_notebook(cells=cells), path)
    before = path.read_bytes()
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        execute.main([])
    assert path.read_bytes() == before
    nbformat.write(new_notebook(cells=cells[:1]), path)
    assert execute.main([str(path)]) is None
    (cell,) = nbformat.read(path, as_version=4).cells
    printed, value = cell.outputs
    assert (printed.text, value.data) == ("first\n", {"text/plain": "2"})
    kept = nbformat.read(path, as_version=4).metadata["lrlab"]
    assert set(kept) == {"executed", "seconds", "versions"}  # verdicts are for one page alone
    assert list(book.iterdir()) == [path]


@pytest.mark.parametrize(
    "name",
    ["book/none.ipynb", "none", "book", "README.md", "book/index.md", "/", "../x.ipynb", '"; exit'],
)
def test_what_is_no_chapter_is_refused(name: str) -> None:
    assert "such as book/momentum.ipynb" in execute.main([name])
    assert repr(name) in execute.main([name])
    assert (ROOT / "book" / "momentum.ipynb").is_file()


def test_a_notebook_outside_the_book_is_refused(tmp_path: Path) -> None:
    outside = tmp_path / "mine.ipynb"
    nbformat.write(new_notebook(), outside)
    link = tmp_path / "link.ipynb"
    link.symlink_to(outside)
    for path in (outside, link):
        assert "must be one of the book" in execute.main([str(path)])


@pytest.mark.parametrize("content", [b"", b"# A chapter", b"[]", b"{}", b"\xff\xfe"])
def test_a_file_that_holds_no_notebook_is_named(content: bytes, book: Path) -> None:
    path = book / "chapter.ipynb"
    path.write_bytes(content)
    assert execute.main([str(path)]).startswith("chapter.ipynb holds no notebook: ")
    assert path.read_bytes() == content


# --- what is stored about the execution ----------------------------------------------------------


def test_the_day_the_seconds_the_versions_and_the_verdicts_are_stored(
    book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Today(date):
        @classmethod
        def today(cls) -> date:
            return cls(2026, 3, 4)

    monkeypatch.setattr(execute, "date", Today)
    path = book / execute.LEDGER
    path.parent.mkdir()
    shown = """<p><strong>D1.1</strong> <span class="verdict holds">holds</span> It falls.</p>
    <p><strong>L9.2</strong> <span class="verdict fails">fails; open all together</span></p>"""
    cell = new_code_cell(f"from IPython.display import HTML\nHTML({shown!r})")
    before = {"since": "2026-01-01", "verdicts": {"D1.1": "open"}, "changes": []}
    nbformat.write(new_notebook(cells=[cell], metadata={"lrlab": before}), path)
    assert execute.main([str(path)]) is None
    record = nbformat.read(path, as_version=4).metadata["lrlab"]
    assert (record["executed"], record["since"]) == ("2026-03-04", "2026-01-01")
    assert type(record["seconds"]) is int
    assert 0 <= record["seconds"] < 600
    assert record["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert record["versions"]["numpy"] == np.__version__
    assert set(record["versions"]) > {"lrlab", "torch", "keras", "tensorflow"}
    assert not any("+" in one for one in record["versions"].values())
    assert record["verdicts"] == {"D1.1": "holds", "L9.2": "fails; open all together"}
    change = {"date": "2026-03-04", "claim": "D1.1", "before": "open", "after": "holds"}
    assert record["changes"] == [change]  # L9.2 is new


def test_a_verdict_that_changes_is_kept_with_its_day() -> None:
    days = {
        "2026-01-01": {"D1.1": "holds", "D1.2": "open"},
        "2026-01-02": {"D1.1": "holds", "D1.2": "fails", "L9.1": "open"},
        "2026-01-03": {"D1.1": "holds; open all together", "L9.1": "open"},
    }
    record: dict = {}
    for day, shown in days.items():
        record = execute.judged(shown, record, day)
    assert record["since"] == "2026-01-01"
    assert record["verdicts"] == days["2026-01-03"]
    assert [tuple(change.values()) for change in record["changes"]] == [
        ("2026-01-02", "D1.2", "open", "fails"),
        ("2026-01-03", "D1.1", "holds", "holds; open all together"),
    ]

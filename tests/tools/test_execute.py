"""`make execute` stores what the cells give, and loses nothing."""

from pathlib import Path

import nbformat
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

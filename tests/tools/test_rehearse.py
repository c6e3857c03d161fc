"""The rehearsal for Colab: what a chapter needs beyond itself and lrlab fails there."""

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tests.conftest import ROOT
from tools import configure, rehearse

ALONE = """\
import os
from pathlib import Path
import lrlab.schedules
assert os.listdir() == ["chapter.ipynb"], os.listdir()
assert "PYTHONPATH" not in os.environ
# The records travel with the package.
assert list((Path(lrlab.__path__[0]) / "recorded").iterdir())
"""
DOWNLOADS = "import urllib.request\nurllib.request.urlopen('http://example.invalid/')"
CHAPTERS = {
    "chapter": ([configure.setup_cell(None), ALONE], None),
    "fails": (["print('fine')", "1 / 0"], "ZeroDivisionError"),
    "neighbour": (["open('chapter.ipynb')"], "FileNotFoundError"),
    "downloads": ([DOWNLOADS], "Connection refused"),
    "installs_nothing": (["import lrlab.schedules"], "No module named 'lrlab'"),
    "dies": (["import os; os._exit(1)"], "Kernel died"),
}


@pytest.fixture
def chapters(tmp_path: Path) -> Path:
    """A folder with a notebook for each of the chapters above."""
    for name, (cells, _) in CHAPTERS.items():
        notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
        nbformat.write(notebook, tmp_path / f"{name}.ipynb")
    return tmp_path


def test_each_is_run_alone_and_what_fails_is_named(
    chapters: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [str(chapters / f"{name}.ipynb") for name in CHAPTERS]
    error = rehearse.main(paths)
    said = capsys.readouterr().out
    reports = dict(zip(CHAPTERS, said.split(".ipynb: ")[1:], strict=True))
    failing = [name for name, (_, reason) in CHAPTERS.items() if reason]
    assert error == f"5 failed: {', '.join(f'{name}.ipynb' for name in failing)}", said
    for name in failing:
        assert reports[name].startswith("failed\n")
        assert CHAPTERS[name][1] in reports[name]
    assert reports["chapter"].split()[1:] == ["s", "fails"]


def test_a_notebook_that_is_not_there_is_named() -> None:
    assert rehearse.main(["book/momentun.ipynb"]) == (
        "NOTEBOOK must be a file such as book/momentum.ipynb; received 'book/momentun.ipynb'"
    )


def test_an_lrlab_from_elsewhere_is_noticed(
    chapters: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = new_code_cell(f"import sys\nsys.path.insert(0, {str(ROOT)!r})")
    nbformat.write(new_notebook(cells=[found]), chapters / "chapter.ipynb")
    assert rehearse.main([str(chapters / "chapter.ipynb")]) == "1 failed: chapter.ipynb"
    assert f"lrlab came from {ROOT / 'lrlab'}" in capsys.readouterr().out

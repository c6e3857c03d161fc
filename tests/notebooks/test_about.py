"""nbval with the book's sanitizer: the number behind ≈ may move, and nothing else."""

import os
import re
import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tests.conftest import ROOT

ABOUT = "from lrlab.notebook import about, approximate, table\n"


def printed(text: str) -> list:
    return [new_output("stream", name="stdout", text=text)]


def shown(rows: list[dict[str, str]]) -> list:
    from lrlab.notebook import table

    frame = table(rows)
    data = {"text/plain": repr(frame), "text/html": frame._repr_html_()}
    return [new_output("execute_result", data=data, execution_count=1)]


# Source of the cell, its stored output, and whether it passes.
CELLS = {
    "moved": (
        "about(0.25, 0.2, 0.3, label='loss', unit='nats')",
        printed("loss ≈ 0.2 nats\n"),
        True,
    ),
    "other_signs": ("print('≈ -1,234.5e-07.')", printed("≈ 7.\n"), True),
    "out_of_range": ("about(0.35, 0.2, 0.3)", printed("≈ 0.25\n"), False),
    "other_word": ("about(1, 0, 2, unit='holds')", printed("≈ 1.0 fails\n"), False),
    "other_number_behind": ("print('≈ 1, 5')", printed("≈ 1, 6\n"), False),
    "without_the_sign": ("print('loss 0.25')", printed("loss 0.24\n"), False),
    "in_a_table": (
        "table([{'a': approximate(10.2, 9, 11), 'b': 'holds'}])",
        shown([{"a": "≈ 9.9", "b": "holds"}]),
        True,
    ),
    "other_word_in_a_table": (
        "table([{'a': approximate(10.2, 9, 11), 'b': 'holds'}])",
        shown([{"a": "≈ 10", "b": "fails"}]),
        False,
    ),
}


@pytest.fixture(scope="module")
def passed(tmp_path_factory) -> set[str]:
    """The cells that nbval lets pass, all of them in one notebook: a kernel takes a second."""
    folder = tmp_path_factory.mktemp("about")
    cells = [
        new_code_cell(ABOUT + source, outputs=outputs, execution_count=1)
        for source, outputs, _ in CELLS.values()
    ]
    nbformat.write(new_notebook(cells=cells), folder / "cells.ipynb")
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "-rpf", "-q"]
    command += ["--nbval-sanitize-with", str(ROOT / "book/nbval.cfg"), str(folder)]
    command += [
        "-c",
        str(ROOT / "pyproject.toml"),
        "--rootdir",
        str(folder),
        "-p",
        "no:cacheprovider",
    ]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    run = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": path}
    )
    found = re.findall(r"^(PASSED|FAILED) .*::Cell (\d+)", run.stdout, re.MULTILINE)
    verdicts = {list(CELLS)[int(number)]: verdict for verdict, number in found}
    assert set(verdicts) == set(CELLS), run.stdout + run.stderr
    return {name for name, verdict in verdicts.items() if verdict == "PASSED"}


@pytest.mark.parametrize("name", CELLS)
def test_what_nbval_lets_pass(name: str, passed: set[str]) -> None:
    assert (name in passed) == CELLS[name][2]


def test_the_books_notebooks_are_validated_with_the_sanitizer() -> None:
    makefile = (ROOT / "Makefile").read_text()
    (line,) = (line for line in makefile.splitlines() if "--nbval " in line)
    assert "--nbval-sanitize-with book/nbval.cfg" in line

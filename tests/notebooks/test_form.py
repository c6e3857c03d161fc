"""The form of a chapter: the answer first, lines to take away, computed verdicts, short cells.

Each check takes a chapter and returns its complaints; each is also tried on a bad chapter.
"""

import re
from collections.abc import Callable
from statistics import median

import nbformat
import pytest
import yaml
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from lrlab import claims
from tests.conftest import ROOT

TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
CHAPTERS = [chapter["file"] for chapter in TOC["parts"][0]["chapters"]]

BULLETS = ("What to do", "How much", "How sure", "Where", "Look at")
SECTIONS = (
    "## In your own code",
    "## The claims of this chapter",
    "## Summary",
    "## Check yourself",
    "## Exercises",
)
OWN_CODE = "own-code"
MEDIAN_LINES, OWN_LINES = 8, range(6, 13)
PRINTED = 1 / 3  # of a cell's lines
SCROLLS = 80  # columns of code; a phone wraps the lines of outputs


def code(chapter: NotebookNode, tag: str | None = None) -> list[NotebookNode]:
    cells = [cell for cell in chapter.cells if cell.cell_type == "code"][1:]  # but for the setup
    return [cell for cell in cells if tag is None or tag in cell.metadata.get("tags", ())]


def lines(cell: NotebookNode) -> list[str]:
    """The lines that say something to Python."""
    return [line for line in cell.source.splitlines() if re.match(r"\s*[^#\s]", line)]


def prose(chapter: NotebookNode) -> str:
    return "\n\n".join(cell.source for cell in chapter.cells if cell.cell_type == "markdown")


def no_answer_first(chapter: NotebookNode) -> list[str]:
    brief = re.match(
        r"# .+\n\n:::\{admonition\} In brief\n:class: tip\n(.*?)\n:::", prose(chapter), re.S
    )
    if not brief:
        return ["no box 'In brief' right below the title"]
    bullets = re.findall(r"^- \*\*(.+?)\*\*", brief[1], re.M)
    same = len(bullets) == len(BULLETS) and all(map(str.startswith, bullets, BULLETS))
    found = [] if same else [f"'In brief' has the bullets {bullets}"]
    if not re.search(r"\[[−-]?\d[\d.,]*, [−-]?\d[\d.,]*\]|computed", brief[1]):
        found.append("'In brief' has no interval")
    return found + ["'In brief' names no figure"] * ("{numref}" not in brief[1])


def sections_missing(chapter: NotebookNode) -> list[str]:
    places = [prose(chapter).find(f"\n{section}\n") for section in SECTIONS]
    return [] if -1 not in places and places == sorted(places) else [f"sections at {places}"]


def no_own_code(chapter: NotebookNode) -> list[str]:
    cells = code(chapter, OWN_CODE)
    found = [
        f"{len(lines(cell))} lines of own code"
        for cell in cells
        if len(lines(cell)) not in OWN_LINES
    ]
    found += ["own code needs lrlab" for cell in cells if "lrlab" in cell.source]
    for framework in ("torch", "keras"):
        if not any(framework in cell.source for cell in cells):
            found.append(f"no own code for {framework}")
    return found


def verdicts_by_hand(name: str, chapter: NotebookNode) -> list[str]:
    """Verdicts that the ledger did not compute, and numbers of claims where one reads on."""
    shown = [
        cell
        for cell in code(chapter)
        if cell.source.rstrip().endswith(f'claims.ledger(chapter="{name}")')
    ]
    if len(shown) != 1:
        return ["the claims are not shown by one call of the ledger"]
    stored = "".join(output.get("data", {}).get("text/html", "") for output in shown[0].outputs)
    found = (
        []
        if stored == claims.ledger(chapter=name)._repr_html_()
        else ["other claims than the computed ones"]
    )
    text = prose(chapter)
    before = text[: text.find(SECTIONS[1])]
    found += [
        f"{number} in the prose"
        for number in re.findall(
            r"\bD\d\.\d+",
            re.sub(r"```\{margin\}.*?```|:::\{margin\}.*?:::", "", before, flags=re.S),
        )
    ]
    return found


def no_quiz(name: str, chapter: NotebookNode) -> list[str]:
    section = prose(chapter).partition("## Check yourself\n")[2].partition("\n## ")[0]
    return [] if f"```{{quiz}} {name}\n```" in section else ["no quiz, or that of another chapter"]


def crowded_cells(chapter: NotebookNode) -> list[str]:
    lengths = [len(lines(cell)) for cell in code(chapter)]
    found = [f"a median of {median(lengths)} lines"] * (median(lengths) > MEDIAN_LINES)
    for cell in code(chapter):
        printing = [
            line for line in lines(cell) if re.search(r"\bprint\(|\.ljust\(|\.rjust\(", line)
        ]
        if len(printing) > PRINTED * len(lines(cell)):
            found.append(f"mostly prints: {cell.source[:40]!r}")
        for output in cell.outputs:
            if re.search(r"^(True|False)$|[:=] ?(True|False)$", output.get("text", ""), re.M):
                found.append(f"a printed boolean: {cell.source[:40]!r}")
        found += [
            f"a line of {len(line)} columns"
            for line in cell.source.splitlines()
            if len(line) > SCROLLS
        ]
    return found


CHECKS: list[Callable[[NotebookNode], list[str]]] = [
    no_answer_first, sections_missing, no_own_code, crowded_cells
]  # fmt: skip


@pytest.fixture(scope="module")
def chapters() -> dict[str, NotebookNode]:
    return {name: nbformat.read(ROOT / "book" / f"{name}.ipynb", as_version=4) for name in CHAPTERS}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", CHAPTERS)
def test_chapter(chapters, name, check) -> None:
    assert check(chapters[name]) == []


@pytest.mark.parametrize("name", CHAPTERS)
def test_claims_of_a_chapter_are_the_computed_ones(chapters, name) -> None:
    assert verdicts_by_hand(name, chapters[name]) == []


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_asks_its_own_questions(chapters, name) -> None:
    assert no_quiz(name, chapters[name]) == []


# --- each check, seen failing --------------------------------------------------------------------


def good() -> NotebookNode:
    """A small chapter that passes every check."""
    bullets = "\n".join(
        f"- **{bullet}.** 0.5 points [0.1, 0.9], {{numref}}`fig-x`." for bullet in BULLETS
    )
    own = "\n".join(f"step_{i} = {i}" for i in range(6))
    table = new_output(
        "execute_result", data={"text/html": claims.ledger(chapter="plateau")._repr_html_()}
    )
    return new_notebook(
        cells=[
            new_markdown_cell(
                f"# A chapter\n\n:::{{admonition}} In brief\n:class: tip\n{bullets}\n:::\n\nMore."
            ),
            new_code_cell("setup"),
            new_code_cell("x = 1\ny = 2\nprint(x)"),
            new_markdown_cell(SECTIONS[0] + "\n\nTwo ways."),
            new_code_cell(f"import torch\n{own}", metadata={"tags": [OWN_CODE]}),
            new_code_cell(f"import keras\n{own}", metadata={"tags": [OWN_CODE]}),
            new_markdown_cell(SECTIONS[1] + "\n\nThey are D1.6 and others."),
            new_code_cell(
                'from lrlab import claims\n\nclaims.ledger(chapter="plateau")', outputs=[table]
            ),
            new_markdown_cell(SECTIONS[2]),
            new_markdown_cell(SECTIONS[3] + "\n\n```{quiz} plateau\n```"),
            new_markdown_cell(SECTIONS[4] + "\n\nNone."),
        ]
    )


def spoiled(cell: int, old: str, new: str) -> Callable[[NotebookNode], None]:
    def spoil(chapter: NotebookNode) -> None:
        assert old in chapter.cells[cell].source
        chapter.cells[cell].source = chapter.cells[cell].source.replace(old, new)

    return spoil


def without(bullet: str) -> Callable[[NotebookNode], None]:
    def spoil(chapter: NotebookNode) -> None:
        first = chapter.cells[0]
        first.source = re.sub(rf"- \*\*{bullet}.*\n", "", first.source)

    return spoil


def plateau(chapter: NotebookNode) -> list[str]:
    return verdicts_by_hand("plateau", chapter)


def quiz(chapter: NotebookNode) -> list[str]:
    return no_quiz("plateau", chapter)


BAD = {
    "no box": (no_answer_first, spoiled(0, "In brief", "In short")),
    "another bullet": (no_answer_first, spoiled(0, "How sure", "How nice")),
    "a bullet less": (no_answer_first, without("Where")),
    "no interval": (no_answer_first, spoiled(0, " [0.1, 0.9]", "")),
    "no figure": (no_answer_first, spoiled(0, "{numref}", "")),
    "no summary": (sections_missing, spoiled(8, "## Summary", "## Sum")),
    "no questions": (sections_missing, spoiled(9, "## Check yourself", "## Check")),
    "no quiz": (quiz, spoiled(9, "```{quiz} plateau\n```", "Five questions")),
    "the quiz of another chapter": (quiz, spoiled(9, "plateau", "warmup")),
    "another order": (sections_missing, lambda n: n.cells.append(n.cells.pop(3))),
    "too little own code": (no_own_code, lambda n: n.cells[4].update(source="import torch")),
    "too much own code": (no_own_code, spoiled(4, "step_1 = 1", "\n".join(["x = 1"] * 7))),
    "own code of lrlab": (no_own_code, spoiled(5, "step_1 = 1", "import lrlab")),
    "one framework": (no_own_code, spoiled(5, "import keras", "import numpy")),
    "claims of another chapter": (plateau, spoiled(7, "plateau", "warmup")),
    "claims that are not computed": (
        plateau,
        lambda n: n.cells[7].outputs[0].data.update({"text/html": "holds"}),
    ),
    "a number in the prose": (plateau, spoiled(3, "Two ways", "As D2.4 says")),
    "long cells": (
        crowded_cells,
        lambda n: [cell.update(source="x = 1\n" * 9) for cell in n.cells],
    ),
    "prints": (crowded_cells, spoiled(2, "y = 2", "print(2)")),
    "a boolean": (
        crowded_cells,
        lambda n: n.cells[2].outputs.append(new_output("stream", text="same: True\n")),
    ),
    "a wide line": (crowded_cells, spoiled(2, "y = 2", "y = '" + "2" * 80 + "'")),
}


@pytest.mark.parametrize("check", [*CHECKS, plateau, quiz], ids=lambda check: check.__name__)
def test_a_good_chapter_passes(check) -> None:
    assert check(good()) == []


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_chapter_is_noticed(fault) -> None:
    check, spoil = BAD[fault]
    chapter = good()
    spoil(chapter)
    assert check(chapter)

"""The minutes of a chapter's sections follow the rule."""

import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.support.small_book import build

WORD = "word "
LINE = "x = 1\n"
BLANK = "\n"


def code(lines: int, outputs: int = 0, *tags: str):
    shown = [new_output("display_data", data={"text/plain": "a b c"})]
    return new_code_cell(LINE * lines, outputs=shown * outputs, metadata={"tags": list(tags)})


def text(source: str):
    return new_markdown_cell(source)


# A section, and the minutes as counted by hand.
SECTIONS = {
    "769 words": ([text(WORD * 767)], 3),  # the heading has two of them
    "771 words": ([text(WORD * 769)], 4),
    "few words": ([text("One, two.")], 1),
    "139 lines": ([code(139)], 3),
    "140 lines": ([code(100), code(40)], 4),
    "words and subsections": ([text(WORD * 220), text(f"### Two more\n\n{WORD * 438}")], 3),
    "220 formulas are 220 words": ([text(WORD * 220 + "$x + y + z$ " * 220)], 2),
    "blank lines are none": ([text(f"```python\n{LINE * 60}{BLANK * 60}{LINE * 60}```")], 3),
    "a long output is one look": ([code(20, 1), code(20, 1), code(20, 1), code(20, 1)], 3),
    "displayed formulas": ([text("$$x + y$$\n\n" * 12)], 3),
    "hidden code, shown output": ([code(400, 1, "hide-input")] * 8, 2),
    "hidden cells": ([code(400, 1, "hide-cell")] * 8, 1),
    "solutions": ([text(f"{WORD * 440}\n\n:::{{note}}\n:class: dropdown\n{WORD * 880}\n:::")], 2),
    "boxes that stay open": ([text(f":::{{note}}\n{WORD * 879}\n:::")], 4),
    "answers, not explanations": ([text("```{quiz} long\n```")], 4),
}
QUIZ = f"""
- question: {WORD * 220}
  answers:
    - right: {WORD * 219} one
      why: {WORD * 2_000}
    - wrong: {WORD * 219} two
      why: {WORD * 2_001}
    - wrong: {WORD * 219} three
      why: {WORD * 2_002}
"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cells = [text(f"# A chapter\n\n{WORD * 880}")]
    for title, (content, _) in SECTIONS.items():
        cells += [text(f"## {title}"), *(cell.copy() for cell in content)]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    kernel = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python"}}
    files = {
        "index.md": f"# A page\n\n## A section\n\n{WORD * 880}\n\n```{{toctree}}\nchapter\n```\n",
        "chapter.ipynb": nbformat.writes(new_notebook(cells=cells, metadata=kernel)),
        "quizzes/long.yml": QUIZ,
    }
    return build(tmp_path_factory.mktemp("book"), files, "quizzes", "reading_time")


def test_minutes_are_those_counted_by_hand(pages: Path) -> None:
    html = (pages / "chapter.html").read_text(encoding="utf-8")
    found = re.findall(r'<h2>(.*?)<a [^>]*>.*?</h2>\s*<p class="minutes">(\d+) min</p>', html)
    assert dict(found) == {title: str(minutes) for title, (_, minutes) in SECTIONS.items()}
    assert html.count('class="minutes"') == len(SECTIONS)


def test_headings_and_contents_stay_as_they_are(pages: Path) -> None:
    html = (pages / "chapter.html").read_text(encoding="utf-8")
    assert html.count('<a class="reference internal" href="#few-words">few words</a>') == 1
    assert '<section id="few-words">' in html


def test_only_chapters_have_minutes(pages: Path) -> None:
    assert "minutes" not in (pages / "index.html").read_text(encoding="utf-8")

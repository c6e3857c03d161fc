"""The cheat sheet has the lines that the package has, and only numbers that a chapter has."""

import json
import re

from lrlab.schedules import FRAMEWORK_LINES
from tests.conftest import ROOT

SHEET = ROOT.joinpath("book", "reference", "cheat_sheet.md").read_text(encoding="utf-8")
INTERVAL = re.compile(r"\[[−\d.]+, [−\d.]+\]")


def test_the_lines_are_those_of_the_package() -> None:
    rows = re.findall(r"^\| ([\w, -]+) \| `(.+)` \| `(.+)` \|$", SHEET, re.M)
    assert len(rows) >= 10
    for name, *lines in rows:
        assert lines == [FRAMEWORK_LINES[name].pytorch, FRAMEWORK_LINES[name].keras], name


def test_every_interval_stands_in_a_chapter() -> None:
    chapters = "".join(
        "".join(cell["source"])
        for path in ROOT.glob("book/*.ipynb")
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
    )
    intervals = INTERVAL.findall(SHEET)
    assert len(intervals) >= 3
    assert [one for one in intervals if one not in chapters] == []

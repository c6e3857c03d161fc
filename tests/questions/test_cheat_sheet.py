"""The cheat sheet has the lines that the package has, and intervals that a chapter has."""

import json
import re

import pytest
from torch import zeros
from torch.nn import Parameter
from torch.optim import SGD

from lrlab.schedules import FRAMEWORK_LINES
from tests.conftest import ROOT

SHEET = ROOT.joinpath("book", "reference", "cheat_sheet.md").read_text(encoding="utf-8")
INTERVAL = re.compile(r"\[[−\d.]+, [−\d.]+\]")


def test_the_lines_are_those_of_the_package() -> None:
    rows = re.findall(r"^\| ([\w, -]+) \| `(.+)` \| `(.+)` \|$", SHEET, re.M)
    assert len(rows) >= 10
    for name, *lines in rows:
        assert lines == [FRAMEWORK_LINES[name].pytorch, FRAMEWORK_LINES[name].keras], name


def test_the_line_to_0() -> None:
    from keras.optimizers.schedules import PolynomialDecay
    from torch.optim.lr_scheduler import PolynomialLR

    torch_line, keras_line = re.findall(r"`(Polynomial\w+\([^`]+30 \* n[^`]*\))`", SHEET)
    n = 3
    opt = SGD([Parameter(zeros(1))], lr=0.1)
    scheduler, rates = eval(torch_line, {"PolynomialLR": PolynomialLR, "opt": opt, "n": n}), []
    for _ in range(30 * n + 1):
        rates += scheduler.get_last_lr()
        opt.step()
        scheduler.step()
    schedule = eval(keras_line, {"PolynomialDecay": PolynomialDecay, "n": n})
    exact = pytest.approx([0.1 * (1 - k / n / 30) for k in range(30 * n + 1)], abs=1e-7)
    assert rates == exact
    assert [float(schedule(k)) for k in range(30 * n + 1)] == exact


def test_every_interval_stands_in_a_chapter() -> None:
    chapters = "".join(
        "".join(cell["source"])
        for path in ROOT.glob("book/*.ipynb")
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
    )
    intervals = INTERVAL.findall(SHEET)
    assert len(intervals) >= 3
    assert [one for one in intervals if one not in chapters] == []

"""The lines of the frameworks: each gives its schedule's rates, and the book shows the same."""

import re
import warnings

import nbformat
import numpy as np
import pytest

from lrlab.schedules import FRAMEWORK_LINES, deviation, relative_difference
from tests.conftest import ROOT


def off(name: str, rates: np.ndarray, n: int) -> float:
    return deviation(FRAMEWORK_LINES[name].schedule(n), rates, n=n)


@pytest.mark.parametrize("n", [1, 7])
@pytest.mark.parametrize("name", FRAMEWORK_LINES)
def test_pytorch(name: str, n: int) -> None:
    from lrlab.pytorch import rates_of_line

    assert off(name, rates_of_line(FRAMEWORK_LINES[name], n=n), n) < 1e-14


@pytest.mark.parametrize("name", [name for name in FRAMEWORK_LINES if name != "one cycle"])
def test_keras(name: str) -> None:
    from lrlab.keras import rates_of_line

    n = 1 if FRAMEWORK_LINES[name].per_epoch else 7
    assert off(name, rates_of_line(FRAMEWORK_LINES[name], n=n), n) < 1e-6


def test_keras_nearest_to_the_one_cycle_differs_on_the_way_up_only() -> None:
    from lrlab.keras import rates_of_line

    rates, exact = (
        rates_of_line(FRAMEWORK_LINES["one cycle"], n=7),
        FRAMEWORK_LINES["one cycle"].schedule(7),
    )
    way = np.arange(210) / 7
    assert 0.05 < relative_difference(exact(way[:63]), rates[:63]) < 0.2
    assert relative_difference(exact(way[63:]), rates[63:]) < 0.02


def test_a_callback_holds_the_rate_for_an_epoch() -> None:
    from lrlab.keras import rates_of_line

    held = rates_of_line(FRAMEWORK_LINES["inverse root"], n=2)
    assert held.shape == (60,)
    assert held[6] == held[7] == pytest.approx(0.05)


def test_a_wrong_line_is_noticed() -> None:
    from lrlab.pytorch import rates_of_line

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rates = rates_of_line(FRAMEWORK_LINES["step"], n=1)
    assert off("multi-step", rates, 1) > 0.1


def test_the_books_table_shows_these_lines() -> None:
    notebook = nbformat.read(ROOT / "book/decay_schedules.ipynb", 4)
    (table,) = (cell.source for cell in notebook.cells if "{list-table} Schedule" in cell.source)
    rows = re.findall(r"^\* - (.+)\n  - (.+)\n  - (.+)$", table, re.M)
    shown = {re.sub(r" \(.*\)", "", name): codes for name, *codes in rows}
    for name, lines in FRAMEWORK_LINES.items():
        pytorch, keras = (re.findall(r"`(.+?)`", code)[0] for code in shown[name])
        assert (pytorch, keras) == (lines.pytorch, lines.keras)

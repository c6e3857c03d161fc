"""The progress bar shows itself only where somebody watches."""

import sys

import pytest

from lrlab.utils import progress


@pytest.fixture
def outside(monkeypatch):
    """As if pytest did not run; returns the switches."""
    monkeypatch.delenv("PYTEST_VERSION", raising=False)
    monkeypatch.delenv("LRLAB_PROGRESS", raising=False)
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    return monkeypatch


def test_shown_in_a_terminal(outside, capsys):
    outside.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with progress.bar(range(3), "training", "epoch") as items:
        assert list(items) == [0, 1, 2]
    assert "training" in capsys.readouterr().err


def test_silent_without_a_terminal(outside, capsys):
    outside.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    with progress.bar(range(3), "training", "epoch") as items:
        assert list(items) == [0, 1, 2]
    assert capsys.readouterr().err == ""


def test_shown_in_an_open_notebook(outside):
    outside.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    outside.setitem(sys.modules, "ipykernel", sys)
    assert progress.watched()


@pytest.mark.parametrize(("name", "value"), [("PYTEST_VERSION", "9"), ("LRLAB_PROGRESS", "0")])
def test_silent_where_a_notebook_is_executed_for_the_record(outside, name, value):
    outside.setenv(name, value)
    assert not progress.watched()

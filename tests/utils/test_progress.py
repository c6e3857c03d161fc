"""The progress bar shows itself only where somebody watches."""

import errno
import io
import os
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


class Written:
    """What some programs put in the place of a stream."""

    def write(self, _):
        pass


CLOSED = io.StringIO()
CLOSED.close()


@pytest.mark.parametrize("notebook", [True, False])
@pytest.mark.parametrize("stream", [None, CLOSED, Written()], ids=["none", "closed", "odd"])
def test_silent_where_there_is_no_standard_error(outside, stream, notebook):
    outside.setattr(sys, "stderr", stream)
    if notebook:
        outside.setitem(sys.modules, "ipykernel", sys)
    assert not progress.watched()
    with progress.bar(range(3), "training", "epoch") as items:
        assert list(items) == [0, 1, 2]


def test_a_stream_that_is_missing_has_a_stand_in(monkeypatch, capfd):
    monkeypatch.setattr(sys, "stderr", None)
    shown = sys.stdout
    with progress.standing_in():
        print("nowhere", file=sys.stderr, flush=True)
        assert os.path.samestat(os.fstat(sys.stderr.fileno()), os.stat(os.devnull))
        assert sys.stdout is shown
    assert sys.stderr is None
    assert capfd.readouterr() == ("", "")


def test_a_closed_descriptor_is_filled_for_children_too(monkeypatch):
    really = os.fstat
    opened = []

    def fstat(number):
        if number == 1:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return really(number)

    def remember(number, inheritable):
        opened.append((number, inheritable))

    monkeypatch.setattr(os, "fstat", fstat)
    monkeypatch.setattr(os, "set_inheritable", remember)
    progress.fill_descriptors()
    ((number, inheritable),) = opened
    assert inheritable
    os.write(number, b"nowhere")
    os.close(number)

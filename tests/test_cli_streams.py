"""The command where its output is not read, cannot be written, or has nowhere to go."""

import errno
import io
import os
import subprocess
import sys

import pytest

from lrlab import cli
from tests.conftest import ROOT
from tests.support import tiny_study as tiny

pytestmark = pytest.mark.usefixtures("tiny_images")


def test_a_reader_that_goes_away_ends_the_command_in_silence():
    command = [sys.executable, "-m", "lrlab", "list"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    buffered = {**os.environ, "PYTHONUNBUFFERED": ""}  # what is left in the buffer is tried again
    with subprocess.Popen(command, cwd=ROOT, env=buffered, **pipes) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


class Stream(io.StringIO):
    """A stream on which nothing can be written."""

    def __init__(self, number):
        super().__init__()
        self.number = number

    def write(self, _):
        raise OSError(self.number, os.strerror(self.number))


@pytest.mark.parametrize(
    ("number", "status", "told"),
    [
        (errno.ENOSPC, 1, "lrlab: cannot write the output: No space left on device\n"),
        (errno.EPIPE, 141, ""),
    ],
)
def test_output_that_cannot_be_written_ends_the_command(monkeypatch, capsys, number, status, told):
    monkeypatch.setattr(sys, "stdout", Stream(number))
    assert cli.main(["list"], tiny.STUDIES) == status
    assert capsys.readouterr().err == told


def test_a_file_that_nobody_has_foreseen_is_named(monkeypatch, capsys):
    def broken(*_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "some/file")

    monkeypatch.setattr(cli, "find", broken)
    assert cli.main(["list"], tiny.STUDIES) == 1
    assert capsys.readouterr().err == "lrlab: cannot use some/file: Permission denied\n"


@pytest.mark.parametrize(
    "stream", [None, Stream(errno.EPIPE), Stream(errno.EIO)], ids=["none", "left", "hung up"]
)
def test_what_is_said_besides_stops_no_run(tmp_path, monkeypatch, capsys, stream):
    monkeypatch.setattr(sys, "stderr", stream)
    options = ["--workers", "1", "--device", "cpu", "--results", str(tmp_path)]
    assert cli.main(["run", "faulty", *options], tiny.STUDIES) == 1
    assert capsys.readouterr().out == f"runs made: 2, already there: 0, in {tmp_path}\n"
    assert cli.main(["list", "nosuch"], tiny.STUDIES) == 2
    with pytest.raises(SystemExit):
        cli.main(["fly"])


def test_letters_that_a_stream_lacks_are_written_out(monkeypatch):
    written = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", written)
    assert cli.main(["list", "--results", "r\u00e9sultats \x1b[2J\udcff"], tiny.STUDIES) == 0
    assert written.buffer.getvalue().endswith(rb"records: r\xe9sultats \x1b[2J\udcff" + b"\n")


def test_without_standard_descriptors(tmp_path):
    """As a daemon starts it; whatever is opened then must not become standard error."""
    program = (
        "import os, sys\nfor number in range(3): os.close(number)\n"
        "sys.stdin = sys.stdout = sys.stderr = None\n"
        "from lrlab.cli import main\n"
        "status = main(['list', 'nosuch'])\n"
        f"open({str(tmp_path / 'out')!r}, 'w').write(f'{{status}} {{os.open(os.devnull, 0)}}')"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
    status, number = (tmp_path / "out").read_text().split()
    assert status == "2"
    assert int(number) > 2

"""A file is whole or not there, and what was there before stays until then."""

import errno
import json
import multiprocessing
import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrlab.utils import files
from lrlab.utils.files import ABANDONED, parse_json, read_text, remove_abandoned, whole, write_text
from tests.support.waiting import until


def test_what_is_written_appears_under_its_name_when_it_is_complete(tmp_path):
    path = tmp_path / "new" / "model.keras"
    with whole(path) as partial:
        assert partial.parent == path.parent
        assert partial.name.startswith(".model.keras.")
        assert partial.name.endswith(".part")
        partial.write_bytes(b"weights")
        assert not path.exists()
    assert path.read_bytes() == b"weights"
    assert [entry.name for entry in path.parent.iterdir()] == ["model.keras"]


@pytest.mark.parametrize(("umask", "rights"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_new_file_has_the_rights_that_the_umask_leaves(tmp_path, umask, rights):
    before = os.umask(umask)
    try:
        write_text(tmp_path / "new" / "whole", "text")
        (tmp_path / "plain").touch()
    finally:
        os.umask(before)
    modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("new/whole", "plain")]
    assert modes == [rights, rights]


@pytest.mark.parametrize("rights", [0o600, 0o640, 0o666, 0o444])
def test_a_file_that_is_replaced_hands_on_its_rights(tmp_path, rights):
    path = tmp_path / "run.json"
    path.write_text("old")
    path.chmod(rights)
    write_text(path, "new")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", rights)


def test_a_file_system_without_rights_is_fine(tmp_path, monkeypatch):
    def unknown(*_):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "chmod", unknown)
    for text in ("old", "new"):
        write_text(tmp_path / "run.json", text)
    assert (tmp_path / "run.json").read_text() == "new"


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_a_link(tmp_path, there):
    target, link = tmp_path / "far" / "run.json", tmp_path / "near" / "run.json"
    link.parent.mkdir()
    link.symlink_to(target)
    if there:
        write_text(target, "old")
    write_text(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert [len(list(folder.iterdir())) for folder in (target.parent, link.parent)] == [1, 1]


@pytest.mark.parametrize("name", ["r" * 250 + ".json", "\u6642" * 83 + ".json"[:6]])
def test_every_name_that_a_file_can_have_is_possible(tmp_path, name):
    write_text(tmp_path / name, "text")
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def _half(path):
    with whole(path) as partial:
        partial.write_bytes(b"half")
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_an_error_names_the_file_that_was_to_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"File exists: '.*/file'$"):
        _half(tmp_path / "file" / "run.json")
    with pytest.raises(OSError, match=r"Input/output error: '.*/run\.json'$"):
        _half(tmp_path / "run.json")
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError, match=r"folder'$"):
        write_text(tmp_path / "folder", "text")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder"]


class OwnError(OSError):
    """As ssl and others have them."""


@pytest.mark.parametrize(
    "error", [ConnectionError("the server is away"), OwnError(1, "no certificate")], ids=repr
)
def test_an_error_of_another_kind_is_not_touched(tmp_path, error):
    with (
        pytest.raises(OSError, match=r"server|certificate") as caught,
        whole(tmp_path / "run.json"),
    ):
        raise error
    assert caught.value is error
    assert "run.json" not in str(error)


@pytest.mark.parametrize("reason", [ValueError, KeyboardInterrupt])
def test_what_fails_half_way_leaves_the_old_file(tmp_path, reason):
    path = tmp_path / "run.json"
    path.write_text("old")

    def fail():
        with whole(path) as partial:
            partial.write_text("half of the n")
            raise reason

    with pytest.raises(reason):
        fail()
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.json"]


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "run.json"
    write_text(path, "old")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.json"]


def _write_forever(path):
    while True:
        write_text(path, "x" * 100_000 + "\n")


def test_a_kill_never_leaves_half_a_file(tmp_path):
    path = tmp_path / "run.json"
    writer = multiprocessing.get_context("spawn").Process(target=_write_forever, args=(path,))
    writer.start()
    try:
        until(lambda: path.exists() and list(tmp_path.glob(".*.part")), writer.is_alive)
    finally:
        writer.kill()
        writer.join()
    assert path.read_text() == "x" * 100_000 + "\n"
    assert not [file for file in tmp_path.glob("*.json") if file != path]


def test_what_a_kill_left_is_swept_away_once_nobody_writes_it(tmp_path):
    old, fresh, done = (tmp_path / name for name in (".a.pt.x.part", ".b.pt.y.part", "c.pt"))
    for file, age in ((old, ABANDONED + 5), (fresh, ABANDONED - 5), (done, ABANDONED + 5)):
        file.write_bytes(b"")
        os.utime(file, (time.time() - age,) * 2)
    remove_abandoned(tmp_path)
    assert sorted(tmp_path.iterdir()) == [fresh, done]


def test_what_cannot_be_swept_away_stays(tmp_path, monkeypatch):
    (tmp_path / ".folder.part").mkdir()
    (tmp_path / ".a.json.x.part").touch()
    for entry in tmp_path.iterdir():
        os.utime(entry, (0, 0))

    def refused(*_, **__):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "unlink", refused)
    remove_abandoned(tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    remove_abandoned(tmp_path / "nowhere")


# --- text and JSON --------------------------------------------------------------------------------


def test_only_a_regular_file_of_usual_size_is_read(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(ValueError, match="it is no regular file"):
            read_text(path)
    with pytest.raises(IsADirectoryError):
        read_text(tmp_path)
    monkeypatch.setattr(files, "LARGEST", 2**20)
    for size, refused in ((2**20, False), (2**20 + 1, True)):
        (tmp_path / "file").write_text("x" * size)
        if refused:
            with pytest.raises(ValueError, match="it is larger than 1 MiB"):
                read_text(tmp_path / "file")
        else:
            assert len(read_text(tmp_path / "file")) == size


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_strict_json_comes_back(value):
    assert parse_json(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expecting value"),
        ("NaN", "JSON has no number NaN"),
        ("[-Infinity]", "JSON has no number -Infinity"),
        ('{"a": 1, "b": 2, "a": 1}', "a table has more than one 'a'"),
        ('[{"a": {"": 1, "": 2}}]', "a table has more than one ''"),
        ("[" * 100_000 + "]" * 100_000, "it is nested too deeply"),
        ('{"a":' * 100_000, "it is nested too deeply"),
    ],
    ids=lambda text: text[:20],
)
def test_what_is_no_strict_json_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        parse_json(text)

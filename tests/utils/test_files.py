"""A file is whole or not there, and what was there before stays until then."""

import multiprocessing
import os
import time

import pytest

from lrlab.utils.files import ABANDONED, remove_abandoned, whole, write_text


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


def test_a_file_has_the_rights_of_any_new_file(tmp_path):
    (tmp_path / "plain").touch()
    write_text(tmp_path / "whole", "text")
    assert (tmp_path / "whole").stat().st_mode == (tmp_path / "plain").stat().st_mode


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
    deadline = time.monotonic() + 20
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    writer.kill()
    writer.join()
    assert path.read_text() == "x" * 100_000 + "\n"


def test_what_a_kill_left_is_swept_away_once_nobody_writes_it(tmp_path):
    old, fresh, done = (tmp_path / name for name in (".a.pt.x.part", ".b.pt.y.part", "c.pt"))
    for file, age in ((old, ABANDONED + 5), (fresh, ABANDONED - 5), (done, ABANDONED + 5)):
        file.write_bytes(b"")
        os.utime(file, (time.time() - age,) * 2)
    remove_abandoned(tmp_path)
    assert sorted(tmp_path.iterdir()) == [fresh, done]

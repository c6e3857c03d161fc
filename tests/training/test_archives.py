"""Sealed archives: what was saved comes back, and nothing else does."""

import io
import json
import os
import stat
import zipfile

import pytest

from lrlab.training import archives
from lrlab.training.archives import STATE, SnapshotError, read_state, sealed

VALUES = {"epoch": 2, "lrs": [[0, 0.5]], "config": {"per": "epoch"}, "none": None}
# Where PyTorch and Keras put their entries.
LAYOUTS = {".pt": "archive/", ".keras": ""}


def write(path, contents, comment=b""):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents:
            archive.writestr(zipfile.ZipInfo(name), content)
        archive.comment = comment


def save(path, text="weights", **changes):
    with sealed(path, VALUES | changes) as partial:
        write(partial, [(LAYOUTS[path.suffix] + name, text) for name in ("data.pkl", "0")])
    return path


@pytest.fixture(params=LAYOUTS)
def path(request, tmp_path):
    return save(tmp_path / f"resume{request.param}")


def test_what_was_saved_comes_back(path):
    state = read_state(path)
    assert {key: state[key] for key in VALUES} == VALUES
    assert state["name"] == path.name
    with zipfile.ZipFile(path) as archive:
        folders = {name.rpartition("/")[0] for name in archive.namelist()}
        assert len(archive.namelist()) == 3
    assert len(folders) == 1, "PyTorch reads no other archive"


def test_the_same_values_give_the_same_bytes(path):
    before = path.read_bytes()
    assert save(path).read_bytes() == before
    assert save(path, epoch=3).read_bytes() != before


def test_an_archive_from_elsewhere_has_no_state(tmp_path):
    write(tmp_path / "other.keras", [("config.json", "{}")])
    assert read_state(tmp_path / "other.keras") == {}


@pytest.mark.skipif(os.name == "nt", reason="no permissions of POSIX")
def test_others_may_read_what_the_umask_lets_them_read(tmp_path):
    for umask, mode in ((0o022, 0o644), (0o002, 0o664), (0o077, 0o600)):
        before = os.umask(umask)
        try:
            saved = save(tmp_path / f"snapshot-{mode}.pt")
        finally:
            os.umask(before)
        assert stat.S_IMODE(saved.stat().st_mode) == mode


def test_no_pattern_of_a_reader_finds_a_file_that_is_being_written(tmp_path):
    """Nor what a kill leaves of one."""
    for suffix in LAYOUTS:
        with sealed(tmp_path / f"snapshot-1{suffix}", {}) as partial:
            write(partial, [("data", "")])
            assert list(tmp_path.iterdir()) == [partial]
            for pattern in (f"*{suffix}", "snapshot-*", "resume*"):
                assert not list(tmp_path.glob(pattern))
        (tmp_path / f"snapshot-1{suffix}").unlink()


# --- forged --------------------------------------------------------------------------------------


def nested(depth):
    return json.loads("[" * depth + "]" * depth)


WRONG = [None, "text", True, -1, 10**400, 0.5, [], {}, [1, "a", None], {"a": {}}, nested(400)]


def texts():
    """The state as it was not saved: JSON, and what is none."""
    for key in [*VALUES, "format", "name"]:
        rest = {k: v for k, v in (VALUES | {"format": 1, "name": "resume.pt"}).items() if k != key}
        yield json.dumps(rest)
        yield from (json.dumps(rest | {key: value}) for value in WRONG)
        yield json.dumps(rest)[:-1] + f', "{key}": 1, "{key}": 2}}'
        yield json.dumps(rest)[:-1] + f', "{key}": NaN}}'
        yield json.dumps(rest)[:-1] + f', "{key}": {"[" * 9_999 + "]" * 9_999}}}'
    yield from ("", "null", "[]", "3", '"text"', "{", "PK", "\ufeff{}", "{}" * 2, "9" * 9_999)


def entries(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}, archive.comment


def assert_refused(path):
    message = rf"{path.name} is damaged, or has been changed since it was saved\. Name another fo"
    for contents in (True, False):
        with pytest.raises(SnapshotError, match=message):
            read_state(path, contents=contents)


@pytest.mark.parametrize("keep_seal", [True, False])
def test_a_forged_state_is_refused(path, keep_seal):
    found, comment = entries(path)
    (name,) = (name for name in found if name.endswith(STATE))
    for text in texts():
        contents = [(key, text if key == name else value) for key, value in found.items()]
        write(path, contents, comment if keep_seal else b"")
        assert_refused(path)


FORGERIES = {
    "an entry is missing": lambda found: found[1:],
    "the state is missing": lambda found: found[:-1],
    "an entry more": lambda found: [*found, ("archive/1", b"more")],
    "another entry": lambda found: [(found[0][0], b"others"), *found[1:]],
    "entries exchanged": lambda found: [(found[1][0], b"weights!"), *found[1:]],
    "another order": lambda found: found[::-1],
    "another name": lambda found: [("archive/2", found[0][1]), *found[1:]],
    "the same entry twice": lambda found: [*found, (found[0][0], b"others")],
    "no entries": lambda _: [],
}


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_archive_is_refused(path, forgery):
    found, comment = entries(path)
    write(path, FORGERIES[forgery](list(found.items())), comment)
    assert_refused(path)


def test_a_changed_byte_is_noticed_or_no_reader_looks_at_it(path):
    """Such as that of a time in an entry's header."""
    data, right, noticed = path.read_bytes(), (read_state(path), entries(path)), 0
    for place in range(0, len(data), 2):
        changed = bytearray(data)
        changed[place] ^= 1
        path.write_bytes(changed)
        try:
            assert (read_state(path), entries(path)) == right
        except SnapshotError:
            noticed += 1
    assert noticed > sum(map(len, right[1][0].values())) / 2


def test_a_part_of_a_file_is_refused(path):
    data = path.read_bytes()
    for length in range(0, len(data), 5):
        path.write_bytes(data[:length])
        assert_refused(path)


def test_the_checksums_of_contents_are_compared_where_they_are_read(path):
    data = path.read_bytes()
    path.write_bytes(data.replace(b"weights", b"weighty", 1))
    assert read_state(path, contents=False)["epoch"] == 2
    with pytest.raises(SnapshotError, match="is damaged"):
        read_state(path)


def test_a_state_of_another_version_says_so(path, monkeypatch):
    monkeypatch.setattr(archives, "FORMAT", 2)
    with pytest.raises(SnapshotError, match=rf"{path.name} was saved by another version of lrlab"):
        read_state(path)


def test_what_is_no_file_is_named(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe.pt")
    for name in ("nowhere.pt", "pipe.pt", ""):
        with pytest.raises(SnapshotError, match=rf"{name} does not exist, or is no file"):
            read_state(tmp_path / name)

    def refused(*_):
        raise PermissionError(13, "Permission denied")

    path = save(tmp_path / "resume.pt")
    monkeypatch.setattr(io, "open", refused)
    monkeypatch.setattr("zipfile.io.open", refused)
    with pytest.raises(SnapshotError, match=r"resume\.pt cannot be read: Permission denied"):
        read_state(path)

"""Downloads from a local server: they come once and whole, and nothing else ever stays."""

import errno
import io
import json
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from lrlab.data.dataset import DataError, fingerprint
from lrlab.data.loading import load
from lrlab.data.sources import SOURCES
from tests.support.files import everything_below
from tests.support.small_images import FASHION, FASHION_FILES, PUBLISHED

# What comes is what was published, and it comes once.


@pytest.mark.parametrize("name", PUBLISHED)
def test_download_then_cache(server, use, tmp_path, capfd, name):
    arrays, files = PUBLISHED[name]
    use(name)
    first = load(name)
    assert first.source == "download"
    for key, original in arrays.items():
        np.testing.assert_array_equal(getattr(first, key), original, strict=True)
    assert server.hits == list(files)
    assert everything_below(tmp_path) == [
        "not yet there",
        "not yet there/cache",
        f"not yet there/cache/{name}.npz",
    ]
    assert capfd.readouterr() == ("", ""), "silent when nobody watches"

    second = load(name)
    assert second.source == "cache"
    assert second.fingerprint == first.fingerprint
    assert server.hits == list(files), "the second call must not touch the server"


def test_cached_file_has_the_rights_of_any_new_file(use, cache, tmp_path):
    # Temporary files are private; a cache shared by a class must not be.
    use()
    load("fashion_mnist")
    (tmp_path / "plain").touch()
    assert (cache / "fashion_mnist.npz").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_own_folder_without_the_file_goes_on_to_the_download(use, own):
    use()
    assert load("fashion_mnist").source == "download"


# Other images, and a folder that does not take them.


def fails(cache, match):
    """Load, and expect one clear error and an empty cache."""
    with pytest.raises(DataError, match=match) as caught:
        load("fashion_mnist")
    assert everything_below(cache) == []
    return str(caught.value)


def test_right_hash_of_other_images(use, cache):
    use(fingerprint="0123456789abcdef")
    found = fingerprint(**FASHION)
    fails(cache, f"fingerprint is {found}, expected 0123456789abcdef")

    use(fingerprint=found)
    assert load("fashion_mnist").fingerprint == found


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (
            errno.ENOSPC,
            "No space left on device. Make room there, or set LRLAB_CACHE to",
        ),
        (errno.EDQUOT, "quota exceeded. Make room there, or set LRLAB_CACHE to"),
        (errno.EROFS, "Read-only file system. Set LRLAB_CACHE to a folder"),
    ],
)
def test_a_folder_that_takes_no_more(monkeypatch, use, cache, number, remedy):
    def savez(file, **arrays):
        file.write(b"PK half of it")
        raise OSError(number, os.strerror(number))

    use()
    monkeypatch.setattr(np, "savez", savez)
    message = fails(cache, remedy)
    assert message.startswith(f"cannot write {cache / 'fashion_mnist.npz'}: ")


def test_cache_that_is_a_file(monkeypatch, server, use, tmp_path):
    use()
    (tmp_path / "file").touch()
    for folder in ("file", "file/below"):
        monkeypatch.setenv("LRLAB_CACHE", str(tmp_path / folder))
        with pytest.raises(DataError, match=r"cannot write .*\. Set LRLAB_CACHE to a folder"):
            load("fashion_mnist")
    assert server.hits == []


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 0)() == 0, reason="chmod does not bind root")
def test_read_only_cache(server, use, cache):
    use()
    cache.mkdir(parents=True, mode=0o500)
    fails(cache, r"cannot write .*: Permission denied\. Set LRLAB_CACHE to a folder")
    assert server.hits == []


# Interrupted, killed, and two at a time.


def test_interrupted(use, cache):
    def convert(files):
        raise KeyboardInterrupt

    use(convert=convert)
    with pytest.raises(KeyboardInterrupt):
        load("fashion_mnist")
    assert everything_below(cache) == []


ANOTHER = """
import json, sys
from dataclasses import replace
from lrlab.data.loading import load
from lrlab.data.sources import SOURCES, Published

files = {file: Published(*known) for file, known in json.loads(sys.argv[2]).items()}
SOURCES["fashion_mnist"] = replace(
    SOURCES["fashion_mnist"], base_url=sys.argv[1], files=files, fingerprint=None
)
dataset = load("fashion_mnist")
print(dataset.source, dataset.fingerprint)
"""


def another_process(server):
    """Start another process that downloads the same data set."""
    files = json.dumps(SOURCES["fashion_mnist"].files)
    command = [sys.executable, "-W", "error", "-c", ANOTHER, server.url, files]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_two_processes_race(server, use, cache):
    use()
    # Each answer waits until both have asked, so neither can finish before the other starts.
    server.gate = threading.Barrier(2, timeout=30)
    racers = [another_process(server) for _ in range(2)]
    expected = (f"download {fingerprint(**FASHION)}\n", "")
    assert [racer.communicate(timeout=60) for racer in racers] == [expected, expected]
    assert sorted(server.hits) == sorted(2 * list(FASHION_FILES))
    assert everything_below(cache) == ["fashion_mnist.npz"]


def test_of_a_killed_process_nothing_stays(server, use, cache):
    use()
    server.gate = threading.Event()
    victim = another_process(server)
    deadline = time.monotonic() + 60
    while not server.hits and time.monotonic() < deadline:
        time.sleep(0.01)
    victim.kill()
    victim.communicate(timeout=60)
    server.gate.set()
    assert server.hits == list(FASHION_FILES)[:1]
    assert everything_below(cache) == []


def test_what_a_process_left_half_written_goes_unless_it_may_still_write(use, cache):
    (cache / ".not to be removed.part").mkdir(parents=True)
    for name in (".new.part", ".old.part"):
        (cache / name).touch()
    for name in (".not to be removed.part", ".old.part"):
        os.utime(cache / name, times=(time.time() - 3_600,) * 2)
    use()
    load("fashion_mnist")
    kept = [".new.part", ".not to be removed.part", "fashion_mnist.npz"]
    assert everything_below(cache) == kept


# What the reader sees meanwhile.


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_bar_on_a_terminal(monkeypatch, use):
    use()
    for variable in ("PYTEST_VERSION", "LRLAB_PROGRESS"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(sys, "stderr", Terminal())
    load("fashion_mnist")
    for file in FASHION_FILES:
        assert file in sys.stderr.getvalue()


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("stream", [None, closed()], ids=["missing", "closed"])
def test_without_standard_error(monkeypatch, use, stream):
    use()
    monkeypatch.delenv("PYTEST_VERSION", raising=False)
    monkeypatch.setattr(sys, "stderr", stream)
    assert load("fashion_mnist").source == "download"

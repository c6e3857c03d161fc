"""Downloads from a local server: good, refused, cut short, forged, gone, unwritable."""

import contextlib
import gc
import hashlib
import io
import json
import os
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import numpy as np
import pytest

from lrlab.data import download
from lrlab.data.dataset import DataError, fingerprint
from lrlab.data.loading import load
from lrlab.data.sources import SOURCES
from tests.support.small_images import FASHION, FASHION_FILES, PUBLISHED


@pytest.fixture
def server():
    """A web server: answers from ``routes``, counts in ``hits``, waits for ``gate`` if any."""
    state = SimpleNamespace(routes={}, hits=[], gate=None)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            name = self.path.removeprefix("/folder/")
            state.hits.append(name)
            if state.gate:
                state.gate.wait()
            status, body, announced = state.routes.get(name, (404, b"no such file", 12))
            with contextlib.suppress(ConnectionError):  # the reader may have given up
                self.send_response(status)
                self.send_header("Content-Length", str(announced))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        state.url = f"http://127.0.0.1:{http.server_port}/folder/"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        http.shutdown()
        thread.join()


@pytest.fixture
def use(monkeypatch, server):
    """Point the table at a server with these files: ours, if no other url is given."""

    def use(name="fashion_mnist", url=server.url, **changes):
        files = PUBLISHED[name][1]
        assert files.keys() == SOURCES[name].files.keys()
        server.routes.update({file: (200, body, len(body)) for file, body in files.items()})
        hashes = {file: f"md5:{hashlib.md5(body).hexdigest()}" for file, body in files.items()}
        changes = {"fingerprint": None} | changes
        source = replace(SOURCES[name], base_url=url, files=hashes, **changes)
        monkeypatch.setitem(SOURCES, name, source)

    return use


VICTIM = "t10k-images-idx3-ubyte.gz"  # the third of four: two good files come before it


def everything_below(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


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


# What goes wrong on the way.


def unused_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fails(cache, match, cause):
    """Load, and expect one clear error and an empty cache."""
    with pytest.raises(DataError, match=match) as caught:
        load("fashion_mnist")
    assert type(caught.value.__cause__).__name__ == cause
    assert everything_below(cache) == []
    return str(caught.value)


BODY = FASHION_FILES[VICTIM]


@pytest.mark.parametrize(
    ("route", "reason", "cause"),
    [
        ((404, b"gone", 4), "the server answered 404 Not Found", "HTTPError"),
        ((500, b"oops", 4), "the server answered 500 Internal Server Error", "HTTPError"),
        (
            (200, BODY[:99], len(BODY)),
            "the transfer broke off before its end",
            "ChunkedEncodingError",
        ),
        ((200, b"", len(BODY)), "the transfer broke off before its end", "ChunkedEncodingError"),
        ((200, BODY[:99], 99), "the hash of what came differs from the published", "ValueError"),
        ((200, BODY[::-1], len(BODY)), "the hash of what came differs", "ValueError"),
    ],
    ids=["gone", "server error", "truncated", "nothing", "short", "wrong content"],
)
def test_bad_answer(server, use, cache, capfd, route, reason, cause):
    use()
    server.routes[VICTIM] = route
    message = fails(cache, reason, cause)
    assert f"cannot download {server.url}{VICTIM}: " in message
    assert "put fashion_mnist.npz with the arrays x_train" in message
    assert "set LRLAB_DATA" in message
    assert server.hits == list(FASHION_FILES)[:3]
    assert capfd.readouterr() == ("", "")
    gc.collect()  # a connection left open would warn now, which pytest makes an error

    # Nothing is left that would spoil the next attempt.
    use()
    assert load("fashion_mnist").source == "download"


def test_no_network(use, cache):
    url = f"http://127.0.0.1:{unused_port()}/"
    use(url=url)
    message = fails(cache, "the server cannot be reached", "ConnectionError")
    assert f"cannot download {url}train-images-idx3-ubyte.gz: " in message
    assert "set LRLAB_DATA" in message


def test_silent_server(monkeypatch, server, use, cache):
    server.gate = threading.Event()
    monkeypatch.setattr(download, "TIMEOUT", 0.05)
    use()
    try:
        fails(cache, "the server cannot be reached or stopped answering", "ReadTimeout")
    finally:
        server.gate.set()


def test_right_hash_of_other_images(use, cache):
    use(fingerprint="0123456789abcdef")
    found = fingerprint(**FASHION)
    fails(cache, f"fingerprint is {found}, expected 0123456789abcdef", "NoneType")

    use(fingerprint=found)
    assert load("fashion_mnist").fingerprint == found


def test_disk_full(monkeypatch, use, cache):
    def savez(file, **arrays):
        file.write(b"PK half of it")
        raise OSError(28, "No space left on device")

    use()
    monkeypatch.setattr(np, "savez", savez)
    message = fails(cache, "No space left on device. Make room there", "OSError")
    assert str(cache / "fashion_mnist.npz") in message


def test_interrupted(use, cache):
    def convert(folder):
        raise KeyboardInterrupt

    use(convert=convert)
    with pytest.raises(KeyboardInterrupt):
        load("fashion_mnist")
    assert everything_below(cache) == []


def test_cache_that_is_a_file(monkeypatch, server, use, tmp_path):
    use()
    (tmp_path / "file").touch()
    for folder in ("file", "file/below"):
        monkeypatch.setenv("LRLAB_CACHE", str(tmp_path / folder))
        with pytest.raises(DataError, match=r"cannot write .* set LRLAB_CACHE to a folder"):
            load("fashion_mnist")
    assert server.hits == []


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 0)() == 0, reason="chmod does not bind root")
def test_read_only_cache(use, cache):
    use()
    cache.mkdir(parents=True, mode=0o500)
    fails(cache, "Permission denied.*set LRLAB_CACHE to a folder", "PermissionError")


RACER = """
import json, sys
from dataclasses import replace
from lrlab.data.loading import load
from lrlab.data.sources import SOURCES

url, hashes = sys.argv[1], json.loads(sys.argv[2])
SOURCES["fashion_mnist"] = replace(
    SOURCES["fashion_mnist"], base_url=url, files=hashes, fingerprint=None
)
dataset = load("fashion_mnist")
print(dataset.source, dataset.fingerprint)
"""


def test_two_processes_race(server, use, cache):
    use()
    # Each answer waits until both have asked, so neither can finish before the other starts.
    server.gate = threading.Barrier(2, timeout=30)
    hashes = json.dumps(SOURCES["fashion_mnist"].files)
    command = [sys.executable, "-W", "error", "-c", RACER, server.url, hashes]
    racers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    expected = (f"download {fingerprint(**FASHION)}\n", "")
    assert [racer.communicate(timeout=60) for racer in racers] == [expected, expected]
    assert sorted(server.hits) == sorted(2 * list(FASHION_FILES))
    assert everything_below(cache) == ["fashion_mnist.npz"]


# What the reader sees meanwhile.


def test_progress_bar_on_a_terminal(monkeypatch, use):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    use()
    monkeypatch.setattr(sys, "stderr", Terminal())
    load("fashion_mnist")
    assert sys.stderr.getvalue().count("100%") >= len(FASHION_FILES)


def test_no_warning_in_a_notebook_without_ipywidgets():
    pytest.importorskip("ipykernel")
    code = (
        "import sys, types, warnings; import ipykernel.zmqshell; "
        "sys.modules['ipywidgets'] = None; warnings.simplefilter('always'); "
        "from lrlab.data.download import cache_folder; print(cache_folder().name)"
    )
    environment = {key: value for key, value in os.environ.items() if key != "LRLAB_CACHE"}
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "lrlab\n", "")


@pytest.mark.parametrize("value", [None, ""])
def test_cache_folder_of_the_system(monkeypatch, value):
    import pooch

    monkeypatch.delenv("LRLAB_CACHE", raising=False)
    if value is not None:
        monkeypatch.setenv("LRLAB_CACHE", value)
    assert download.cache_folder() == pooch.os_cache("lrlab")


def test_cache_folder_of_the_user(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("LRLAB_CACHE", "~/images")
    assert download.cache_folder() == tmp_path / "images"

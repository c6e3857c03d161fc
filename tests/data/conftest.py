"""Each test of this room has a cache of its own; a folder of its own and a server, if it asks."""

import contextlib
import hashlib
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from lrlab.data.sources import SOURCES, Published
from tests.support.offline import FULL_SETS
from tests.support.small_images import PUBLISHED


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    """The folder of the cache, which is not there yet."""
    folder = tmp_path / "not yet there" / "cache"
    monkeypatch.setenv("LRLAB_CACHE", str(folder))
    return folder


@pytest.fixture
def own(tmp_path, monkeypatch):
    """The folder that LRLAB_DATA names."""
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.setenv("LRLAB_DATA", str(folder))
    return folder


@pytest.fixture
def full_set(monkeypatch):
    """A function that points LRLAB_DATA at the full data set of a name, or skips the test."""

    def find(name):
        if not (FULL_SETS and (Path(FULL_SETS) / f"{name}.npz").exists()):
            pytest.skip(f"LRLAB_DATA names no folder with {name}.npz")
        monkeypatch.setenv("LRLAB_DATA", FULL_SETS)

    return find


@pytest.fixture
def server():
    """A web server: answers from ``routes``, counts in ``hits``, waits for ``gate`` if any.

    A route is the status, the body, or an iterator over its pieces, and the headers.
    """
    state = SimpleNamespace(routes={}, hits=[], gate=None, sent=0)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            name = self.path.removeprefix("/folder/")
            state.hits.append(name)
            if state.gate:
                state.gate.wait()
            status, body, headers = state.routes.get(name, (404, b"no such file", {}))
            if isinstance(body, bytes):
                headers = {"Content-Length": len(body)} | headers
                body = [body]
            with contextlib.suppress(ConnectionError):  # the reader may have given up
                self.send_response(status)
                for header, value in headers.items():
                    self.send_header(header, str(value))
                self.end_headers()
                for piece in body:
                    self.wfile.write(piece)
                    state.sent += len(piece)

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
        server.routes.update({file: (200, body, {}) for file, body in files.items()})
        known = {
            file: Published(hashlib.md5(body).hexdigest(), len(body))
            for file, body in files.items()
        }
        changes = {"fingerprint": None} | changes
        source = replace(SOURCES[name], base_url=url, files=known, **changes)
        monkeypatch.setitem(SOURCES, name, source)

    return use

"""lrlab.download against a local server: good, refused, cut short, forged, gone, unwritable."""

import contextlib
import gc
import gzip
import hashlib
import io
import json
import os
import socket
import struct
import subprocess
import sys
import tarfile
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import numpy as np
import pytest

from lrlab import data
from lrlab.data import download


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.delenv("LRLAB_DATA", raising=False)
    for variable in ("NO_PROXY", "no_proxy"):  # requests looks at the second one first
        monkeypatch.setenv(variable, "127.0.0.1")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "not yet there" / "cache"
    monkeypatch.setenv("LRLAB_CACHE", str(folder))
    return folder


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


def serve(server, files):
    server.routes.update({name: (200, body, len(body)) for name, body in files.items()})


def use(monkeypatch, name, url, files, **changes):
    """Point the table at ``url`` with the hashes of ``files``; the real file names must fit."""
    assert files.keys() == download.SOURCES[name].files.keys()
    hashes = {file: f"md5:{hashlib.md5(body).hexdigest()}" for file, body in files.items()}
    changes = {"fingerprint": None} | changes
    source = replace(download.SOURCES[name], base_url=url, files=hashes, **changes)
    monkeypatch.setitem(download.SOURCES, name, source)


def random_arrays(image_shape, train, test):
    rng = np.random.default_rng(7)
    return {
        "x_train": rng.integers(0, 256, (train, *image_shape), np.uint8),
        "y_train": rng.integers(0, 10, train),
        "x_test": rng.integers(0, 256, (test, *image_shape), np.uint8),
        "y_test": rng.integers(0, 10, test),
    }


FASHION = random_arrays((28, 28, 1), train=7, test=3)
CIFAR10 = random_arrays((32, 32, 3), train=9, test=2)


def fashion_mnist_files():
    """The four files, written value by value from the description of the IDX format."""
    files = {}
    for split, prefix in (("train", "train"), ("test", "t10k")):
        x, y = FASHION[f"x_{split}"], FASHION[f"y_{split}"]
        images = struct.pack(">IIII", 2051, len(x), 28, 28) + bytes(x.ravel().tolist())
        labels = struct.pack(">II", 2049, len(y)) + bytes(y.tolist())
        files[f"{prefix}-images-idx3-ubyte.gz"] = gzip.compress(images, mtime=0)
        files[f"{prefix}-labels-idx1-ubyte.gz"] = gzip.compress(labels, mtime=0)
    return files


def cifar10_files():
    """The archive, pixel by pixel, its members out of order and beside others."""

    def batch(split, start, stop):
        content = bytearray()
        for k in range(start, stop):
            content.append(CIFAR10[f"y_{split}"][k])
            for channel in range(3):
                for row in range(32):
                    for column in range(32):
                        content.append(CIFAR10[f"x_{split}"][k, row, column, channel])
        return bytes(content)

    cuts = [0, 2, 3, 6, 7, 9]
    members = {
        f"cifar-10-batches-bin/data_batch_{n}.bin": batch("train", cuts[n - 1], cuts[n])
        for n in (2, 5, 1, 4, 3)
    }
    members = {
        "cifar-10-batches-bin/batches.meta.txt": b"airplane\n",
        "cifar-10-batches-bin/test_batch.bin": batch("test", 0, 2),
        **members,
        "../../evil.bin": b"must not reach the disk",
    }
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        folder = tarfile.TarInfo("cifar-10-batches-bin")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return {"cifar-10-binary.tar.gz": file.getvalue()}


CASES = {
    "fashion_mnist": (FASHION, fashion_mnist_files()),
    "cifar10": (CIFAR10, cifar10_files()),
}
FASHION_FILES = CASES["fashion_mnist"][1]
VICTIM = "t10k-images-idx3-ubyte.gz"  # the third of four: two good files come before it


def everything_below(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


# What comes is what was published, and it comes once.


@pytest.mark.parametrize("name", CASES)
def test_download_then_cache(monkeypatch, server, cache, tmp_path, name):
    arrays, files = CASES[name]
    serve(server, files)
    use(monkeypatch, name, server.url, files)

    first = data.load(name)
    assert first.source == "download"
    for key, original in arrays.items():
        np.testing.assert_array_equal(getattr(first, key), original, strict=True)
    assert server.hits == list(files)
    assert everything_below(tmp_path) == [
        "not yet there",
        "not yet there/cache",
        f"not yet there/cache/{name}.npz",
    ]

    second = data.load(name)
    assert second.source == "cache"
    assert second.fingerprint == first.fingerprint
    assert server.hits == list(files), "the second call must not touch the server"


def test_cached_file_has_the_rights_of_any_new_file(monkeypatch, server, cache, tmp_path):
    # Temporary files are private; a cache shared by a class must not be.
    serve(server, FASHION_FILES)
    use(monkeypatch, "fashion_mnist", server.url, FASHION_FILES)
    data.load("fashion_mnist")
    (tmp_path / "plain").touch()
    assert (cache / "fashion_mnist.npz").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_own_file_comes_before_a_download(monkeypatch, server, cache, tmp_path):
    use(monkeypatch, "fashion_mnist", server.url, FASHION_FILES)
    np.savez(tmp_path / "fashion_mnist.npz", **FASHION)
    monkeypatch.setenv("LRLAB_DATA", str(tmp_path))
    assert data.load("fashion_mnist").source == "LRLAB_DATA"
    assert server.hits == []


def test_own_folder_without_the_file_goes_on_to_the_download(monkeypatch, server, cache, tmp_path):
    serve(server, FASHION_FILES)
    use(monkeypatch, "fashion_mnist", server.url, FASHION_FILES)
    monkeypatch.setenv("LRLAB_DATA", str(tmp_path))
    assert data.load("fashion_mnist").source == "download"
    assert data.load("fashion_mnist").source == "cache"


# What goes wrong on the way.


def unused_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fails(cache, match, cause):
    """Load, and expect one clear error and an empty cache."""
    with pytest.raises(data.DataError, match=match) as caught:
        data.load("fashion_mnist")
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
def test_bad_answer(monkeypatch, server, cache, capfd, route, reason, cause):
    serve(server, FASHION_FILES)
    server.routes[VICTIM] = route
    use(monkeypatch, "fashion_mnist", server.url, FASHION_FILES)

    message = fails(cache, reason, cause)
    assert f"cannot download {server.url}{VICTIM}: " in message
    assert "put fashion_mnist.npz with the arrays x_train" in message
    assert "set LRLAB_DATA" in message
    assert server.hits == list(FASHION_FILES)[:3]
    assert capfd.readouterr() == ("", "")
    gc.collect()  # a connection left open would warn now, which pytest makes an error

    # Nothing is left that would spoil the next attempt.
    serve(server, FASHION_FILES)
    assert data.load("fashion_mnist").source == "download"


def test_no_network(monkeypatch, cache):
    url = f"http://127.0.0.1:{unused_port()}/"
    use(monkeypatch, "fashion_mnist", url, FASHION_FILES)
    message = fails(cache, "the server cannot be reached", "ConnectionError")
    assert f"cannot download {url}train-images-idx3-ubyte.gz: " in message
    assert "set LRLAB_DATA" in message


def test_silent_server(monkeypatch, server, cache):
    server.gate = threading.Event()
    monkeypatch.setattr(download, "TIMEOUT", 0.05)
    use(monkeypatch, "fashion_mnist", server.url, FASHION_FILES)
    try:
        fails(cache, "the server cannot be reached or stopped answering", "ReadTimeout")
    finally:
        server.gate.set()


def test_right_hash_of_other_images(monkeypatch, server, cache):
    serve(server, FASHION_FILES)
    use(monkeypatch, "fashion_mnist", server.url, FASHION_FILES, fingerprint="0123456789abcdef")
    found = download.fingerprint(**FASHION)
    fails(cache, f"fingerprint is {found}, expected 0123456789abcdef", "NoneType")

    use(monkeypatch, "fashion_mnist", server.url, FASHION_FILES, fingerprint=found)
    assert data.load("fashion_mnist").fingerprint == found


def test_disk_full(monkeypatch, server, cache):
    def savez(path, **arrays):
        path.write_bytes(b"PK half of it")
        raise OSError(28, "No space left on device")

    serve(server, FASHION_FILES)
    use(monkeypatch, "fashion_mnist", server.url, FASHION_FILES)
    monkeypatch.setattr(np, "savez", savez)
    message = fails(cache, "No space left on device. Make room there", "OSError")
    assert str(cache / "fashion_mnist.npz") in message


def test_interrupted(monkeypatch, server, cache):
    def convert(folder):
        raise KeyboardInterrupt

    serve(server, FASHION_FILES)
    use(monkeypatch, "fashion_mnist", server.url, FASHION_FILES, convert=convert)
    with pytest.raises(KeyboardInterrupt):
        data.load("fashion_mnist")
    assert everything_below(cache) == []


def test_cache_that_is_a_file(monkeypatch, server, tmp_path):
    serve(server, FASHION_FILES)
    use(monkeypatch, "fashion_mnist", server.url, FASHION_FILES)
    (tmp_path / "file").touch()
    for folder in ("file", "file/below"):
        monkeypatch.setenv("LRLAB_CACHE", str(tmp_path / folder))
        with pytest.raises(data.DataError, match=r"cannot write .* set LRLAB_CACHE to a folder"):
            data.load("fashion_mnist")
    assert server.hits == []


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 0)() == 0, reason="chmod does not bind root")
def test_read_only_cache(monkeypatch, server, cache):
    use(monkeypatch, "fashion_mnist", server.url, FASHION_FILES)
    cache.mkdir(parents=True, mode=0o500)
    fails(cache, "Permission denied.*set LRLAB_CACHE to a folder", "PermissionError")


RACER = """
import json, sys
from dataclasses import replace
from lrlab import data, download

url, hashes = sys.argv[1], json.loads(sys.argv[2])
download.SOURCES["fashion_mnist"] = replace(
    download.SOURCES["fashion_mnist"], base_url=url, files=hashes, fingerprint=None
)
dataset = data.load("fashion_mnist")
print(dataset.source, dataset.fingerprint)
"""


def test_two_processes_race(monkeypatch, server, cache):
    serve(server, FASHION_FILES)
    use(monkeypatch, "fashion_mnist", server.url, FASHION_FILES)
    # Each answer waits until both have asked, so neither can finish before the other starts.
    server.gate = threading.Barrier(2, timeout=30)
    hashes = json.dumps(download.SOURCES["fashion_mnist"].files)
    command = [sys.executable, "-W", "error", "-c", RACER, server.url, hashes]
    racers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    expected = (f"download {download.fingerprint(**FASHION)}\n", "")
    assert [racer.communicate(timeout=60) for racer in racers] == [expected, expected]
    assert sorted(server.hits) == sorted(2 * list(FASHION_FILES))
    assert everything_below(cache) == ["fashion_mnist.npz"]


# What the reader sees meanwhile.


def test_silent_when_nobody_watches(monkeypatch, server, cache, capfd):
    serve(server, FASHION_FILES)
    use(monkeypatch, "fashion_mnist", server.url, FASHION_FILES)
    data.load("fashion_mnist")
    assert capfd.readouterr() == ("", "")


def test_progress_bar_on_a_terminal(monkeypatch, server, cache):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    serve(server, FASHION_FILES)
    use(monkeypatch, "fashion_mnist", server.url, FASHION_FILES)
    monkeypatch.setattr(sys, "stderr", Terminal())
    data.load("fashion_mnist")
    assert sys.stderr.getvalue().count("100%") >= len(FASHION_FILES)


def test_no_warning_in_a_notebook_without_ipywidgets():
    pytest.importorskip("ipykernel")
    code = (
        "import sys, types, warnings; import ipykernel.zmqshell; "
        "sys.modules['ipywidgets'] = None; warnings.simplefilter('always'); "
        "from lrlab import download; print(download.cache_folder().name)"
    )
    environment = {key: value for key, value in os.environ.items() if key != "LRLAB_CACHE"}
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "lrlab\n", "")


# The small parts.


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


@pytest.mark.parametrize("name", download.SOURCES)
def test_table(name):
    source = download.SOURCES[name]
    assert source.base_url.startswith("http")
    assert source.base_url.endswith("/")
    assert len(source.class_names) == len(set(source.class_names)) == 10
    assert len(source.files) > 0
    for known_hash in source.files.values():
        algorithm, digest = known_hash.split(":")
        assert hashlib.new(algorithm).digest_size == len(bytes.fromhex(digest))


OTHER_SIGN = {"uint8": np.int8, "int64": np.uint64}


def test_fingerprint_sees_every_array_value_shape_and_type():
    def changed(key, change):
        return download.fingerprint(**(FASHION | {key: change(FASHION[key])}))

    fingerprints = [download.fingerprint(**FASHION)]
    for key in FASHION:
        fingerprints.append(changed(key, lambda array: array[::-1]))
        fingerprints.append(changed(key, lambda array: array[:-1]))
        fingerprints.append(changed(key, lambda array: array[..., np.newaxis]))
        # The same bytes read as signed or unsigned.
        fingerprints.append(changed(key, lambda array: array.view(OTHER_SIGN[array.dtype.name])))
    fingerprints.append(
        download.fingerprint(
            FASHION["x_test"], FASHION["y_test"], FASHION["x_train"], FASHION["y_train"]
        )
    )
    assert len(set(fingerprints)) == len(fingerprints) == 18


def test_fingerprint_does_not_depend_on_the_layout_in_memory():
    fortran = {key: np.asfortranarray(array) for key, array in FASHION.items()}
    assert not fortran["x_train"].flags.c_contiguous
    assert download.fingerprint(**fortran) == download.fingerprint(**FASHION)

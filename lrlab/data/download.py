"""Fetch a public data set, check it, and keep it as one ``.npz`` file.

The table `lrlab.data.sources.SOURCES` says where each data set lives, how large each of its files
is and which hash it has, and which function turns the files into arrays.
"""

from __future__ import annotations

import errno
import hashlib
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, closing
from http.client import responses
from pathlib import Path
from typing import IO, Any

import numpy as np

from lrlab.data.dataset import DataError, fingerprint
from lrlab.data.embedded import FIRST_IMAGES
from lrlab.data.sources import SOURCES, Published
from lrlab.utils import progress, remove_abandoned, whole

TIMEOUT = 30  # seconds of silence after which a server is given up
CHUNK = 2**16  # bytes that are asked for at a time


def download(name: str, target: Path) -> None:
    """Download a public data set and store its arrays in one ``.npz`` file.

    A reader never meets half a file. Of two processes that download at the same time, the later
    one replaces the file of the earlier one by the same content.

    Args:
        name: Key of `lrlab.data.sources.SOURCES`.
        target: File to store the arrays in. Its folder is created when missing.

    Raises:
        DataError: There is no connection, a proxy or the server refuses, the transfer breaks off,
            the content is not what was published, or the folder cannot be written to. Nothing is
            left behind. (If the process is killed while it writes the target itself, the next
            download removes what stays.)
    """
    source = SOURCES[name]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned(target.parent)
        with ExitStack() as stack:
            files: dict[str, IO[bytes]] = {}
            for file, published in source.files.items():
                # A file without a name in the folder, so that it goes away with the process.
                files[file] = stack.enter_context(tempfile.TemporaryFile(dir=target.parent))
                _fetch(name, f"{source.base_url}{file}", published, files[file])
            arrays: dict[str, Any] = source.convert(files)
        # The publishers give MD5 only, for which a forger can make a match, and one of them
        # plain HTTP only: where the content is known, look at it too.
        if source.fingerprint not in (None, found := fingerprint(**arrays)):
            raise DataError(
                f"the images from {source.base_url} are not those of {name}: their "
                f"fingerprint is {found}, expected {source.fingerprint}. {_remedy(name)}"
            )
        with whole(target) as partial, partial.open("wb") as archive:
            np.savez(archive, **arrays)  # given a path, it would append .npz to it
    except OSError as error:
        room = "Make room there, or set" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "Set"
        raise DataError(
            f"cannot write {target}: {error.strerror or error}. {room} LRLAB_CACHE to a folder "
            "that you can write to"
        ) from error


def _fetch(name: str, url: str, published: Published, into: IO[bytes]) -> None:
    """Copy a published file, and stop as soon as what comes cannot be it."""
    from tqdm import tqdm

    digest = hashlib.md5(usedforsecurity=False)
    bar = tqdm(
        total=published.size,
        desc=url.rsplit("/", 1)[1],
        unit="B",
        unit_scale=True,
        leave=False,
        disable=not progress.watched(),
    )
    with bar, closing(_chunks(name, url)) as chunks:
        for chunk in chunks:
            into.write(chunk)
            digest.update(chunk)
            bar.update(len(chunk))
            if into.tell() > published.size:
                break
    came = into.tell()
    into.seek(0)
    if digest.hexdigest() == published.md5:
        return
    reason = "the hash of what came differs from the published one"
    if came > published.size:
        reason = f"more came than the published {published.size:,} bytes"
    if into.read(64).lstrip().startswith(b"<"):
        reason = "a web page came in its place (does this network want a login in a browser?)"
    raise DataError(f"cannot download {url}: {reason}. {_remedy(name)}")


def _chunks(name: str, url: str) -> Generator[bytes, None, None]:
    """Yield what a server sends; what fails on the way there and back is named here."""
    import requests

    def leave(response: requests.Response, **_: Any) -> None:
        if response.is_redirect:  # requests would read its whole body, however long it is
            response.close()

    try:
        hooks = {"response": leave}
        with requests.get(url, stream=True, timeout=TIMEOUT, hooks=hooks) as response:
            response.raise_for_status()
            yield from response.iter_content(CHUNK)
    # Not a narrower class: what requests, urllib3 and http.client raise has no common one.
    except Exception as error:
        raise DataError(f"cannot download {url}: {_reason(error)}. {_remedy(name)}") from error


def _reason(error: Exception) -> str:
    from requests import exceptions

    proxy = "the proxy that http_proxy, https_proxy or all_proxy names"
    login = f"{proxy} wants a login (http://NAME:PASSWORD@HOST:PORT)"
    certificates = "REQUESTS_CA_BUNDLE has to name a file with the certificates to trust"
    match error:
        case exceptions.HTTPError():
            code = error.response.status_code
            return login if code == 407 else f"the server answered {code} {responses.get(code, '')}"
        case exceptions.ProxyError():
            return login if " 407 " in str(error) else f"{proxy} cannot be reached or refuses"
        case exceptions.SSLError():
            return (
                f"the server's certificate is not trusted; {certificates} (where a network "
                "inspects encrypted traffic: its own)"
            )
        case exceptions.ConnectionError() | exceptions.Timeout():
            return "the server cannot be reached or stopped answering (is there a network?)"
        case exceptions.TooManyRedirects():
            return "the server sends on to other addresses without end"
        case ValueError():  # about an address, and ours is valid; it may hold a password
            return (
                f"{proxy}, or the address that the server sends on to, is malformed or of a kind "
                "that is not supported (a SOCKS proxy needs the package PySocks)"
            )
        case OSError() if not isinstance(error, exceptions.RequestException):
            return f"{error}; {certificates}"
        case _:
            return f"the transfer broke off before its end ({type(error).__name__})"


def _remedy(name: str) -> str:
    embedded = ""
    if name in FIRST_IMAGES:
        train, test = FIRST_IMAGES[name]
        embedded = f"; up to limit={train:_} and test_limit={test:_} need no download"
    return (
        f"Try again later, or put {name}.npz with the arrays x_train, y_train, x_test and y_test "
        f"into a folder and set LRLAB_DATA to that folder{embedded}"
    )

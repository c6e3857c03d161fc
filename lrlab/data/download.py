"""Fetch a public data set, check it, and keep it as one ``.npz`` file.

The table `lrlab.data.sources.SOURCES` says where each data set lives, which hash its publisher
gives for each file, and which function turns the files into arrays.
"""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from lrlab.data.dataset import DataError, fingerprint
from lrlab.data.sources import SOURCES
from lrlab.utils import whole

TIMEOUT = 30  # seconds of silence after which a server is given up


def cache_folder() -> Path:
    """Return the folder of downloaded data sets: ``LRLAB_CACHE``, else the system's cache.

    Returns:
        A path, which need not exist yet.

    Example:
        >>> import os
        >>> from unittest import mock
        >>> with mock.patch.dict(os.environ, LRLAB_CACHE="elsewhere"):
        ...     cache_folder().name
        'elsewhere'
    """
    folder = os.environ.get("LRLAB_CACHE")
    return Path(folder).expanduser() if folder else Path(_import_pooch().os_cache("lrlab"))


def download(name: str, target: Path) -> None:
    """Download a public data set and store its arrays in one ``.npz`` file.

    A reader never meets half a file. Of two processes that download at the same time, the later
    one replaces the file of the earlier one by the same content.

    Args:
        name: Key of `lrlab.data.sources.SOURCES`.
        target: File to store the arrays in. Its folder is created when missing.

    Raises:
        DataError: There is no connection, the server refuses, the transfer breaks off, the content
            is not what was published, or the folder cannot be written to. Nothing is left behind.
    """
    source = SOURCES[name]
    try:
        with (
            whole(target) as partial,
            tempfile.TemporaryDirectory(prefix=f".{name}-", dir=target.parent) as temporary,
        ):
            folder = Path(temporary)
            for file, known_hash in source.files.items():
                _retrieve(name, f"{source.base_url}{file}", known_hash, folder / file)
            arrays: dict[str, Any] = source.convert(folder)
            # The publishers give MD5 only, for which a forger can make a match, and one of them
            # plain HTTP only: where the content is known, look at it too.
            if source.fingerprint not in (None, found := fingerprint(**arrays)):
                raise DataError(
                    f"the images from {source.base_url} are not those of {name}: their "
                    f"fingerprint is {found}, expected {source.fingerprint}. {_remedy(name)}"
                )
            with partial.open("wb") as archive:  # given a path, savez appends .npz to it
                np.savez(archive, **arrays)
    except OSError as error:
        raise DataError(
            f"cannot write {target}: {error.strerror or error}. Make room there, or set "
            "LRLAB_CACHE to a folder that you can write to"
        ) from error


def _retrieve(name: str, url: str, known_hash: str, path: Path) -> None:
    pooch = _import_pooch()
    from requests.exceptions import RequestException  # after pooch, which brings it

    responses = []
    downloader = pooch.HTTPDownloader(
        progressbar=sys.stderr.isatty(),
        chunk_size=2**16,
        timeout=TIMEOUT,
        hooks={"response": lambda response, **_: responses.append(response)},
    )
    try:
        pooch.retrieve(url, known_hash, path.name, path.parent, downloader=downloader)
    except (RequestException, ValueError) as error:
        raise DataError(f"cannot download {url}: {_reason(error)}. {_remedy(name)}") from error
    finally:
        for response in responses:  # pooch leaves one open when a transfer breaks off
            response.close()


def _reason(error: Exception) -> str:
    from requests import exceptions

    match error:
        case exceptions.HTTPError():
            return f"the server answered {error.response.status_code} {error.response.reason}"
        case exceptions.ConnectionError() | exceptions.Timeout():
            return "the server cannot be reached or stopped answering (is there a network?)"
        case exceptions.RequestException():
            return f"the transfer broke off before its end ({type(error).__name__})"
        case _:  # pooch's ValueError
            return "the hash of what came differs from the published one"


def _remedy(name: str) -> str:
    return (
        f"Try again later, or put {name}.npz with the arrays x_train, y_train, x_test and y_test "
        "into a folder and set LRLAB_DATA to that folder"
    )


def _import_pooch() -> ModuleType:
    with warnings.catch_warnings():
        # In a notebook without ipywidgets tqdm, which pooch imports, warns that it draws its bars
        # as text. We draw none there, so the warning would only stain the chapter.
        warnings.filterwarnings("ignore", message="IProgress not found")
        import pooch
    # Pooch reports each download on stderr, which a notebook would store as an output.
    pooch.get_logger().setLevel("WARNING")
    return pooch

"""Where data sets lie: the reader's own folder, the cache, and whether a file is there."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from lrlab.data.dataset import DataError


def own_folder() -> Path | None:
    """Return the folder that ``LRLAB_DATA`` names; None where it is not set, or empty.

    Raises:
        DataError: There is no such folder, or it cannot be looked into.
    """
    folder = _named("LRLAB_DATA")
    remedy = "Correct LRLAB_DATA, or unset it"
    if folder and not (is_there(folder, remedy) and os.path.isdir(folder)):
        raise DataError(f"LRLAB_DATA names {folder}, which is not a folder. Correct it or unset it")
    return folder


def cache_folder() -> Path:
    """Return the folder of downloaded data sets: ``LRLAB_CACHE``, else the system's cache.

    Returns:
        A path, which need not exist yet.

    Raises:
        DataError: There is no home folder, in which the system's cache would lie.

    Example:
        >>> import os
        >>> from unittest import mock
        >>> with mock.patch.dict(os.environ, LRLAB_CACHE="elsewhere"):
        ...     cache_folder().name
        'elsewhere'
    """
    if folder := _named("LRLAB_CACHE"):
        return folder
    from platformdirs import user_cache_dir

    try:
        return Path(user_cache_dir("lrlab")).expanduser()  # older releases leave a ~ that they
    except RuntimeError as error:  # cannot expand, where newer ones raise
        raise DataError(
            f"there is no home folder to keep downloads in ({error}). Set LRLAB_CACHE to a folder "
            "that you can write to"
        ) from error


def is_there(path: Path, remedy: str) -> bool:
    """Whether a path names anything, be it a link to nothing or a file that cannot be read.

    Args:
        path: The path.
        remedy: What to do where its folder cannot be looked into.

    Raises:
        DataError: The folder cannot be looked into, so nobody knows.
    """
    try:
        path.lstat()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
            return False
        raise DataError(
            f"cannot look into {path.parent}: {error.strerror or error}. {remedy}"
        ) from error
    return True


def _named(variable: str) -> Path | None:
    """The folder that an environment variable names; an empty one counts as not set."""
    text = os.environ.get(variable)
    try:
        return Path(text).expanduser() if text else None
    except RuntimeError as error:  # ~somebody
        raise DataError(f"{variable} names {text}: {error}. Correct it or unset it") from error

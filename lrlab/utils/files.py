"""Files that appear whole or not at all, and JSON that can be understood in one way only."""

from __future__ import annotations

import json
import os
import shutil
import stat
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

ABANDONED = 60  # seconds after which a file that is still being written is nobody's
STEM = 40  # letters of a file's name that its other name keeps: a name has 255 bytes at most
LARGEST = 64 * 2**20  # bytes of a JSON file; a record has some thousand


@contextmanager
def whole(path: Path | str) -> Iterator[Path]:
    """Give a file to write under another name, and rename it when it is complete.

    Nobody ever sees a part of the file, and one that was there before stays until the new one is
    complete. The other name is hidden and ends in ``.part``, so that no pattern
    for the file's own suffix matches it. Permissions and links are as if the file had been written
    in place: a new file has those of any new file, an old one keeps its own, and a link still leads
    to what it led to.

    Args:
        path: The file; its folder is created when missing.

    Yields:
        The path to write to, of an empty file.

    Raises:
        OSError: The file cannot be written; the error names it.
    """
    path = Path(os.path.realpath(path))
    partial = path.with_name(f".{path.name[:STEM]}.{uuid.uuid4().hex[:8]}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.touch(exist_ok=False)  # mkstemp would make a private file, also in a shared folder
        try:
            yield partial
            with partial.open("rb+") as written:
                os.fsync(written.fileno())
            with suppress(OSError):  # there is none yet, or the file system knows no permissions
                shutil.copymode(path, partial)
            os.replace(partial, path)
        except BaseException:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
            raise
    except OSError as error:
        named = OSError(error.errno, error.strerror, str(path))  # of the class for that number
        mine = error.errno and error.filename in (None, str(partial))
        if mine and type(named) is type(error):
            raise named from error
        raise


def write_text(path: Path | str, text: str) -> None:
    """Write a text file, whole or not at all.

    Args:
        path: The file; its folder is created when missing.
        text: The whole content.

    Raises:
        OSError: The file cannot be written; the error names it.
    """
    with whole(path) as partial:
        partial.write_text(text, encoding="utf-8")


def remove_abandoned(folder: Path | str) -> None:
    """Remove what killed processes left half-written in a folder, a minute ago or earlier.

    What is somebody else's and cannot be removed stays.
    """
    for partial in Path(folder).glob(".*.part"):
        with suppress(OSError):
            if time.time() - partial.stat().st_mtime > ABANDONED:
                partial.unlink()


def read_text(path: Path | str) -> str:
    """Return what a text file of usual size holds.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is no regular file (which might never end), larger than any that is written
            here, or no text in UTF-8.
    """
    path = Path(path)
    status = path.stat()
    if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
        raise ValueError("it is no regular file")
    if status.st_size > LARGEST:
        raise ValueError(f"it is larger than {LARGEST // 2**20} MiB")
    return path.read_text(encoding="utf-8")


def parse_json(text: str) -> Any:
    """Return what strict JSON says.

    Raises:
        ValueError: The text is not JSON, writes a number that JSON does not have, gives a table two
            values of one name, or is nested too deeply.

    Example:
        >>> parse_json('{"lr": 0.1, "lr": 0.2}')
        Traceback (most recent call last):
        ...
        ValueError: a table has more than one 'lr'
    """
    try:
        return json.loads(text, object_pairs_hook=_table, parse_constant=_no_number)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"a table has more than one {twice!r}")
    return table


def _no_number(name: str) -> Any:
    raise ValueError(f"JSON has no number {name}")

"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ABANDONED = 60  # seconds after which a file that is still being written is nobody's


@contextmanager
def whole(path: Path | str) -> Iterator[Path]:
    """Give a file to write under another name, and rename it when it is complete.

    Nobody ever sees a part of the file, and one that was there before stays until the new one is
    complete. The other name is hidden and ends in ``.part``, so that no pattern
    for the file's own suffix matches it.

    Args:
        path: The file; its folder is created when missing.

    Yields:
        The path to write to, of an empty file.

    Raises:
        OSError: The file cannot be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    partial.touch(exist_ok=False)  # mkstemp would make a private file, also in a shared folder
    try:
        yield partial
        with partial.open("rb+") as written:
            os.fsync(written.fileno())
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_text(path: Path | str, text: str) -> None:
    """Write a text file, whole or not at all.

    Args:
        path: The file; its folder is created when missing.
        text: The whole content.
    """
    with whole(path) as partial:
        partial.write_text(text, encoding="utf-8")


def remove_abandoned(folder: Path | str) -> None:
    """Remove what killed processes left half-written in a folder, a minute ago or earlier."""
    for partial in Path(folder).glob(".*.part"):
        with suppress(FileNotFoundError):
            if time.time() - partial.stat().st_mtime > ABANDONED:
                partial.unlink()

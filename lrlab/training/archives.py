"""Archives that say whose they are, and that nobody has changed since they were saved.

PyTorch and Keras both save zip archives. One of a run has an entry more, ``lrlab.json``: what the
frameworks do not save. The archive's comment is a digest of the names, sizes and checksums of all
entries, the seal: whatever is exchanged, left out, added or edited breaks it.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lrlab.utils import whole

STATE, FORMAT = "lrlab.json", 1
#: What to do about a file of a run that cannot be used, for messages.
REMEDY = "Name another folder, or empty this one and make the run anew"
_OWN_NAMES = re.compile(r"(snapshot-[1-9]\d*|resume)\.\w+")


class SnapshotError(ValueError):
    """A snapshot cannot be read, or is not the one that is wanted; the message names the file."""


@contextmanager
def sealed(path: Path, state: dict[str, Any]) -> Iterator[Path]:
    """Give a file to write an archive to; completed and sealed it appears, whole or not at all.

    Args:
        path: The file.
        state: Plain values that JSON can hold.

    Yields:
        The path to write to.
    """
    text = json.dumps({"format": FORMAT, "name": path.name, **state}, allow_nan=False)
    with whole(path) as partial:
        yield partial
        with zipfile.ZipFile(partial, "a") as archive:
            # PyTorch reads no archive with an entry outside of its folder.
            folder = archive.namelist()[0].rpartition("/")[0]
            archive.writestr(zipfile.ZipInfo(f"{folder}/{STATE}".lstrip("/")), text)
            archive.comment = _seal(archive)


def read_state(path: Path, *, contents: bool = True) -> dict[str, Any]:
    """Return the state in an archive that `sealed` wrote; {} of an archive from elsewhere.

    Args:
        path: The file.
        contents: Compare the checksums of all contents too, which takes as long as reading them.

    Raises:
        SnapshotError: The file is missing, damaged, changed, or was saved under another name.
    """
    if not path.is_file():
        raise SnapshotError(f"{path} does not exist, or is no file")
    try:
        with zipfile.ZipFile(path) as archive:
            # The readers of PyTorch and Keras look at no checksum, or not at all of them.
            if contents and archive.testzip():
                raise ValueError("a checksum is wrong")
            entries = [n for n in archive.namelist() if n.rpartition("/")[2] == STATE]
            if not entries and not archive.comment:
                return {}
            if archive.comment != _seal(archive):
                raise ValueError("the seal is broken")
            state: dict[str, Any] = json.loads(archive.read(entries[0]))
    except PermissionError as error:
        raise SnapshotError(f"{path} cannot be read: {error.strerror}") from error
    except Exception as error:  # a damaged byte leads the readers into errors of many kinds
        raise SnapshotError(
            f"{path} is damaged, or has been changed since it was saved. {REMEDY}"
        ) from error
    if state["format"] != FORMAT:
        raise SnapshotError(f"{path} was saved by another version of lrlab. {REMEDY}")
    if _OWN_NAMES.fullmatch(path.name) and state["name"] != path.name:
        raise SnapshotError(
            f"{path} was saved as {state['name']}: it is another file under this name. Give it "
            "back its own name"
        )
    return state


def _seal(archive: zipfile.ZipFile) -> bytes:
    entries = [(entry.filename, entry.file_size, entry.CRC) for entry in archive.infolist()]
    return hashlib.sha256(repr(entries).encode()).hexdigest().encode()

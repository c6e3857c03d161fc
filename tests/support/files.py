"""What lies in a folder."""

from pathlib import Path


def everything_below(folder: Path) -> list[str]:
    """The paths of all files and folders below a folder, in order."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))

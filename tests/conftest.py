"""What several test modules share: where the project lies, and a copy of it to change."""

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def project_copy(tmp_path: Path) -> Path:
    """A copy of the project's sources that a test may change, in a folder with a space."""
    copy = tmp_path / "a copy"
    built = [".*", "_build", "build", "data", "__pycache__", "*.egg-info"]
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*built))
    return copy

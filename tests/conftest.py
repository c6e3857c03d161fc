"""What several test modules share: where the project lies, a copy of it to change, clean plots."""

import gc
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

with suppress(ImportError):  # before TensorFlow, see lrlab/keras/quiet.py
    import triton  # noqa: F401

ROOT = Path(__file__).resolve().parent.parent


def pytest_collection_finish() -> None:
    """Spare the garbage collector both frameworks: to look through them again and again is slow."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def project_copy(tmp_path: Path) -> Path:
    """A copy of the project's sources that a test may change, in a folder with a space."""
    copy = tmp_path / "a copy"
    built = shutil.ignore_patterns(".*", "_build", "build", "__pycache__", "*.egg-info")

    def ignored(folder: str, names: list[str]) -> set[str]:
        images = {"data"} if Path(folder) == ROOT else set()  # lrlab/data is a room
        return built(folder, names) | images

    shutil.copytree(ROOT, copy, ignore=ignored)
    return copy


@pytest.fixture
def tiny_images(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder with the images of the tiny studies, from which the test's runs take them."""
    from lrlab.studies import execution  # late, as most tests need neither
    from tests.support import tiny_study

    folder = tmp_path_factory.mktemp("data")
    tiny_study.write_data(folder)
    monkeypatch.setenv("LRLAB_DATA", str(folder))
    monkeypatch.delenv("LRLAB_PROGRESS", raising=False)
    execution._images.cache_clear()
    return folder


@pytest.fixture
def clean_plots():
    """Close the figures of a test, and see that the book's style did not leak out of them."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    before = dict(mpl.rcParams)
    yield
    plt.close("all")
    assert dict(mpl.rcParams) == before, "the style leaked"

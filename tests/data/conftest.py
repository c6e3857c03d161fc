"""Each test of this room has a cache of its own, and some have a folder of their own."""

from pathlib import Path

import pytest

from tests.support.offline import FULL_SETS


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    """The folder of the cache, which is not there yet."""
    folder = tmp_path / "not yet there" / "cache"
    monkeypatch.delenv("LRLAB_DATA", raising=False)
    monkeypatch.setenv("LRLAB_CACHE", str(folder))
    return folder


@pytest.fixture
def own(tmp_path, monkeypatch):
    """The folder that LRLAB_DATA names."""
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.setenv("LRLAB_DATA", str(folder))
    return folder


@pytest.fixture
def full_set(monkeypatch):
    """A function that points LRLAB_DATA at the full data set of a name, or skips the test."""

    def find(name):
        if not (FULL_SETS and (Path(FULL_SETS) / f"{name}.npz").exists()):
            pytest.skip(f"LRLAB_DATA names no folder with {name}.npz")
        monkeypatch.setenv("LRLAB_DATA", FULL_SETS)

    return find

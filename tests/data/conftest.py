"""No test of this room goes outside: no own folder, an empty cache, a proxy nobody listens on."""

import pytest


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    """The folder of the cache, which is not there yet."""
    folder = tmp_path / "not yet there" / "cache"
    monkeypatch.delenv("LRLAB_DATA", raising=False)
    monkeypatch.setenv("LRLAB_CACHE", str(folder))
    for variable in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    for variable in ("NO_PROXY", "no_proxy"):  # requests looks at the second one first
        monkeypatch.setenv(variable, "127.0.0.1")
    return folder


@pytest.fixture
def own(tmp_path, monkeypatch):
    """The folder that LRLAB_DATA names."""
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.setenv("LRLAB_DATA", str(folder))
    return folder

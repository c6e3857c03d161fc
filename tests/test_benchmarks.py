"""Benchmarks run by hand, seldom: every script at least imports, so that `make bench` starts."""

import importlib.util
from pathlib import Path

import pytest

from tests.conftest import ROOT

SCRIPTS = sorted((ROOT / "benchmarks").glob("*.py"))


def load(path: Path) -> None:
    """Import a script by its path, without running its main program."""
    spec = importlib.util.spec_from_file_location(f"benchmark_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert callable(module.main)


def test_there_are_benchmarks() -> None:
    assert len(SCRIPTS) >= 2


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_benchmark_imports(path: Path) -> None:
    load(path)


def test_a_name_that_has_moved_is_noticed(tmp_path: Path) -> None:
    script = tmp_path / "old.py"
    script.write_text("from lrlab.studies import Gone\n\n\ndef main(): ...\n")
    with pytest.raises(ImportError, match="Gone"):
        load(script)

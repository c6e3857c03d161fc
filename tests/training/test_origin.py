"""Where a run was made, and the one version of the package."""

import importlib.metadata
import re
import tomllib
from datetime import UTC, datetime

import numpy as np

import lrlab
from lrlab.training.origin import provenance
from tests.conftest import ROOT


def made():
    return provenance("torch", "2.13.0", "a device", "fingerprint")


def test_provenance_names_what_can_move_a_result():
    before = datetime.now(UTC).date().isoformat()
    found = made()
    assert list(found) == ["lrlab", "torch", "numpy", "python", "device", "data", "date"]
    assert (found["torch"], found["device"], found["data"]) == ("2.13.0", "a device", "fingerprint")
    assert found["numpy"] == np.__version__
    assert re.fullmatch(r"3\.\d+\.\d+", found["python"])
    assert before <= found["date"] <= datetime.now(UTC).date().isoformat()
    assert provenance("keras", "3.0", "", "")["keras"] == "3.0"


def test_there_is_one_version():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    version = declared["project"]["version"]
    assert lrlab.__version__ == made()["lrlab"] == version
    assert importlib.metadata.version("lrlab") == version, "install the package anew"


def test_a_checkout_that_is_not_installed_has_no_version(monkeypatch):
    def absent(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", absent)
    assert made()["lrlab"] == "not installed"

"""The lowest environment is derived from what pyproject.toml declares."""

import tomllib

import pytest
from packaging.requirements import Requirement

from tests.conftest import ROOT
from tools.bounds import lowest


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_what_is_declared_is_at_its_bound_and_the_rest_at_its_pin() -> None:
    project = tomllib.loads(text("pyproject.toml"))["project"]
    declared = [Requirement(line) for line in project["dependencies"]]
    for lines in project["optional-dependencies"].values():
        declared += map(Requirement, lines)
    bounds = {line.name: str(line.specifier).replace(">=", "==") for line in declared}
    lines = (line.split("#")[0] for line in text("requirements.txt").splitlines())
    pins = {line.name: str(line.specifier) for line in map(Requirement, filter(None, lines))}
    environment = map(Requirement, lowest(text("pyproject.toml"), text("requirements.txt")))
    assert {line.name: str(line.specifier) for line in environment} == pins | bounds


@pytest.mark.parametrize("line", ["numpy", "numpy>2", "numpy>=1,<2", "numpy~=2.0", "numpy==2"])
def test_a_package_without_a_plain_bound_is_refused(line: str) -> None:
    declared = f"[project]\ndependencies=['{line}']\n[project.optional-dependencies]\n"
    with pytest.raises(ValueError, match="must declare NAME>=VERSION") as error:
        lowest(declared, "")
    assert repr(line) in str(error.value)

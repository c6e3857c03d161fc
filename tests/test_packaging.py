"""What pip, CI and a reader of the sources rely on: versions, layers, sizes, clean files."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.conftest import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT, TOOL = PYPROJECT["project"], PYPROJECT["tool"]

# --- versions ------------------------------------------------------------------------------------


def requirements(text: str) -> dict[str, Requirement]:
    """The requirements of a file, by name."""
    lines = (line.split("#")[0].strip() for line in text.splitlines())
    parsed = [Requirement(line) for line in lines if line]
    return {requirement.name: requirement for requirement in parsed}


def pin(requirement: Requirement) -> str | None:
    """The one version that a requirement admits, or `None` if it admits several."""
    specifiers = list(requirement.specifier)
    if len(specifiers) != 1 or specifiers[0].operator != "==" or "*" in specifiers[0].version:
        return None
    return specifiers[0].version


def declared() -> list[Requirement]:
    """Everything that pyproject.toml names, extras too."""
    extras = PROJECT["optional-dependencies"].values()
    return [Requirement(line) for lines in [PROJECT["dependencies"], *extras] for line in lines]


PINNED = requirements((ROOT / "requirements.txt").read_text(encoding="utf-8"))


def test_every_requirement_is_pinned_to_one_version() -> None:
    assert len(PINNED) > 10
    assert {name for name, requirement in PINNED.items() if pin(requirement) is None} == set()


@pytest.mark.parametrize("line", ["numpy", "numpy>=2", "numpy==2.*", "numpy==2.1,!=2.2"])
def test_a_loose_requirement_is_noticed(line: str) -> None:
    assert pin(Requirement(line)) is None


@pytest.mark.parametrize("requirement", declared(), ids=str)
def test_declared_ranges_admit_the_pins(requirement: Requirement) -> None:
    assert requirement.name in PINNED, "lrlab depends on it, so requirements.txt has to pin it"
    assert requirement.specifier, "a lower bound tells pip what lrlab needs"
    assert pin(PINNED[requirement.name]) in requirement.specifier


def undeclared(sources: list[str]) -> set[str]:
    """The third-party packages that sources import and pyproject.toml does not name."""
    tops = {name.split(".")[0] for source in sources for name in imports(source)}
    known = {requirement.name for requirement in declared()} | {"lrlab"}
    return {DISTRIBUTION.get(top, top) for top in tops - sys.stdlib_module_names} - known


# Where the name to import is not the name to install.
DISTRIBUTION = {"sklearn": "scikit-learn"}


def test_every_import_of_lrlab_is_declared() -> None:
    assert undeclared([path.read_text(encoding="utf-8") for path in MODULES]) == set()


def test_an_import_that_is_not_declared_is_noticed() -> None:
    assert undeclared(["import sklearn, pandas.api\nimport json"]) == {"pandas"}


def test_the_wheel_holds_every_package_and_the_records() -> None:
    setuptools = TOOL["setuptools"]
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "lrlab").rglob("__init__.py")}
    packages = {".".join(folder.parts) for folder in folders}
    assert set(setuptools["packages"]) == packages | {"lrlab.recorded"}
    records = ROOT / setuptools["package-dir"]["lrlab.recorded"]
    (pattern,) = setuptools["package-data"]["lrlab.recorded"]
    assert set(records.glob(pattern)) == set(records.rglob("*.json")) != set()


# --- layers --------------------------------------------------------------------------------------

LAYERS = {
    1: "checks agreement schedule_base schedules cycles compose plateau reacting "
    "update_base updates rule_config adaptive adam landscape_base landscapes quadratic descent "
    "online rare_features sign_trap nonconvex heavy_ball phases settling",
    2: "data download files snapshot_folder progress first_steps history initial intervals scale "
    "sensitivity sizes scores combining ensemble",
    3: "pytorch keras",
    4: "studies plots",
    5: "cli __main__",
}
LAYER = {name: layer for layer, names in LAYERS.items() for name in names.split()}
FRAMEWORKS = {"torch", "keras", "tensorflow"}
MODULES = sorted((ROOT / "lrlab").rglob("*.py"))


def imports(source: str) -> Iterator[str]:
    """The absolute dotted names that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute in this package"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def layer_faults(module: str, source: str) -> list[str]:
    """What a module, named such as ``pytorch.bridge``, imports against the rules of design."""
    part = module.split(".")[0]
    faults = [] if part in LAYER else [f"{module} has no layer: add it to LAYERS"]
    layer = LAYER.get(part, max(LAYERS))
    own = {"torch"} if part == "pytorch" else {"keras", "tensorflow"} if part == "keras" else set()
    for name in imports(source):
        top, *rest = name.split(".")
        if top == "lrlab":
            other = rest[0] if rest else "lrlab"
            sideways = layer == 3 and LAYER.get(other) == 3 and other != part
            if LAYER.get(other, 0) > layer or sideways:
                faults.append(f"{module} imports {name}")
        elif top in FRAMEWORKS - own:
            faults.append(f"{module} imports {name}")
        elif layer == 1 and top != "numpy" and top not in sys.stdlib_module_names:
            faults.append(f"{module} imports {name}, and layer 1 is the mathematics alone")
    return faults


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT / "lrlab").with_suffix("").parts)


def test_imports_point_down_only() -> None:
    assert len(MODULES) > 5
    faults = []
    for path in MODULES:
        if module_name(path) != "__init__":
            faults += layer_faults(module_name(path), path.read_text(encoding="utf-8"))
    assert faults == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("schedules", "from lrlab import history"),
        ("schedules", "import scipy"),
        ("data", "def f():\n    import torch"),
        ("history", "from lrlab.pytorch.bridge import X"),
        ("pytorch.bridge", "import keras"),
        ("pytorch.bridge", "from lrlab.keras import bridge"),
        ("keras.bridge", "import torch.nn"),
        ("keras.bridge", "import lrlab.plots"),
        ("plots", "from lrlab import cli"),
        ("plots", "import torch"),
        ("newcomer", ""),
    ],
)
def test_an_import_against_the_layers_is_noticed(module: str, source: str) -> None:
    assert layer_faults(module, source)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("compose", "import math\nimport numpy as np\nfrom lrlab.schedules import Schedule"),
        ("pytorch.training", "import torch\nfrom lrlab.pytorch import bridge\nimport tqdm"),
        ("plots", "from lrlab import history"),
    ],
)
def test_imports_that_point_down_pass(module: str, source: str) -> None:
    assert layer_faults(module, source) == []


def test_tensorflow_is_imported_in_one_place_at_most() -> None:
    users = [
        module_name(path)
        for path in MODULES
        if any(name.split(".")[0] == "tensorflow" for name in imports(path.read_text("utf-8")))
    ]
    assert len(users) <= 1, users


def test_importing_lrlab_imports_no_framework() -> None:
    modules = [
        f"lrlab.{module_name(path)}"
        for path in MODULES
        if LAYER.get(module_name(path).split(".")[0]) in (1, 2)
    ]
    assert "lrlab.schedules" in modules
    program = (
        f"import sys, lrlab, {', '.join(modules)}\n"
        f"print(*sorted(sys.modules.keys() & {FRAMEWORKS!r}))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (run.stdout, run.stderr) == ("\n", "")


# --- files ---------------------------------------------------------------------------------------

# A path of someone's machine, or the host of a package registry.
PRIVATE = re.compile(
    r"(?<![\w.~-])/(home|Users|root|work)/\w|(pypi|pythonhosted|npmjs|debian)\.(org|com)"
)


def project_files() -> list[Path]:
    """The files that git tracks or would track."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if run.returncode:
        pytest.skip("not a git checkout")
    return [path for name in run.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def test_no_file_names_a_machine_or_a_registry() -> None:
    files = project_files()
    assert ROOT / "Makefile" in files
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in files
        for match in PRIVATE.finditer(path.read_text(encoding="utf-8", errors="ignore"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "text", ["in /home/" + "ada/x", '"/work/' + 'main"', "https://pypi" + ".org"]
)
def test_a_machine_or_a_registry_is_noticed(text: str) -> None:
    assert PRIVATE.search(text)


def test_no_module_is_longer_than_two() -> None:
    lengths = {module_name(path): len(path.read_text("utf-8").splitlines()) for path in MODULES}
    assert {name: length for name, length in lengths.items() if length > 400} == {}


def test_documented_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    named: set[str] = set()
    for name in ("README.md", "CONTRIBUTING.md", ".ci/run", ".github/workflows/publish.yml"):
        text = (ROOT / name).read_text(encoding="utf-8")
        named |= set(re.findall(r"(?:^|`|run: )make ([a-z]+)", text, re.M))
    assert {"book", "test"} <= named
    assert named <= targets

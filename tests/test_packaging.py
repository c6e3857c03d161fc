"""What pip, CI and a reader of the sources rely on: versions, layers, sizes, clean files."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]

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


CONSTRAINED = requirements((ROOT / "constraints.txt").read_text(encoding="utf-8"))


def test_constraints_pin_the_same_versions_and_what_they_bring_along() -> None:
    versions = {canonicalize_name(name): pin(line) for name, line in CONSTRAINED.items()}
    pinned = {canonicalize_name(name): pin(line) for name, line in PINNED.items()}
    assert pinned.items() <= versions.items(), "run `make constraints`"
    assert {"grpcio", "sphinx"} <= versions.keys() - pinned.keys()
    assert [name for name, version in versions.items() if version is None or "+" in version] == []
    assert not [name for name in versions if name.startswith(("nvidia", "cuda", "triton", "lrlab"))]


@pytest.mark.parametrize("requirement", declared(), ids=str)
def test_declared_ranges_admit_the_pins(requirement: Requirement) -> None:
    assert requirement.name in PINNED, "lrlab depends on it, so requirements.txt has to pin it"
    assert requirement.specifier, "a lower bound tells pip what lrlab needs"
    assert pin(PINNED[requirement.name]) in requirement.specifier


def undeclared(sources: list[str]) -> set[str]:
    """The third-party packages that sources import and pyproject.toml does not name."""
    tops = {name.split(".")[0] for source in sources for name in imports(source)}
    known = {requirement.name for requirement in declared()} | {"lrlab", "triton"}  # of torch's
    return {DISTRIBUTION.get(top, top) for top in tops - sys.stdlib_module_names} - known


# Where the name to import is not the name to install.
DISTRIBUTION = {"sklearn": "scikit-learn"}


def test_every_import_of_lrlab_is_declared() -> None:
    assert undeclared([path.read_text(encoding="utf-8") for path in MODULES]) == set()


def test_an_import_that_is_not_declared_is_noticed() -> None:
    assert undeclared(["import sklearn, sympy.core\nimport json"]) == {"sympy"}


def test_the_citation_names_the_same_version_and_licence() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert (citation["version"], citation["license"]) == (PROJECT["version"], PROJECT["license"])


def built_wheel(project: Path) -> tuple[set[str], set[str]]:
    """Build a wheel as pip does; what it holds, and its licences."""
    program = f"from {PYPROJECT['build-system']['build-backend']} import *; build_wheel('.')"
    subprocess.run([sys.executable, "-c", program], cwd=project, check=True)
    (wheel,) = project.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
        licences = {name.split("/licenses/")[1] for name in archive.namelist() if "/lic" in name}
    return held, licences


def test_a_wheel_holds_what_there_is_and_not_what_there_was(project_copy: Path) -> None:
    gone = project_copy / "lrlab" / "gone.py"
    gone.touch()
    assert "lrlab/gone.py" in built_wheel(project_copy)[0]
    gone.unlink()
    held, licences = built_wheel(project_copy)
    images = {"lrlab/data/fashion_mnist.npz", "lrlab/data/fashion_mnist.LICENSE"}
    package = {path.relative_to(ROOT).as_posix() for path in MODULES} | {"lrlab/py.typed"}
    results = ROOT / "book" / "results"
    records = {path.relative_to(results).as_posix() for path in results.rglob("*.json")}
    assert held == package | images | {f"lrlab/recorded/{record}" for record in records}
    assert len(records) > 100
    assert licences == {"LICENSE", "lrlab/data/fashion_mnist.LICENSE"}
    left = {path.name for path in project_copy.iterdir() if path.suffix != ".whl"}
    assert left <= {path.name for path in ROOT.iterdir()}, "a build leaves nothing in the sources"


# --- imports -------------------------------------------------------------------------------------

# import-linter checks who may import whom (`make check`, the contracts in pyproject.toml).
MODULES = sorted((ROOT / "lrlab").rglob("*.py"))
FRAMEWORKS = {"torch", "keras", "tensorflow", "distributed"}
FOLDERS = {path.parent.name for path in (ROOT / "lrlab").glob("*/__init__.py")}
ROOMS = sorted(FOLDERS - {"cli"})  # the command is no room


def imports(source: str) -> Iterator[str]:
    """The absolute dotted names that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute in this package"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def past_doors(room: str | None, source: str) -> list[str]:
    """The names that a file of a room, or of none, imports from inside of another room."""
    inside = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and node.module.startswith("lrlab.")
    ]
    found = [f"{node.module}.{alias.name}" for node in inside for alias in node.names]
    return [
        name
        for name in found
        if (parts := name.split("."))[1] in ROOMS
        and parts[1] != room
        and (len(parts) > 3 or (ROOT / "lrlab" / parts[1] / f"{parts[2]}.py").exists())
        and parts[1] != "utils"  # its door gives whole modules, such as checks and files
    ]


def test_rooms_are_entered_by_their_doors() -> None:
    faults = []
    for path in MODULES:
        folder = path.relative_to(ROOT / "lrlab").parts[0]
        faults += past_doors(folder, path.read_text(encoding="utf-8"))
    for path in (ROOT / "benchmarks").glob("*.py"):
        faults += past_doors(None, path.read_text(encoding="utf-8"))
    assert faults == []


def test_a_way_past_a_door_is_noticed() -> None:
    assert past_doors("pytorch", "from lrlab.schedules.base import Schedule")
    assert past_doors("cli", "from lrlab.studies import store")
    assert past_doors("schedules", "from lrlab.schedules.base import Schedule") == []
    assert past_doors("plots", "from lrlab.schedules import Schedule") == []


@pytest.mark.parametrize("room", ROOMS)
def test_no_name_at_a_door_hides_a_module_of_the_room(room: str) -> None:
    door = importlib.import_module(f"lrlab.{room}")
    modules = {path.stem for path in (ROOT / "lrlab" / room).glob("*.py")}
    hidden = [name for name in door.__all__ if name in modules]
    assert [name for name in hidden if not inspect.ismodule(getattr(door, name))] == []


def test_few_things_lie_directly_in_the_package() -> None:
    entries = {path.name for path in (ROOT / "lrlab").iterdir() if path.name != "__pycache__"}
    beside = {"__init__.py", "__main__.py", "cli", "notebook.py", "py.typed"}
    assert beside < entries
    assert len(entries - beside) <= 17


def test_importing_lrlab_imports_no_framework() -> None:
    modules = [f"lrlab.{room}" for room in ROOMS if room not in ("pytorch", "keras")]
    program = (
        f"import sys, lrlab, {', '.join([*modules, 'lrlab.notebook', 'lrlab.cli'])}\n"
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


def ill_formed(name: str, content: bytes) -> list[str]:
    """What is wrong with a file as a file: its size, the end of its text."""
    limit = LARGEST.get(Path(name).suffix, 500_000)
    found = [f"{name}: {len(content)} bytes"] if len(content) > limit else []
    text = b"\0" not in content
    if text and content and (content[-1:] != b"\n" or content[-2:] == b"\n\n"):
        found.append(f"{name}: should end in one newline")
    return found


# A chapter holds its figures; a file of images travels with the package.
LARGEST = {".ipynb": 1_500_000, ".npz": 8_000_000}


def test_files_are_small_and_end_in_a_newline() -> None:
    files = {str(path.relative_to(ROOT)): path.read_bytes() for path in project_files()}
    assert [fault for name, content in files.items() for fault in ill_formed(name, content)] == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.md", b"text"),
        ("a.md", b"text\n\n"),
        ("a.png", bytes(500_001)),
        ("a.ipynb", bytes(1_500_001)),
        ("a.npz", bytes(8_000_001)),
    ],
)
def test_an_ill_formed_file_is_noticed(name: str, content: bytes) -> None:
    assert len(ill_formed(name, content)) == 1
    assert ill_formed(name, bytes(500_000)) == ill_formed("a.md", b"text\n") == []


def test_no_module_is_too_long_to_be_read_in_one_go() -> None:
    folders = [ROOT / name for name in ("lrlab", "tests", "tools", "benchmarks")]
    files = [path for folder in folders for path in folder.rglob("*.py")]
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in files
    }
    assert {name: length for name, length in lengths.items() if length > 400} == {}


def test_documented_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    named: set[str] = set()
    workflows = (ROOT / ".github" / "workflows").glob("*.yml")
    names = (
        "README.md",
        "CONTRIBUTING.md",
        ".ci/run",
        ".pre-commit-config.yaml",
        "constraints.txt",
    )
    for path in [*workflows, *(ROOT / name for name in names)]:
        text = path.read_text(encoding="utf-8")
        named |= set(re.findall(r"(?:^|`|run: )make ([a-z]+)", text, re.M))
    assert {"book", "test"} <= named
    assert named <= targets

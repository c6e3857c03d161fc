"""The Makefile: what the machine's owner has set stays out, and no value runs as a command.

Recipes run in a folder whose `.venv/bin/python` writes down what it is asked instead of doing it.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT

Calls = list[tuple[list[str], dict[str, str]]]  # the arguments and the environment of each call

SOURCES = ["requirements.txt", "constraints.txt", "pyproject.toml"]

RECORDER = """\
import json, os, sys
with open(sys.argv[1], "a") as log:
    log.write(json.dumps([sys.argv[2:], dict(os.environ)]) + "\\n")
"""


def fake_python(path: Path, log: Path) -> Path:
    """An interpreter that writes its arguments and its environment down."""
    path.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-E", "-s", "-c", RECORDER, str(log)]
    path.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    path.chmod(0o755)
    return path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the Makefile and with environments that only write down."""
    folder = tmp_path / "a b $HOME 'é'"
    for environment in (".venv", "_build/lowest", "_build/loops", "_build/colab"):
        fake_python(folder / environment / "bin" / "python", tmp_path / "log")
    shutil.copy(ROOT / "Makefile", folder)
    for name in SOURCES:
        (folder / name).touch()
    (folder / ".venv" / "installed").touch()
    return folder


@pytest.fixture
def make(project: Path) -> Callable[..., Calls]:
    def run(*arguments: str, **environment: str) -> Calls:
        surroundings = {"PATH": os.environ["PATH"], "HOME": str(project), **environment}
        command = ["make", "--no-print-directory", *arguments]
        subprocess.run(command, cwd=project, env=surroundings, check=True)
        return [
            tuple(json.loads(line)) for line in (project.parent / "log").read_text().splitlines()
        ]

    return run


# --- the surroundings ----------------------------------------------------------------------------

FOREIGN = {
    "pip": "PIP_USER PIP_TARGET PIP_PREFIX PIP_ROOT PIP_PYTHON PIP_REQUIRE_VIRTUALENV PIP_NO_DEPS "
    "PIP_NO_BUILD_ISOLATION PIP_DRY_RUN PIP_REQUIRE_HASHES PIP_CONSTRAINT PIP_REQUIREMENT",
    "Python": "PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONWARNINGS PYTHONOPTIMIZE PYTHONUSERBASE "
    "PYTHONHASHSEED PYTHONIOENCODING PYTHONUTF8 PYTEST_ADDOPTS PYTEST_PLUGINS COVERAGE_FILE",
    "notebooks": "MPLBACKEND MPLCONFIGDIR MATPLOTLIBRC IPYTHONDIR JUPYTER_CONFIG_DIR JUPYTER_PATH "
    "JUPYTER_DATA_DIR JUPYTER_CONFIG_PATH",
    "frameworks": "KERAS_BACKEND KERAS_HOME TF_USE_LEGACY_KERAS TORCH_LOGS LRLAB_PROGRESS",
    "the terminal": "COLUMNS LINES NO_COLOR FORCE_COLOR PY_COLORS CDPATH",
    "git": "GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE",
}
KEPT = {
    "pip": "PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_FIND_LINKS PIP_NO_INDEX PIP_CERT PIP_CLIENT_CERT "
    "PIP_TRUSTED_HOST PIP_PROXY PIP_TIMEOUT PIP_DEFAULT_TIMEOUT PIP_RETRIES PIP_CACHE_DIR "
    "PIP_NO_CACHE_DIR PIP_CONFIG_FILE",
    "the network": "https_proxy NO_PROXY SSL_CERT_FILE REQUESTS_CA_BUNDLE",
    "folders": "TMPDIR LRLAB_DATA LRLAB_CACHE XDG_CACHE_HOME",
}


@pytest.mark.parametrize("target", ["unit", "notebooks", "site", "execute", "book", "check"])
def test_what_the_owner_has_set_reaches_no_recipe(target: str, make: Callable[..., Calls]) -> None:
    foreign, kept = (" ".join(names.values()).split() for names in (FOREIGN, KEPT))
    calls = make(target, **dict.fromkeys(foreign + kept, "the owner's"))
    assert calls
    for _, environment in calls:
        assert [name for name in foreign if environment.get(name) == "the owner's"] == []
        assert [name for name in kept if environment.get(name) != "the owner's"] == []


def test_installation_is_into_the_environment(make: Callable[..., Calls], project: Path) -> None:
    (project / ".venv" / "installed").unlink()
    python = fake_python(project.parent / "python", project.parent / "log")
    names = FOREIGN["pip"].split() + FOREIGN["Python"].split()
    probe, venv, *pip = make("install", f"PYTHON={python}", **dict.fromkeys(names, "the owner's"))
    assert (probe[0][0], venv[0]) == ("-c", ["-m", "venv", ".venv"])
    for arguments, environment in pip:
        # A pip.conf can ask for another place as well.
        where = arguments[arguments.index("--no-user") :][:4]
        assert where == ["--no-user", "--target=", "--prefix", str(project / ".venv")]
        assert "the owner's" not in {environment.get(name) for name in names}
    assert [arguments[-2:] for arguments, _ in pip] == [
        ["--constraint", "constraints.txt"],
        ["--editable", "."],
    ]


def test_libraries_keep_their_settings_in_the_project(make, project: Path) -> None:
    ((_, environment),) = make("execute")
    names = ["IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "KERAS_HOME", "MPLCONFIGDIR"]
    assert {environment[name] for name in names} == {str(project / "_build" / "settings")}
    assert "MPLBACKEND" not in environment  # Jupyter's own, with which figures are stored


# --- values --------------------------------------------------------------------------------------

HOSTILE = """x"; touch ran; '$(shell touch ran)`touch ran`$(touch ran) $$HOME # é \\"""


@pytest.mark.parametrize("by", ["argument", "surroundings"])
@pytest.mark.parametrize(
    ("target", "variable", "place"),
    [
        ("execute", "NOTEBOOK", 2),
        ("colab", "NOTEBOOK", 2),
        ("configure", "REPOSITORY", 2),
        ("unit", "WORKERS", 3),
    ],
)
def test_a_value_arrives_as_it_is(by, target, variable, place, make, project: Path) -> None:
    python = project / ".venv" / "bin" / "python"
    values = {"PYTHON": str(python), variable: HOSTILE}
    if by == "argument":
        calls = make(target, *(f"{name}={value}" for name, value in values.items()))
    else:
        calls = make(target, **values)
    assert calls[-1][0][place] == HOSTILE
    assert list(project.rglob("ran")) == []


@pytest.mark.parametrize(
    ("target", "variable"),
    [
        ("install", "PYTHON"),
        ("lowest", "OLDEST"),
        ("loops", "OLDEST"),
        ("colab", "PYTHON"),
        ("configure", "PYTHON"),
    ],
)
def test_an_interpreter_may_have_any_name(target, variable, make, project: Path) -> None:
    if target == "install":
        (project / ".venv" / "installed").unlink()
    fake_python(project / HOSTILE, project.parent / "log")
    assert make(target, f"{variable}=./{HOSTILE}")
    assert list(project.rglob("ran")) == []


@pytest.mark.parametrize("bounds", ["newest", "lowest", HOSTILE])
def test_the_rehearsal_has_the_bounds_asked_for_and_not_lrlab(bounds, make, project: Path) -> None:
    python = project / ".venv" / "bin" / "python"
    venv, _, install, uninstall, run = make("colab", f"PYTHON={python}", f"BOUNDS={bounds}")
    assert venv[0] == ["-m", "venv", "--clear", "_build/colab"]
    assert install[0][-2:] == ["--constraint", f"_build/colab/{bounds}"]
    assert uninstall[0][-4:] == ["uninstall", "--quiet", "--yes", "lrlab"]
    assert run[0] == ["-m", "tools.rehearse", ""]
    assert list(project.rglob("ran")) == []


@pytest.mark.parametrize("python", ["/bin/false", "no-such-python"])
def test_an_unsuitable_interpreter_is_refused(python, make, project, capfd) -> None:
    (project / ".venv" / "installed").unlink()
    with pytest.raises(subprocess.CalledProcessError):
        make("install", f"PYTHON={python}")
    assert "lrlab needs Python 3.11, 3.12 or 3.13" in capfd.readouterr().err

"""`make configure` writes the repository's address, and every place names the same one."""

import importlib.util
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
import yaml

from tests.conftest import ROOT
from tests.support.project import configured
from tools import configure, rehearse

NOTEBOOKS = sorted((ROOT / "book").rglob("*.ipynb"))


def named_in_file(text: str) -> set[str]:
    """Every GitHub repository that a text gives an address of."""
    direct = re.findall(r"github\.com/([\w.-]+/[\w.-]+?)(?=/commits|[\s\\\"'`)>]|$)", text)
    colab = re.findall(r"colab\.research\.google\.com/github/([\w.-]+/[\w.-]+)/blob", text)
    return {*direct, *colab}


def test_every_place_names_the_same_repository(project_copy: Path) -> None:
    assert configure.configure(project_copy, configured(ROOT)) == []


def test_a_place_that_differs_is_noticed(project_copy: Path) -> None:
    pyproject = project_copy / "pyproject.toml"
    text = pyproject.read_text(encoding="utf-8")
    pyproject.write_text(configure.replace_block(text, "urls", '[project.urls]\nHomepage = "x"\n'))
    assert configure.configure(project_copy, configured(ROOT)) == [pyproject]


def test_configure_writes_every_place_and_again(project_copy: Path) -> None:
    for repository in ("ada/learning-rates", "grace/rates.book"):
        changed = configure.configure(project_copy, repository)
        notebooks = {path.name for path in NOTEBOOKS}
        files = {"_config.yml", "pyproject.toml", "README.md", "CITATION.cff", "CHANGELOG.md"}
        assert {path.name for path in changed} == files | notebooks
        for path in changed:
            others = named_in_file((ROOT / path.relative_to(project_copy)).read_text("utf-8"))
            named = named_in_file(path.read_text(encoding="utf-8"))
            assert named - (others - {configured(ROOT)}) == {repository}, path.name
        assert configure.configure(project_copy, repository) == []
    urls = tomllib.loads((project_copy / "pyproject.toml").read_text())["project"]["urls"]
    assert urls["Homepage"] == "https://grace.github.io/rates.book/"
    cited = yaml.safe_load((project_copy / "CITATION.cff").read_text())
    assert (cited["repository-code"], cited["url"]) == (urls["Repository"], urls["Homepage"])
    site = yaml.safe_load((project_copy / "_config.yml").read_text())
    assert site["html"]["use_repository_button"] is True
    assert site["html"]["baseurl"] == urls["Homepage"]
    assert site["launch_buttons"]["colab_url"] == "https://colab.research.google.com"


def test_configuring_leaves_outputs_alone(project_copy: Path) -> None:
    configure.configure(project_copy, "ada/learning-rates")
    for path in NOTEBOOKS:
        before = nbformat.read(path, as_version=4)
        after = nbformat.read(project_copy / path.relative_to(ROOT), as_version=4)
        nbformat.validate(after)
        setup = next(cell for cell in after.cells if cell.cell_type == "code")
        assert "git+https://github.com/ada/learning-rates" in setup.source
        setup.source = configure.setup_cell(configured(ROOT))
        assert after == before


def test_nothing_is_left_to_fill_in() -> None:
    for name in ("README.md", "_config.yml", "pyproject.toml", "CHANGELOG.md", "book/index.md"):
        assert "OWNER" not in (ROOT / name).read_text(encoding="utf-8"), name
    if configured(ROOT) is None:
        assert "github.com" not in (ROOT / "_config.yml").read_text(encoding="utf-8")
        assert "colab-badge" not in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name",
    [
        "lrlab",
        "a/b/c",
        "https://github.com/a/b",
        "-a/b",
        "a--b/c",
        "a/..",
        "a/b.git",
        "a b/c",
        "/",
        "a/",
    ],
)
def test_a_name_that_github_refuses_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="must be owner/name as on GitHub") as error:
        configure.valid(name)
    assert repr(name) in str(error.value)


def test_pages_of_a_user_have_no_folder() -> None:
    assert configure.pages("Ada/ada.github.io") == "https://ada.github.io/"


def test_without_a_name_it_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert "make configure REPOSITORY=owner/name" in configure.main([""])
    assert "received 'x'" in configure.main(["x"])
    assert capsys.readouterr().out == ""


def test_nothing_is_written_when_a_place_is_missing(project_copy: Path) -> None:
    (project_copy / "README.md").write_text("no blocks here\n")
    before = (project_copy / "_config.yml").read_text()
    with pytest.raises(ValueError, match=r"README\.md: the block configure:links stands 0 times"):
        configure.configure(project_copy, "ada/learning-rates")
    assert (project_copy / "_config.yml").read_text() == before


def test_a_notebook_without_the_setup_cell_is_refused() -> None:
    cell = nbformat.v4.new_code_cell("print(1)")
    notebook = json.dumps(nbformat.v4.new_notebook(cells=[cell]))
    with pytest.raises(ValueError, match="first code cell is not the setup cell"):
        configure.replace_setup_cell(notebook, None)


# --- the setup cell, where lrlab is missing ------------------------------------------------------


@pytest.fixture
def bare_python(tmp_path: Path) -> Path:
    """The interpreter of an environment that has everything the tests have, except lrlab."""
    return rehearse.environment(tmp_path / "environment")


def run_cell(python: Path, cell: str, source: Path, folder: Path) -> subprocess.CompletedProcess:
    """Run a cell as Jupyter would, then say where lrlab comes from."""
    program = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        f"InteractiveShell.instance().run_cell({cell!r}).raise_error()\n"
        "import lrlab.schedules\n"
        "print(lrlab.__path__[0])\n"
    )
    environment = os.environ | {
        "LRLAB_SOURCE": str(source),
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads the variable as `--build-isolation=0`
        "IPYTHONDIR": str(folder / "ipython"),
    }
    environment.pop("PYTHONPATH", None)
    return subprocess.run(
        [python, "-c", program], cwd=folder, env=environment, capture_output=True, text=True
    )


def test_setup_cell_installs_lrlab_where_it_is_missing(
    bare_python: Path, project_copy: Path, tmp_path: Path
) -> None:
    # One cell is all of them, by test_every_place_names_the_same_repository.
    missing = [bare_python, "-c", "import IPython, numpy, lrlab"]
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    before = subprocess.run(missing, cwd=tmp_path, env=clean, capture_output=True, text=True)
    assert "No module named 'lrlab'" in before.stderr
    run = run_cell(bare_python, configure.setup_cell(None), project_copy, tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.splitlines()[-1].startswith(str(bare_python.parent.parent))


def test_setup_cell_installs_nothing_where_lrlab_is(tmp_path: Path) -> None:
    assert importlib.util.find_spec("lrlab")
    missing = tmp_path / "nowhere"
    run = run_cell(Path(sys.executable), configure.setup_cell(None), missing, tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "pip" not in run.stdout + run.stderr


def test_a_source_that_is_not_there_is_noticed(bare_python: Path, tmp_path: Path) -> None:
    run = run_cell(bare_python, configure.setup_cell(None), tmp_path / "nowhere", tmp_path)
    assert run.returncode != 0

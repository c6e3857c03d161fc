"""The site's buttons, before and after `make configure`."""

import re
import subprocess
import sys
from pathlib import Path

import yaml

from tests.conftest import ROOT
from tests.site.browser import HTML
from tools.configure import colab, configure

NOTEBOOKS = sorted((ROOT / "book").glob("*.ipynb"))[:2]  # the theme treats all chapters alike
BUILD = "from jupyter_book.cli.main import main; main()"
UNWANTED = ("colab.research.google.com", "unpkg.com", "launch-buttons", "source-repository-button")


def build(project: Path) -> dict[str, str]:
    """Build the index page and two chapters; return the pages by name."""
    chapters = [{"file": path.stem} for path in NOTEBOOKS]
    toc = {"format": "jb-book", "root": "index", "chapters": chapters}
    (project / "_toc.yml").write_text(yaml.safe_dump(toc))
    command = [sys.executable, "-c", BUILD, "build", "book", "--config", "_config.yml"]
    command += ["--toc", str(project / "_toc.yml"), "--path-output", ".", "-q"]
    subprocess.run(command, cwd=project, check=True, capture_output=True)
    return read(project / "_build" / "html")


def read(html: Path) -> dict[str, str]:
    """The index page and two chapters of a built site."""
    names = ["index", *(path.stem for path in NOTEBOOKS)]
    return {name: (html / f"{name}.html").read_text(encoding="utf-8") for name in names}


def test_no_button_is_dead_until_the_repository_is_known(project_copy: Path) -> None:
    configure(project_copy, None)
    config = Path("_config.yml")  # the site at hand is such a one, unless its owner has named it
    unnamed = (ROOT / config).read_text() == (project_copy / config).read_text()
    for name, page in (read(HTML) if unnamed else build(project_copy)).items():
        assert [word for word in (*UNWANTED, "OWNER", "owner/name") if word in page] == [], name


def without_shape(pages: dict[str, str]) -> set[str]:
    """The icons on some pages that icons.css does not draw."""
    drawn = (ROOT / "book" / "_static" / "icons.css").read_text(encoding="utf-8")
    used = {name for page in pages.values() for name in re.findall(r"\bfa-[a-z-]+", page)}
    return used - set(re.findall(r"fa-[a-z-]+", drawn)) - {"fa-lg"}


def test_every_chapter_gets_its_buttons(project_copy: Path) -> None:
    repository = "ada/learning-rates"
    configure(project_copy, repository)
    pages = build(project_copy)
    assert len(NOTEBOOKS) == 2
    for path in NOTEBOOKS:
        assert f'href="{colab(repository, f"book/{path.name}")}"' in pages[path.stem]
    for name, page in pages.items():
        assert "source-repository-button" in page, name
        assert f'href="https://github.com/{repository}"' in page, name
    assert without_shape(pages) == set()
    assert without_shape({"a page": 'class="fas fa-unheard-of"'}) == {"fa-unheard-of"}

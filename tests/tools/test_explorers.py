"""The directive: a picture everywhere, and scripts on the pages that have an explorer."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tools.explorers import EXPLORERS

CONF = f"""
import sys
sys.path.insert(0, {str(ROOT / "tools")!r})
extensions = ["explorers"]
html_static_path = [{str(ROOT / "book" / "_static")!r}]
html_js_files = ["claims.js", "explorers/kit.js"]
html_css_files = ["book.css", "explorers/explorers.css"]
"""
PAGES = {
    "index": "A book\n======\n\n.. toctree::\n\n   deep/with\n   without\n",
    "deep/with": "With\n====\n\n.. explorer:: schedules\n",
    "without": "Without\n=======\n\nNothing.\n",
}

Build = Callable[[str], Path]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Builds three pages in some format and returns the folder; a warning is an error."""
    tmp_path.joinpath("deep").mkdir()
    tmp_path.joinpath("conf.py").write_text(CONF)
    for name, text in PAGES.items():
        tmp_path.joinpath(f"{name}.rst").write_text(text)

    def build_(builder: str) -> Path:
        folders = [tmp_path, tmp_path / "built" / builder]
        command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", builder, *folders]
        run = subprocess.run(command, capture_output=True, text=True)
        assert run.stderr == ""
        return folders[1]

    return build_


def test_a_page_with_an_explorer_has_its_picture_and_scripts(build: Build) -> None:
    out = build("html")
    page = out.joinpath("deep", "with.html").read_text(encoding="utf-8")
    place = re.search(r'<div class="explorer" data-explorer="schedules">(.*?)</div>', page, re.S)
    assert place
    source = re.search(r'<img alt="([^"]+)" src="\.\./(_images/[^"]+)"', place[1])
    assert source
    assert source[1] == EXPLORERS["schedules"].alt
    assert out.joinpath(source[2]).stat().st_size > 5_000
    scripts = re.findall(r'<script[^>]* src="\.\./_static/(explorers/[^"?]+)', page)
    wanted = ["kit.js", *EXPLORERS["schedules"].scripts]
    assert scripts == [f"explorers/{name}" for name in wanted]
    assert all(out.joinpath("_static", script).exists() for script in scripts)
    assert page.count("explorers/explorers.css") == 1


def test_other_pages_have_none_of_them(build: Build) -> None:
    page = build("html").joinpath("without.html").read_text(encoding="utf-8")
    assert "claims.js" in page
    assert "explorers" not in page


def test_another_format_shows_the_picture(build: Build) -> None:
    (text,) = build("latex").glob("*.tex")
    assert r"\sphinxincludegraphics{{explorer-schedules}.png}" in text.read_text(encoding="utf-8")


def test_an_unknown_name_is_refused(build: Build, tmp_path: Path) -> None:
    tmp_path.joinpath("without.rst").write_text(".. explorer:: nothing\n")
    with pytest.raises(AssertionError, match=r"must be one of schedules, .*received 'nothing'"):
        build("html")


@pytest.mark.parametrize("name", EXPLORERS)
def test_every_explorer_has_a_page_of_its_own(name: str) -> None:
    text = ROOT.joinpath("book", "explorers", f"{name}.md").read_text(encoding="utf-8")
    assert f"```{{explorer}} {name}\n" in text
    assert f"explorers/{name}\n" in ROOT.joinpath("_toc.yml").read_text(encoding="utf-8")

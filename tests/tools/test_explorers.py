"""The directive: a picture everywhere, and scripts on the pages that have an explorer."""

from __future__ import annotations

import json
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tools.explorers import EXPLORERS, RECORDS, data_script

CONF = f"""
import sys
sys.path.insert(0, {str(ROOT / "tools")!r})
from dataclasses import replace
from explorers import EXPLORERS
told = {{"rates": [0.1, None], "alt": "×"}}
EXPLORERS["told"] = replace(EXPLORERS["schedules"], scripts=("told.js",), data=lambda: told)
extensions = ["explorers"]
html_static_path = [{str(ROOT / "book" / "_static")!r}]
html_js_files = ["claims.js", "explorers/kit.js"]
html_css_files = ["book.css", "explorers/explorers.css"]
"""
PAGES = {
    "index": "A book\n======\n\n.. toctree::\n\n   deep/with\n   told\n   without\n",
    "deep/with": "With\n====\n\n.. explorer:: schedules\n",
    "told": "Told\n====\n\n.. explorer:: told\n",
    "without": "Without\n=======\n\nNothing.\n",
}


def _build(folder: Path, builder: str) -> Path:
    """Build the pages in some format and return the folder; a warning is an error."""
    folder.joinpath("conf.py").write_text(CONF, encoding="utf-8")
    for name, text in PAGES.items():
        page = folder / f"{name}.rst"
        page.parent.mkdir(exist_ok=True)
        if not page.exists():
            page.write_text(text)
    out = folder / "built" / builder
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", builder, str(folder), str(out)]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.stderr == ""
    return out


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _build(tmp_path_factory.mktemp("pages"), "html")


def test_a_page_with_an_explorer_has_its_picture_and_scripts(html: Path) -> None:
    page = html.joinpath("deep", "with.html").read_text(encoding="utf-8")
    place = re.search(r'<div class="explorer" data-explorer="schedules">(.*?)</div>', page, re.S)
    assert place
    source = re.search(r'<img alt="([^"]+)" src="\.\./(_images/[^"]+)"', place[1])
    assert source
    assert source[1] == EXPLORERS["schedules"].alt
    assert html.joinpath(source[2]).stat().st_size > 5_000
    scripts = re.findall(r'<script[^>]* src="\.\./_static/(explorers/[^"?]+)', page)
    wanted = ["kit.js", *EXPLORERS["schedules"].scripts]
    assert scripts == [f"explorers/{name}" for name in wanted]
    assert all(html.joinpath("_static", script).exists() for script in scripts)
    assert page.count("explorers/explorers.css") == 1


def test_other_pages_have_none_of_them(html: Path) -> None:
    page = html.joinpath("without.html").read_text(encoding="utf-8")
    assert "claims.js" in page
    assert "explorers" not in page


def test_data_are_a_script_before_those_of_the_explorer(html: Path) -> None:
    page = html.joinpath("told.html").read_text(encoding="utf-8")
    scripts = re.findall(r'<script[^>]* src="_static/(explorers/[^"?]+)', page)
    assert scripts == ["explorers/kit.js", "explorers/data/told.js", "explorers/told.js"]
    text = html.joinpath("_static", scripts[1]).read_text(encoding="ascii")
    assert json.loads(text[text.index(".told=") + 6 : -3]) == {"rates": [0.1, None], "alt": "×"}
    assert "data/" not in html.joinpath("deep", "with.html").read_text(encoding="utf-8")


def test_a_page_with_data_is_read_again_when_a_record_changes(html: Path) -> None:
    environment = html.joinpath(".doctrees", "environment.pickle")
    dependencies = pickle.loads(environment.read_bytes()).dependencies
    some = {Path(path).name for path in dependencies["told"]}
    assert {path.name for path in RECORDS.glob("*/*.json")} <= some
    assert len(dependencies["deep/with"]) == 2  # its picture, and how that is drawn


def test_what_json_has_not_is_no_data() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        data_script("told", [float("inf")])
    with pytest.raises(TypeError, match="not JSON serializable"):
        data_script("told", {1, 2})


def test_another_format_shows_the_picture(tmp_path: Path) -> None:
    (text,) = _build(tmp_path, "latex").glob("*.tex")
    assert r"\sphinxincludegraphics{{explorer-schedules}.png}" in text.read_text(encoding="utf-8")


def test_an_unknown_name_is_refused(tmp_path: Path) -> None:
    tmp_path.joinpath("without.rst").write_text(".. explorer:: nothing\n")
    with pytest.raises(AssertionError, match=r"must be one of .*, received 'nothing'"):
        _build(tmp_path, "html")


@pytest.mark.parametrize("name", EXPLORERS)
def test_every_explorer_has_a_page_of_its_own(name: str) -> None:
    text = ROOT.joinpath("book", "explorers", f"{name}.md").read_text(encoding="utf-8")
    assert f"```{{explorer}} {name}\n" in text
    assert f"explorers/{name}\n" in ROOT.joinpath("_toc.yml").read_text(encoding="utf-8")

"""A page loads what it needs."""

import re
from pathlib import Path

import pytest

from tests.support.small_book import build

PAGES = {
    "index.md": "# A page\n\nWith nothing.\n\n```{toctree}\nformulas\ncode\n```\n",
    "formulas.md": """# Formulas

The rate $\\eta$.

$$
a &= b \\\\
c &= d
$$

```{math}
:nowrap:
\\begin{align} a &= b \\\\ c &= d \\end{align}
```
""",
    "code.md": "# Code\n\n```python\nprint(1)\n```\n",
}
FILES = (
    "katex.min.js",
    "auto-render.min.js",
    "katex.min.css",
    "clipboard.min.js",
    "copybutton.css",
)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("book")
    extensions = ("sphinxcontrib.katex", "sphinx_copybutton")
    return build(folder, PAGES, "light", others=extensions, katex_css_path="katex/katex.min.css")


@pytest.mark.parametrize(
    ("page", "loaded"), [("index", ()), ("formulas", FILES[:3]), ("code", FILES[3:])]
)
def test_a_page_loads_what_something_on_it_needs(
    out: Path, page: str, loaded: tuple[str, ...]
) -> None:
    html = (out / f"{page}.html").read_text(encoding="utf-8")
    assert tuple(file for file in FILES if f"/{file}" in html) == loaded
    assert "documentation_options.js" in html
    assert len(re.findall("katex.min.css", html)) <= 1


def test_lines_of_a_formula_are_aligned(out: Path) -> None:
    html = (out / "formulas.html").read_text(encoding="utf-8")
    formulas = re.findall(r"\\\[(.*?)\\\]", html, re.S)
    assert [re.findall(r"\\begin{\w+}", formula) for formula in formulas] == [
        [r"\begin{aligned}"],
        [r"\begin{align}"],
    ]


def test_scripts_of_formulas_do_not_hold_the_page_up(out: Path) -> None:
    html = (out / "formulas.html").read_text(encoding="utf-8")
    assert re.findall(r'<script defer="defer" src="_static/([\w.-]+?)\?', html) == [
        "katex.min.js",
        "auto-render.min.js",
        "katex_autorenderer.js",
    ]


def test_a_picture_is_loaded_late_and_has_its_place_before(tmp_path: Path) -> None:
    from PIL import Image

    (tmp_path / "source").mkdir()
    Image.new("1", (30, 20)).save(tmp_path / "source" / "dot.png")
    files = {"index.md": "# A page\n\n![a dot](dot.png)\n"}
    html = build(tmp_path, files, "light") / "index.html"
    picture = re.search(r"<img [^>]*>", html.read_text(encoding="utf-8"))
    assert picture
    assert 'loading="lazy" width="30" height="20"' in picture[0]
    assert 'alt="a dot"' in picture[0]
    html = build(tmp_path, files, "light", builder="singlehtml") / "index.html"
    assert "lazy" not in html.read_text(encoding="utf-8")  # it is for printing

"""Sphinx extension: a page loads what it needs when it needs it, and nothing else.

Extensions give their scripts and styles to every page. `NEEDED_BY` says what in a page's HTML each
of them is for; what it does not name stays. A picture is loaded when it comes near the screen, and
has its place before. The theme's own templates are replaced in ``book/_templates``.
"""

import re
import shutil
from pathlib import Path
from typing import Any

import imagesize
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.builders.html._assets import _JavaScript

FORMULAS = r"katex|auto-render"  # the files of KaTeX, which the first paint need not wait for

# By the name of a file, or the text of an inline script: what a page must have for it.
NEEDED_BY = {
    r"copybutton|clipboard": r'class="highlight',
    r"toggle(button|Hint|Open)": r'class="(?:[^"]* )?(?:toggle|dropdown)[ "]',
    r"mystnb": r'class="cell|class="output',
    r"sphinx-design|design-tabs": r'class="(?:[^"]* )?sd-',
    FORMULAS: r'class="math',
    # So many that it helps to choose among them.
    r"claims\.js": r'(?s)(?:class="claim" (?:(?!class="claim").)*){13}',
}

# Attributes that keep screen readers from the text that says what is hidden, and from the entries
# of the bibliography, which are no items of a list.
WRONG = (' aria-label="Toggle hidden content"', ' role="list"')

# What the theme brings along and no page asks for, below the static files.
UNUSED = ("vendor", "locales", "scripts/fontawesome.*", "*/*.map", "*macros.html")


def named(asset: Any) -> str:
    """The file of a script or a style, or the text of an inline script."""
    return str(asset.filename or asset.attributes["body"])


def wanted(name: str, body: str) -> bool:
    """Whether a page needs a script or a style of a name, from the HTML that its source became."""
    needs = [mark for files, mark in NEEDED_BY.items() if re.search(files, name)]
    return all(re.search(mark, body) for mark in needs)


def place(app: Sphinx, picture: re.Match[str]) -> str:
    """An ``<img`` with the size of its picture, to be loaded late."""
    sources = {name: source for source, name in app.builder.images.items()}
    width, height = imagesize.get(Path(app.srcdir, sources[picture[1]]))
    return f'<img loading="lazy" width="{width}" height="{height}"{picture[0][4:]}'


def lighten(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Take from a page what nothing on it needs."""
    if doctree and app.builder.name == "html":  # what is printed has no "near the screen"
        body = context["body"]
        for wrong in WRONG:
            body = body.replace(wrong, "")
        context["body"] = re.sub(
            r'<img (?=[^>]*src="[^"]*_images/([^"]+\.png)")',
            lambda picture: place(app, picture),
            body,
        )
    for kind in ("css_files", "script_files"):
        once = {named(asset): asset for asset in context[kind]}  # two extensions may give the same
        body = context.get("body", "")
        context[kind] = [
            _JavaScript(name, priority=asset.priority, defer="defer")
            if kind == "script_files" and re.search(FORMULAS, name)
            else asset
            for name, asset in once.items()
            if wanted(name, body)
        ]


def align(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Give displayed formulas the delimiters, and if they have several lines the environment."""
    if app.builder.format == "html":
        for formula in doctree.findall(nodes.math_block):
            text = formula.astext()
            if r"\\" in text and not formula["nowrap"]:  # as Sphinx does for MathJax
                formula.children = [nodes.Text(rf"\begin{{aligned}}{text}\end{{aligned}}")]
            formula["nowrap"] = False


def tidy(app: Sphinx, error: Exception | None) -> None:
    """Remove what no page asks for."""
    if error or not isinstance(app.builder, StandaloneHTMLBuilder):
        return
    for pattern in UNUSED:
        for path in Path(app.outdir, "_static").glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.connect("doctree-resolved", align)
    app.connect("html-page-context", lighten, priority=900)  # when all the others have added theirs
    app.connect("build-finished", tidy, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

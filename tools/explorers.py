"""Sphinx extension: the directive ``{explorer} NAME``, a picture that a script makes interactive.

The picture shows the explorer as it starts. It is drawn when the page is read, and it is what is
seen where scripts are off, and in every format but HTML. Scripts and styles of the explorers are
loaded by the pages that have one, and by no other.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lrlab import Schedule

FOLDER = "explorers"  # below the static files


@dataclass(frozen=True)
class Explorer:
    """What a page needs for an explorer.

    Attributes:
        scripts: The files that it loads after the kit, in their order.
        picture: Draws how it looks at first. It imports what it needs: few pages have a picture.
        alt: What the picture shows, in words.
    """

    scripts: tuple[str, ...]
    picture: Callable[[], Figure]
    alt: str


def first_schedule() -> tuple[Schedule, int]:
    """The schedule that the explorer of schedules shows at first, and the epochs of its run."""
    from lrlab import CosineDecay, warmup

    return warmup(CosineDecay(0.1, total_epochs=25), 5, begin_lr=0.01), 30


def _schedules() -> Figure:
    from lrlab import plots

    schedule, epochs = first_schedule()
    return plots.rates({"rate": schedule}, epochs, title="Warm-up, then CosineDecay")


EXPLORERS = {
    "schedules": Explorer(
        scripts=("formulas/schedules.js", "lines.js", "plot.js", "schedules.js"),
        picture=_schedules,
        alt="A learning rate that rises along a line for 5 epochs, from 0.01 to 0.1, and falls to "
        "0 along half a cosine until epoch 30.",
    ),
}


class explorer(nodes.General, nodes.Element):
    """The place of an explorer, around its picture."""


class ExplorerDirective(SphinxDirective):
    """``{explorer} NAME``: the explorer of that name."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        if name not in EXPLORERS:
            raise self.error(f"explorer must be one of {', '.join(EXPLORERS)}, received {name!r}")
        picture = nodes.image(uri=self._draw(name), alt=EXPLORERS[name].alt)
        place = explorer("", picture, name=name)
        self.set_source_info(place)
        return [place]

    def _draw(self, name: str) -> str:
        """Draw the picture beside what Sphinx keeps of the pages, and return where it lies."""
        import matplotlib.pyplot as plt

        path = Path(self.env.doctreedir, FOLDER, f"explorer-{name}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        figure = EXPLORERS[name].picture()
        drawn = io.BytesIO()
        figure.savefig(drawn, dpi=144)
        plt.close(figure)
        # Several pages may have it: a new date would make the others be read again, and again.
        if not path.exists() or path.read_bytes() != drawn.getvalue():
            path.write_bytes(drawn.getvalue())
        self.env.note_dependency(__file__)
        return "/" + os.path.relpath(path, self.env.srcdir)  # as Sphinx looks for pictures


def visit(self: HTML5Translator, node: explorer) -> None:
    """Open the element that the scripts look for."""
    name = node["name"]
    self.body.append(f'<div class="explorer" data-explorer="{name}">')


def depart(self: HTML5Translator, node: explorer) -> None:
    """Close it."""
    self.body.append("</div>\n")


def _nothing(self: nodes.NodeVisitor, node: explorer) -> None:
    """The picture speaks for itself."""


def withhold(app: Sphinx, config: Config) -> None:
    """Take back that Jupyter Book gives each script and style below ``_static`` to all pages."""
    for files in (config.html_js_files, config.html_css_files):
        files[:] = [file for file in files if not str(file).startswith(f"{FOLDER}/")]


def load(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Give a page the scripts of its explorers; Sphinx writes each address as seen from there."""
    names = {node["name"] for node in doctree.findall(explorer)} if doctree else set()
    if names:
        app.add_css_file(f"{FOLDER}/explorers.css")
    for script in dict.fromkeys(
        script for name in sorted(names) for script in ("kit.js", *EXPLORERS[name].scripts)
    ):
        app.add_js_file(f"{FOLDER}/{script}", loading_method="defer")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    others = dict.fromkeys(("latex", "text", "man", "texinfo"), (_nothing, _nothing))
    app.add_node(explorer, html=(visit, depart), **others)
    app.add_directive("explorer", ExplorerDirective)
    app.connect("config-inited", withhold)
    app.connect("html-page-context", load)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

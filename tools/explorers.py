"""Sphinx extension: the directive ``{explorer} NAME``, a picture that a script makes interactive.

The picture shows the explorer as it starts. It is drawn when the page is read, and it is what is
seen where scripts are off, and in every format but HTML. Scripts and styles of the explorers are
loaded by the pages that have one, and by no other.

An explorer may show data, such as recorded runs. They are computed when the page is read, and
written as a script, since a page opened from the disk may load no other file.
"""

from __future__ import annotations

import io
import json
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

from lrlab.utils.files import write_text
from tools import sweeps

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lrlab import Schedule
    from lrlab.landscapes import Quadratic, Trajectory
    from lrlab.plateau import ReduceOnPlateau

FOLDER = "explorers"  # below the static files
RECORDS = Path(__file__).resolve().parents[1] / "book" / "results"


@dataclass(frozen=True)
class Explorer:
    """What a page needs for an explorer.

    Attributes:
        scripts: The files that it loads after the kit, in their order.
        picture: Draws how it looks at first. It imports what it needs: few pages have a picture.
        alt: What the picture shows, in words.
        data: Computes from the records what its scripts find in ``lrlab.data.NAME``: values that
            JSON has.
    """

    scripts: tuple[str, ...]
    picture: Callable[[], Figure]
    alt: str
    data: Callable[[], Any] | None = None


def first_schedule() -> tuple[Schedule, int]:
    """The schedule that the explorer of schedules shows at first, and the epochs of its run."""
    from lrlab import CosineDecay, warmup

    return warmup(CosineDecay(0.1, total_epochs=25), 5, begin_lr=0.01), 30


def _schedules() -> Figure:
    from lrlab import plots

    schedule, epochs = first_schedule()
    return plots.rates({"rate": schedule}, epochs, title="Warm-up, then CosineDecay")


# What the explorer of plateaus shows at first: the metric of each epoch.
FIRST_METRICS = (
    *(0.92, 1.0, 1.1, 0.98, 1.08, 1.02, 1.04, 0.92, 1.0, 0.5, 0.56, 0.62, 0.42, 0.48, 0.6, 0.5),
    *(0.66, 0.5, 0.22, 0.22, 0.34, 0.26, 0.32, 0.4, 0.34, 0.38, 0.3, 0.26, 0.14, 0.22, 0.08, 0.22),
    *(0.26, 0.12, 0.16, 0.22, 0.1, 0.14, 0.2, 0.2),
)


def first_policy() -> ReduceOnPlateau:
    """PyTorch's rule with which it begins."""
    from lrlab.plateau import ReduceOnPlateau

    return ReduceOnPlateau(0.1, convention="pytorch", factor=0.5, patience=3, cooldown=2)


def _plateau() -> Figure:
    from lrlab import plots

    return plots.watched(first_policy(), FIRST_METRICS, title="A metric, and PyTorch's answer")


def recorded_schedules() -> dict[str, dict[str, list[float]]]:
    """What the bound is compared with: LeNet's tuned schedules, as the chapter has them.

    For each the rates of its epochs, and their training losses, a mean over the seeds.
    """
    import numpy as np

    from lrlab import studies

    found = {}
    for label, runs in studies.load("D2-tuned").items():
        losses = np.mean([run.train_loss for run in runs], axis=0)
        rates = runs[0].recipe.schedule(np.arange(len(losses)))
        found[label.partition(",")[0]] = {"rates": rates.tolist(), "loss": losses.round(4).tolist()}
    return found


def _prediction() -> Figure:
    import numpy as np
    import pandas as pd

    from lrlab import plots, theory

    foretold, measured = {}, {}
    for name, recorded in recorded_schedules().items():
        rates = np.repeat(recorded["rates"], 50)
        curve = theory.convex_bound(theory.best_base_lr(rates).lr * rates)
        foretold[name] = curve.reshape(-1, 50).mean(axis=1)
        measured[name] = pd.Series(recorded["loss"])
    title = "What the bound foretells, and what LeNet did"
    figure = plots.bounds(foretold, measured, xlabel="epoch", title=title)
    for axes, top in zip(figure.axes, (0.25, 0.5), strict=True):
        axes.set_ylim(top=top)
    return figure


def first_descent() -> tuple[Quadratic, Trajectory]:
    """The bowl and the path that the explorer of descents shows at first."""
    from lrlab import Constant
    from lrlab.landscapes import Quadratic, descend
    from lrlab.optimizers import SGD

    bowl = Quadratic([1, 9])
    return bowl, descend(bowl, SGD(), Constant(0.21), [2, 1], 25)


def _descent() -> Figure:
    from lrlab import plots

    bowl, path = first_descent()
    view = ((-2.6, 2.6), (-1.3, 1.3))
    return plots.paths(bowl, {"rate 0.21": path}, title="Condition number 9", view=view)


def _momentum_map() -> Figure:
    import numpy as np

    from lrlab import plots
    from lrlab.landscapes import Quadratic
    from lrlab.theory import plane

    # What the explorer shows on logarithmic axes; as many descents as keep a build quick.
    lrs, momenta = np.geomspace(0.002, 0.2, 120), 1 - np.geomspace(1, 0.005, 80)
    measured = plane(Quadratic([1, 25]), lrs.tolist(), momenta.tolist())
    figure = plots.phase_diagram({"condition number 25": measured}, title="What descent does")
    axes = figure.axes[0]
    marks = [0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995]
    axes.set_yscale("function", functions=(lambda b: -np.log(1 - b), lambda y: 1 - np.exp(-y)))
    axes.set(xscale="log", yticks=marks, yticklabels=[f"{mark:g}" for mark in marks])
    return figure


MOTION = ("formulas/landscapes.js", "formulas/theory.js", "plot.js", "map.js")

EXPLORERS = {
    "schedules": Explorer(
        scripts=("formulas/schedules.js", "lines.js", "torch_lines.js", "plot.js", "schedules.js"),
        picture=_schedules,
        alt="A learning rate that rises along a line for 5 epochs, from 0.01 to 0.1, and falls to "
        "0 along half a cosine until epoch 30.",
    ),
    "plateau": Explorer(
        scripts=("formulas/plateau.js", "plot.js", "plateau.js"),
        picture=_plateau,
        alt="Above, a noisy metric of 40 epochs that falls in steps of nine epochs; below, the "
        "learning rate, which PyTorch's rule halves four times where the metric stays.",
    ),
    "prediction": Explorer(
        scripts=("formulas/convex_bounds.js", "plot.js", "prediction.js"),
        picture=_prediction,
        alt="Left, the convex bounds of six schedules over 30 epochs; right, the training losses "
        "of LeNet. On both sides linear decay ends lowest and the constant rate highest.",
        data=recorded_schedules,
    ),
    "descent": Explorer(
        scripts=(*MOTION, "descent.js"),
        picture=_descent,
        alt="Level lines of a bowl, and 25 steps of gradient descent: from (2, 1) they zigzag "
        "across the steep direction and come closer to the minimum at 0.",
    ),
    "momentum_map": Explorer(
        scripts=(*MOTION, "momentum_map.js"),
        picture=_momentum_map,
        alt="The plane of learning rate and momentum for a ravine. Descent is slow at small rates "
        "and momenta, swings at large momenta and diverges at large rates; between the three lies "
        "a small region where it is fast, around the best pair.",
    ),
    "sensitivity": Explorer(
        scripts=("formulas/statistics.js", "plot.js", "sensitivity.js"),
        picture=sweeps.picture,
        alt="Test loss of LeNet after one epoch against the rate, for seven optimisers. Each curve "
        "falls slowly to its best rate and rises steeply beyond it; the best rates lie between "
        "0.003 and 3.",
        data=sweeps.data,
    ),
}


def data_script(name: str, data: Any) -> str:
    """The script that puts an explorer's data in ``lrlab.data.NAME``.

    Raises:
        ValueError: JSON has no such number.
        TypeError: JSON has no such value.
    """
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return f"{{const lrlab=window.lrlab||={{}};(lrlab.data||={{}}).{name}={text};}}\n"


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
        if data := EXPLORERS[name].data:
            place["data"] = data_script(name, data())
            for source in (sweeps.__file__, *RECORDS.rglob("*.json")):
                self.env.note_dependency(str(source))
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
    places = {node["name"]: node for node in doctree.findall(explorer)} if doctree else {}
    scripts: list[str] = []
    for name, place in sorted(places.items()):
        scripts.append("kit.js")
        if "data" in place:
            scripts.append(f"data/{name}.js")
            write_text(Path(app.outdir, "_static", FOLDER, scripts[-1]), place["data"])
        scripts += EXPLORERS[name].scripts
    if places:
        app.add_css_file(f"{FOLDER}/explorers.css")
    for script in dict.fromkeys(scripts):
        app.add_js_file(f"{FOLDER}/{script}", loading_method="defer")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    others = dict.fromkeys(("latex", "text", "man", "texinfo"), (_nothing, _nothing))
    app.add_node(explorer, html=(visit, depart), **others)
    app.add_directive("explorer", ExplorerDirective)
    app.connect("config-inited", withhold)
    app.connect("html-page-context", load)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

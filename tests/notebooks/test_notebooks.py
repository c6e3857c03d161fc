"""What nbval does not look at: that every cell was executed, and what is stored with it.

Each check takes a notebook and returns its complaints; each is also tried on a bad notebook.
"""

import ast
import base64
import copy
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
import yaml
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.conftest import ROOT
from tests.support.project import configured
from tools.configure import setup_cell
from tools.execute import normalise

NOTEBOOKS = sorted((ROOT / "book").rglob("*.ipynb"))
LONGEST_CELL = 20
LARGEST_PNG = 100_000
MACHINE_PATH = re.compile(
    r"(?<![\w.~/-])/(?:home|Users|root|work|tmp|opt|usr|var|private)/\w|[A-Z]:\\"
)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def texts(output: NotebookNode) -> Iterator[str]:
    """Every text that an output shows."""
    yield output.get("text", "")
    yield "\n".join(output.get("traceback", ()))
    for kind, content in output.get("data", {}).items():
        if not kind.startswith("image/"):
            yield str(content)


def pngs(cell: NotebookNode) -> list[bytes]:
    images = (output.get("data", {}).get("image/png") for output in cell.outputs)
    return [base64.b64decode(image) for image in images if image]


def not_in_order(notebook: NotebookNode) -> list[str]:
    counts = [cell.execution_count for cell in code_cells(notebook)]
    expected = list(range(1, len(counts) + 1))
    return [] if counts and counts == expected else [f"not executed in order: {counts}"]


def bad_outputs(notebook: NotebookNode) -> list[str]:
    found = []
    for cell in code_cells(notebook):
        for output in cell.outputs:
            if output.output_type == "error":
                found.append(f"an error: {output.ename}")
            if output.get("name") == "stderr":
                found.append(f"output on stderr: {output.text[:60]}")
            for text in texts(output):
                found += [f"a path of a machine: {path}" for path in MACHINE_PATH.findall(text)]
    return found


def long_cells(notebook: NotebookNode) -> list[str]:
    lengths = [len(cell.source.splitlines()) for cell in code_cells(notebook)]
    return [f"a cell of {length} lines" for length in lengths if length > LONGEST_CELL]


def closing_semicolons(notebook: NotebookNode) -> list[str]:
    """Jupyter hides the value of a line that ends in a semicolon; nbval does not, and differs."""
    ends = [cell.source.rstrip()[-40:] for cell in code_cells(notebook)]
    return [f"assign the value to _ instead: {end}" for end in ends if end.endswith(";")]


def unexplained_exceptions_from_nbval(notebook: NotebookNode) -> list[str]:
    """Outputs that nbval ignores are lines about hardware or time, and are tagged as such."""
    found = []
    for cell in code_cells(notebook):
        tags = cell.metadata.get("tags", [])
        marks = [*re.findall(r"NBVAL_\w+", cell.source), *(t for t in tags if "nbval" in t)]
        allowed = ["NBVAL_IGNORE_OUTPUT"] if "hardware" in tags else []
        found += [f"{mark} without the tag hardware" for mark in marks if mark not in allowed]
        if "raises-exception" in tags:
            found.append("a cell that may fail: catch the error and print it")
        if "hardware" in tags and pngs(cell):
            found.append("a figure in a cell whose output is ignored")
    return found


def bad_figures(notebook: NotebookNode) -> list[str]:
    found = []
    for cell in code_cells(notebook):
        for image in pngs(cell):
            figure = cell.metadata.get("mystnb", {}).get("figure", {})
            alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
            name = figure.get("name", "")
            if len(image) > LARGEST_PNG:
                found.append(f"a picture of {len(image)} bytes")
            if not figure.get("caption", "").strip():
                found.append(f"a figure without a caption {name}")
            if not name:
                found.append("a figure without a name to refer to")
            if not alt.strip():
                found.append(f"a figure without alternative text {name}")
        if len(pngs(cell)) > 1:
            found.append("two pictures with one caption")
        if any("image/svg+xml" in output.get("data", {}) for output in cell.outputs):
            found.append("an SVG, which differs between releases: store a PNG")
    return found


def other_setup_cell(notebook: NotebookNode) -> list[str]:
    cells = code_cells(notebook)
    same = bool(cells) and cells[0].source == setup_cell(configured(ROOT))
    return [] if same else ["the first code cell is not the setup cell of tools/configure.py"]


def personal_metadata(notebook: NotebookNode) -> list[str]:
    same = normalise(copy.deepcopy(notebook)) == notebook
    return [] if same else ["holds what belongs to one run alone: run `make execute`"]


def imported(cell: NotebookNode) -> Iterator[str]:
    """What a cell imports: each name by itself, and the module that it is from before it."""
    # Magics are no Python; a plain statement in their place keeps the rest readable.
    source = re.sub(r"^(\s*)[%!].*$", r"\1pass", cell.source, flags=re.M)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def deep_imports(notebook: NotebookNode) -> list[str]:
    """A chapter shows readers the doors of lrlab: the package, a room, and nothing inside one."""
    names = [name for cell in code_cells(notebook) for name in imported(cell)]
    inside = [name for name in names if re.match(r"lrlab\.\w+\.\w", name)]
    return [f"imports {name}" for name in inside if is_module(name)]


def tensorflow_first(notebook: NotebookNode) -> list[str]:
    """`lrlab.keras` is imported before Keras, or builds of PyTorch for GPUs end the process."""
    for name in (name for cell in code_cells(notebook) for name in imported(cell)):
        if name.startswith("lrlab.keras"):
            break
        if name.split(".")[0] in ("keras", "tensorflow"):
            return [f"imports {name} before lrlab.keras"]
    return []


def is_module(name: str) -> bool:
    path = ROOT / Path(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


CHECKS: list[Callable[[NotebookNode], list[str]]] = [
    not_in_order,
    bad_outputs,
    long_cells,
    closing_semicolons,
    unexplained_exceptions_from_nbval,
    bad_figures,
    other_setup_cell,
    personal_metadata,
    deep_imports,
    tensorflow_first,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(path: Path, check: Callable[[NotebookNode], list[str]]) -> None:
    assert check(nbformat.read(path, as_version=4)) == []


def test_every_notebook_is_in_the_book() -> None:
    assert NOTEBOOKS, "no chapter was found"
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    listed = re.findall(r"'file': '([\w/]+)'", str(toc))
    names = {path.relative_to(ROOT / "book").with_suffix("").as_posix() for path in NOTEBOOKS}
    assert names <= set(listed)


# --- each check, seen failing --------------------------------------------------------------------


def good() -> NotebookNode:
    """A small notebook that passes every check."""
    figure = {
        "figure": {"caption": "A dot.", "name": "fig-dot"},
        "image": {"alt": "One dot."},
    }
    picture = {"image/png": base64.b64encode(b"dot").decode(), "text/plain": "<Figure>"}
    cells = [
        new_markdown_cell("# A chapter"),
        new_code_cell(setup_cell(configured(ROOT)), execution_count=1),
        new_code_cell(
            "import lrlab.plots\nfrom lrlab.keras import LeNet\nfrom lrlab import Constant, data",
            execution_count=2,
            metadata={"mystnb": figure},
            outputs=[new_output("display_data", data=picture)],
        ),
        new_code_cell(
            "# NBVAL_IGNORE_OUTPUT\nprint(seconds)",
            execution_count=3,
            metadata={"tags": ["hardware"]},
            outputs=[new_output("stream", text="3 s\n")],
        ),
    ]
    return normalise(new_notebook(cells=cells))


def shown(output: NotebookNode) -> Callable[[NotebookNode], None]:
    return lambda notebook: notebook.cells[2].outputs.append(output)


def mystnb(notebook: NotebookNode, section: str) -> NotebookNode:
    return notebook.cells[2].metadata.mystnb[section]


BAD = {
    "never executed": (not_in_order, lambda n: n.cells[3].update(execution_count=None)),
    "executed twice": (not_in_order, lambda n: n.cells[3].update(execution_count=4)),
    "out of order": (not_in_order, lambda n: n.cells[2].update(execution_count=3)),
    "no code": (not_in_order, lambda n: n.update(cells=[])),
    "an error": (bad_outputs, shown(new_output("error", ename="E", evalue="", traceback=[]))),
    "stderr": (bad_outputs, shown(new_output("stream", name="stderr", text="a warning"))),
    "a path in text": (bad_outputs, shown(new_output("stream", text="in /tmp/" + "x"))),
    "a path in a result": (
        bad_outputs,
        shown(new_output("execute_result", data={"text/plain": "'/home/" + "ada/x'"})),
    ),
    "a long cell": (long_cells, lambda n: n.cells[2].update(source="x\n" * 21)),
    "a semicolon": (closing_semicolons, lambda n: n.cells[2].update(source="draw();\n")),
    "ignored by a comment": (
        unexplained_exceptions_from_nbval,
        lambda n: n.cells[3].metadata.update(tags=[]),
    ),
    "ignored by a tag": (
        unexplained_exceptions_from_nbval,
        lambda n: n.cells[2].metadata.update(tags=["nbval-ignore-output"]),
    ),
    "skipped": (
        unexplained_exceptions_from_nbval,
        lambda n: n.cells[3].update(source="# NBVAL_SKIP"),
    ),
    "may fail": (
        unexplained_exceptions_from_nbval,
        lambda n: n.cells[2].metadata.update(tags=["raises-exception"]),
    ),
    "an ignored figure": (
        unexplained_exceptions_from_nbval,
        lambda n: n.cells[2].metadata.update(tags=["hardware"]),
    ),
    "a large picture": (
        bad_figures,
        lambda n: n.cells[2].outputs[0].data.update({"image/png": "AAAA" * 40_000}),
    ),
    "no caption": (bad_figures, lambda n: mystnb(n, "figure").update(caption=" ")),
    "no name": (bad_figures, lambda n: mystnb(n, "figure").pop("name")),
    "no alternative text": (bad_figures, lambda n: mystnb(n, "image").update(alt="")),
    "no metadata": (bad_figures, lambda n: n.cells[2].metadata.pop("mystnb")),
    "two pictures": (bad_figures, lambda n: n.cells[2].outputs.append(n.cells[2].outputs[0])),
    "an SVG": (bad_figures, shown(new_output("display_data", data={"image/svg+xml": "<svg/>"}))),
    "another first cell": (other_setup_cell, lambda n: n.cells[1].update(source="import os")),
    "another kernel": (
        personal_metadata,
        lambda n: n.metadata.kernelspec.update(name="my-kernel"),
    ),
    "a text in two pieces": (
        personal_metadata,
        lambda n: n.cells[3].outputs.append(new_output("stream", text="4 s\n")),
    ),
    "widgets": (personal_metadata, lambda n: n.metadata.update(widgets={})),
    "a module of a room": (
        deep_imports,
        lambda n: n.cells[2].update(
            source="%matplotlib inline\nfrom lrlab.plots.style import LINES"
        ),
    ),
    "a module by its name": (
        deep_imports,
        lambda n: n.cells[2].update(source="def f():\n    import lrlab.plots.style as style"),
    ),
    "a module from its room": (
        deep_imports,
        lambda n: n.cells[2].update(source="from lrlab.landscapes import descent"),
    ),
    "Keras by itself": (
        tensorflow_first,
        lambda n: n.cells[2].update(source="from keras import ops\nimport lrlab.keras"),
    ),
    "times": (personal_metadata, lambda n: n.cells[2].metadata.update(execution={"a": "b"})),
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_good_notebook_passes(check: Callable[[NotebookNode], list[str]]) -> None:
    assert check(good()) == []


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_notebook_is_noticed(fault: str) -> None:
    check, spoil = BAD[fault]
    notebook = good()
    spoil(notebook)
    assert check(notebook)

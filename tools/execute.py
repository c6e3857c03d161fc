"""Execute notebooks in place, each from a clean kernel, and store their outputs.

    python -m tools.execute [NOTEBOOK]

Without an argument: every notebook of the book. What differs from run to run without meaning
anything (times of cells, widget state) is not stored in their cells. The notebook's metadata say
under ``lrlab`` on which day it was executed, how many seconds it took and with which versions; that
of all claims also keeps each verdict, and which verdicts changed since it was first recorded.
``tools.status`` shows them.
"""

import platform
import re
import sys
import time
from collections.abc import Mapping
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

from lrlab.utils import files

BOOK = Path(__file__).resolve().parent.parent / "book"
LEDGER = "reference/claims.ipynb"  # below the book: the page of all claims
PACKAGES = ("lrlab", "numpy", "matplotlib", "torch", "keras", "tensorflow")
VERDICT = re.compile(r'<strong>([^<]+)</strong> <span class="verdict [^"]+">([^<]+)</span>')


def normalise(notebook: NotebookNode) -> NotebookNode:
    """Reduce a notebook to what readers and tools use; a text printed in several goes is one."""
    notebook.metadata = NotebookNode(
        {key: value for key, value in notebook.metadata.items() if key == "lrlab"},
        kernelspec={"display_name": "Python 3", "language": "python", "name": "python3"},
        language_info={"name": "python", "pygments_lexer": "ipython3"},
    )
    for cell in notebook.cells:
        for key in ("execution", "collapsed", "scrolled"):
            cell.metadata.pop(key, None)
        if cell.cell_type == "code":
            cell.outputs = _joined(cell.outputs)
    return notebook


def _joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """The outputs with neighbouring texts of one stream as one: where they part is the clock's."""
    joined: list[NotebookNode] = []
    for output in outputs:
        last = joined[-1] if joined else {}
        if output.output_type == "stream" and last.get("name") == output.name:
            last.text += output.text
        else:
            joined.append(output)
    return joined


def versions() -> dict[str, str]:
    """The versions of Python and of the packages that notebooks use, which are the kernel's too."""
    found = {name: version(name).partition("+")[0] for name in PACKAGES}  # without +cpu
    return {"python": platform.python_version(), **found}


def verdicts(notebook: NotebookNode) -> dict[str, str]:
    """The verdict of each claim that an output of a notebook shows."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    pages = (output.get("data", {}).get("text/html", "") for output in outputs)
    return dict(found for page in pages for found in VERDICT.findall(page))


def judged(found: Mapping[str, str], before: Mapping[str, Any], today: str) -> dict[str, Any]:
    """What is recorded of verdicts: they themselves, and what changed since they first were."""
    old = before.get("verdicts", {})
    changes = [
        {"date": today, "claim": claim, "before": old[claim], "after": verdict}
        for claim, verdict in found.items()
        if old.get(claim, verdict) != verdict
    ]
    return {
        "since": before.get("since", today),
        "verdicts": dict(found),
        "changes": [*before.get("changes", ()), *changes],
    }


def chapter(name: str) -> Path:
    """Return the path of a notebook of the book.

    Raises:
        ValueError: There is no such notebook, or it lies elsewhere.
    """
    path = Path(name).resolve()
    if BOOK not in path.parents or path.suffix != ".ipynb" or not path.is_file():
        raise ValueError(
            f"NOTEBOOK must be one of the book, such as book/momentum.ipynb; received {name!r}"
        )
    return path


def execute(path: Path) -> None:
    """Run every cell of a notebook and write it back; an error leaves the file as it was.

    Raises:
        ValueError: The file holds no notebook.
        nbclient.exceptions.CellExecutionError: A cell fails.
    """
    try:
        notebook = nbformat.read(path, as_version=4)
    except (AttributeError, ValueError, nbformat.ValidationError) as error:
        raise ValueError(f"{path.name} holds no notebook: {error}") from error
    before, start = notebook.metadata.get("lrlab", {}), time.perf_counter()
    NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=3_600,  # at full scale on a CPU a cell takes long
        record_timing=False,
        store_widget_state=False,
        resources={"metadata": {"path": path.parent}},
        # What a library writes past Python, such as TensorFlow's start-up log, goes to the
        # terminal, as under nbval; Python's own warnings are still stored, and tests refuse them.
        extra_arguments=["--IPKernelApp.capture_fd_output=False"],
    ).execute()
    today = date.today().isoformat()
    seconds = round(time.perf_counter() - start)
    record = {"executed": today, "seconds": seconds, "versions": versions()}
    if path == BOOK / LEDGER:
        record |= judged(verdicts(notebook), before, today)
    notebook.metadata["lrlab"] = record
    with files.whole(path) as partial:
        nbformat.write(normalise(notebook), partial)
    print(f"{path.name}: {seconds} s")


def main(arguments: list[str]) -> str | None:
    """Execute the notebooks named, or all of them; return an error message, or `None`."""
    try:
        named = [chapter(argument) for argument in arguments if argument]
        for path in named or sorted(BOOK.rglob("*.ipynb")):
            execute(path)
    except ValueError as error:
        return str(error)
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Execute notebooks in place, each from a clean kernel, and store their outputs.

    python -m tools.execute [NOTEBOOK]

Without an argument: every notebook of the book. What differs from run to run without meaning
anything (times, the interpreter's version, widget state) is not stored.
"""

import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

from lrlab.utils import files

BOOK = Path(__file__).resolve().parent.parent / "book"


def normalise(notebook: NotebookNode) -> NotebookNode:
    """Reduce a notebook to what readers and tools use; a text printed in several goes is one."""
    notebook.metadata = NotebookNode(
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
    with files.whole(path) as partial:
        nbformat.write(normalise(notebook), partial)


def main(arguments: list[str]) -> str | None:
    """Execute the notebooks named, or all of them; return an error message, or `None`."""
    try:
        named = [chapter(argument) for argument in arguments if argument]
        for path in named or sorted(BOOK.rglob("*.ipynb")):
            start = time.perf_counter()
            execute(path)
            print(f"{path.name}: {time.perf_counter() - start:.0f} s")
    except ValueError as error:
        return str(error)
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

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


def execute(path: Path) -> None:
    """Run every cell of a notebook and write it back; an error leaves the file as it was."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=600,
        record_timing=False,
        store_widget_state=False,
        resources={"metadata": {"path": path.parent}},
        # What a library writes past Python, such as TensorFlow's start-up log, goes to the
        # terminal, as under nbval; Python's own warnings are still stored, and tests refuse them.
        extra_arguments=["--IPKernelApp.capture_fd_output=False"],
    ).execute()
    nbformat.write(normalise(notebook), path)


def main(arguments: list[str]) -> None:
    """Execute the notebooks named, or all of them."""
    named = [Path(argument) for argument in arguments if argument]
    for path in named or sorted(BOOK.glob("*.ipynb")):
        start = time.perf_counter()
        execute(path)
        print(f"{path.name}: {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1:])

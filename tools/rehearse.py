"""Run notebooks as Colab does: each alone in an empty folder, and lrlab is not installed.

    python -m tools.rehearse [NOTEBOOK ...]

Without an argument: every notebook of the book. Each gets an environment of its own, which has the
packages of the one that runs this, except lrlab; the notebook's first cell installs this checkout
there. Nothing can be downloaded, neither images nor a package that lrlab needs and Colab lacks.
`make colab` runs this where the frameworks are, in their newest or their lowest versions.
"""

import os
import shutil
import sys
import tempfile
import time
import venv
from pathlib import Path

import nbformat
from jupyter_client import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, DeadKernelError

import tests.support.offline  # noqa: F401 (closes the ways out, for what is started here as well)

ROOT = Path(__file__).resolve().parent.parent
# Run after the last cell of a notebook: it was the installed lrlab, not a folder that lay near.
INSTALLED = """\
import sys, lrlab.schedules
assert lrlab.__path__[0].startswith(sys.prefix), f"lrlab came from {lrlab.__path__[0]}"
"""


def environment(folder: Path) -> Path:
    """Make an environment that has the packages of this one, except lrlab; return its Python."""
    venv.create(folder, symlinks=True)
    library = next(folder.glob("lib/python3*/site-packages"))
    # A path that a .pth file appends is searched, but the .pth files in it (such as the one of an
    # editable install) are not read: so this environment's packages, and not lrlab.
    paths = [path for path in sys.path if Path(path).name == "site-packages"]
    lines = [f"import sys; sys.path.append({path!a})\n" for path in paths]
    (library / "packages.pth").write_text("".join(lines), encoding="utf-8")
    return folder / "bin" / "python"


def surroundings() -> dict[str, str]:
    """The environment variables of a kernel, with which a first cell installs this checkout."""
    # Without paths to this checkout, and with progress shown as to a reader.
    hidden = ("PYTHONPATH", "PYTEST_VERSION", "LRLAB_PROGRESS", "LRLAB_DATA")
    return {name: value for name, value in os.environ.items() if name not in hidden} | {
        "LRLAB_SOURCE": str(ROOT),
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads the variable as `--build-isolation=0`
    }


def rehearse(path: Path) -> None:
    """Run a copy of a notebook alone, in an environment without lrlab.

    Raises:
        nbclient.exceptions.CellControlSignal: A cell fails, or does not end.
        nbclient.exceptions.DeadKernelError: The kernel ends before the notebook does.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        kernel = AsyncKernelManager()
        kernel.kernel_spec.argv[0] = str(environment(Path(folder) / "environment"))
        alone = Path(folder) / "alone"
        alone.mkdir()
        notebook = nbformat.read(shutil.copy(path, alone), as_version=4)
        notebook.cells.append(nbformat.v4.new_code_cell(INSTALLED))
        NotebookClient(notebook, km=kernel, timeout=3_600, store_widget_state=False).execute(
            cleanup_kc=True, cwd=str(alone), env=surroundings()
        )


def main(arguments: list[str]) -> str | None:
    """Run the notebooks named, or all; return what failed, or `None`."""
    failed = []
    named = [Path(argument) for argument in arguments if argument]
    for path in named:
        if not path.is_file():
            return f"NOTEBOOK must be a file such as book/momentum.ipynb; received {str(path)!r}"
    for path in named or sorted((ROOT / "book").rglob("*.ipynb")):
        start = time.perf_counter()
        try:
            rehearse(path)
        except (CellControlSignal, DeadKernelError) as error:
            failed.append(path.name)
            print(f"{path.name}: failed\n{error}", flush=True)
        else:
            print(f"{path.name}: {time.perf_counter() - start:.0f} s", flush=True)
    return f"{len(failed)} failed: {', '.join(failed)}" if failed else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

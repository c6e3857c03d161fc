"""A book of a few pages, built by Sphinx with the extensions of ours that a test is about."""

import io
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils


def build(
    folder: Path,
    files: dict[str, str],
    *extensions: str,
    builder: str = "html",
    others: tuple[str, ...] = (),
    **more: object,
) -> Path:
    """Write the files, build them, and return the folder with the result.

    Args:
        folder: Where all of it lies.
        files: The sources, by name.
        extensions: Those of ours.
        builder: What they are made into.
        others: Extensions that are not ours.
        more: Settings of Sphinx.

    Raises:
        ValueError: With what Sphinx warned of.
    """
    for name, text in files.items():
        path = folder / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    settings = {
        "extensions": ["myst_nb", *others, *(f"tools.{name}" for name in extensions)],
        "myst_enable_extensions": ["colon_fence", "dollarmath"],
        "nb_execution_mode": "off",
        "exclude_patterns": ["quizzes/**"],
        "html_theme": "basic",
        "root_doc": "index",
        **more,
    }
    places = [str(folder / name) for name in ("source", "out", "doctrees")]
    warned = io.StringIO()
    with patch_docutils(), docutils_namespace():
        app = Sphinx(
            places[0], None, *places[1:], builder, settings, status=None, warning=warned
        )  # fmt: skip
        app.build(force_all=True)
    if warned.getvalue():
        raise ValueError(warned.getvalue())
    return folder / "out"

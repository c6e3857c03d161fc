"""Write the repository's address wherever the project names it.

    python -m tools.configure OWNER/NAME

Text files hold blocks between a line with ``configure:BLOCK`` and one with ``configure:end``;
notebooks hold a setup cell, their first code cell. Both are written from here and nowhere else.
Running this again, with the same name or another, simply writes them again.
"""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

SETUP_CELL = """\
import importlib.util
import os

if importlib.util.find_spec("lrlab") is None:  # in Colab, for example
    source = os.environ.get("LRLAB_SOURCE", "{source}")
    %pip install --quiet "{{source}}"
"""

BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
FIRST_CHAPTER = "book/learning_rate_effects.ipynb"


def colab(repository: str, notebook: str) -> str:
    """The address at which Colab opens a notebook of the repository."""
    return f"https://colab.research.google.com/github/{repository}/blob/main/{notebook}"


def pages(repository: str) -> str:
    """The address at which the repository's GitHub Pages are published."""
    owner, name = repository.split("/")
    host = f"{owner.lower()}.github.io"
    return f"https://{host}/" if name.lower() == host else f"https://{host}/{name}/"


def blocks(repository: str | None) -> dict[str, dict[str, str]]:
    """The contents of every block, by file and block; `None` is a repository not yet known."""
    known = repository is not None
    github = f"https://github.com/{repository}" if known else ""
    return {
        "_config.yml": {
            "repository": (
                f'repository:\n  url: "{github}"\n  branch: main\n  path_to_book: book\n'
                "launch_buttons:\n"
                f'  colab_url: "{"https://colab.research.google.com" if known else ""}"\n'
                f"html:\n  use_repository_button: {str(known).lower()}\n"
                f'  baseurl: "{pages(repository) if known else ""}"\n'
            ),
        },
        "pyproject.toml": {
            "urls": (
                f'[project.urls]\nHomepage = "{pages(repository)}"\nRepository = "{github}"\n'
                if known
                else ""
            ),
        },
        "README.md": {
            "links": (
                f"[![Open in Colab]({BADGE})]({colab(repository, FIRST_CHAPTER)})\n\n"
                f"Read it at <{pages(repository)}>.\n"
                if known
                else ""
            ),
            "clone": (
                f"```sh\ngit clone {github}\ncd {repository.split('/')[1]}\n```\n" if known else ""
            ),
            "colab": (
                f"[This link]({colab(repository, FIRST_CHAPTER)}) opens the first chapter; "
                "every chapter's page has such\na button (the rocket).\n"
                if known
                else "Once the repository has an address, `make configure "
                "REPOSITORY=owner/name` puts a Colab button on every\nchapter's page, and its "
                "links here.\n"
            ),
        },
        "CITATION.cff": {
            "code": f'repository-code: "{github}"\nurl: "{pages(repository)}"\n' if known else "",
        },
        "CHANGELOG.md": {
            "compare": f"[Unreleased]: {github}/commits/main\n" if known else "",
        },
    }


def valid(repository: str) -> str:
    """Return the name if GitHub would accept it.

    Raises:
        ValueError: It is not of the form owner/name.
    """
    owner = r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}"
    name = r"(?!\.{1,2}$)(?!.*\.git$)[A-Za-z0-9._-]{1,100}"
    if not re.fullmatch(f"{owner}/{name}", repository):
        raise ValueError(
            "REPOSITORY must be owner/name as on GitHub, such as ada/learning-rates; "
            f"received {repository!r}"
        )
    return repository


def setup_cell(repository: str | None) -> str:
    """The source of the first code cell: the clone the notebook lies in, or the repository."""
    source = ".." if repository is None else f"lrlab @ git+https://github.com/{repository}"
    return SETUP_CELL.format(source=source).rstrip("\n")


def replace_block(text: str, block: str, content: str) -> str:
    """Replace what stands between a block's two marker lines.

    Raises:
        ValueError: The text does not hold the block exactly once.
    """
    pattern = re.compile(rf"(^.*configure:{block}\b.*\n)(?s:.*?)(^.*configure:end\b)", re.M)
    text, count = pattern.subn(lambda match: match[1] + content + match[2], text)
    if count != 1:
        raise ValueError(f"the block configure:{block} stands {count} times, not once")
    return text


def replace_setup_cell(text: str, repository: str | None) -> str:
    """Replace the first code cell of a notebook, given and returned as JSON.

    Raises:
        ValueError: The first code cell is not the setup cell.
    """
    notebook = json.loads(text)
    cell = next((cell for cell in notebook["cells"] if cell["cell_type"] == "code"), None)
    if cell is None or 'find_spec("lrlab")' not in "".join(cell["source"]):
        raise ValueError("the first code cell is not the setup cell of the other chapters")
    cell["source"] = setup_cell(repository).splitlines(keepends=True)
    return json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"


def configure(root: Path, repository: str | None) -> list[Path]:
    """Write every place below ``root`` and return those that changed.

    Raises:
        ValueError: A place is not as expected; nothing has been written then.
    """
    texts: dict[Path, str] = {}
    try:
        for file, contents in blocks(repository).items():
            path = root / file
            texts[path] = path.read_text(encoding="utf-8")
            for block, content in contents.items():
                texts[path] = replace_block(texts[path], block, content)
        for path in sorted((root / "book").rglob("*.ipynb")):
            texts[path] = replace_setup_cell(path.read_text(encoding="utf-8"), repository)
    except ValueError as error:
        raise ValueError(f"{path.relative_to(root)}: {error}") from error
    changed = [path for path, text in texts.items() if path.read_text(encoding="utf-8") != text]
    for path in changed:
        path.write_text(texts[path], encoding="utf-8")
    return changed


def main(arguments: list[str]) -> str | None:
    """Configure the project; return an error message for the shell, or `None`."""
    if len(arguments) != 1 or not arguments[0]:
        return (
            "Usage: make configure REPOSITORY=owner/name\n"
            "Writes the GitHub repository's address into the site's buttons, the notebooks' first\n"
            "cells, README.md, CHANGELOG.md and pyproject.toml. Commit the result."
        )
    try:
        changed = configure(ROOT, valid(arguments[0]))
    except ValueError as error:
        return str(error)
    for path in changed:
        print(f"wrote {path.relative_to(ROOT)}")
    print(f"Every place names {arguments[0]}.")
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

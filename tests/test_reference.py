"""The reference pages list what readers can use, and each of these names explains itself."""

import importlib
import inspect
import json
import pkgutil
import re
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from sphinx.pycode import ModuleAnalyzer

import lrlab
from tests.conftest import ROOT
from tests.support.page_code import PageCode
from tools.doors import comments

REFERENCE = ROOT / "book" / "reference"
FOLDERS = {room.name for room in pkgutil.iter_modules(lrlab.__path__) if room.ispkg}
ROOMS = sorted(FOLDERS - {"cli"})  # the command is no room


def door_of(room: str) -> ModuleType:
    return importlib.import_module(f"lrlab.{room}")


def repeated(names: list[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def unexplained(door: ModuleType) -> list[str]:
    """The public names of a door that say nothing about themselves.

    A class, a function or a module has a docstring of its own; a constant has a ``#:`` comment
    above its definition, in whichever of the room's modules that is.
    """
    explained = {name for _, name in comments(door)}
    return [name for name in door.__all__ if not has_docstring(door, name, explained)]


def has_docstring(door: ModuleType, name: str, explained: set[str]) -> bool:
    value = getattr(door, name)
    kinds = (inspect.isclass, inspect.isroutine, inspect.ismodule)
    if hasattr(value, "__wrapped__") or any(kind(value) for kind in kinds):
        own = value.__doc__ or ""  # a dataclass without one writes its signature there
        return bool(own.strip()) and not own.startswith(f"{value.__name__}(")
    return name in explained


def listed(page: Path) -> list[str]:
    """The modules whose every public name a page lists."""
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".ipynb":
        text = "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
    directives = re.findall(r"^\.\. automodule:: (\S+)\n((?: {3}.*\n)*)", text, re.M)
    return [module for module, options in directives if not options]


def page_of(room: str) -> Path:
    """The page of a room, which may be a notebook."""
    return next(REFERENCE.glob(f"{room}.*"))


def documents(entry: dict) -> list[str]:
    """The pages below a part, a chapter or a section of the table of contents."""
    inner = [*entry.get("parts", []), *entry.get("chapters", []), *entry.get("sections", [])]
    own = [entry["file"]] if "file" in entry else []
    return own + [name for part in inner for name in documents(part)]


def test_rooms_are_found() -> None:
    assert {"schedules", "plots", "studies"} <= set(ROOMS)


@pytest.mark.parametrize("room", ["", *ROOMS, "notebook"])
def test_a_door_names_each_of_its_names_once(room: str) -> None:
    door = door_of(room) if room else lrlab
    assert door.__all__
    assert repeated(door.__all__) == []
    assert [name for name in door.__all__ if not hasattr(door, name)] == []


@pytest.mark.parametrize("room", [*ROOMS, "notebook"])
def test_a_room_has_a_page_that_lists_its_public_names(room: str) -> None:
    assert f"lrlab.{room}" in listed(page_of(room))


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_name_explains_itself(room: str) -> None:
    assert (door_of(room).__doc__ or "").strip()
    assert unexplained(door_of(room)) == []


def test_every_page_is_in_the_table_of_contents() -> None:
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    files = [*REFERENCE.glob("*.md"), *REFERENCE.glob("*.ipynb")]
    pages = sorted(f"reference/{path.stem}" for path in files)
    assert sorted(name for name in documents(toc) if name.startswith("reference/")) == pages


def test_the_first_page_names_every_room() -> None:
    text = (REFERENCE / "api.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\* - \{doc\}`(\w+)`$", text, re.M)) == {*ROOMS, "notebook"}


def test_what_lrlab_gives_without_a_room_stands_at_the_door_of_one() -> None:
    homes = {door_of(room) for room in ("schedules", "plateau", "training")}
    for name in lrlab.__all__:
        assert getattr(lrlab, name) in [vars(home)[name] for home in homes if name in home.__all__]


def test_the_glossary_is_alphabetical() -> None:
    text = (REFERENCE / "glossary.md").read_text(encoding="utf-8")
    terms = re.findall(r"^(?![:# ])(\S.*)$", text, re.M)
    assert len(terms) > 30
    assert terms == sorted(terms, key=str.lower)


def code_faults(page: PageCode, tests: str) -> list[str]:
    """Blocks of a page that no test runs or that are not to be read on a telephone."""
    unnamed = page.text.count("```python") + page.text.count("code-block") - len(page.blocks)
    found = ["a block without a name"] * unnamed
    found += [f"{name}: no test" for name in page.blocks if f'"{name}"' not in tests]
    lines = [(name, line) for name, text in page.blocks.items() for line in text.splitlines()]
    return found + [f"{name}: {len(line)} columns" for name, line in lines if len(line) > 76]


@pytest.mark.parametrize("name", ["other_loops", "questions"])
def test_the_code_of_a_page_is_run_by_its_tests(name: str) -> None:
    tests = "".join(path.read_text("utf-8") for path in (ROOT / "tests" / name).glob("*.py"))
    page = PageCode(REFERENCE / f"{name}.md")
    assert len(page.blocks) > 5
    assert code_faults(page, tests) == []


# --- each check, seen failing --------------------------------------------------------------------


@pytest.fixture
def door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The door of a small room that explains some of its names."""
    room = tmp_path / "a_small_room"
    room.mkdir()
    room.joinpath("module.py").write_text(
        "from dataclasses import dataclass\n"
        "#: Three values.\n"
        "SAID = (1, 2, 3)\n"
        "# Not said to readers.\n"
        "UNSAID = (1, 2, 3)\n"
        "def explained():\n    '''Do it.'''\n"
        "def silent(): ...\n"
        "@dataclass\nclass Explained:\n    '''A point.'''\n    x: int\n"
        "@dataclass\nclass Silent:\n    x: int\n"
        "class Heir(Explained): ...\n"
    )
    names = ["SAID", "UNSAID", "explained", "silent", "Explained", "Silent", "Heir"]
    room.joinpath("__init__.py").write_text(
        f"from a_small_room.module import {', '.join(names)}\n__all__ = {names}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("a_small_room")
    ModuleAnalyzer.cache.clear()


def test_a_name_without_explanation_is_noticed(door: ModuleType) -> None:
    assert unexplained(door) == ["UNSAID", "silent", "Silent", "Heir"]


def test_a_name_that_stands_twice_is_noticed() -> None:
    assert repeated(["join", "warmup", "join"]) == ["join"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("```python\n1\n```\n", "a block without a name"),
        ("```{code-block} python\n:name: new\n1\n```\n", "new: no test"),
        (f"```{{code-block}} python\n:name: run\n{'1' * 77}\n```\n", "run: 77 columns"),
    ],
)
def test_code_that_is_not_run_is_noticed(tmp_path: Path, text: str, fault: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    assert code_faults(PageCode(page), 'page.run("run")') == [fault]


@pytest.mark.parametrize("options", ["   :exclude-members: Adam\n", "   :no-members:\n"])
def test_a_page_that_leaves_names_out_is_noticed(tmp_path: Path, options: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(f".. automodule:: lrlab.optimizers\n{options}\n.. automodule:: lrlab.data\n")
    assert listed(page) == ["lrlab.data"]

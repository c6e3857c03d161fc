"""A page with nothing but some of the explorers' scripts, opened from the disk."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.conftest import ROOT
from tests.site.browser import open_page, serve
from tools.explorers import EXPLORERS, data_script

SCRIPTS = ROOT / "book" / "_static" / "explorers"
PICTURE = "the picture"
# A plot is drawn once more when the layout has given it its width.
SETTLED = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
# Puts a state into the address, presses the button, and returns what was copied and what one of the
# explorer's functions gives for the state.
COPY = """([name, given, hash]) => new Promise((done) => {
  addEventListener("hashchange", () => {
    const { controls, [given]: give } = lrlab.explorers[name];
    const button = document.querySelector(".explorer-more button");
    new MutationObserver(async () => done([
      await navigator.clipboard.readText(),
      give(lrlab.kit.stateFrom(hash, name, controls)),
    ])).observe(button, { childList: true });
    button.click();
  }, { once: true });
  location.hash = hash;
})"""
Open = Callable[..., Page]


def bare_page(
    folder: Path, scripts: Sequence[str], body: str = "", data: dict[str, Any] | None = None
) -> str:
    """Write such a page, perhaps with data of explorers, and return its ``file:`` address."""
    folder.joinpath("explorers").symlink_to(SCRIPTS)
    tags = "".join(f"<script>{data_script(*item)}</script>" for item in (data or {}).items())
    tags += "".join(f'<script defer src="explorers/{name}"></script>' for name in scripts)
    tags += '<link rel="stylesheet" href="explorers/explorers.css"><link rel="icon" href="data:,">'
    page = folder / "page.html"
    page.write_text(f'<!doctype html><meta charset="utf-8">{tags}{body}', encoding="utf-8")
    return page.as_uri()


def explorer_page(folder: Path, name: str) -> str:
    """Such a page with the place of one explorer, as on a phone that scales nothing."""
    shown = EXPLORERS[name]
    viewport = '<meta name="viewport" content="width=device-width">'
    picture = f'<img src="data:," alt="{PICTURE}">'
    body = f'{viewport}<div class="explorer" data-explorer="{name}">{picture}</div>'
    data = {name: shown.data()} if shown.data else None
    return bare_page(folder, ["kit.js", *shown.scripts], body, data)


@contextmanager
def formulas(chromium: Browser, folder: Path, *names: str) -> Iterator[Page]:
    """A page with files of formulas alone."""
    address = bare_page(folder, [f"formulas/{name}.js" for name in names])
    with open_page(chromium, 1280, "light") as page:
        page.goto(address)
        yield page


@contextmanager
def visiting(chromium: Browser, address: str) -> Iterator[Open]:
    """Opens the page with a fragment and in a width; a script's error fails the test."""
    errors: list[str] = []
    with open_page(chromium, 1280, "light") as page:
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text))

        def open_(fragment: str = "", width: int = 1280) -> Page:
            page.set_viewport_size({"width": width, "height": 800})
            page.goto("about:blank")
            page.goto(address + fragment)
            page.evaluate(SETTLED)
            return page

        yield open_
    assert errors == []


@contextmanager
def visiting_any(
    chromium: Browser, folders: pytest.TempPathFactory, names: Sequence[str]
) -> Iterator[Open]:
    """Opens that of some explorers which the fragment names."""
    with ExitStack() as stack:
        opened = {
            name: stack.enter_context(visiting(chromium, explorer_page(folders.mktemp(name), name)))
            for name in names
        }
        yield lambda fragment, width=1280: opened[re.split(r"[#?]", fragment)[1]](fragment, width)


@contextmanager
def copying(chromium: Browser, folder: Path, name: str) -> Iterator[Page]:
    """A page with one explorer, served: there a test may read what was copied."""
    explorer_page(folder, name)
    with serve(folder) as address, open_page(chromium, 1280, "light") as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.goto(f"{address}/page.html")
        yield page


def at_rest(page: Page) -> str:
    """The fragment, once what was changed last has come into it."""
    page.wait_for_timeout(400)
    return page.evaluate("location.hash")

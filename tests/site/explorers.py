"""A page with nothing but some of the explorers' scripts, opened from the disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from tests.conftest import ROOT
from tests.site.browser import open_page
from tools.explorers import data_script

SCRIPTS = ROOT / "book" / "_static" / "explorers"
PLATEAU = ["formulas/plateau.js", "kit.js", "plot.js", "plateau.js"]
PREDICTION = ["formulas/convex_bounds.js", "kit.js", "plot.js", "prediction.js"]
SCHEDULES = ["formulas/schedules.js", "lines.js", "kit.js", "plot.js", "schedules.js"]


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


def place_of(name: str) -> str:
    """The place of an explorer, around its picture."""
    picture = '<img src="data:," alt="the picture">'
    place = f'<div class="explorer" data-explorer="{name}">{picture}</div>'
    return f'<meta name="viewport" content="width=device-width">{place}'


@contextmanager
def visiting(browser: Browser, address: str) -> Iterator[Callable[..., Page]]:
    """Yields what opens an explorer's page with a fragment; no script on it may fail."""
    errors: list[str] = []
    with open_page(browser, 1280, "light") as page:
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text))

        def open_(fragment: str = "", width: int = 1280) -> Page:
            page.set_viewport_size({"width": width, "height": 800})
            page.goto("about:blank")
            page.goto(address + fragment)
            return page

        yield open_
    assert errors == []

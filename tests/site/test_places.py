"""The site from other places: from the disk, below a path, and its search there."""

from __future__ import annotations

import posixpath
import re
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import pytest
from playwright.sync_api import Browser

from tests.site.browser import HTML, open_page, pages, problems, serve

SOME = ["index.html", "warmup.html", "reference/optimizers.html", "search.html", "genindex.html"]


def rooted(html: str) -> list[str]:
    """The addresses that a page asks for from the root of its server."""
    return re.findall(r'(?:href|src)="(/[^"]*)"', html)


def test_no_address_begins_at_the_root() -> None:
    for name in pages():
        assert rooted((HTML / name).read_text(encoding="utf-8")) == [], name
    assert rooted('<a href="/index.html">') == ["/index.html"]


def lost(texts: dict[str, str]) -> list[str]:
    """The links of some pages, by their names, that lead to no page or to no place on one."""
    places = {name: set(re.findall(r'\bid="([^"]+)"', text)) for name, text in texts.items()}
    found = []
    for name, text in texts.items():
        for link in set(re.findall(r'<a [^>]*href="([^":]+\.html(?:#[^"]*)?|#[^"]+)"', text)):
            path, _, place = unescape(link).partition("#")
            target = (
                posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) if path else name
            )
            if target not in places or unquote(place) not in {"", *places[target]}:
                found.append(f"{name}: {link}")
    return sorted(found)


def test_every_link_leads_somewhere() -> None:
    texts = {name: (HTML / name).read_text(encoding="utf-8") for name in pages()}
    assert lost(texts) == []
    one, other = (
        '<a class="x" href="../b.html#here">',
        '<p id="here"><a href="#there"><a href="c.html">',
    )
    assert lost({"a/a.html": one, "b.html": other}) == ["b.html: #there", "b.html: c.html"]


@pytest.fixture(scope="module", params=["disk", "path"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """The address of the site, from the disk or two folders below a server's root."""
    if request.param == "disk":
        yield HTML.as_uri()
        return
    root = tmp_path_factory.mktemp("root")
    (root / "a").mkdir()
    (root / "a" / "b").symlink_to(HTML)
    with serve(root) as address:
        yield f"{address}/a/b"


def test_pages_are_whole(chromium: Browser, place: str) -> None:
    faults: list[str] = []
    with open_page(chromium, 1280, "light") as page:
        page.on("requestfailed", lambda request: faults.append(f"{request.failure}: {request.url}"))
        for name in SOME:
            faults += [f"{name}: {fault}" for fault in problems(page, f"{place}/{name}")]
    # A page that is left leaves off loading.
    assert [fault for fault in faults if not fault.startswith("net::ERR_ABORTED")] == []


FOUND = {
    "学习率": {"learning-rate"},
    "动量": {"momentum"},
    "预热": {"warm-up"},
    "梯度裁剪": {"gradient-clipping"},
    "momentum": {"momentum"},
    "weight decay": {"weight-decay"},
    "warm-up": {"warm-up"},
}


@pytest.mark.parametrize("words", FOUND)
def test_the_search_leads_to_the_glossary_and_to_chapters(
    chromium: Browser, place: str, words: str
) -> None:
    with open_page(chromium, 1280, "light") as page:
        page.goto(f"{place}/search.html?q={words}")
        page.get_by_text("Search finished").wait_for()
        links = page.locator("#search-results li > a").all()
        targets = [str(link.get_attribute("href")) for link in links]
    for term in FOUND[words]:
        assert any(f"reference/glossary.html#term-{term}" in target for target in targets), targets
    assert any(
        Path(target.partition("#")[0].partition("?")[0]).parent == Path() for target in targets
    )


def test_words_that_the_book_has_not_are_not_found(chromium: Browser, place: str) -> None:
    with open_page(chromium, 1280, "light") as page:
        page.goto(f"{place}/search.html?q=炼金术")
        page.get_by_text("did not match").wait_for()
        assert page.locator("#search-results li").count() == 0

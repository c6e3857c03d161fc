"""Print the built site as PDF: the whole book in one file, and the cheat sheet on two pages.

    python -m tools.pdf [SITE]

The articles of all pages are put into one document, in the order of `_toc.yml`, and Chromium prints
it: so links lead from page to page of the PDF. It is printed twice, since the contents can name the
pages only when it is known where they are. Explorers are pictures
there, as on a page without scripts; whatever is folded on a page is open.
"""

from __future__ import annotations

import posixpath
import shutil
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml
from bs4 import BeautifulSoup, Tag
from playwright.sync_api import Browser, Page, sync_playwright
from pypdf import PdfReader, PdfWriter
from pypdf.generic import Destination, Fit

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "_build" / "html"
BOOK = "learning-rates-tested.pdf"
SHEET = "cheat-sheet.pdf"

# The first one has no window at all, and takes half as long.
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome",
            "google-chrome-stable")  # fmt: skip
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")

MARGINS = dict.fromkeys(("top", "bottom", "left", "right"), "18mm")
WIDTH, HEIGHT = 657, 986  # of A4 within these margins, in pixels of 1/96 inch
NUMBERS = (
    '<div style="width: 100%; font-size: 8pt; text-align: center">'
    '<span class="pageNumber"></span></div>'
)
# Links to an anchor of a page are `page--anchor`, those to a page `page--`.
JOINT = "--"

# What the pages look like, and what renders their formulas.
HEADS = 'link[rel="stylesheet"], script:is([src*="katex"], [src*="auto-render"])'
# Pictures below the fold are loaded late, and formulas are rendered by a script.
READY = """async () => {
  for (const image of document.images) image.loading = "eager";
  await Promise.all([...document.images].map((image) => image.decode()));
  await document.fonts.ready;
}"""


def find_browser() -> str | None:
    """The path of an installed Chromium or Chrome, or `None`."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def files(toc: Any) -> list[str]:
    """The pages that a table of contents names, in its order."""
    if isinstance(toc, list):
        return [name for part in toc for name in files(part)]
    own = [toc[key] for key in ("root", "file") if key in toc]
    below = [files(toc[key]) for key in ("parts", "chapters", "sections") if key in toc]
    return own + [name for some in below for name in some]


def bound(site: Path, names: list[str]) -> BeautifulSoup:
    """One document with the articles of all pages, as if it lay beside the front page.

    Raises:
        FileNotFoundError: A page is not there.
    """
    document = BeautifulSoup('<!doctype html><meta charset="utf-8">', "html.parser")
    root = document.new_tag("html", attrs={"data-theme": "light", "data-mode": "light"})
    document.append(root)
    heads: dict[str, Tag] = {}
    for name in names:
        page = BeautifulSoup(site.joinpath(f"{name}.html").read_bytes(), "html.parser")
        for head in page.select(HEADS):
            key = "href" if head.name == "link" else "src"
            head[key] = moved(name, head[key])
            heads.setdefault(head[key], head)
        root.append(article_of(page, name, names))
    root.insert(0, document.new_tag("head"))
    title = document.new_tag("title")
    title.string = root.h1.get_text(strip=True)
    root.head.extend([title, *heads.values()])
    return document


def article_of(page: BeautifulSoup, name: str, names: list[str]) -> Tag:
    """What a page says, its anchors unique among all pages, and its links led to them."""
    article = page.select_one("article.bd-article")
    for unwanted in article.select("script, a.headerlink, [role=tooltip]"):
        unwanted.decompose()
    for folded in article.select("details"):
        folded["open"] = ""
    for element in article.select("[id]"):
        element["id"] = name + JOINT + element["id"]
    for element in article.select("[src]"):
        element["src"] = moved(name, element["src"])
    for link in article.select("a[href]"):
        path, _, anchor = link["href"].partition("#")
        target = moved(name, path).removesuffix(".html") if path else name
        if target in names:
            link["href"] = f"#{target}{JOINT}{unquote(anchor)}"
        elif not urlsplit(target).scheme:  # a page that is not printed here
            link.unwrap()
    article["id"] = name + JOINT
    return article


def moved(name: str, address: str) -> str:
    """An address on the page of that name, as it is seen from the front page."""
    if urlsplit(address).scheme:
        return address
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), address))


def contents(document: BeautifulSoup) -> Tag:
    """A list of the pages and of the chapters' sections, behind the front page; without numbers."""
    nav = document.new_tag("nav", attrs={"class": "contents"})
    heading = document.new_tag("h1")
    heading.string = "Contents"
    nav.append(heading)
    articles = document.select("article")
    for article in articles:
        for section in article.select("section:has(> h1), section:has(> h2)"):
            title = section.find(["h1", "h2"], recursive=False)
            line = document.new_tag("p", attrs={"class": f"to-{title.name}"})
            link = document.new_tag("a", href=f"#{section['id']}")
            link.string = title.get_text(" ", strip=True)
            number = document.new_tag("span")
            line.extend([link, number])
            nav.append(line)
    articles[0].insert_after(nav)
    return nav


def places(printed: PdfReader) -> dict[str, Destination]:
    """Where the anchors are that links lead to."""
    return {name.removeprefix("/"): at for name, at in printed.named_destinations.items()}


def number(nav: Tag, target: Path) -> None:
    """Write beside each entry of the contents on which page it was printed."""
    printed = PdfReader(target)
    found = places(printed)
    for line in nav.select("p"):
        page = printed.get_destination_page_number(found[line.a["href"].removeprefix("#")])
        line.span.string = str(page + 1)


def mark(nav: Tag, target: Path) -> None:
    """Make bookmarks of the contents. (Chromium's own need tags, which take many times as long.)"""
    writer = PdfWriter(target, incremental=True)
    found, page_mark = places(PdfReader(target)), None
    for line in nav.select("p"):
        at = found[line.a["href"].removeprefix("#")]
        page = int(line.span.string) - 1
        is_page = "to-h1" in line["class"]
        made = writer.add_outline_item(
            title=line.a.string,
            page_number=page,
            parent=None if is_page else page_mark,
            fit=Fit.xyz(top=at.top),
        )
        page_mark = made if is_page else page_mark
    writer.write(target)


@contextmanager
def opened(browser: Browser, document: BeautifulSoup, site: Path) -> Iterator[Page]:
    """Opens a document as if it lay in the site, in the width of what is printed."""
    page = browser.new_page(color_scheme="light", viewport={"width": WIDTH, "height": HEIGHT})
    with closing(page), NamedTemporaryFile("w", dir=site, prefix="_", suffix=".html") as source:
        source.write(str(document))
        source.flush()
        page.emulate_media(media="print")
        page.goto(Path(source.name).as_uri())
        page.evaluate(READY)
        yield page


def print_(browser: Browser, document: BeautifulSoup, site: Path, target: Path) -> None:
    """Print a document whose pictures and styles are those of the site."""
    with opened(browser, document, site) as page:
        page.pdf(
            path=target, format="A4", margin=MARGINS, print_background=True, 
            display_header_footer=True, header_template="<span></span>", footer_template=NUMBERS,
        )  # fmt: skip


def book(browser: Browser, site: Path, names: list[str], target: Path) -> None:
    """Print pages of a site as one book, with contents."""
    document = bound(site, names)
    nav = contents(document)
    print_(browser, document, site, target)
    number(nav, target)
    print_(browser, document, site, target)
    mark(nav, target)


def main(arguments: list[str]) -> str | None:
    """Print both; return an error message, or `None`."""
    site = Path(*arguments).resolve() if arguments else SITE
    executable = find_browser()
    if executable is None:
        return f"printing needs a browser: none of {', '.join(BROWSERS)} is on the PATH"
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        print_(browser, bound(site, ["reference/cheat_sheet"]), site, site / SHEET)
        book(browser, site, files(toc), site / BOOK)
    for name in (SHEET, BOOK):
        print(f"{site / name}: {len(PdfReader(site / name).pages)} pages")
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Every page of the built site, opened in a browser; `make site` builds it first."""

import importlib
import pkgutil
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from sphinx.util.inventory import InventoryFile

import lrlab
from lrlab.claims import CLAIMS
from tests.site import browser as site
from tests.site.browser import HTML, pages

FOLDERS = {room.name for room in pkgutil.iter_modules(lrlab.__path__, "lrlab.") if room.ispkg}
ROOMS = sorted(FOLDERS - {"lrlab.cli"})  # the command is no room


# Each width and each scheme once: a page has no style for both at once.
@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
def test_every_page_is_sound(chromium: Browser, width: int, scheme: str) -> None:
    assert {"index.html", "reference/notation.html", "reference/api.html"} <= set(pages()), (
        "run `make site`"
    )
    faults = []
    with site.serve(HTML) as address, site.open_page(chromium, width, scheme) as page:
        for name in pages():
            found = site.problems(page, f"{address}/{name}")
            theme = page.evaluate("document.documentElement.dataset.theme")
            if theme != scheme:
                found.append(f"shown in the {theme} scheme")
            faults += [f"{name}: {fault}" for fault in found]
    assert faults == []


def test_formulas_are_there_to_be_checked(chromium: Browser) -> None:
    with site.serve(HTML) as address, site.open_page(chromium, 1280, "light") as page:
        page.goto(f"{address}/reference/notation.html")
        assert page.locator(".math").count() > 20


def test_claims_are_chosen_by_document_and_by_verdict(chromium: Browser) -> None:
    with site.serve(HTML) as address, site.open_page(chromium, 1280, "light") as page:
        page.goto(f"{address}/reference/claims.html")
        shown = page.locator(".claim:visible")
        assert shown.count() == len(CLAIMS)
        for document in ("D3", "D4"):
            page.get_by_label("Document").select_option(document)
            names = [claim.get_attribute("id") for claim in shown.all()]
            assert names == [name for name in CLAIMS if name.startswith(document)]
            assert page.locator("output").inner_text() == f"{len(names)} of {len(CLAIMS)}"
        page.get_by_label("Document").select_option("")
        page.get_by_label("Verdict").select_option("holds")
        words = {claim.get_attribute("data-verdict") for claim in shown.all()}
        assert words == {"holds"}
        page.get_by_label("Verdict").select_option("")
        assert shown.count() == len(CLAIMS)


def test_a_claim_leads_to_its_figure(chromium: Browser) -> None:
    with site.serve(HTML) as address, site.open_page(chromium, 1280, "light") as page:
        page.goto(f"{address}/reference/claims.html")
        links = page.locator(".claim > p > a").all()
        targets = {str(link.get_attribute("href")) for link in links}
        assert len(links) == len(CLAIMS)
        for target in sorted(targets):
            path, _, anchor = target.removeprefix("../").partition("#")
            html = (HTML / path).read_text(encoding="utf-8")
            assert not anchor or f'id="{anchor}"' in html, target


def test_the_site_documents_every_public_name() -> None:
    with HTML.joinpath("objects.inv").open("rb") as stream:
        inventory = InventoryFile.load(stream, "", lambda base, uri: uri)
    documented = {name for kind, names in inventory.items() if kind[:3] == "py:" for name in names}
    doors = [importlib.import_module(name) for name in ("lrlab.notebook", *ROOMS)]
    public = {f"{door.__name__}.{name}" for door in doors for name in door.__all__}
    assert {"lrlab.schedules.StepDecay", "lrlab.plots.rates"} <= public
    assert public - documented == set()


BROKEN = {
    "scrolls sideways": '<div style="width: 3000px">wide</div>',
    "formula not rendered": r'<span class="math">\(x\)</span>',
    "formula with an error": '<span class="math"><span class="katex-error">\\x</span></span>',
    "loads too much: 1.50": f"<!-- {'x' * 1_500_000} -->",
    "files": "".join(f'<img src="dot.svg?{n}" alt="{n}">' for n in range(41)),
    "icon without a shape": '<i class="fas fa-unheard-of"></i>',
    "broken picture": '<img src="nowhere.png" alt="nothing">',
    "without alternative text": '<article><img src="dot.svg" alt=""></article>',
    "request to another host": '<img src="http://127.0.0.2:9/dot.png" alt="elsewhere">',
    "missing (404)": '<link rel="stylesheet" href="nowhere.css">',
    "error on the console": "<script>console.error('broken')</script>",
    "error in a script": "<script>undefined.property</script>",
    "unprocessed markup: $x^2$": "<p>The square $x^2$ of a number</p>",
    "unprocessed markup: {cite}`": "<p>See {cite}`smith2017`</p>",
}
DOT = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><circle r="4"/></svg>'


def problems_of(chromium: Browser, folder: Path, body: str) -> list[str]:
    (folder / "dot.svg").write_text(DOT)
    (folder / "page.html").write_text(
        f'<!doctype html><meta charset="utf-8"><link rel="icon" href="dot.svg">{body}'
    )
    with site.serve(folder) as address, site.open_page(chromium, 360, "light") as page:
        return site.problems(page, f"{address}/page.html")


@pytest.mark.parametrize("complaint", BROKEN)
def test_a_broken_page_is_noticed(chromium: Browser, tmp_path: Path, complaint: str) -> None:
    found = problems_of(chromium, tmp_path, BROKEN[complaint])
    assert any(complaint in problem for problem in found), found


def test_a_sound_page_passes(chromium: Browser, tmp_path: Path) -> None:
    body = '<article><img src="dot.svg" alt="a dot"> <code>$HOME or $PWD</code> costs $5</article>'
    assert problems_of(chromium, tmp_path, body) == []

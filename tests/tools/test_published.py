"""A sitemap, canonical addresses and cards, once the book has an address, and not before."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from tests.support.small_book import build

ADDRESS = "https://ada.github.io/learning-rates/"
PAGES = {
    "index.md": "# A *first* page\n\nOf \"rate\" & 'loss'.\n\n```{toctree}\npart/second\n```\n\n"
    "```{only} published\nAs PDF.\n```\n",
    "part/second.md": f"# A second page\n\n{'many words ' * 50}\n",
}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("book")
    return build(folder, PAGES, "published", html_baseurl=ADDRESS, project="A book")


def test_the_sitemap_names_the_pages_of_the_book(out: Path) -> None:
    tree = ElementTree.parse(out / "sitemap.xml")
    found = {place.text for place in tree.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")}
    assert found == {f"{ADDRESS}index.html", f"{ADDRESS}part/second.html"}
    assert all((out / str(page).removeprefix(ADDRESS)).exists() for page in found)


def test_a_page_has_its_address_and_its_card(out: Path) -> None:
    html = (out / "index.html").read_text(encoding="utf-8")
    assert f'<link rel="canonical" href="{ADDRESS}index.html" />' in html
    assert "As PDF." in html
    card = dict(re.findall(r'<meta property="(og:\w+)" content="(.*?)" />', html))
    assert card == {
        "og:type": "website",
        "og:site_name": "A book",
        "og:title": "A first page",
        "og:description": "Of “rate” &amp; ‘loss’.",
        "og:url": f"{ADDRESS}index.html",
        "og:image": f"{ADDRESS}_static/card.png",
    }
    with Image.open(out / "_static" / "card.png") as picture:
        assert picture.size == (1200, 630)


def test_a_description_is_short(out: Path) -> None:
    html = (out / "part" / "second.html").read_text(encoding="utf-8")
    (text,) = re.findall(r'"og:description" content="(.*?)"', html)
    assert 150 < len(text) <= 200
    assert text.endswith("words …")


def test_without_an_address_there_is_none_of_it(tmp_path: Path) -> None:
    out = build(tmp_path, PAGES, "published")
    html = (out / "index.html").read_text(encoding="utf-8")
    assert not re.search("canonical|og:|twitter|As PDF", html)
    assert not (out / "sitemap.xml").exists()
    assert not (out / "_static" / "card.png").exists()

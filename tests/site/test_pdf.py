"""The book as one PDF: its contents, bookmarks and links, and that nothing on it is cut."""

from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Browser
from pypdf import PdfReader

from tests.conftest import ROOT
from tests.site.browser import HTML
from tools import pdf

PAGE = """<!doctype html><html><head><link rel="stylesheet" href="{up}style.css">
<script src="{up}katex.js"></script><script src="{up}explorer.js"></script></head><body>
<nav>{up}navigation</nav><article class="bd-article">{body}</article></body></html>"""
PAGES = {
    "index": """<section id="book"><h1>A book<a class="headerlink" href="#book">#</a></h1>
        <p>Before <a href="deep/one.html#more">more</a></p>
        <div class="explorer"><img src="dot.svg" alt="picture of an explorer"></div></section>""",
    "deep/one": """<section id="one"><h1>One</h1><p style="height: 1500px">first</p>
        <section id="more"><h2>More</h2><details><summary>An answer</summary>and why</details>
        <a href="../index.html">front</a> <a href="https://example.org">far</a>
        <img src="../dot.svg" alt="dot"></section></section>""",
    "two": """<section id="one"><h1>Two</h1><h2>No section</h2><script>alert(1)</script>
        <a href="#one">here</a></section>""",
}
DOT = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><circle r="4"/></svg>'
# What is wider than the paper, or what no break divides and is higher.
CUT = """([width, height]) => {
  const wide = [...document.querySelectorAll("article *")].filter((one) =>
    one.getBoundingClientRect().right > width + 1 && one.getBoundingClientRect().width > 1 &&
    !one.closest(".katex, svg"));
  const high = [...document.querySelectorAll("img, tr, .explorer")]
    .filter((one) => one.getBoundingClientRect().height > height);
  const told = (one) => `${one.closest("article").id} ${one.tagName}.${one.className}: ` +
    `${Math.round(one.getBoundingClientRect().right)} × ` +
    `${Math.round(one.getBoundingClientRect().height)} ${one.textContent.trim().slice(0, 40)}`;
  return [wide.map(told), high.map(told)];
}"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    tmp_path.joinpath("deep").mkdir()
    for name, body in PAGES.items():
        text = PAGE.format(up="../" * name.count("/"), body=body)
        tmp_path.joinpath(f"{name}.html").write_text(text)
    tmp_path.joinpath("dot.svg").write_text(DOT)
    for name in ("katex.js", "explorer.js"):
        told = f'document.querySelector("p").append(" {name.upper()}")'
        tmp_path.joinpath(name).write_text(f"addEventListener('load', () => {{{told}}})")
    tmp_path.joinpath("style.css").write_text("article, nav { break-before: page }")
    return tmp_path


def test_one_file_has_all_pages_with_contents_bookmarks_and_links(
    chromium: Browser, site: Path
) -> None:
    pdf.book(chromium, site, list(PAGES), site / "book.pdf")
    reader = PdfReader(site / "book.pdf")
    texts = [page.extract_text() for page in reader.pages]
    whole = "\n".join(texts)
    for part in ("A book", "first", "and why", "No section", "KATEX.JS"):
        assert part in whole, part
    assert "EXPLORER.JS" not in whole
    assert "navigation" not in whole
    assert "#" not in whole

    starts = {
        title: 1 + next(i for i, text in enumerate(texts) if text.startswith(title))
        for title in ("A book", "One", "Two")
    }
    starts["More"] = 1 + next(i for i, text in enumerate(texts) if "and why" in text)
    assert starts["More"] == starts["One"] + 1
    listed = next(text for text in texts if "Contents" in text)
    for title, page in starts.items():
        assert f"{title}{page}\n" in listed

    def titles(outline) -> list[str]:
        return [name for one in outline
                for name in (titles(one) if isinstance(one, list) else [one.title])]  # fmt: skip

    assert titles(reader.outline) == ["A book", "One", "More", "Two"]
    numbered = [text.rstrip().rsplit("\n", 1)[-1] for text in texts]
    assert numbered[1:] == [str(page) for page in range(2, len(texts) + 1)]
    assert reader.metadata.title == "A book"
    assert sorted(path.name for path in site.glob("*.html")) == ["index.html", "two.html"]


def test_links_stay_in_the_book(site: Path) -> None:
    document = pdf.bound(site, list(PAGES))
    targets = [link["href"] for link in document.select("a")]
    assert targets == [
        "#deep/one--more",
        "#index--",
        "https://example.org",
        "#two--one",
    ]
    for target in targets:
        assert target.startswith("https") or document.find(id=target[1:]), target
    assert {image["src"] for image in document.select("img")} == {"dot.svg"}
    heads = document.select("head > :not(title)")
    assert [head.get("href") or head["src"] for head in heads] == ["style.css", "katex.js"]


def test_a_link_to_a_page_that_is_not_printed_is_a_text(site: Path) -> None:
    document = pdf.bound(site, ["deep/one"])
    assert [link["href"] for link in document.select("a")] == ["https://example.org"]
    assert "front far" in " ".join(document.get_text().split())


def test_the_pages_are_those_of_the_contents() -> None:
    toc = {"root": "index", "parts": [{"caption": "A", "chapters": [
        {"file": "a", "sections": [{"file": "b"}, {"file": "c"}]}, {"file": "d"}]}]}  # fmt: skip
    assert pdf.files(toc) == ["index", "a", "b", "c", "d"]


def test_a_missing_page_is_told(site: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"three\.html"):
        pdf.bound(site, ["index", "three"])


def names() -> list[str]:
    return pdf.files(yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8")))


def test_the_cheat_sheet_has_two_pages(chromium: Browser, tmp_path: Path) -> None:
    document = pdf.bound(HTML, ["reference/cheat_sheet"])
    pdf.print_(chromium, document, HTML, tmp_path / "sheet.pdf")
    assert len(PdfReader(tmp_path / "sheet.pdf").pages) == 2


def test_nothing_of_the_book_is_cut(chromium: Browser) -> None:
    document = pdf.bound(HTML, names())
    with pdf.opened(chromium, document, HTML) as page:
        assert page.locator(".math").count() > 100
        assert page.locator(".math:not(:has(.katex))").count() == 0
        wide, high = page.evaluate(CUT, [pdf.WIDTH, pdf.HEIGHT])
    assert wide == []
    assert high == []

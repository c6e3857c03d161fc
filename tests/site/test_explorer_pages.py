"""The explorers in the built site: from the disk, below a sub-path, in both themes."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.site.browser import HTML, open_page, problems, serve

PAGES = sorted(path.name for path in HTML.joinpath("explorers").glob("*.html"))

# The lowest ratio of luminances of a text, or of a line of the plot, and the page behind it.
CONTRAST = """(selector) => {
  const canvas = document.createElement("canvas").getContext("2d");
  const luminance = (colour) => {
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const parts = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map((x) => x / 255);
    const [r, g, b] = parts.map((x) => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = luminance(getComputedStyle(document.body).backgroundColor);
  const ratios = [...document.querySelectorAll(selector)].map((element) => {
    const style = getComputedStyle(element);
    const own = luminance({ text: style.fill, path: style.stroke }[element.tagName] || style.color);
    return (Math.max(own, behind) + 0.05) / (Math.min(own, behind) + 0.05);
  });
  return ratios.length ? Math.min(...ratios) : 0;
}"""


def has_curve(page: Page) -> bool:
    return bool(page.locator("path.explorer-line").first.get_attribute("d"))


def test_there_are_pages() -> None:
    assert "schedules.html" in PAGES, "run `make site`"


@pytest.mark.parametrize("name", PAGES)
def test_an_explorer_works_from_the_disk(chromium: Browser, name: str) -> None:
    errors: list[str] = []
    with open_page(chromium, 1280, "light") as page:
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(HTML.joinpath("explorers", name).as_uri())
        assert has_curve(page)
        page.locator(".explorer :is(select, input[type=range]):visible").first.press("ArrowDown")
        page.wait_for_timeout(400)
        assert "#" in page.url  # the address follows there too
    assert errors == []


@pytest.mark.parametrize("name", PAGES)
def test_nothing_lies_on_the_sliders(chromium: Browser, name: str) -> None:
    with open_page(chromium, 360, "light") as page:
        page.goto(HTML.joinpath("explorers", name).as_uri())
        button = page.locator("#pst-back-to-top")
        button.evaluate("(button) => { button.style.display = 'block'; }")  # as while scrolling
        assert not button.is_visible()


@pytest.mark.parametrize("name", PAGES)
def test_an_explorer_works_below_a_sub_path(chromium: Browser, tmp_path: Path, name: str) -> None:
    tmp_path.joinpath("some").mkdir()
    tmp_path.joinpath("some", "path").symlink_to(HTML)
    with serve(tmp_path) as address, open_page(chromium, 1280, "light") as page:
        assert problems(page, f"{address}/some/path/explorers/{name}") == []
        assert has_curve(page)


@pytest.mark.parametrize("name", PAGES)
def test_without_scripts_there_is_a_picture(chromium: Browser, name: str) -> None:
    with closing(chromium.new_context(java_script_enabled=False)) as context:
        page = context.new_page()
        page.goto(HTML.joinpath("explorers", name).as_uri())
        picture = page.locator(".explorer img")
        assert picture.is_visible()
        assert len(picture.get_attribute("alt")) > 40
        assert picture.evaluate("(image) => image.naturalWidth") > 500
        assert page.locator(".explorer :is(input, select)").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_an_explorer_is_legible_in_both_themes(chromium: Browser, name: str, scheme: str) -> None:
    with serve(HTML) as address, open_page(chromium, 1280, scheme) as page:
        page.goto(f"{address}/explorers/{name}")
        assert page.evaluate("document.documentElement.dataset.theme") == scheme
        assert page.evaluate(CONTRAST, ".explorer svg text") >= 4.5
        assert page.evaluate(CONTRAST, ".explorer :is(label, legend, .explorer-value)") >= 4.5
        assert page.evaluate(CONTRAST, ".explorer path.explorer-line") >= 3


def test_a_pale_text_is_noticed(chromium: Browser) -> None:
    with serve(HTML) as address, open_page(chromium, 1280, "light") as page:
        page.goto(f"{address}/explorers/{PAGES[0]}")
        page.add_style_tag(content=".explorer svg text { fill: #999 !important; }")
        assert 1 < page.evaluate(CONTRAST, ".explorer svg text") < 4.5

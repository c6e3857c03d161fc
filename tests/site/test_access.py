"""No page keeps a reader out: axe-core's rules, and everything by keyboard."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page

from tests.site.browser import HTML, open_page, pages, serve

GRAVE = ("serious", "critical")
WIDE = 1280
NARROW = (360, 768)  # the theme finds what scrolls when it loads a page: at the narrowest first
SCROLLS = ["scrollable-region-focusable"]
COLOURS = ["color-contrast", "link-in-text-block"]

# To compare the colours of every text takes minutes: of those with the same colours, the same size
# and the same backgrounds, on whatever page, one is enough; of links, with the same text around
# them. Takes the looks that have been seen, marks one text of each that is new, and returns those.
CHOOSE = """([old, theme]) => {
  const known = new Set(old);
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  Object.assign(document.documentElement.dataset, { theme, mode: theme });
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !element.checkVisibility()) continue;
    const { color, fontSize, fontWeight } = getComputedStyle(element);
    const link = element.closest("a");
    const parts = [color, fontSize, fontWeight];
    if (link)
      parts.push(getComputedStyle(link.parentElement).color, getComputedStyle(link).textDecoration);
    for (let around = element; around; around = around.parentElement) {
      const { backgroundColor, opacity } = getComputedStyle(around);
      if (backgroundColor !== "rgba(0, 0, 0, 0)" || opacity !== "1")
        parts.push(backgroundColor, opacity);
    }
    if (!known.has(parts.join())) (link || element).classList.add(`new-${theme}`);
    known.add(parts.join());
  }
  return [...known].slice(old.length);
}"""
# The time goes with the elements, and most are pieces of code and of formulas that only have a
# colour. A formula gets narrower without them, which must come after what asks for widths.
FLATTEN = """(selector) => {
  for (const pieces of document.querySelectorAll(selector))
    if (!pieces.querySelector("[class*=new-]")) pieces.textContent = pieces.textContent;
}"""
# What is folded is looked at as well.
UNFOLD = """() => {
  for (const folded of document.querySelectorAll("details")) folded.open = true;
  for (const folded of document.querySelectorAll(".toggle-hidden"))
    folded.classList.remove("toggle-hidden");
}"""
CODE, FORMULA = ".highlight pre", ".katex-html"
RUN = """async ([theme, only]) => {
  Object.assign(document.documentElement.dataset, { theme, mode: theme });
  axe.configure({ rules: [
    { id: "color-contrast", selector: `.new-${theme}, a.new-${theme} *` },
    { id: "link-in-text-block", selector: `a.new-${theme}` },
  ] });
  const rules = {
    "label-content-name-mismatch": { enabled: true },
    "color-contrast": { enabled: false }, "link-in-text-block": { enabled: false },
  };
  const options = only.length ? { runOnly: { type: "rule", values: only } } : { rules };
  const { violations } = await axe.run(document, { resultTypes: ["violations"], ...options });
  return violations.map(({ id, impact, nodes }) => [
    id, impact, nodes.length, nodes[0].html.slice(0, 120), nodes[0].failureSummary,
  ]);
}"""


def violations(page: Page, width: int, theme: str, only: list[str]) -> list[str]:
    """What axe-core calls serious or critical, by some rules, or by all but those of colours."""
    page.set_viewport_size({"width": width, "height": 900})
    return [
        f"{width}, {theme}: {rule} ({count}): {html} {why}"
        for rule, impact, count, html, why in page.evaluate(RUN, [theme, only])
        if impact in GRAVE
    ]


def all_violations(page: Page, looks: list[str]) -> list[str]:
    """Of a page that has been loaded: by all rules once, and by those that the look changes.

    Args:
        page: The page.
        looks: Those whose contrast has been found on other pages; the page's are added.
    """
    page.evaluate(AXE_SCRIPT)
    page.evaluate(UNFOLD)
    page.add_style_tag(content="* { transition: none !important; }")  # else colours come slowly
    page.set_viewport_size({"width": WIDE, "height": 900})
    themes = []
    for theme in ("light", "dark"):
        if new := page.evaluate(CHOOSE, [looks, theme]):
            themes.append(theme)
            looks += new
    page.evaluate(FLATTEN, CODE)
    faults = [fault for width in NARROW for fault in violations(page, width, "light", SCROLLS)]
    page.evaluate(FLATTEN, FORMULA)
    faults += [fault for theme in themes for fault in violations(page, WIDE, theme, COLOURS)]
    return faults + violations(page, WIDE, "light", [])


# Two processes may share the pages.
@pytest.mark.parametrize("half", [0, 1])
def test_no_page_has_a_grave_violation(chromium: Browser, half: int) -> None:
    faults = []
    looks: list[str] = []
    with serve(HTML) as address, open_page(chromium, NARROW[0], "light") as page:
        for name in pages()[half::2]:
            page.set_viewport_size({"width": NARROW[0], "height": 900})
            page.goto(f"{address}/{name}")
            faults += [f"{name}, {fault}" for fault in all_violations(page, looks)]
    assert faults == []


UNFIT = {
    "image-alt": '<img src="data:,">',
    "summary-name": "<details><summary></summary>text</details>",
    "label-content-name-mismatch": '<button aria-label="close">Open</button>',
    "360, light: scrollable-region": f"<pre style='overflow: auto'>{'wide ' * 99}</pre>",
    "1280, light: color-contrast": '<p style="color: #aaa">pale</p>',
    "1280, light: link-in-text-block": """<p>Words and words, and words that nobody tells from
        <a href="#" style="color: #333; text-decoration: none">a link</a> among others</p>""",
    "1280, dark: color-contrast": """<style>[data-theme=dark] p { color: #333; background: #000; }
        </style><p>dim</p>""",
}


@pytest.mark.parametrize("rule", UNFIT)
def test_a_grave_violation_is_noticed(chromium: Browser, rule: str) -> None:
    with open_page(chromium, NARROW[0], "light") as page:
        page.set_content(f'<html lang="en"><title>A page</title><main>{UNFIT[rule]}</main>')
        assert [fault for fault in all_violations(page, []) if rule in fault]


# --- by keyboard ---------------------------------------------------------------------------------

# What has the focus, and whether that can be seen on it or on what is in it.
FOCUSED = """() => {
  const focused = document.activeElement;
  const looks = () => [focused, ...focused.querySelectorAll("*")].map((element) => {
    const { outline, boxShadow, borderColor, color, backgroundColor, textDecoration } =
      getComputedStyle(element);
    return [outline, boxShadow, borderColor, color, backgroundColor, textDecoration].join();
  }).join();
  const before = looks();
  focused.blur();
  const seen = looks() !== before;
  focused.focus({ preventScroll: true });
  return [focused.outerHTML.split(">")[0], seen];
}"""
REACHED = {
    "the way past the contents": "#main-content",
    "the search": "search-button",
    "the contents": "toctree-l1|reference internal",
    "the theme": "theme-switch-button",
    "the button for the contents": "primary-toggle",
    "the download": "dropdown-toggle",
    "a copy button": "copybtn",
    "an answer": "<summary",
    "a term": "aria-describedby",
    "the next page": "right-next",
}


@pytest.fixture(scope="module")
def walk(chromium: Browser) -> list[tuple[str, bool]]:
    """Everything that Tab reaches on a chapter, and whether its focus was seen."""
    found: list[tuple[str, bool]] = []
    with open_page(chromium, 1280, "light") as page:
        page.goto((HTML / "plateau.html").as_uri())
        page.add_style_tag(content="* { transition: none !important; }")
        while len(found) < 600:
            page.keyboard.press("Tab")
            found.append(tuple(page.evaluate(FOCUSED)))
            if found[-1][0].startswith("<body"):
                break
    return found


@pytest.mark.parametrize("what", REACHED)
def test_everything_is_reached_by_tab_and_then_seen(
    walk: list[tuple[str, bool]], what: str
) -> None:
    focused = [(tag, seen) for tag, seen in walk if re.search(REACHED[what], tag)]
    assert focused
    assert [tag for tag, seen in focused if not seen] == []


def test_the_search_is_opened_and_left_by_keyboard(chromium: Browser) -> None:
    with open_page(chromium, 1280, "light") as page:
        page.goto((HTML / "plateau.html").as_uri())
        button = page.locator(".search-button-field:visible")
        button.press("Enter")
        page.keyboard.type("momentum")
        assert page.locator("dialog input[name=q]:focus").input_value() == "momentum"
        page.keyboard.press("Escape")
        assert page.locator("dialog:visible").count() == 0
        button.press("Enter")
        page.keyboard.type("momentum\n")
        page.wait_for_url("**/search.html?q=momentum")

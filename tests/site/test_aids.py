"""Quizzes, minutes and definitions, used on the built site as a reader does."""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
import yaml
from playwright.sync_api import Browser, Locator, Page, expect

from tests.conftest import ROOT
from tests.site.browser import HTML
from tools.quizzes import read

TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
CHAPTERS = [chapter["file"] for chapter in TOC["parts"][0]["chapters"]]
CHAPTER = "plateau"  # the others are made alike
QUESTIONS = read(ROOT / "book" / "quizzes" / f"{CHAPTER}.yml")


@contextmanager
def chapter(chromium: Browser, name: str = CHAPTER, width: int = 1280, **how) -> Iterator[Page]:
    """A chapter, opened from its file and not from a server."""
    viewport = {"width": width, "height": 900}
    with closing(chromium.new_context(viewport=viewport, **how)) as context:
        page = context.new_page()
        page.goto((HTML / f"{name}.html").as_uri())
        yield page


def explanations(page: Page) -> list[str]:
    """Those that can be read at the moment, each with its verdict."""
    return page.locator(".quiz details > p:visible").all_inner_texts()


def choose(answer: Locator, way: str) -> None:
    if way == "mouse":
        answer.click()
    else:
        answer.focus()
        answer.press(way)


@pytest.mark.parametrize(("way", "scripts"), [("mouse", True), ("Enter", False), ("Space", True)])
def test_an_answer_opens_its_explanation_alone(chromium: Browser, way: str, scripts: bool) -> None:
    with chapter(chromium, java_script_enabled=scripts) as page:
        questions = page.locator(".quiz fieldset").all()
        assert len(questions) == len(QUESTIONS) == 5
        assert explanations(page) == []
        shown = []
        for place, asked in zip(questions, QUESTIONS, strict=True):
            answers = place.locator("summary").all()
            for button, answer in zip(answers, asked.answers, strict=True):
                choose(button, way)
                (text,) = place.locator("details > p:visible").all_inner_texts()
                assert text.startswith("Yes. " if answer.right else "No. ")
                assert text.split()[1:4] == answer.why.replace("`", "").split()[:3]
            shown.append(text)
        assert explanations(page) == shown  # one for each question, the last that was chosen
        choose(answers[-1], way)
        assert explanations(page) == shown[:-1]


def test_questions_are_groups_with_names_and_answers_are_reached_by_tab(chromium: Browser) -> None:
    with chapter(chromium) as page:
        page.locator(".quiz summary").first.focus()
        for asked in QUESTIONS[:2]:
            for answer in asked.answers:
                focused = page.locator("summary:focus-visible")
                name = re.compile(r"\d\. " + " ".join(asked.text.split()[:3]))
                expect(focused.locator("xpath=ancestor::fieldset")).to_have_accessible_name(name)
                assert focused.inner_text().split()[-1] == answer.text.replace("`", "").split()[-1]
                outline = focused.evaluate("element => getComputedStyle(element).outlineWidth")
                assert float(outline.removesuffix("px")) >= 2
                page.keyboard.press("Tab")


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("name", CHAPTERS)
def test_open_answers_and_definitions_fit_the_page(
    chromium: Browser, name: str, width: int
) -> None:
    with chapter(chromium, name, width) as page:
        page.evaluate(
            """() => {
                for (const answer of document.querySelectorAll(".quiz details")) {
                    answer.removeAttribute("name");
                    answer.open = true;
                }
                for (const tip of document.querySelectorAll("[role=tooltip]"))
                    tip.style.display = "block";
            }"""
        )
        assert len(explanations(page)) >= 15
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        boxes = page.locator("[role=tooltip]").evaluate_all(
            "tips => tips.map((tip) => [tip, tip.closest('p')].map(e => e.getBoundingClientRect()))"
        )
        assert boxes
        for box, around in boxes:
            assert abs(box["x"] - around["x"]) < 1
            assert 100 < box["width"] <= around["width"] + 1
            assert box["height"] > 20


@pytest.mark.parametrize("name", CHAPTERS)
def test_each_section_of_a_chapter_has_its_minutes(name: str) -> None:
    page = (HTML / f"{name}.html").read_text(encoding="utf-8")
    article = page.partition("<article")[2].partition("</article>")[0]
    sections = re.findall(r'<section id="([^"]+)">\s*(?:<span id="[^"]+"></span>)*<h2>', article)
    minutes = re.findall(r'</h2>\s*<p class="minutes">\d+ min</p>', article)
    assert len(sections) == len(minutes) == article.count("<h2>") > 5
    contents = re.search(r'<nav id="pst-page-toc-nav".*?</nav>', page, re.S)
    assert contents
    assert set(sections) <= set(re.findall(r'href="#([^"]+)"', contents[0]))
    assert " min" not in re.sub(r"<[^>]+>", "", contents[0])


def test_a_definition_shows_while_its_term_has_the_focus(chromium: Browser) -> None:
    with chapter(chromium, "warmup", java_script_enabled=False) as page:
        tooltips = page.locator("[role=tooltip]:visible")
        term = page.locator("a[href$='#term-gradient-clipping']").first
        assert tooltips.count() == 0
        term.focus()
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Tab")
        sentence = "Shortening a gradient that is longer than a bound to that bound."
        assert tooltips.all_inner_texts() == [f"{sentence} 梯度裁剪"]
        assert tooltips.get_attribute("id") == term.get_attribute("aria-describedby")
        page.keyboard.press("Tab")
        assert tooltips.count() == 0


def test_a_definition_shows_under_the_pointer_and_lets_it_in(chromium: Browser) -> None:
    with chapter(chromium, "warmup", java_script_enabled=False) as page:
        tooltips = page.locator("[role=tooltip]:visible")
        term = page.locator("a[href$='#term-warm-up']").first
        term.hover()
        shown = tooltips.bounding_box()
        link = term.bounding_box()
        assert shown
        assert link
        assert 0 <= shown["y"] - (link["y"] + link["height"]) < 8
        tooltips.hover()
        assert tooltips.count() == 1
        page.mouse.move(5, 5)
        assert tooltips.count() == 0

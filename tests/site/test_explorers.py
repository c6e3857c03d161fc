"""The explorers in the browser: from the disk, by keyboard, with the state in the address."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

import lrlab.schedules
from lrlab.schedules import Schedule
from tests.site.explorers import Open, at_rest, explorer_page, visiting
from tools.explorers import first_schedule

CURVE = ".explorer-line.first"
COURSE = "(state) => lrlab.explorers.schedules.course(state)"
STATE = """() => {
  const { controls } = lrlab.explorers.schedules;
  return lrlab.kit.stateFrom(location.hash, "schedules", controls) || lrlab.kit.initial(controls);
}"""


@pytest.fixture
def visit(chromium: Browser, tmp_path: Path) -> Iterator[Open]:
    with visiting(chromium, explorer_page(tmp_path, "schedules")) as open_:
        yield open_


def curve(page: Page) -> str | None:
    return page.locator(f"path{CURVE}").get_attribute("d")


def test_the_picture_gives_way_to_the_explorer_as_it_shows_it(visit: Open) -> None:
    page = visit()
    assert page.locator("img").count() == 0
    schedule, epochs = first_schedule()
    course = page.evaluate(COURSE, page.evaluate(STATE))
    assert Schedule.from_config(course["config"]) == schedule
    assert course["points"][-1][0] == pytest.approx(epochs, rel=1e-3)


@pytest.mark.parametrize(
    "fragment",
    [
        "#schedules?schedule=StepDecay&warmup=0",
        "#schedules?schedule=OneCycle&three_phase=true&epochs=40",
        "#schedules?then=ExponentialDecay&at=20&then.gamma=0.8&hold=2",
    ],
)
def test_the_sum_is_that_of_the_schedule(visit: Open, fragment: str) -> None:
    page = visit(fragment)
    state = page.evaluate(STATE)
    course = page.evaluate(COURSE, state)
    schedule = Schedule.from_config(course["config"])
    rates = schedule(np.linspace(0, state["epochs"], 2000, endpoint=False))
    assert course["mean"] == pytest.approx(rates.mean(), rel=1e-9)
    assert course["sum"] == pytest.approx(rates.mean() * state["epochs"], rel=1e-9)
    assert course["now"] == pytest.approx(schedule(state["t"]), rel=1e-9)
    assert f"a sum of {course['sum']:.3g} " in page.get_by_role("status").inner_text()


def test_each_class_says_what_lrlab_says_of_it(visit: Open) -> None:
    told = visit().evaluate("lrlab.explorers.schedules.CLASSES")
    assert len(told) == 15
    for name, (about, _) in told.items():
        summary = (getattr(lrlab.schedules, name).__doc__ or "").splitlines()[0]
        assert re.split(r"[:.(;]|, as", summary)[0].strip() == about


def test_the_sentence_to_try_is_true(visit: Open) -> None:
    page = visit()
    state = page.evaluate(STATE)
    hint = page.locator(".explorer-hint").inner_text()
    assert "warm-up 10 epochs: the sum rises" in hint
    assert hint.endswith("With 20 total_epochs it is almost back.")

    def total(**changed: Any) -> float:
        return page.evaluate(COURSE, state | changed)["sum"]

    first = total()
    assert total(schedule="LinearDecay") == pytest.approx(first, rel=1e-3)
    longer = {"schedule": "LinearDecay", "warmup": 10}
    assert total(**longer) > 1.1 * first
    assert total(**longer, total_epochs=20) == pytest.approx(first, rel=0.02)


def test_it_says_where_the_run_cuts_a_schedule_off(visit: Open) -> None:
    begin = {
        "warmup=10": "CosineDecay does: its own epochs begin after the warm-up;",
        "warmup=0&total_epochs=31": "CosineDecay does.",
        "schedule=WarmupStableDecay": "WarmupStableDecay does: its own epochs begin after",
        "then=OneCycle": "OneCycle does: its own epochs begin where it takes over;",
    }
    page = visit()
    status = page.get_by_role("status")
    for fragment, words in begin.items():
        page.evaluate("(hash) => { location.hash = hash; }", f"#schedules?{fragment}")
        expect(status).to_contain_text(f"The run ends before {words}")
    for fragment in ("", "then=Constant", "schedule=StepDecay&warmup=20", "warmup=6&epochs=31"):
        page.evaluate("(hash) => { location.hash = hash; }", f"#schedules?{fragment}")
        expect(status).not_to_contain_text("The run ends")


def test_a_rate_that_rises_is_told_as_such(visit: Open) -> None:
    words = "Here final_lr is above lr, so that the rate rises instead."
    said = visit("#schedules?final_lr=0.5&t=1").get_by_role("status").inner_text()
    assert words in said
    assert "Rate at 1 epoch:" in said
    assert words not in visit("#schedules?final_lr=0.1").get_by_role("status").inner_text()


def test_it_says_why_a_framework_has_no_class(visit: Open) -> None:
    alone = "sets the whole rate itself, so nothing can go before or after it"
    why = {
        "schedule=OneCycle": f"PyTorch's OneCycleLR {alone}",
        "schedule=Constant&then=Triangular": f"PyTorch's CyclicLR {alone}",
        "schedule=OneCycle&warmup=0": "PyTorch's OneCycleLR refuses the step after its last",
        "schedule=CosineDecay&warmup=3": "CosineAnnealingLR rises again beyond its end",
        "schedule=WarmupStableDecay": "PyTorch has no class for WarmupStableDecay",
        "then=LinearDecay&then.lr=0.02&then.final_lr=1": "LinearLR cannot rise above",
        "schedule=Constant&then=StepDecay&then.lr=0.02": "In a sequence PyTorch's classes have",
        "schedule=Constant&begin_lr=1": "LinearLR cannot begin above the optimizer's rate",
        "schedule=Constant&hold=2": "PyTorch has no class that holds a rate",
        "schedule=StepDecay&lines=keras": "Keras' classes do not follow one another",
        "schedule=CyclicCosine&cycle_mult=2&warmup=0&lines=keras": "Keras' own class gives other",
        "schedule=OneCycle&warmup=0&lines=keras": "Keras has no class for OneCycle",
    }
    page = visit()
    for fragment, words in why.items():
        page.evaluate("(hash) => { location.hash = hash; }", f"#schedules?{fragment}")
        expect(page.locator(".explorer-more p")).to_contain_text(words)


# --- the keyboard and the pointer ----------------------------------------------------------------


def test_a_slider_moves_by_keyboard_and_the_curve_follows(visit: Open) -> None:
    page = visit()
    before, slider = curve(page), page.get_by_label("total_epochs").first
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "26 epochs")
    slider.press("Home")
    expect(slider).to_have_attribute("aria-valuetext", "1 epoch")
    for _ in range(25):
        slider.press("ArrowRight")
    assert curve(page) != before
    page.keyboard.press("ArrowLeft")
    assert curve(page) == before


def test_every_control_in_sight_is_reached_by_keyboard_and_has_a_name(visit: Open) -> None:
    page = visit("#schedules?schedule=OneCycle&then=Triangular")
    names = []
    for _ in range(80):
        page.keyboard.press("Tab")
        names.append(page.evaluate("document.activeElement.id || document.activeElement.innerText"))
    shown = page.locator(".explorer :is(input, select)").all()
    reached = {one.get_attribute("id") for one in shown if one.is_visible()}
    assert len(reached) > 20
    assert reached <= set(names)
    assert {"Reset", "Copy link", "Copy the lines"} <= set(names)
    for name in reached:
        assert page.locator(f'label[for="{name}"]').inner_text().strip(), name


def test_the_rate_is_read_under_the_pointer_and_by_keyboard(visit: Open) -> None:
    page = visit("#schedules?schedule=LinearDecay&warmup=0&total_epochs=30")
    page.locator("svg").hover(position={"x": 400, "y": 150})
    found = re.search(r"Rate at (\S+) epochs: (\S+)\.", page.get_by_role("status").inner_text())
    assert found
    assert 5 < float(found[1]) < 25
    assert float(found[2]) == pytest.approx(0.1 * (1 - float(found[1]) / 30), rel=0.01)
    page.get_by_label("read off at").focus()
    page.keyboard.press("Home")
    assert "Rate at 0 epochs: 0.1." in page.get_by_role("status").inner_text()


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ([1, 0.2], [3, 0.6], [0, 0.2, 0.4, 0.6, 0]),
        ([3, 0.6], [1, 0.2], [0, 0.2, 0.4, 0.6, 0]),
        ([2.1, 0.3], [1.9, 0.8], [0, 0, 0.8, 0, 0]),  # within one: where the pointer is now
        ([1.9, 0.3], [2.1, 0.8], [0, 0, 0.8, 0, 0]),
        ([-1, 0.5], [0.4, 0.5], [0.5, 0, 0, 0, 0]),
        ([3.6, 1], [9, 1], [0, 0, 0, 0, 1]),
    ],
)
def test_a_stroke_sets_what_it_passes(
    visit: Open, start: list[float], end: list[float], expected: list[float]
) -> None:
    found = visit().evaluate("(ends) => lrlab.kit.stroked([0, 0, 0, 0, 0], ...ends)", [start, end])
    assert found == pytest.approx(expected)


# --- the state -----------------------------------------------------------------------------------


def test_the_address_follows_and_brings_the_state_back(visit: Open) -> None:
    page = visit()
    page.get_by_label("schedule").first.select_option("Triangular")
    page.get_by_label("lr", exact=True).first.press("End")
    page.get_by_label("logarithmic axis").check()
    told, seen = at_rest(page), curve(page)
    assert told == "#schedules?schedule=Triangular&lr=1&log=true"
    assert curve(visit(told)) == seen
    page.evaluate("location.hash = '#schedules?schedule=Constant'")
    expect(page.get_by_label("schedule").first).to_have_value("Constant")
    assert curve(page) != seen


def test_a_state_from_anywhere_becomes_one_that_the_controls_have(visit: Open) -> None:
    page = visit("#schedules?schedule=__proto__&lr=0.37&epochs=1e9&at=-5&t=&hold=x&log=constructor")
    state: dict[str, Any] = page.evaluate(STATE)
    first = page.evaluate("lrlab.kit.initial(lrlab.explorers.schedules.controls)")
    changed = {key: state.get(key) for key in first if state.get(key) != first[key]}
    assert changed == {"lr": 0.4, "epochs": 100, "at": 1}
    assert curve(page)


def test_what_lies_beyond_a_shorter_run_is_moved_into_it(visit: Open) -> None:
    page = visit("#schedules?then=Constant&at=25&t=30")
    page.get_by_label("length").press("Home")
    assert page.get_by_label("takes over at").get_attribute("aria-valuetext") == "4 epochs"
    assert page.get_by_label("read off at").get_attribute("aria-valuetext") == "5 epochs"


def test_reset_brings_the_first_state_back(visit: Open) -> None:
    first = curve(visit())
    page = visit("#schedules?schedule=StepDecay&warmup=0")
    assert curve(page) != first
    page.get_by_role("button", name="Reset").click()
    assert curve(page) == first
    assert at_rest(page) == "#schedules?"


def test_a_fragment_of_another_kind_is_left_alone(visit: Open) -> None:
    page = visit("#a-heading")
    assert at_rest(page) == "#a-heading"
    assert curve(page) == curve(visit())


# --- how it looks --------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [320, 360, 1280])
def test_nothing_scrolls_sideways_whatever_is_chosen(visit: Open, width: int) -> None:
    page = visit("#schedules?epochs=100&lines=keras", width)
    for name in page.evaluate("Object.keys(lrlab.explorers.schedules.CLASSES)"):
        page.get_by_label("schedule").first.select_option(name)
        page.get_by_label("schedule").last.select_option(name)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name


def test_long_titles_and_long_lines_are_seen_whole(visit: Open) -> None:
    page = visit("#schedules?schedule=WarmupStableDecay&then=InverseTimeDecay&hold=1", 360)
    rows = page.locator(".explorer-title")
    assert " ".join(rows.all_text_contents()) == (
        "Falling warm-up, then WarmupStableDecay, then InverseTimeDecay"
    )
    for row in rows.all():
        box = row.bounding_box()
        assert box
        assert box["x"] + box["width"] <= 360
    code = page.get_by_role("region", name="Lines to copy")
    assert code.evaluate("(x) => x.scrollHeight - x.clientHeight") <= 0


def test_zero_is_left_out_on_a_logarithmic_axis(visit: Open) -> None:
    path = curve(visit("#schedules?schedule=WarmupStableDecay&warmup=0&log=true")) or ""
    assert path.count("M") == 1
    assert "NaN" not in path
    assert "Infinity" not in path

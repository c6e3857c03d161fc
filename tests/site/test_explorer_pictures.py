"""What explorers draw of curves that leave the plot, of marks, and of a point under the pointer."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from lrlab.landscapes import Quadratic
from lrlab.theory import best_tuning
from tests.site.explorers import Open, at_rest, visiting_any
from tools.explorers import recorded_schedules

NAMES = ("descent", "momentum_map", "prediction", "schedules", "sensitivity")
# Widths of this page in which an explorer is as wide as in the book in one of 360 and of 1280.
PHONE, BOOK = 344, 704
BOXES = """(texts) => texts.map((text) => {
  const { left, right, top } = text.getBoundingClientRect();
  return [left, right, top];
})"""


@pytest.fixture(scope="module")
def visits(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """Opens the explorer that a fragment names."""
    with visiting_any(chromium, tmp_path_factory, NAMES) as open_:
        yield open_


def points(page: Page, selector: str) -> list[tuple[float, float]]:
    """The points of the one path that this selects."""
    course = page.locator(selector).get_attribute("d") or ""
    numbers = [float(number) for number in re.findall(r"-?[\d.]+", course)]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def told(page: Page) -> str:
    return page.get_by_role("status").inner_text()


# --- curves that leave the plot ------------------------------------------------------------------


def test_a_weight_beyond_the_axis_is_drawn_and_cut_off(visits: Open) -> None:
    page = visits("#momentum_map?condition=1000")
    page.get_by_role("button", name="Go to the best pair").click()
    across = ".explorer-aside path.explorer-line.second"
    course = points(page, across)
    assert len(course) == 81  # none is left out
    assert min(y for _, y in course) < 0
    clip = (page.locator(across).get_attribute("clip-path") or "")[5:-1]
    sides = page.locator(f"#{clip} rect").evaluate(
        "(rect) => ['y', 'height'].map((name) => Number(rect.getAttribute(name)))"
    )
    assert sides == [53, 244]
    assert page.locator(f"[id={clip}]").count() == 1


def test_a_loss_that_grows_leaves_the_plot_without_becoming_level(visits: Open) -> None:
    course = points(visits("#descent?lr=0.3"), ".explorer-aside path.explorer-line")
    rises = [y - next_y for (_, y), (_, next_y) in itertools.pairwise(course[3:])]
    assert course[-1][1] < 0
    assert rises == pytest.approx([rises[0]] * 22, abs=0.2)


@pytest.mark.parametrize("heights", ["0" * 12 + "y", "y" + "0" * 12])
def test_some_of_each_bound_is_seen(visits: Open, heights: str) -> None:
    page = visits(f"#prediction?start=drawn&drawn={heights}")
    plot = ":nth-match(.explorer svg, 2)"
    course = points(page, f"{plot} path.explorer-line.first")
    assert len(course) > 1
    bottom, top = 256, 54
    assert top < course[-1][1] < bottom
    assert course[-1][0] == points(page, f"{plot} path.explorer-line.second")[-1][0]


# --- marks and scales ----------------------------------------------------------------------------


@pytest.mark.parametrize("condition", [2, 25, 200, 1000])
@pytest.mark.parametrize("width", [PHONE, BOOK])
def test_marks_of_rates_do_not_touch_and_are_whole(
    visits: Open, condition: int, width: int
) -> None:
    page = visits(f"#momentum_map?condition={condition}", width)
    page.add_style_tag(content="text { font-family: sans-serif }")  # wider, as in the book
    marks = page.locator(".explorer-figure text[text-anchor=middle]")
    boxes = sorted(marks.evaluate_all(BOXES))
    row = [box for box in boxes if sum(abs(box[2] - other[2]) < 1 for other in boxes) > 2]
    assert len(row) >= 3
    for (_, right, _), (left, _, _) in itertools.pairwise(row):
        assert right + 8 < left
    svg = page.locator(".explorer-figure > svg").bounding_box()
    assert svg
    assert row[-1][1] <= svg["x"] + svg["width"]


def test_marks_of_large_losses_leave_the_name_of_the_axis_free(visits: Open) -> None:
    page = visits("#descent?loss=valley&valley.lr=0.002")
    marks = page.locator(".explorer-aside text[text-anchor=end]")
    assert max(map(float, marks.all_text_contents())) >= 1e6
    name = page.locator(".explorer-aside text[transform]").bounding_box()
    assert name
    assert min(left for left, *_ in marks.evaluate_all(BOXES)) > name["x"] + name["width"]


@pytest.mark.parametrize("width", [PHONE, BOOK, 1280])
def test_a_round_bowl_is_drawn_round(visits: Open, width: int) -> None:
    level = visits("#descent?condition=1", width).locator(".explorer-level").last.bounding_box()
    assert level
    assert level["width"] == pytest.approx(level["height"], rel=1e-2)


def test_the_legend_of_losses_is_whole(visits: Open) -> None:
    page = visits("#descent?sigma=1", BOOK)
    svg = page.locator(".explorer-aside > svg").bounding_box()
    words = page.locator(".explorer-aside text").evaluate_all(BOXES)
    assert svg
    assert max(right for _, right, _ in words) <= svg["x"] + svg["width"]


def test_a_rate_is_drawn_as_it_is_held(visits: Open) -> None:
    page = visits("#prediction?start=linear&beside=linear")
    yours, recorded = (
        points(page, f".explorer-figure path.explorer-line.{look}") for look in ("first", "second")
    )
    assert len(yours) == 60
    assert yours == recorded


# --- the point of the momentum map ---------------------------------------------------------------


def test_words_at_the_best_pairs_do_not_depend_on_rounding(visits: Open) -> None:
    page = visits("#momentum_map?")
    for condition in (2, 5, 25, 80, 1000):
        for nesterov in (False, True):
            pair = best_tuning(Quadratic((1, condition)), nesterov=nesterov)
            state: dict[str, float] = {"condition": condition, "nesterov": nesterov, "steps": 10}
            state |= {"lr": pair.lr, "momentum": pair.momentum}
            found = page.evaluate("lrlab.explorers.momentum_map.walk", state)
            assert found["phase"] == "fast"
            assert found["regimes"][0] == "monotone", state
            assert found["regimes"][1] in {"oscillating", "alternating"}, state
    page.get_by_role("button", name="Go to the best pair").click()
    assert "The weight along the floor creeps, the one across it swings." in told(page)


def test_the_pointer_shows_a_point_and_a_press_keeps_it(visits: Open) -> None:
    page = visits("#momentum_map?")
    kept = told(page)
    box = page.locator(".explorer-figure > svg").bounding_box()
    assert box
    there = box["x"] + 200, box["y"] + 120
    page.mouse.move(*there)
    over = told(page)
    assert over != kept
    page.mouse.move(box["x"] + 100, box["y"] + box["height"] + 150)
    expect(page.get_by_role("status")).to_have_text(kept)
    assert at_rest(page) == "#momentum_map?"
    page.mouse.click(*there)
    page.mouse.move(box["x"] + 100, box["y"] + box["height"] + 150)
    expect(page.get_by_role("status")).to_have_text(over)
    assert "lr=" in at_rest(page)


def test_a_finger_that_taps_places_the_point(visits: Open) -> None:
    page = visits("#momentum_map?", 360)
    box = page.locator(".explorer-figure > svg").bounding_box()
    assert box
    session = page.context.new_cdp_session(page)
    x, y = box["x"] + 100, box["y"] + 70
    seen = told(page)
    for kind, places in (("touchStart", [{"x": x, "y": y}]), ("touchEnd", [])):
        assert told(page) == seen
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})
    assert told(page) != seen
    assert "momentum=" in at_rest(page)


# --- the table of predictions --------------------------------------------------------------------


def test_recorded_schedules_stand_in_the_order_of_their_bounds(visits: Open) -> None:
    page = visits("#prediction?beside=cosine", 360)
    rows = [row.split("\t") for row in page.locator("tbody tr").all_inner_texts()]
    bounds = [float(row[1]) for row in rows]
    losses = {name: one["loss"][-1] for name, one in recorded_schedules().items()}
    assert bounds == sorted(bounds)
    places = sorted(losses, key=losses.__getitem__)
    for name, _, loss, place in rows:
        assert float(loss) == pytest.approx(losses[name] / losses["linear"], abs=6e-3)
        assert places[int(place) - 1] == name
    wrong = sum(int(a[3]) > int(b[3]) for i, a in enumerate(rows) for b in rows[i + 1 :])
    assert wrong == 4  # as the page says: 11 of 15 are right
    assert page.locator("tr.explorer-chosen th").inner_text() == "cosine"
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_an_end_that_is_nearly_that_of_linear_decay_is_told_from_it(visits: Open) -> None:
    words = told(visits("#prediction?start=sqrt"))
    assert re.search(r"ends at 1\.00\d times that of linear decay; one of", words)


# --- markers, holes and fingers ------------------------------------------------------------------


@pytest.mark.parametrize("momentum", [0, 0.995])
def test_a_ring_on_the_edge_is_whole(visits: Open, momentum: float) -> None:
    ring = visits(f"#momentum_map?momentum={momentum}").locator("circle.explorer-marker")
    assert ring.evaluate("(ring) => ring.ownerSVGElement.ownerSVGElement") is None  # cut by none
    box = ring.bounding_box()
    svg = ring.locator("xpath=..").bounding_box()
    assert box
    assert svg
    assert svg["y"] < box["y"]
    assert box["y"] + box["height"] < svg["y"] + svg["height"]


def test_a_bound_is_level_where_nothing_moves(visits: Open) -> None:
    page = visits("#prediction?start=drawn&drawn=yyyyy000yyyyy")
    course = points(page, ":nth-match(.explorer svg, 2) path.explorer-line.first")
    assert len(course) == 30
    bound = page.evaluate(
        "() => { const { controls, course } = lrlab.explorers.prediction;"
        " return course(lrlab.kit.stateFrom(location.hash, 'prediction', controls)).bound.curve"
        ".map(Number.isFinite); }"
    )
    still = [epoch for epoch, finite in enumerate(bound) if not finite]
    assert len(still) > 2
    assert {course[epoch][1] for epoch in still} == {course[still[0] - 1][1]}


@pytest.mark.parametrize("name", ["schedules", "sensitivity"])
def test_a_finger_that_scrolls_reads_nothing_off(visits: Open, name: str) -> None:
    page = visits(f"#{name}?", 360)
    svg = page.locator(".explorer-figure > svg")
    svg.scroll_into_view_if_needed()
    box = svg.bounding_box()
    assert box
    session = page.context.new_cdp_session(page)
    x, y = box["x"] + 90, box["y"] + 100
    seen = told(page)

    def swipe(across: int, down: int) -> None:
        for kind, places in (
            ("touchStart", [{"x": x, "y": y}]),
            *(("touchMove", [{"x": x + across * i, "y": y + down * i}]) for i in range(1, 10)),
            ("touchEnd", []),
        ):
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    scrolled = page.evaluate("scrollY")
    swipe(1, -6)
    page.wait_for_function(f"scrollY > {scrolled}")
    assert told(page) == seen
    page.evaluate("scrollTo(0, 0)")
    swipe(12, 2)
    after = told(page)
    assert after != seen
    swipe(0, 0)  # a tap, elsewhere than the end of the move
    assert told(page) != after

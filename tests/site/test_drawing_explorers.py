"""The explorers in which one draws, by pointer and keyboard: plateaus, and the convex bound."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from lrlab import CosineDecay, LinearDecay
from lrlab.plateau import ReduceOnPlateau
from lrlab.theory import best_base_lr, convex_bound
from tests.site.explorers import Open, at_rest, explorer_page, visiting
from tests.support.policies import rates
from tools.explorers import FIRST_METRICS, first_policy, recorded_schedules

NAMES = ("plateau", "prediction")
STATE = """(name) => {
  const { controls } = lrlab.explorers[name];
  return lrlab.kit.stateFrom(location.hash, name, controls) || lrlab.kit.initial(controls);
}"""
COURSE = f"""(name) => {{
  const state = ({STATE})(name);
  return lrlab.explorers[name].course(state);
}}"""


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {name: explorer_page(tmp_path_factory.mktemp(name), name) for name in NAMES}


@pytest.fixture(scope="module")
def visits(chromium: Browser, addresses: dict[str, str]) -> Iterator[dict[str, Open]]:
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(visiting(chromium, address))
            for name, address in addresses.items()
        }


@pytest.fixture
def visit(visits: dict[str, Open], name: str) -> Open:
    return visits[name]


both = pytest.mark.parametrize("name", NAMES)
plateau = pytest.mark.parametrize("name", ["plateau"])
prediction = pytest.mark.parametrize("name", ["prediction"])


def curves(page: Page) -> list[str | None]:
    """What the explorer draws: the course of each of its lines."""
    lines = page.locator("path.explorer-line").all()
    return [line.get_attribute("d") for line in lines]


def told(page: Page) -> str:
    return page.get_by_role("status").inner_text()


def drag(page: Page, *places: tuple[float, float]) -> None:
    """Press the pointer in the first plot and move it; places are parts of the plot's inside."""
    page.evaluate("scrollTo(0, 0)")
    box = page.locator("svg").first.bounding_box()
    assert box
    width, height = box["width"] - 76, box["height"] - 98  # without the margins
    points = [(box["x"] + 62 + x * width, box["y"] + 54 + (1 - y) * height) for x, y in places]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point)
    page.mouse.up()


# --- both ----------------------------------------------------------------------------------------


@both
def test_what_is_drawn_comes_into_the_address_and_back(visit: Open, name: str) -> None:
    page = visit()
    first = curves(page)
    drag(page, (0.3, 0.9), (0.6, 0.2), (0.7, 0.5))
    seen, hash_, words = curves(page), at_rest(page), told(page)
    assert seen != first
    assert re.search(r"=drawn&(at=\d+&)?drawn=[0-9A-Za-y]{13,40}(&|$)", hash_)
    assert len(hash_) < 90
    page = visit(hash_)
    assert curves(page) == seen
    assert told(page) == words
    page.get_by_role("button", name="Reset").click()
    assert curves(page) == first
    assert at_rest(page) == f"#{name}?"


@both
def test_a_pointer_without_its_first_button_draws_nothing(visit: Open, name: str) -> None:
    page = visit()
    first = curves(page)
    page.locator("svg").first.hover(position={"x": 300, "y": 100})
    page.locator("svg").first.click(position={"x": 300, "y": 100}, button="right")
    assert curves(page) == first


@both
def test_a_stroke_goes_on_outside_of_the_plot_and_ends_with_the_press(
    visit: Open, name: str
) -> None:
    page = visit()
    drag(page, (0.5, 0.9), (0.8, -3))
    at_rest(page)
    assert "0" in page.evaluate(STATE, name)["drawn"]
    seen = curves(page)
    page.locator("svg").first.hover(position={"x": 200, "y": 100})
    assert curves(page) == seen


@both
def test_a_finger_draws_sideways_and_scrolls_up_and_down(visit: Open, name: str) -> None:
    page = visit("", 360)
    first = curves(page)
    page.locator("svg").first.scroll_into_view_if_needed()
    box = page.locator("svg").first.bounding_box()
    assert box
    session = page.context.new_cdp_session(page)
    x, y = box["x"] + 90, box["y"] + 70

    def swipe(across: int, down: int) -> None:
        for kind, points in (
            ("touchStart", [{"x": x, "y": y}]),
            *(("touchMove", [{"x": x + across * i, "y": y + down * i}]) for i in range(1, 10)),
            ("touchEnd", []),
        ):
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    scrolled = page.evaluate("scrollY")
    swipe(10, 8)
    assert page.evaluate("scrollY") == scrolled
    assert curves(page) != first
    at_rest(page)
    before = page.evaluate(f"lrlab.kit.initial(lrlab.explorers.{name}.controls)")["drawn"]
    changed = np.array([*before]) != np.array([*page.evaluate(STATE, name)["drawn"]])
    assert changed.sum() > 3  # the stroke went on, from one to the next
    seen = curves(page)
    swipe(1, -6)
    page.wait_for_function(f"scrollY > {scrolled}")
    assert curves(page) == seen


@both
def test_by_keyboard_what_is_drawn_begins_with_what_was_shown(visit: Open, name: str) -> None:
    page = visit()
    choice = page.locator("select").first
    choice.select_option(index=2)
    first = curves(page)
    choice.select_option("drawn by hand")
    assert curves(page) == first
    where, height = (page.locator(f"#{name}-{key}") for key in ("at", "drawn"))
    where.press("Home")
    before = height.get_attribute("aria-valuetext")
    height.press("ArrowLeft")
    assert height.get_attribute("aria-valuetext") != before
    assert curves(page) != first
    height.press("ArrowRight")
    assert curves(page) == first


@both
def test_a_code_that_is_none_is_left_alone(visit: Open, name: str) -> None:
    page = visit()
    hash_ = "location.hash = `#${name}?drawn=${code}`"
    ask = f"([name, code]) => {{ {hash_}; return ({STATE})(name); }}"
    first = page.evaluate(ask, [name, ""])
    other = "1" * len(first["drawn"])
    for code in (other[1:], "z" + other[1:], "-" + other[1:], "0" * 5000):
        assert page.evaluate(ask, [name, code]) == first
    assert page.evaluate(ask, [name, other]) == {**first, "drawn": other}


@both
def test_every_control_in_sight_is_reached_by_keyboard_and_has_a_name(
    visit: Open, name: str
) -> None:
    page = visit(f"#{name}?{'metric' if name == 'plateau' else 'start'}=drawn")
    ids = [one.get_attribute("id") for one in page.locator(".explorer :is(input, select)").all()
           if one.is_visible()]  # fmt: skip
    reached = set()
    for _ in range(len(ids) + 8):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id"))
    assert set(ids) <= reached
    for one in ids:
        assert page.locator(f'label[for="{one}"]').inner_text().strip(), one


@both
@pytest.mark.parametrize("width", [320, 360])
def test_nothing_scrolls_sideways_or_leaves_the_plot(visit: Open, name: str, width: int) -> None:
    page = visit(f"#{name}?cooldown=10&min_delta=0.3", width)
    for select in page.locator("select").all():
        for option in select.locator("option").all():
            select.select_option(option.get_attribute("value"))
            assert page.evaluate("document.documentElement.scrollWidth") <= width
    ends = page.evaluate(
        "[...document.querySelectorAll('svg text')].map((x) => x.getBoundingClientRect().right)"
    )
    assert max(ends) <= width
    look = page.locator("svg").first.evaluate("(x) => ({ ...getComputedStyle(x) })")
    assert (look["touchAction"], look["userSelect"]) == ("pan-y", "none")


# --- plateau -------------------------------------------------------------------------------------


@plateau
def test_the_picture_shows_what_the_explorer_begins_with(visit: Open, name: str) -> None:
    course = visit().evaluate(COURSE, name)
    assert course["metrics"] == list(FIRST_METRICS)
    assert ReduceOnPlateau.from_config(course["pytorch"]["policy"]) == first_policy()


FRAGMENTS = [
    "",
    "seed=7&noise=0.2&cooldown=3&min_lr=0.002&factor=0.3",
    "metric=flat&patience=0&cooldown=1&threshold_mode=abs&min_delta=0.05",
    "metric=rising&mode=max&patience=2&min_delta=0.3&lr=1",
    "metric=smooth&noise=0&min_delta=0.04&same=true",
    "metric=drawn&drawn=" + "zyxwv".replace("z", "y") * 8,
]


@plateau
@pytest.mark.parametrize("fragment", FRAGMENTS)
def test_rates_and_cuts_are_those_of_lrlab(visit: Open, name: str, fragment: str) -> None:
    page = visit(f"#plateau?{fragment}")
    course = page.evaluate(COURSE, name)
    for convention, title in (("pytorch", "PyTorch"), ("keras", "Keras")):
        answer = course[convention]
        policy = ReduceOnPlateau.from_config(answer["policy"])
        ours = rates(policy, course["metrics"])
        assert answer["rates"] == pytest.approx(ours, rel=1e-9)
        cuts = [e for e in range(40) if ours[e + 1] < ours[e]]
        assert answer["cuts"] == cuts
        assert (answer["wait"], answer["skipped"]) == (policy.cuts_after, policy.skipped_epochs)
        if course["pytorch"]["cuts"] != course["keras"]["cuts"]:
            found = ", ".join(str(cut + 1) for cut in cuts)
            assert re.search(f"{title} cuts after {found} epochs?, down", told(page))
        else:
            assert "Keras does the same." in told(page)
    marks = page.locator(".explorer-cut").count()
    assert marks == sum(len(course[convention]["cuts"]) for convention in ("pytorch", "keras"))


@plateau
def test_it_says_why_the_two_differ(visit: Open, name: str) -> None:
    words = told(visit("#plateau?patience=1&cooldown=1"))
    assert "patience 1 is a wait of 2 bad epochs in PyTorch and of 1 in Keras" in words
    assert "cooldown 1 leaves out 1 epoch in PyTorch and 0 in Keras" in words
    assert "the threshold is 0.01 % of the best metric in PyTorch" in words
    equal = "#plateau?patience=0&cooldown=0&min_delta=0"
    words = told(visit(f"{equal}&min_lr=0.001"))
    assert words.endswith("Keras does the same.")
    assert "What differs" not in words
    assert told(visit(f"#{name}?min_lr=0.1")).endswith("the first rate is min_lr.")
    assert told(visit(equal)).endswith(
        "What differs: PyTorch makes no cut of 1e-8 or less, its eps."
    )


@plateau
def test_with_pytorchs_wait_keras_cuts_in_the_same_epochs(visit: Open, name: str) -> None:
    for fragment in ("", "threshold_mode=abs&cooldown=0", "threshold_mode=abs&cooldown=3"):
        page = visit(f"#plateau?{fragment}")
        first = page.evaluate(COURSE, name)
        assert first["pytorch"]["cuts"] != first["keras"]["cuts"]
        page.get_by_label("Keras with PyTorch's wait").check()
        at_rest(page)
        course = page.evaluate(COURSE, name)
        assert course["keras"]["cuts"] == course["pytorch"]["cuts"] == first["pytorch"]["cuts"]
        assert "Keras does the same." in told(page)
        torch, keras = (
            ReduceOnPlateau.from_config(course[convention]["policy"])
            for convention in ("pytorch", "keras")
        )
        moved = keras.translate("pytorch")
        assert (moved.patience, moved.cooldown) == (torch.patience, torch.cooldown)
    page = visit("#plateau?same=true&min_delta=0.1")
    course = page.evaluate(COURSE, name)
    assert course["keras"]["cuts"] != course["pytorch"]["cuts"]
    assert "Raise the threshold to 0.1" in page.locator(".explorer-hint").inner_text()


@plateau
def test_epochs_are_numbered_alike(visit: Open, name: str) -> None:
    page = visit("#plateau?metric=drawn&at=16")
    axes = page.locator("svg").first.get_by_text("epochs done")
    expect(axes).to_be_visible()
    assert page.locator("#plateau-at").get_attribute("aria-valuetext") == "17 epochs"
    assert "PyTorch cuts after 5, 17, " in told(page)
    marks = page.evaluate(
        "[...document.querySelectorAll('.explorer-cut.first, circle')]"
        ".map((x) => Number(x.getAttribute('x1') || x.getAttribute('cx')))"
    )
    assert marks[1] == pytest.approx(marks[-1])  # the cut and the chosen dot, both after 17


# --- prediction ----------------------------------------------------------------------------------


def foretold(heights: Any, per_epoch: int = 50) -> tuple[np.ndarray, float]:
    """The bound's mean in each epoch, and its end with LeNet's steps, at the best peaks."""
    few, all_ = (np.repeat(heights, count) for count in (per_epoch, 469))
    curve = convex_bound(best_base_lr(few).lr * few)
    return curve.reshape(-1, per_epoch).mean(axis=1), best_base_lr(all_).bound


@prediction
def test_recorded_schedules_have_the_bounds_of_lrlab(visit: Open, name: str) -> None:
    theirs = visit().evaluate("lrlab.explorers.prediction.FORETOLD")
    assert list(theirs) == list(recorded_schedules())
    for label, recorded in recorded_schedules().items():
        curve, end = foretold(recorded["rates"])
        assert theirs[label]["curve"] == pytest.approx(curve, rel=1e-9)
        assert theirs[label]["end"] == pytest.approx(end, rel=1e-9)


@prediction
@pytest.mark.parametrize("heights", [[60, 60, 5, 0, 30, 0, 10, 20, 30, 40, 50, 60, 1], [30] * 13])
def test_a_drawn_schedule_has_the_bound_of_lrlab(
    visit: Open, name: str, heights: list[int]
) -> None:
    letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxy"
    code = "".join(letters[height] for height in heights)
    course = visit(f"#prediction?start=drawn&drawn={code}").evaluate(COURSE, name)
    knots = np.linspace(0, 30, 13)
    expected = np.interp(np.arange(30), knots, np.array(heights) / 60)
    assert course["rates"] == pytest.approx(expected, rel=1e-9)
    curve, end = foretold(expected)
    shown = [np.inf if x is None else x for x in course["bound"]["curve"]]
    assert shown == pytest.approx(curve, rel=1e-9)
    assert course["bound"]["end"] == pytest.approx(end, rel=1e-9)


@prediction
def test_a_straight_line_is_linear_decay_and_a_cosine_nearly_as_good(
    visit: Open, name: str
) -> None:
    page = visit("#prediction?start=linear")
    assert page.evaluate(COURSE, name)["end"] == pytest.approx(1, rel=1e-9)
    assert "ends at exactly that of linear decay; none of" in told(page)
    assert visit("#prediction?start=cosine").evaluate(COURSE, name)["end"] == pytest.approx(
        0.99, abs=0.005
    )
    every_step = np.arange(30 * 469) / 469
    ends = [
        best_base_lr(cls(1, total_epochs=30)(every_step)).bound
        for cls in (CosineDecay, LinearDecay)
    ]
    assert ends[0] / ends[1] == pytest.approx(1.03, abs=0.005)


@prediction
def test_without_a_rate_there_is_no_bound(visit: Open, name: str) -> None:
    page = visit(f"#prediction?start=drawn&drawn={'0' * 13}")
    assert told(page).startswith("At a rate of 0 nothing moves")
    course = visit(f"#prediction?start=drawn&drawn={'y' * 7 + '0' * 6}").evaluate(COURSE, name)
    assert len(course["bound"]["curve"]) == 18  # the knot at epoch 17.5 is the first at 0
    assert np.isfinite(course["bound"]["curve"]).all()


@prediction
def test_the_recorded_schedule_beside_it_is_told(visit: Open, name: str) -> None:
    page = visit()
    for label, recorded in recorded_schedules().items():
        page.get_by_label("beside it").select_option(label)
        expect(page.locator("svg").last).to_contain_text(label)
        ratio = recorded["loss"][-1] / recorded_schedules()["linear"]["loss"][-1]
        words = f" For {label} it ends at "
        assert (words in told(page)) == (label != "linear")
        assert label == "linear" or f"the recorded loss at {ratio:.3g} times" in told(page)

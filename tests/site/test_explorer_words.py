"""Sentences of the explorers, where a formula or a rounding would make them say what is not so."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser

from lrlab import Constant
from lrlab.landscapes import DoubleWell, Quadratic, descend
from lrlab.optimizers import SGD, Momentum
from lrlab.theory import best_tuning
from tests.site.explorers import Open, visiting_any

NAMES = ("descent", "momentum_map", "plateau", "prediction", "schedules", "sensitivity")
SIDES = ["x", "y", "width", "height"]
NUMBERS = "(drawn, names) => names.map((name) => Number(drawn.getAttribute(name)))"
BROKEN = """(spans) => spans.filter((span) => span.getClientRects().length > 1).length"""


@pytest.fixture(scope="module")
def visits(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    with visiting_any(chromium, tmp_path_factory, NAMES) as open_:
        yield open_


@pytest.fixture
def told(visits: Open):
    """What the status of an explorer says."""
    return lambda fragment: visits(fragment).get_by_role("status").inner_text()


# --- descent and the momentum map ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("fragment", "verdict"),
    [
        ("#descent?condition=1&momentum=0.15&lr=2.3", "Does not converge:"),
        ("#descent?condition=10&lr=0.2", "Does not converge:"),
        ("#momentum_map?condition=2&lr=1.15&momentum=0.15", ": divergent;"),
        ("#momentum_map?condition=25&lr=0.08&momentum=0", ": divergent;"),
        ("#momentum_map?condition=25&lr=0.12&momentum=0.5", ": divergent;"),
    ],
)
def test_on_the_border_a_descent_does_not_converge(told, fragment: str, verdict: str) -> None:
    words = told(fragment)
    assert verdict in words
    assert "multiplies the distance by 1: this is the border, where it neither" in words
    assert "In the course shown" not in words


@pytest.mark.parametrize("condition", [100, 1000])
@pytest.mark.parametrize("name", NAMES[:2])
def test_the_steps_to_a_tenth_are_those_of_the_course(told, name: str, condition: int) -> None:
    bowl = Quadratic([1, condition])
    pair = best_tuning(bowl)
    start = [1, 1] if name == "momentum_map" else [2, 1]
    fragment = f"#{name}?condition={condition}&lr={pair.lr}&momentum={pair.momentum}"
    path = descend(bowl, Momentum(momentum=pair.momentum), Constant(pair.lr), start, 200)
    distance = np.linalg.norm(path.w, axis=1)
    tenth = np.flatnonzero(distance > distance[0] / 10)[-1] + 1
    words = told(f"{fragment}&steps=200")
    assert f" the distance from step {tenth} on is at most a tenth of the first one." in words
    asymptotic = np.log(10) / -np.log(pair.factor)
    assert tenth > 2 * asymptotic  # the factor alone would say far fewer
    found = re.search(r"after step 10 is (\S+) times the first one", told(f"{fragment}&steps=10"))
    assert found
    assert float(found[1]) == pytest.approx(distance[10] / distance[0], rel=5e-3)


@pytest.mark.parametrize("lr", [2, 2.1, 3, 10])
def test_a_path_out_of_the_double_well_is_in_none_of_its_valleys(told, lr: float) -> None:
    words = told(f"#descent?loss=well&lr={lr}")
    last = descend(DoubleWell(), SGD(), Constant(lr), [-2.2], 25).w[-1][0]
    found = re.search(r"it has left the picture, to the weight (\S+), and (.+?)\.", words)
    assert found, words
    assert float(found[1].replace("−", "-")) == pytest.approx(last, rel=5e-3)
    assert found[2] == ("still moves" if lr == 2 else "diverges")


@pytest.mark.parametrize("loss", ["bowl", "well", "valley"])
def test_each_start_is_in_the_picture(visits: Open, loss: str) -> None:
    for end in ("End", "Home"):
        page = visits(f"#descent?loss={loss}")
        for slider in page.get_by_label(re.compile("^start")).all():
            if slider.is_visible():
                slider.press(end)
        # The box of the inner plot has what it cuts off, so its own numbers are read.
        left, top, width, height = page.locator("svg svg").evaluate(NUMBERS, SIDES)
        x, y = page.locator("circle.explorer-marker").evaluate(NUMBERS, ["cx", "cy"])
        assert left < x < left + width
        assert top < y < top + height


# --- schedules -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fragment", "first"),
    [
        ("schedule=OneCycle", "OneCycle, 0.004,"),
        ("schedule=WarmupStableDecay", "WarmupStableDecay, 0,"),
        ("begin_lr=1", "CosineDecay, 0.1,"),
        ("begin_lr=0.1", ""),
        ("begin_lr=1&warmup=0", ""),
    ],
)
def test_a_warmup_that_falls_is_told_as_such(visits: Open, fragment: str, first: str) -> None:
    page = visits(f"#schedules?{fragment}")
    words = page.get_by_role("status").inner_text()
    falls = f"begin_lr is above the first rate of {first} so that the warm-up falls."
    assert (falls in words) == bool(first)
    assert ("the warm-up falls" in words) == bool(first)
    title = page.locator("svg").get_attribute("aria-label") or ""
    assert title.startswith("Falling warm-up, then ") == bool(first)


@pytest.mark.parametrize("name", ["StepDecay", "MultiStepDecay", "CyclicCosine"])
def test_cuts_that_come_later_than_the_sliders_say_are_told(told, name: str) -> None:
    later = f"{name}: its own epochs begin after the warm-up, so its "
    words = told(f"#schedules?schedule={name}&warmup=3")
    assert later in words
    assert "come 3 epochs later than its sliders say." in words
    assert "own epochs" not in told(f"#schedules?schedule={name}&warmup=0")
    words = told(f"#schedules?then={name}&at=12")
    assert f"{name}: its own epochs begin where it takes over, so its " in words
    assert "come 12 epochs later" in words


def test_a_second_schedule_is_described_as_well(visits: Open, told) -> None:
    words = told("#schedules?then=ExponentialDecay&then.final_lr=1")
    assert words.startswith(
        "First: half a cosine from peak to floor. "
        "From epoch 15 on: lose the same share in every epoch. Rate at "
    )
    words = told("#schedules?then=LinearDecay&then.final_lr=1")
    assert ". Here its final_lr is above lr, so that the rate rises instead. Rate" in words


@pytest.mark.parametrize("at", [3, 5, 6])
def test_a_schedule_that_never_appears_is_told_as_such(visits: Open, at: int) -> None:
    page = visits(f"#schedules?then=Constant&at={at}")
    words = page.get_by_role("status").inner_text()
    never = "CosineDecay never appears, since Constant takes over before the warm-up is over."
    assert (never in words) == (at <= 5)
    assert ("half a cosine" in words) == (at > 5)
    shown = ["Warm-up", "Constant"] if at <= 5 else ["Warm-up", "CosineDecay", "Constant"]
    assert page.locator("svg").get_attribute("aria-label") == ", then ".join(shown)


# --- sensitivity ---------------------------------------------------------------------------------


def test_a_rate_that_is_as_good_as_the_best_is_told_as_such(visits: Open) -> None:
    page = visits("#sensitivity?")
    page.evaluate(
        "() => { const { lrs, runs } = lrlab.data.sensitivity['LeNet-1'].ways.Adam;"
        " runs[lrs.indexOf(0.01)] = runs[lrs.indexOf(0.003)]"
        ".map(([loss, share]) => [loss.map((x) => x * 1.001), share]); }"
    )
    page.get_by_label("rate", exact=True).press("ArrowRight")
    page.get_by_label("rate", exact=True).press("ArrowRight")
    words = page.get_by_role("status").inner_text()
    assert "Adam at 0.01:" in words
    assert ": here it is about the same." in words


# --- numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fragment",
    [
        "#plateau?patience=0&cooldown=0&min_delta=0.0001",
        "#plateau?patience=0&cooldown=0&min_delta=0",
        "#sensitivity?lr=0.00001&margin=100",
        "#schedules?lr=0.0001&begin_lr=0.00001",
    ],
)
def test_no_number_is_broken(visits: Open, fragment: str) -> None:
    page = visits(fragment)
    status = page.get_by_role("status")
    words = status.inner_text()
    numbers = status.locator(".explorer-number")
    assert numbers.count() == len(re.findall(r"\de-\d|\d %", words)) > 0
    for width in range(200, 400, 8):
        status.evaluate("(p, width) => { p.style.width = `${width}px`; }", width)
        assert numbers.evaluate_all(BROKEN) == 0
    assert status.inner_text() == words
    cells = page.locator("td .explorer-number")
    assert cells.evaluate_all(BROKEN) == 0
    assert cells.count() == sum("e-" in text for text in page.locator("td").all_inner_texts())


# --- on a phone ----------------------------------------------------------------------------------


def test_main_numbers_stay_in_sight_with_the_plot(visits: Open) -> None:
    begin = {
        "#schedules?warmup=6": "Rate 0.0713, mean 0.0527, sum 1.58",
        "#plateau?factor=0.3": "PyTorch: ",
        "#prediction?start=cosine": "Bound at the end: 0.99",
    }
    for fragment, words in begin.items():
        page = visits(fragment, 360)
        line = page.locator(".explorer-figure .explorer-caption")
        assert line.inner_text().startswith(words)
        page.locator(".explorer :is(input, select):visible").last.scroll_into_view_if_needed()
        box = line.bounding_box()
        assert box
        assert 0 < box["y"] < 500
        assert not visits(fragment).locator(".explorer-caption").is_visible()


def test_the_sum_beside_the_plot_is_that_of_the_sentence(visits: Open) -> None:
    page = visits("#schedules?", 360)
    page.get_by_role("slider", name="warm-up").press("ArrowRight")
    caption = page.locator(".explorer-caption").inner_text()
    total = caption.rsplit(" ", 1)[1]
    assert f"so a sum of {total} over" in page.get_by_role("status").inner_text()

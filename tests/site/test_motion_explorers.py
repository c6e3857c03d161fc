"""The explorers of descent and momentum in the browser: they show what lrlab computes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from lrlab import Constant
from lrlab.landscapes import DoubleWell, Quadratic, Rosenbrock, descend
from lrlab.optimizers import SGD, Momentum
from lrlab.theory import best_tuning, convergence_factor, divergence_lr, regime
from tests.site.explorers import PICTURE, Open, at_rest, explorer_page, visiting
from tools.explorers import first_descent

NAMES = ("descent", "momentum_map")
PATH = ".explorer-figure path.explorer-line"
WALK = """(name) => {
  const { controls, walk } = lrlab.explorers[name];
  return walk(lrlab.kit.stateFrom(location.hash, name, controls) || lrlab.kit.initial(controls));
}"""
COLOURS = """([cells, name]) => getComputedStyle(document.querySelector(cells)).fill ===
  getComputedStyle(document.querySelector(name), "::before").backgroundColor"""


@pytest.fixture(scope="module")
def explorers(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Open]]:
    """Opens the explorer of descents, or that of momentum."""
    places = [explorer_page(tmp_path_factory.mktemp(name), name) for name in NAMES]
    with visiting(chromium, places[0]) as descent, visiting(chromium, places[1]) as momentum_map:
        yield [descent, momentum_map]


@pytest.fixture
def descent(explorers: list[Open]) -> Open:
    return explorers[0]


@pytest.fixture
def momentum_map(explorers: list[Open]) -> Open:
    return explorers[1]


@pytest.fixture(params=NAMES)
def either(request: pytest.FixtureRequest, explorers: list[Open]) -> tuple[str, Open]:
    return request.param, explorers[NAMES.index(request.param)]


def told(page: Page) -> str:
    return page.get_by_role("status").inner_text()


def number_after(words: str, text: str) -> float:
    found = re.search(rf"{re.escape(words)} ([\d.e+-]*\d)", text)
    assert found, f"{words} … in {text}"
    return float(found[1])


def picture(page: Page) -> str:
    return page.evaluate("document.querySelector('.explorer-figure').innerHTML")


# --- what both do --------------------------------------------------------------------------------


def test_a_slider_moves_by_keyboard_and_reset_brings_all_back(either: tuple[str, Open]) -> None:
    name, visit = either
    page = visit()
    assert page.get_by_alt_text(PICTURE).count() == 0
    first, slider = picture(page), page.get_by_label("learning rate η").first
    slider.press("ArrowRight")
    assert picture(page) != first
    assert at_rest(page).startswith(f"#{name}?lr=")
    page.get_by_role("button", name="Reset").click()
    assert picture(page) == first
    assert at_rest(page) == f"#{name}?"


@pytest.mark.parametrize(
    ("name", "fragment"),
    [
        ("descent", "#descent?condition=20&x=-1&momentum=0.5&nesterov=true&sigma=0.5&seed=3"),
        ("descent", "#descent?loss=well&w=-2.6&lr=0.13&steps=60"),
        ("descent", "#descent?loss=valley&valley.lr=0.0001"),
        ("momentum_map", "#momentum_map?condition=100&nesterov=true&lr=0.01&momentum=0.985"),
    ],
)
def test_the_address_brings_a_state_back(explorers: list[Open], name: str, fragment: str) -> None:
    visit = explorers[NAMES.index(name)]
    first = picture(visit())
    page = visit(fragment)
    seen = picture(page)
    assert seen != first
    page.evaluate(f"location.hash = '#{name}?'")
    expect(page.locator(".explorer-figure")).to_be_visible()
    page.wait_for_function(
        "(first) => document.querySelector('.explorer-figure').innerHTML === first", arg=first
    )
    assert picture(visit(fragment)) == seen
    # A change there and back: the address is told anew, by what the controls hold.
    page.get_by_label("steps").press("ArrowRight")
    page.get_by_label("steps").press("ArrowLeft")
    kept = dict(part.split("=") for part in at_rest(page).split("?")[1].split("&"))
    asked = dict(part.split("=") for part in fragment.split("?")[1].split("&"))
    assert kept == asked


@pytest.mark.parametrize("width", [320, 360, 1280])
def test_nothing_scrolls_sideways(either: tuple[str, Open], width: int) -> None:
    name, visit = either
    for loss in ("bowl", "well", "valley") if name == "descent" else ("",):
        page = visit(f"#{name}?loss={loss}&sigma=1&momentum=0.5", width)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        beside, below = page.locator(".explorer-aside"), page.locator(".explorer-figure")
        boxes = beside.bounding_box(), below.bounding_box()
        assert all(boxes)
        assert (boxes[0]["x"] > boxes[1]["x"]) == (width > 600)  # two plots side by side


def test_every_control_in_sight_is_reached_by_keyboard(either: tuple[str, Open]) -> None:
    name, visit = either
    page = visit(f"#{name}?sigma=1&momentum=0.5")
    reached = []
    for _ in range(25):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("document.activeElement.id || document.activeElement.innerText")
        )
    for one in page.locator(".explorer :is(input, select)").all():
        assert not one.is_visible() or one.get_attribute("id") in reached
    for button in page.locator(".explorer button").all():
        assert button.inner_text() in reached


# --- descent -------------------------------------------------------------------------------------


def test_the_first_descent_is_that_of_the_picture(descent: Open) -> None:
    bowl, path = first_descent()
    walk = descent().evaluate(WALK, "descent")
    assert walk["landscape"] == bowl.to_config() | {"eigenvalues": list(bowl.eigenvalues)}
    np.testing.assert_allclose(walk["w"], path.w, rtol=1e-9)
    np.testing.assert_allclose(walk["loss"], path.loss, rtol=1e-9)


@pytest.mark.parametrize(
    ("fragment", "landscape", "rule", "lr", "start"),
    [
        (
            "condition=50&momentum=0.9&nesterov=true&lr=0.01&x=-1&y=0.5",
            Quadratic([1, 50]),
            Momentum(momentum=0.9, nesterov=True),
            0.01,
            [-1, 0.5],
        ),
        ("loss=well&lr=0.05&w=-2.6", DoubleWell(), SGD(), 0.05, [-2.6]),
        ("loss=valley&valley.lr=0.0001", Rosenbrock(), SGD(), 1e-4, [2, 1]),
    ],
)
def test_each_loss_is_that_of_lrlab(
    descent: Open, fragment: str, landscape, rule, lr: float, start: list[float]
) -> None:
    walk = descent(f"#descent?{fragment}").evaluate(WALK, "descent")
    path = descend(landscape, rule, Constant(lr), start, 25)
    np.testing.assert_allclose(walk["w"], path.w, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("variant", ["", "&momentum=0.5", "&momentum=0.5&nesterov=true"])
def test_border_and_factor_are_told(descent: Open, variant: str) -> None:
    beta, nesterov = 0.5 * ("momentum" in variant), "nesterov" in variant
    bowl = Quadratic([1, 20])
    border = divergence_lr(bowl, beta, nesterov=nesterov)
    for lr, verdict in ((0.06, "Converges"), (0.2, "Does not converge")):
        words = told(descent(f"#descent?condition=20&lr={lr}{variant}"))
        assert words.startswith(verdict)
        assert (lr < border) == (verdict == "Converges")
        assert number_after(" =", words) == pytest.approx(border, rel=5e-3)
        factor = convergence_factor(bowl, lr, beta, nesterov=nesterov)
        assert number_after("the distance by", words) == pytest.approx(factor, rel=5e-3)


def test_the_best_settings_are_taken(descent: Open) -> None:
    page = descent("#descent?condition=100")
    for button, nesterov in (("heavy ball", False), ("Nesterov", True)):
        page.get_by_role("button", name=button).click()
        best = best_tuning(Quadratic([1, 100]), nesterov=nesterov)
        told_factor = number_after("the distance by", told(page))
        assert told_factor == pytest.approx(best.factor, abs=6e-4)
        assert page.get_by_label("Nesterov's variant").is_checked() == nesterov
        assert page.evaluate("document.activeElement.innerText") == button
    page.get_by_role("button", name="plain").click()
    assert number_after("the distance by", told(page)) == pytest.approx(99 / 101, abs=6e-4)


def test_noise_is_drawn_by_its_number_and_has_its_size(descent: Open) -> None:
    page = descent("#descent?sigma=2&steps=500")
    first, noise = picture(page), np.array(page.evaluate(WALK, "descent")["noise"])
    assert noise.mean() == pytest.approx(0, abs=0.2)
    assert noise.std() == pytest.approx(2, rel=0.07)
    assert np.corrcoef(noise[1:, 0], noise[:-1, 0])[0, 1] == pytest.approx(0, abs=0.15)
    assert np.corrcoef(noise.T)[0, 1] == pytest.approx(0, abs=0.15)
    assert page.locator(".explorer-aside path.explorer-line").count() == 2  # with the mean over all
    floor = 4 * (0.21 / 1.79 + 0.21 / (9 * 0.11))  # Σ ησ²/(λ(2 − ηλ))
    assert number_after("keeps it about", told(page)) == pytest.approx(floor**0.5, rel=5e-3)
    draws = page.get_by_label("draw number")
    draws.press("ArrowRight")
    assert picture(page) != first
    draws.press("ArrowLeft")
    assert picture(page) == first


def test_a_slider_that_was_hidden_comes_back_as_it_was(descent: Open) -> None:
    page = descent("#descent?lr=0.15")
    for loss in ("valley", "bowl"):
        page.get_by_label("loss", exact=True).select_option(loss)
    assert page.get_by_label("learning rate η").first.get_attribute("aria-valuetext") == "0.15"


def test_the_pointer_sets_the_start_while_it_is_pressed(descent: Open) -> None:
    page = descent()
    first = picture(page)
    box = page.locator(".explorer-figure > svg").bounding_box()
    assert box
    page.mouse.move(box["x"] + 190, box["y"] + 150)
    assert picture(page) == first
    page.mouse.down()
    page.mouse.move(box["x"] + 220, box["y"] + 150)
    page.mouse.up()
    page.mouse.move(box["x"] + 300, box["y"] + 250)
    assert picture(page) != first
    x, y = (float(page.get_by_label(f"start, {word} weight").get_attribute("aria-valuetext") or "")
            for word in ("first", "second"))  # fmt: skip
    assert -2.5 < x < -0.5
    assert 0.1 < y < 0.5


def test_a_descent_that_leaves_is_cut_off_at_the_sides(descent: Open) -> None:
    page = descent("#descent?lr=10&steps=500")
    for path in page.locator(".explorer path").all():
        course = path.get_attribute("d") or ""
        assert course
        assert "NaN" not in course
        assert "Infinity" not in course
    assert "Does not converge" in told(page)
    marks = page.locator(".explorer-aside text[text-anchor=end]").all_text_contents()
    assert 1e3 < max(map(float, marks)) <= 6.5e4  # ten thousand times the first loss
    clipped = page.evaluate("getComputedStyle(document.querySelector('svg svg')).overflow")
    assert clipped == "hidden"


@pytest.mark.parametrize(
    ("lr", "words"),
    [
        (0.05, "the narrow valley and nearly at rest"),
        (0.11, "the narrow valley and still moves"),
        (0.13, "the wide valley and nearly at rest"),
    ],
)
def test_the_double_well_tells_where_it_ends(descent: Open, lr: float, words: str) -> None:
    text = told(descent(f"#descent?loss=well&lr={lr}&steps=100"))
    assert f"After 100 steps it is in {words}" in text
    assert "is 0.1 at the bottom of the narrow valley and 2 in the wide one" in text


# --- the momentum map ----------------------------------------------------------------------------


def test_the_point_is_that_under_the_pointer(momentum_map: Open) -> None:
    page = momentum_map()
    first, box = picture(page), page.locator(".explorer-figure > svg").bounding_box()
    assert box
    page.mouse.move(box["x"] + 100, box["y"] + 280)
    assert picture(page) != first
    assert ": slow;" in told(page)
    page.mouse.move(box["x"] + box["width"] - 30, box["y"] + 200)
    assert ": divergent;" in told(page)
    page.mouse.move(box["x"] + 150, box["y"] + 60)
    text = told(page)
    assert ": swinging;" in text
    lr, beta = number_after("Rate", text), number_after("momentum", text)
    assert 0.99 < beta < 0.995
    assert 0.003 < lr < 0.03
    factor = convergence_factor(Quadratic([1, 25]), lr, beta)
    assert number_after("the distance by", text) == pytest.approx(factor, rel=5e-3)


@pytest.mark.parametrize("nesterov", [False, True])
def test_the_best_pair_is_told_and_taken(momentum_map: Open, nesterov: bool) -> None:
    page = momentum_map(f"#momentum_map?condition=100&nesterov={str(nesterov).lower()}")
    page.get_by_role("button", name="Go to the best pair").click()
    text, best = told(page), best_tuning(Quadratic([1, 100]), nesterov=nesterov)
    assert ": fast;" in text
    pair = text.split("best pair: ")[1]
    numbers = [number_after(word, pair) for word in ("rate", "momentum", "factor")]
    assert numbers == pytest.approx(list(best), rel=5e-3)


def test_the_course_is_that_of_lrlab(momentum_map: Open) -> None:
    walk = momentum_map("#momentum_map?lr=0.12&momentum=0.7").evaluate(WALK, "momentum_map")
    bowl, rule = Quadratic([1, 25]), Momentum(momentum=0.7)
    path = descend(bowl, rule, Constant(0.12), [1, 1], 80)
    np.testing.assert_allclose(walk["w"], path.w, rtol=1e-9, atol=1e-12)
    assert walk["regimes"] == [regime(curvature, 0.12, 0.7) for curvature in (1, 25)]


def test_the_colours_are_those_of_the_key(momentum_map: Open) -> None:
    page = momentum_map()
    areas = page.locator(".explorer-cells")
    kinds = [(area.get_attribute("class") or "").split()[1] for area in areas.all()]
    assert set(kinds) == set(page.locator(".explorer-key li").all_inner_texts())
    for kind in kinds:
        assert page.evaluate(COLOURS, [f".explorer-cells.{kind}", f".explorer-key li.{kind}"])

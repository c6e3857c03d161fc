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

NAMES = ("descent", "momentum_map")


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
@pytest.mark.parametrize("name", NAMES)
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
        inner = page.locator("svg svg").bounding_box()
        ring = page.locator("circle.explorer-marker").bounding_box()
        assert inner
        assert ring
        assert inner["x"] <= ring["x"]
        assert ring["x"] + ring["width"] <= inner["x"] + inner["width"]
        assert inner["y"] <= ring["y"]
        assert ring["y"] + ring["height"] <= inner["y"] + inner["height"]

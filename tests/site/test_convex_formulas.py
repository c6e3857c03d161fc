"""The convex bound in JavaScript is lrlab's: both are asked, in a real browser and here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page

from lrlab.theory.convex_bounds import best_base_lr, convex_bound
from tests.site.explorers import formulas
from tests.support.strategies import examples

BOUND = "(given) => lrlab.convexBounds.bound(...given)"
BEST = "(given) => Object.values(lrlab.convexBounds.bestBaseLr(...given))"


@pytest.fixture(scope="module")
def page(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("formulas")
    with formulas(chromium, folder, "convex_bounds") as page:
        yield page


def ours(rates: list[float], distance: float, norm: Any) -> tuple[np.ndarray, list[float] | None]:
    """The bound at each step, and the best base rate where the last rate is not 0."""
    how = {"distance": distance, "gradient_norm": norm}
    return convex_bound(rates, **how), list(best_base_lr(rates, **how)) if rates[-1] else None


def same(page: Page, *given: Any) -> bool:
    curve, best = ours(*given)
    found = page.evaluate(BOUND, list(given)) == pytest.approx(curve, rel=1e-9, abs=0)
    if best is not None:
        found = found and page.evaluate(BEST, list(given)) == pytest.approx(best, rel=1e-9, abs=0)
    return bool(found)


@given(
    st.lists(st.floats(1e-6, 10) | st.just(0.0), min_size=1, max_size=60),
    st.floats(0.1, 10),
    st.floats(0.1, 10) | st.integers(0, 99),
)
@examples(200)
def check(page: Page, rates: list[float], distance: float, norm: float | int) -> None:
    norms: Any = norm
    if isinstance(norm, int):  # the seed of one length for each step
        norms = np.random.default_rng(norm).uniform(0.1, 5, len(rates)).tolist()
    assert same(page, rates, distance, norms)


def test_the_bound_is_that_of_lrlab(page: Page) -> None:
    check(page)


def test_what_is_left_out_is_one(page: Page) -> None:
    rates = [0.1, 0.3, 0.2]
    assert page.evaluate(BOUND, [rates]) == pytest.approx(convex_bound(rates), rel=1e-9)
    assert page.evaluate(BEST, [rates]) == pytest.approx(list(best_base_lr(rates)), rel=1e-9)


def test_the_smallest_rates_of_a_long_decay_keep_their_digits(page: Page) -> None:
    assert same(page, [(1 - t / 2000) ** 8 for t in range(2000)], 1.0, 1.0)


# A fault in each formula: in the curve, and in each of the two numbers.
FAULTS = {
    "bound": "found.map((x) => x * (1 + 1e-8))",
    "bestBaseLr.lr": "({ ...found, lr: found.lr * (1 + 1e-8) })",
    "bestBaseLr.bound": "({ ...found, bound: found.bound * (1 + 1e-8) })",
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_formula_that_is_off_by_a_hundred_millionth_is_noticed(page: Page, name: str) -> None:
    given = ([0.1, 0.3, 0.2], 2.0, [1.0, 2.0, 1.5])
    page.evaluate(
        "(name) => { const own = lrlab.convexBounds[name]; lrlab.convexBounds[name] ="
        f" (...given) => {{ const found = own(...given); return {FAULTS[name]}; }};"
        " window.restore = () => { lrlab.convexBounds[name] = own; }; }",
        name.split(".")[0],
    )
    noticed = not same(page, *given)
    page.evaluate("restore()")
    assert noticed
    assert same(page, *given)

"""The explorer of sensitivity: formulas and figures are those of lrlab, and it can be used."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from lrlab import studies
from lrlab.statistics import decades
from tests.site.explorers import Open, at_rest, explorer_page, visiting
from tools import sweeps

RESULTS = """(state) => {
  const { controls, results } = lrlab.explorers.sensitivity;
  const found = results({ ...lrlab.kit.initial(controls), ...state });
  const told = (_, x) => (typeof x === "number" && !Number.isFinite(x) ? `${x}` : x);
  return JSON.stringify(found, told);
}"""
FORMULAS = """(tables) => tables.map(({ lrs, losses, level }) => {
  const finite = losses.map((loss) => loss ?? Infinity);
  const { edges, decades, median } = lrlab.statistics;
  return [...edges(lrs, finite, level), decades(lrs, finite, level), median(finite)].map(String);
})"""
EXACT = {"rel": 1e-9, "abs": 1e-12, "nan_ok": True}
HALF = 0.5 * 10**-sweeps.DIGITS * (1 + 1e-9)  # by which rounding may move a value


@pytest.fixture(scope="module")
def data() -> dict[str, Any]:
    return sweeps.data()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    return explorer_page(tmp_path_factory.mktemp("page"), "sensitivity")


@pytest.fixture
def visit(chromium: Browser, address: str) -> Iterator[Open]:
    with visiting(chromium, address) as open_:
        yield open_


# --- the formulas --------------------------------------------------------------------------------


def width(lrs: list[float], losses: list[float], level: float) -> float:
    """lrlab's width; NaN where it says that the grid ends too early."""
    try:
        (found,) = decades(lrs, [[loss] for loss in losses], level)
    except ValueError:
        return math.nan
    return float(found)


def lower(lrs: list[float], losses: list[float], level: float) -> float:
    """The lower end, from lrlab's width where a run beyond the best rate has diverged."""
    best = int(np.argmin(losses))
    rates, ends = [*lrs[: best + 1], 2 * lrs[best]], [*losses[: best + 1], math.inf]
    return lrs[best] / 10 ** width(rates, ends, level)


def random_table(rng: np.random.Generator) -> tuple[list[float], list[float], float]:
    """A sweep with ties and runs that diverged, and a level somewhere in it, or on a loss."""
    n = int(rng.integers(1, 12))
    lrs = np.sort(10 ** rng.uniform(-6, 2, n)).tolist()
    losses = np.where(rng.random(n) < 0.5, rng.uniform(0.1, 3, n), rng.integers(1, 4, n))
    losses = np.where(rng.random(n) < 0.15, np.inf, losses).tolist()
    among = [loss for loss in losses if loss < np.inf]
    level = rng.choice(among) if among and rng.random() < 0.3 else rng.uniform(0, 3.5)
    return lrs, losses, float(level)


def off(page: Page, tables: list[tuple[list[float], list[float], float]]) -> int:
    """For how many sweeps the browser says anything else than lrlab."""
    given = [
        {"lrs": lrs, "losses": [x if x < np.inf else None for x in losses], "level": level}
        for lrs, losses, level in tables
    ]
    wrong = 0
    for table, told in zip(tables, page.evaluate(FORMULAS, given), strict=True):
        *ends, wide, middle = map(float, told)
        found, expected = [wide, middle], [width(*table), float(np.median(table[1]))]
        if ends:  # lrlab has no function for the upper end, which the width fixes
            found += [ends[0], math.log10(ends[1] / ends[0])]
            expected += [lower(*table), width(*table)]
        same = found == pytest.approx(expected, **EXACT)
        wrong += not same or bool(ends) != (min(table[1]) < table[2])
    return wrong


def test_the_formulas_are_those_of_lrlab(visit: Open) -> None:
    rng = np.random.default_rng(17)
    tables = [random_table(rng) for _ in range(2_000)]
    widths = np.array([width(*table) for table in tables])
    assert min(np.isnan(widths).sum(), (widths == 0).sum(), (widths > 1).sum()) > 50
    assert off(visit(), tables) == 0


@pytest.mark.parametrize("name", ["edges", "decades", "median"])
def test_a_formula_that_is_off_by_a_hundred_millionth_is_noticed(visit: Open, name: str) -> None:
    page = visit()
    tables = [([0.001, 0.01, 0.1, 1.0], [2.3, 1.3, 0.3, 2.3], 0.8)]
    assert off(page, tables) == 0
    page.evaluate(
        "(name) => { const own = lrlab.statistics[name]; const more = (x) => x * (1 + 1e-8);"
        " lrlab.statistics[name] = (...given) => [own(...given)].flat().map(more); }",
        name,
    )
    assert off(page, tables) == 1


# --- what is shown -------------------------------------------------------------------------------


table_of = functools.cache(studies.table)


def recorded(problem: str, way: str, measure: str) -> tuple[list[float], np.ndarray]:
    """Rates and last values of all seeds, from the records, without the code of the explorer."""
    study, prefix = sweeps.PROBLEMS[problem].ways[way]
    table = table_of(study)
    table = table[table.label.str.fullmatch(rf"{prefix}lr \S+")].sort_values(["lr", "seed"])
    values = table.test_loss if measure == "loss" else 1 - table.test_accuracy
    lost = (table.stopped != "") | ~np.isfinite(values)
    values = values.where(~lost, np.inf).to_numpy().reshape(-1, table.seed.nunique())
    return sorted(set(table.lr.tolist())), values


def rounded(values: np.ndarray) -> np.ndarray:
    """As the data are. Python rounds the shares, some of which lie between two of them, exactly."""
    return np.vectorize(lambda value: round(value, sweeps.DIGITS) if value < np.inf else value)(
        values
    )


@pytest.mark.parametrize("measure", ["loss", "error"])
@pytest.mark.parametrize("problem", sweeps.PROBLEMS)
def test_what_is_shown_is_what_lrlab_computes_from_the_records(
    visit: Open, problem: str, measure: str
) -> None:
    page = visit()
    state = {"problem": problem, "measure": measure, "margin": 20}
    text = page.evaluate(RESULTS, state | {"lr": 0.01})
    for way in sweeps.PROBLEMS[problem].ways:
        shown = page.evaluate(f"(text) => JSON.parse(text).sweeps[{way!r}]", text)
        lrs, values = recorded(problem, way, measure)
        assert shown["lrs"] == pytest.approx(lrs, rel=1e-9)
        unit = 1 if measure == "loss" else 100
        ends = np.array(shown["ends"], dtype=float)
        np.testing.assert_allclose(np.sort(ends), unit * np.sort(values), rtol=0, atol=unit * HALF)
        # Of the rounded values everything else follows exactly.
        medians = unit * np.median(rounded(values), axis=1)
        np.testing.assert_allclose(np.array(shown["medians"], dtype=float), medians, rtol=1e-9)
        best = int(np.argmin(medians))
        assert shown["best"] == best
        of = [lrs, medians.tolist(), shown["level"]]
        assert shown["level"] == pytest.approx(1.2 * medians[best], rel=1e-9)
        assert float(shown["low"]) == pytest.approx(lower(*of), rel=1e-9, nan_ok=True)
        assert float(shown["decades"]) == pytest.approx(width(*of), rel=1e-9, nan_ok=True)


def test_a_record_that_is_off_is_noticed(visit: Open) -> None:
    page = visit()
    shift = 2 * 10**-sweeps.DIGITS
    page.evaluate(f"lrlab.data.sensitivity['LeNet-1'].ways.Adam.runs[3][0][0][0] += {shift}")
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        test_what_is_shown_is_what_lrlab_computes_from_the_records(lambda: page, "LeNet-1", "loss")


def test_the_words_have_the_numbers(visit: Open) -> None:
    said = visit("#sensitivity?lr=0.03").get_by_role("status").inner_text()
    lrs, values = recorded("LeNet-1", "Adam", "loss")
    medians = np.median(values, axis=1)
    at, best = lrs.index(0.03), int(np.argmin(medians))
    span = f"seeds from {values[at].min():.3g} to {values[at].max():.3g}"
    assert f"Adam at 0.03: median test loss {medians[at]:.3g} ({span})" in said
    assert "guessing has 2.3; of 3 seeds 0 ended near guessing and 0 diverged" in said
    assert f"The best rate of the grid, {lrs[best]}, has {medians[best]:.3g}" in said
    assert f"here it is {medians[at] / medians[best]:.3g} times that" in said


def test_seeds_that_end_near_guessing_are_counted(visit: Open) -> None:
    for measure, guessing in (("loss", math.log(10)), ("error", 0.9)):
        for lr in (0.03, 0.3):
            lrs, values = recorded("LeNet-1", "AdaGrad", measure)
            failed = int((values[lrs.index(lr)] > 0.98 * guessing).sum())
            page = visit(f"#sensitivity?way-LeNet-1=AdaGrad&lr={lr}&measure={measure}")
            words = f"of 3 seeds {failed} ended near guessing and 0 diverged"
            assert words in page.get_by_role("status").inner_text()


@pytest.mark.parametrize(("margin", "lax"), [(20, False), (50, True)])
def test_a_margin_that_takes_in_guessing_is_told_as_such(
    visit: Open, margin: int, lax: bool
) -> None:
    page = visit(f"#sensitivity?problem=decoder-4&measure=error&margin={margin}")
    said = page.get_by_role("status").inner_text()
    assert ("calls good what is close to guessing" in said) == lax


def test_every_axis_of_losses_has_three_marks(visit: Open) -> None:
    page = visit()
    for problem in sweeps.PROBLEMS:
        for measure in ("loss", "error"):
            hash_ = f"#sensitivity?problem={problem}&measure={measure}"
            page.evaluate("(hash) => { location.hash = hash; }", hash_)
            expect(page.get_by_label("problem")).to_have_value(problem)
            expect(page.get_by_label("judged by")).to_have_value(measure)
            ticks = page.locator("svg").first.locator("text[text-anchor=end]").all_text_contents()
            assert len(ticks) >= 3, hash_
            assert max(map(float, ticks)) <= 100


def test_seeds_that_diverged_are_counted_and_crossed(visit: Open) -> None:
    _, values = recorded("LeNet-4", "momentum, linear to 0", "loss")
    lost = int(np.isinf(values[-1]).sum())
    assert lost > 0
    page = visit("#sensitivity?problem=LeNet-4&lr=1")
    assert f" and {lost} diverged" in page.get_by_role("status").inner_text()
    assert page.locator("svg").first.locator("path.explorer-mark").count() == values.size + 1


def test_good_rates_up_to_an_end_of_the_grid_are_told_as_such(visit: Open) -> None:
    said = visit("#sensitivity?problem=LeNet-10&margin=50").get_by_role("status").inner_text()
    lrs, values = recorded("LeNet-10", "Adam, constant", "loss")
    medians = np.median(values, axis=1).tolist()
    level = 1.5 * min(medians)
    assert medians[-1] < level
    low = lower(lrs, medians, level)
    wide = math.log10(lrs[-1] / low)
    assert said.endswith(f"to ≥ {lrs[-1]}, ≥ {wide:.1f} decades.")


def test_no_control_covers_its_label(visit: Open) -> None:
    for size in (360, 1280):
        page = visit("#sensitivity?problem=LeNet-4", size)
        for control in page.locator(".explorer select:visible").all():
            label = page.locator(f"label[for='{control.get_attribute('id')}']").bounding_box()
            own = control.bounding_box()
            assert label
            assert own
            beside = own["x"] >= label["x"] + label["width"] - 1
            assert beside or own["y"] >= label["y"] + label["height"] - 1


@pytest.mark.parametrize("size", [360, 1280])
def test_choices_and_table_are_seen_whole(visit: Open, size: int) -> None:
    for name in ("AlexNet-4", "LeNet-10"):
        page = visit(f"#sensitivity?problem={name}", size)
        cut = page.locator(".explorer select:visible").evaluate_all(
            "(all) => all.filter((one) => { const copy = one.cloneNode(true);"
            " copy.style.maxWidth = 'none'; document.querySelector('.explorer').append(copy);"
            " const wanted = copy.offsetWidth; copy.remove();"
            " return one.offsetWidth < wanted; }).length"
        )
        assert cut == 0
        table = page.locator(".explorer-table")
        assert table.evaluate("(x) => x.scrollWidth - x.clientWidth") <= 0


def test_data_are_small(data: dict[str, Any]) -> None:
    assert len(str(data)) < 100_000


# --- use -----------------------------------------------------------------------------------------


def test_the_rate_moves_by_keyboard_and_under_the_pointer(visit: Open) -> None:
    page = visit()
    slider, status = page.get_by_label("rate", exact=True), page.get_by_role("status")
    slider.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "0.003")
    expect(status).to_contain_text("Adam at 0.003:")
    slider.press("Home")
    expect(slider).to_have_attribute("aria-valuetext", "1e-5")
    expect(status).to_contain_text("Adam at 1e-5:")
    page.locator("svg").hover(position={"x": 600, "y": 150})
    assert "Adam at 1e-5:" not in status.inner_text()


def test_one_optimizer_can_be_chosen_for_each_problem(visit: Open) -> None:
    page = visit()
    for name, problem in sweeps.PROBLEMS.items():
        page.get_by_label("problem").select_option(name)
        ways = page.get_by_label("optimiser").and_(page.locator("select:visible"))
        assert ways.locator("option").all_inner_texts() == list(problem.ways)
        for way in problem.ways:
            ways.select_option(way)
            expect(page.get_by_role("status")).to_contain_text(f"{way} at ")
        assert page.locator(".explorer-table tbody tr").count() == len(problem.ways)
        assert page.locator("svg").count() == 1 + (not name.endswith("-1"))


def test_the_address_and_reset_bring_states_back(visit: Open) -> None:
    first = visit().get_by_role("status").inner_text()
    page = visit("#sensitivity?problem=LeNet-10&lr=0.01&margin=10")
    page.get_by_label("judged by").select_option("error")
    told, said = at_rest(page), page.get_by_role("status").inner_text()
    assert told == "#sensitivity?problem=LeNet-10&lr=0.01&measure=error&margin=10"
    page = visit(told)
    assert page.get_by_role("status").inner_text() == said
    page.get_by_role("button", name="Reset").click()
    assert page.get_by_role("status").inner_text() == first


@pytest.mark.parametrize("size", [320, 360, 1280])
def test_nothing_scrolls_sideways_or_leaves_its_plot(visit: Open, size: int) -> None:
    for name in sweeps.PROBLEMS:
        page = visit(f"#sensitivity?problem={name}&lr=1", size)
        assert page.evaluate("document.documentElement.scrollWidth") <= size, name
        marks: list[Any] = page.evaluate(
            "[...document.querySelectorAll('svg')].map((svg) => {"
            " const outer = svg.getBoundingClientRect();"
            " return [...svg.querySelectorAll('path, text')].every((one) => {"
            "  const { top, bottom, left, right, width } = one.getBoundingClientRect();"
            "  return !width || (top >= outer.top - 1 && bottom <= outer.bottom + 1 &&"
            "   left >= outer.left - 1 && right <= outer.right + 1); }); })"
        )
        assert all(marks), name

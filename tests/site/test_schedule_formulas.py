"""The schedules in JavaScript give lrlab's rates: both are asked in a real browser and here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Browser, Error, Page

import lrlab.schedules as s
from tests.site.explorers import formulas
from tests.support.schedule_oracle import lowest_and_highest
from tests.support.schedule_samples import SAMPLES, any_schedule, sample, simple_schedules
from tests.support.strategies import examples, free_durations, free_times

ASK = "([config, times]) => times.map((t) => lrlab.schedules.rate(config, t))"


@pytest.fixture(scope="module")
def page(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("formulas")
    with formulas(chromium, folder, "schedules") as page:
        yield page


def borders(config: dict[str, Any]) -> set[float]:
    """The moments and the lengths of time in a config, and sums of them."""
    own = [config[key] for key in config if key.endswith("epochs") and config[key]]
    own += config.get("milestones", []) + config.get("at", [])
    inner = [config.get("schedule"), config.get("factor"), *config.get("schedules", [])]
    found = {0.0}.union(*(borders(one) for one in inner if isinstance(one, dict)))
    return found | {k * length + start for k in (1, 2, 3) for length in own for start in found}


def around(moment: float) -> list[float]:
    """A moment and what lies on both sides of it, next to it and just outside the slack."""
    near = [np.nextafter(moment, 0), np.nextafter(moment, np.inf)]
    return [float(t) for t in (moment, *near, moment * (1 - 1e-9), moment * (1 + 1e-9))]


def worst(page: Page, schedule: s.Schedule, times: list[float], relative: float = 1e-9) -> float:
    """The largest difference of the two, over what is allowed: 1e-9 of the rate, and rounding.

    Where a rate is a small remainder of large ones, a cosine next to its end, the last bits of the
    large ones are all that can be compared: 16 roundings of the highest rate of the schedule.
    """
    theirs = np.array(page.evaluate(ASK, [schedule.to_config(), times]))
    ours = schedule(np.array(times))
    rounding = 16 * np.finfo(float).eps * lowest_and_highest(schedule)[1]
    allowed = relative * ours + rounding + np.finfo(float).tiny
    assert theirs.shape == ours.shape
    return float((np.abs(theirs - ours) / allowed).max())


def moments_of(schedule: s.Schedule, others: list[float]) -> list[float]:
    edges = sorted(borders(schedule.to_config()))[:40]
    return others + [t for moment in edges for t in around(moment)]


def test_no_class_is_left_out(page: Page) -> None:
    assert set(page.evaluate("Object.keys(lrlab.schedules.RATES)")) == {
        cls.__name__ for cls in SAMPLES
    }


time_lists = st.lists(free_times, min_size=5, max_size=20)


@pytest.mark.parametrize("cls", simple_schedules(free_durations))
def test_each_class_gives_the_rates_of_lrlab(page: Page, cls: type) -> None:
    @given(simple_schedules(free_durations)[cls], time_lists)
    @examples(40)
    def check(schedule: s.Schedule, times: list[float]) -> None:
        assert worst(page, schedule, moments_of(schedule, times)) <= 1

    check()


def test_compositions_give_the_rates_of_lrlab(page: Page) -> None:
    @given(any_schedule(), time_lists)
    @examples(200)
    def check(schedule: s.Schedule, times: list[float]) -> None:
        assert worst(page, schedule, moments_of(schedule, times)) <= 1

    check()


@pytest.mark.parametrize(
    "schedule",
    [
        s.Recurrence(3.0, rule="sin"),  # where lrlab no longer counts epoch by epoch
        s.Recurrence(0.5, rule="power", exponent=2),
        s.Recurrence(1.0, rule="power", exponent=2),  # 1 to the power infinity
        s.StepDecay(0.1, gamma=1.0, step_epochs=1e-300),
        s.hold(s.LinearDecay(0.1, total_epochs=2e5), 1e-300),
        s.InverseTimeDecay(0.1, rate=1e300),
    ],
)
def test_far_out(page: Page, schedule: s.Schedule) -> None:
    times = [0, 9_999, 10_000, 10_001, 20_000, 123_456.7, 1e6, 1e12]
    # Closer than elsewhere: of the sum behind the sines the last term is less than 1e-9.
    assert worst(page, schedule, times, relative=1e-11) <= 1


@pytest.mark.parametrize("cls", SAMPLES)
def test_every_parameter_has_its_effect(page: Page, cls: type) -> None:
    times = [float(t) for t in np.linspace(0, 12, 97)]
    for name, (_, other) in SAMPLES[cls].items():
        assert worst(page, sample(cls, **{name: other}), times) <= 1, name


@pytest.mark.parametrize("cls", SAMPLES)
def test_a_formula_that_is_off_by_a_hundred_millionth_is_noticed(page: Page, cls: type) -> None:
    page.evaluate(
        "(name) => { const { RATES } = lrlab.schedules; const own = RATES[name];"
        " RATES[name] = (c, t) => own(c, t) * (1 + 1e-8); window.restore ="
        " () => { RATES[name] = own; }; }",
        cls.__name__,
    )
    found = worst(page, sample(cls), [0.5, 1.0, 2.5, 3.5])
    page.evaluate("restore()")
    assert found > 1
    assert worst(page, sample(cls), [0.5, 1.0, 2.5, 3.5]) <= 1


@pytest.mark.parametrize(
    ("config", "t", "message"),
    [
        ({"class": "constructor"}, 1, "no schedule constructor"),
        ({"class": "Constant", "lr": 1}, -1, "t must be finite and at least 0, not -1"),
        ({"class": "Constant"}, 1, "the rate at 1 is undefined"),
    ],
)
def test_what_has_no_rate_is_refused(page: Page, config: dict, t: float, message: str) -> None:
    with pytest.raises(Error, match=message):
        page.evaluate(ASK, [config, [t]])

"""The plateau policies in JavaScript have lrlab's states: both are asked, in a browser and here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page

from lrlab.plateau import ReduceOnPlateau
from tests.site.explorers import formulas
from tests.support import policies as of_powers
from tests.support.policies import INF, NAN, metric_lists, rates, states
from tests.support.strategies import examples

ASK = "([policy, metrics]) => lrlab.plateau.states(policy, metrics)"


@pytest.fixture(scope="module")
def page(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("formulas")
    with formulas(chromium, folder, "plateau") as page:
        yield page


def differs(page: Page, policy: ReduceOnPlateau, metrics: list[float]) -> str | None:
    """What is not the same in the two courses of states; None if nothing is."""
    theirs = page.evaluate(ASK, [policy.to_config(), metrics])
    ours = states(policy, metrics)
    assert len(theirs) == len(ours)
    for epoch, (state, other) in enumerate(zip(ours, theirs, strict=True)):
        assert set(other) == {"lr", "best", "wait", "cooldown_left", "spell"}
        if other.pop("lr") != pytest.approx(state.lr, rel=1e-9, abs=0):
            return f"lr after {epoch}"
        for name, value in other.items():
            own = getattr(state, name)
            if value != own and not (value != value and own != own):  # NaN is NaN
                return f"{name} after {epoch}"
    return None


def policy_of(lr: float, floor: float, rise: int | None, **others: Any) -> ReduceOnPlateau:
    """A policy of Keras' or PyTorch's whose parameters keep its rules."""
    if others["convention"] == "keras":
        others |= {"threshold_mode": "abs", "eps": 1e-8}
    if rise:
        others |= {"raise_after": rise + others["patience"], "raise_factor": 3.0}
    return ReduceOnPlateau(lr, min_lr=floor * lr, **others)


free_policies = st.builds(
    policy_of,
    lr=st.floats(1e-6, 10) | st.sampled_from([0.0, 0.1, 1e-40]),
    floor=st.sampled_from([0, 0.1, 0.3, 1]),
    rise=st.none() | st.integers(1, 6),
    convention=st.sampled_from(["keras", "pytorch"]),
    factor=st.floats(0.01, 0.99),
    patience=st.integers(0, 5),
    mode=st.sampled_from(["min", "max"]),
    min_delta=st.sampled_from([0, 1e-8, 1e-4, 0.1, 0.5]) | st.floats(0, 0.9),
    threshold_mode=st.sampled_from(["rel", "abs"]),
    cooldown=st.integers(0, 5),
    eps=st.sampled_from([0, 1e-8, 0.01]),
)
# Ties, differences that only float64 sees, and what float32 takes for 0 or for infinite.
special = st.sampled_from([NAN, INF, -INF, 0.0, 1e-39, -1e-39, 0.5, 0.5 + 1e-9, 0.9, 1.0, 4e38])
long_lists = st.lists(special | st.floats(-2, 2), max_size=50) | st.lists(
    st.integers(0, 5).map(lambda k: k / 10), max_size=50
)


@pytest.mark.parametrize(
    ("policies", "metrics"), [(of_powers.policies, metric_lists), (free_policies, long_lists)]
)
def test_the_states_are_those_of_lrlab(page: Page, policies: Any, metrics: Any) -> None:
    @given(policies, metrics)
    @examples(200)
    def check(policy: ReduceOnPlateau, metrics: list[float]) -> None:
        assert differs(page, policy, metrics) is None

    check()


# --- what a fault would do -----------------------------------------------------------------------

FALLING = [1.1, *[0.9] * 6, 0.8, *[0.9] * 12]
RISING = [-metric for metric in FALLING]
POLICY = ReduceOnPlateau(0.3, factor=0.3, patience=2, cooldown=2, min_delta=0)
FAULTS = {
    "cutsAfter": "own(...given) + 1",
    "skippedEpochs": "own(...given) + 1",
    "kept": "own(...given) * (1 + 1e-8)",
    "cut": "own(...given) * (1 + 1e-8)",
    "firstBest": "0",
}
# float32 has nothing between 0.9 and 0.9 less a hundred millionth.
TIES = {"keras": 1e-7, "pytorch": 1e-8}


def spoiled(page: Page, convention: str, name: str, fault: str) -> str | None:
    """Which difference is seen with a fault in one formula of a convention."""
    page.evaluate(
        "([convention, name]) => { const formulas = lrlab.plateau.CONVENTIONS[convention];"
        f" const own = formulas[name]; formulas[name] = (...given) => {fault};"
        " window.restore = () => { formulas[name] = own; }; }",
        [convention, name],
    )
    other = POLICY if convention == "keras" else replace(POLICY, convention=convention)
    found = differs(page, other, FALLING)
    found = found or differs(page, replace(other, mode="max"), RISING)
    page.evaluate("restore()")
    assert differs(page, other, FALLING) is None
    return found


@pytest.mark.parametrize("convention", TIES)
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_a_formula_is_noticed(page: Page, convention: str, name: str) -> None:
    assert spoiled(page, convention, name, FAULTS[name])


@pytest.mark.parametrize("convention", TIES)
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_comparison_that_is_off_is_noticed(page: Page, convention: str, sign: int) -> None:
    moved = f"own(given[0], given[1] + {sign * TIES[convention]}, given[2])"
    assert spoiled(page, convention, "isBetter", moved)


def test_every_parameter_has_its_effect(page: Page) -> None:
    policy = replace(POLICY, convention="pytorch", threshold_mode="abs")
    others = {
        "lr": 0.4, "factor": 0.31, "patience": 3, "mode": "max", "min_delta": 0.15, "cooldown": 3,
        "min_lr": 0.2, "eps": 0.22, "raise_after": 4, "raise_factor": 1.5,
    }  # fmt: skip
    for name, value in others.items():
        rising = {"raise_after": 3, "raise_factor": 2.0} if name.startswith("raise") else {}
        first = replace(policy, **rising)
        second = replace(first, **{name: value})
        assert rates(first, FALLING) != rates(second, FALLING), name
        assert differs(page, second, FALLING) is None, name
    relative = replace(policy, threshold_mode="rel", min_delta=0.105)
    assert differs(page, relative, FALLING) is None
    assert rates(relative, FALLING) != rates(replace(relative, threshold_mode="abs"), FALLING)

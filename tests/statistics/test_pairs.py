"""Paired differences: by hand, with gaps, from a pandas Series, and against SciPy's paired test."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lrlab.statistics.pairs import paired

FIRST, SECOND = {0: 3.0, 1: 5.0, 2: 4.0}, {2: 1.0, 0: 1.0, 1: 4.0}


def test_differences_by_hand():
    pairs = paired(FIRST, SECOND)
    assert pairs.differences == {0: 2, 1: 1, 2: 3}
    assert pairs.lost == 0
    assert paired(SECOND, FIRST).differences == {0: -2, 1: -1, 2: -3}


@pytest.mark.parametrize("level", [0.5, 0.95])
def test_the_interval_is_scipys(level):
    rng = np.random.default_rng(0)
    ours, theirs = rng.normal(size=(2, 12))
    expected = stats.ttest_rel(ours, theirs).confidence_interval(level)
    interval = paired(dict(enumerate(ours)), dict(enumerate(theirs))).interval(level)
    assert interval[1:] == pytest.approx(tuple(expected), rel=1e-12)


def test_a_common_effect_of_the_seed_cancels():
    noise = dict(enumerate(np.random.default_rng(0).normal(0, 100, 6)))
    shifted = {seed: value + 1 for seed, value in noise.items()}
    assert paired(shifted, noise).interval() == pytest.approx((1, 1, 1), abs=1e-9)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_gives_no_difference_is_counted(value):
    pairs = paired({**FIRST, 3: 1.0, 4: 2.0}, {**SECOND, 1: value, 5: value, 4: value})
    assert pairs.differences == {0: 2, 2: 3}
    assert pairs.lost == 4  # 1 and 4 are not finite, 3 and 5 have no partner
    assert paired({0: value}, {0: value}).lost == 1
    assert paired({0: 1}, {1: 1}).lost == 2


def test_a_series_is_a_mapping():
    frame = pd.DataFrame({"seed": [2, 0, 1], "loss": [4.0, 3.0, math.nan]}).set_index("seed")
    pairs = paired(frame.loss, SECOND)
    assert (pairs.differences, pairs.lost) == ({2: 3, 0: 2}, 1)
    assert pairs == paired(frame.loss, pd.Series(SECOND))
    twice = pd.Series([1.0, 2.0], index=[7, 7])
    with pytest.raises(ValueError, match=r"second must hold one value a seed, received \[7, 7\]"):
        paired(frame.loss, twice)


@pytest.mark.parametrize("value", ["1", None, True])
def test_values_are_numbers(value):
    with pytest.raises(ValueError, match=f"first.'a'. must be a number, received {value!r}"):
        paired({"a": value}, {"a": 1.0})


def test_a_seed_has_one_value():
    with pytest.raises(ValueError, match=r"^second\[0\] must be one number, received 2$"):
        paired({0: 1.0}, {0: [1.0, 2.0]})


def test_one_difference_has_no_spread():
    with pytest.raises(ValueError, match=r"values must be two or more finite .* \[2\.0\]"):
        paired(FIRST, {0: 1}).interval()


def test_nothing_can_be_set():
    with pytest.raises(AttributeError):
        paired(FIRST, SECOND).lost = 3

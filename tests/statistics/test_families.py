"""Families of claims: Student's p-value against SciPy's, Holm's levels against his own words."""

import itertools

import numpy as np
import pytest
from scipy import stats

from lrlab.statistics import Pairs, family, holm, mean_interval, p_value


@pytest.mark.parametrize("center", [-1.0, 0.3, 2.0])
@pytest.mark.parametrize("n", [2, 3, 20])
def test_p_values_are_those_of_a_t_test(n, center):
    values = np.random.default_rng(n).normal(0.5, 2, n)
    expected = stats.ttest_1samp(values, center).pvalue
    assert p_value(values, center) == pytest.approx(expected, rel=1e-9)


def test_a_p_value_is_small_where_the_interval_leaves_the_number_out():
    values = [0.1, 0.4, 0.2, 0.5]
    p = p_value(values, 0)
    assert 0 not in mean_interval(values, 1 - p * 1.001)
    assert 0 in mean_interval(values, 1 - p * 0.999)


def test_values_without_scatter():
    assert p_value([1, 1, 1], 1) == 1
    assert p_value([1, 1, 1], 0.9) == 0


def rejected_by_holm(p_values, alpha):
    """Reject the smallest while it is at most alpha over the number of those that are left."""
    left, rejected = sorted(range(len(p_values)), key=lambda i: p_values[i]), set()
    while left and p_values[left[0]] <= alpha / len(left):
        rejected.add(left.pop(0))
    return rejected


@pytest.mark.parametrize("level", [0.95, 0.8])
def test_a_level_decides_as_holms_procedure_does(level):
    grid = (0.0, 0.011, 0.02, 0.04, 0.06, 0.3)
    for p_values in itertools.product(grid, repeat=3):
        levels = holm(p_values, level)
        decided = {i for i in range(3) if p_values[i] <= 1 - levels[i]}
        assert decided == rejected_by_holm(p_values, 1 - level), p_values


def test_alone_the_level_is_the_one_asked_for_and_in_a_family_none_is_lower():
    assert holm([0.5], 0.9) == pytest.approx([0.9])
    assert holm([]) == []
    assert min(holm([0.001, 0.02, 0.3, 1.0])) >= 0.95
    assert max(holm([0.3] * 4)) == pytest.approx(1 - 0.05 / 4)


def test_of_families_without_any_effect_at_most_one_in_twenty_errs():
    rng = np.random.default_rng(0)
    errs = 0
    for _ in range(1000):
        p_values = [p_value(rng.normal(size=4), 0) for _ in range(6)]
        errs += any(p <= 1 - level for p, level in zip(p_values, holm(p_values), strict=True))
    assert errs <= stats.binom.ppf(0.999, 1000, 0.05)
    assert errs >= stats.binom.ppf(0.001, 1000, 1 - (1 - 0.05 / 6) ** 6), "and no fewer than that"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: holm([0.1, 1.1]), r"p_values must be numbers in \[0, 1\], received"),
        (lambda: holm([[0.1]]), "p_values must be numbers"),
        (lambda: holm([float("nan")]), "p_values must be numbers"),
        (lambda: holm([0.1], 1), "level must"),
        (lambda: p_value([1], 0), "values must be two or more finite numbers"),
        (lambda: p_value([1, np.inf], 0), "values must be two or more finite numbers"),
        (lambda: p_value([1, 2], np.nan), "center must be a finite real number"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_family_has_the_intervals_of_holms_levels():
    values = {"a": [0.1, 0.5, 0.3], "b": [2.1, 2.5, 2.3], "c": [-0.2, -0.1, 0.2]}
    margins = {"a": 0.0, "b": 0.3, "c": -0.5}
    effects = {k: (Pairs(dict(enumerate(v)), 0), margins[k]) for k, v in values.items()}
    levels = holm([p_value(v, margins[k]) for k, v in values.items()], 0.9)
    for (k, v), level in zip(values.items(), levels, strict=True):
        assert family(effects, 0.9)[k] == pytest.approx(mean_interval(v, level))
    assert family({"a": effects["a"]}) == {"a": mean_interval(values["a"])}
    assert family({}) == {}

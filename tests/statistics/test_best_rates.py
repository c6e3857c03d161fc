"""The best rate between those of a grid, on losses made so that the answer is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrlab.statistics import best_rate
from tests.support.strategies import examples


@given(st.floats(-1.9, 1.9), st.floats(0.1, 9), st.randoms())
@examples(30)
def test_the_lowest_point_of_a_parabola_is_found_on_any_grid(centre, bend, random):
    exponents = [-2.5, -2, -1.2, -0.7, 0, 0.4, 1.1, 2, 2.5]
    random.shuffle(exponents)
    losses = [[bend * (x - centre) ** 2 + 1, (x - centre) ** 2] for x in exponents]
    found = best_rate([10**x for x in exponents], losses)
    assert np.log10(found) == pytest.approx([centre, centre], abs=1e-9)


def test_three_points_of_a_quadratic_fit_agree():
    losses = [[0.9], [0.31], [0.3], [0.7]]
    fit = np.polyfit(np.log([0.1, 0.3, 1]), [0.31, 0.3, 0.7], 2)
    wanted = np.exp(-fit[1] / (2 * fit[0]))
    assert best_rate([0.03, 0.1, 0.3, 1], losses) == pytest.approx([wanted])


def test_what_the_grid_does_not_show_is_not_a_number():
    found = best_rate([1, 10, 100], [[1, 3, 2], [2, 2, 1], [3, 1, 2]])
    assert np.isnan(found[:2]).all()
    assert 10 < found[2] < 100


def test_an_end_of_the_grid_counts_if_it_is_to():
    found = best_rate([1, 10, 100], [[1, 3, 2], [2, 2, 1], [3, 1, 2]], ends=True)
    assert found[:2] == pytest.approx([1, 100])
    assert 10 < found[2] < 100


@pytest.mark.parametrize("lost", [np.nan, np.inf])
def test_beside_a_run_that_diverged_it_is_the_rate_of_the_grid(lost):
    assert best_rate([1, 10, 100], [[2.0], [1.0], [lost]]) == pytest.approx([10])
    assert best_rate([1, 10, 100], [[1.0], [1.0], [1.0]])[0] != 10, "the first of equals: an end"
    assert best_rate([1, 10, 100, 1000], [[2.0], [1.0], [1.0], [2.0]]) == pytest.approx([10**1.5])


@pytest.mark.parametrize(
    ("lrs", "losses", "message"),
    [
        ([1, 1], [[1], [2]], "lrs must differ"),
        ([1, 2], [[1, np.nan], [2, np.inf]], "a run that did not diverge"),
        ([1, 2], [1, 2], r"losses must have shape \(2, seeds\)"),
        ([0, 2], [[1], [2]], r"lrs\[0\] must be"),
    ],
)
def test_refused(lrs, losses, message):
    with pytest.raises(ValueError, match=message):
        best_rate(lrs, losses)

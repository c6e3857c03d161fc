"""Edges of the range of rates that work, on losses made so that the answer is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrlab.sensitivity import left_edge, right_edge

LRS = [1.0, 0.1, 0.01, 0.001]
U = [[2.3, np.nan], [0.3, 0.5], [1.2, 1.6], [2.3, 2.3]]  # means: NaN, 0.4, 1.4, 2.3


def test_left_edge_interpolates_the_mean_in_the_logarithm():
    assert left_edge(LRS, U, 1.4) == pytest.approx(0.01)
    assert left_edge(LRS, U, 0.9) == pytest.approx(10**-1.5)
    assert left_edge(LRS, U, 2.0) == pytest.approx(0.01 * 10 ** (-0.6 / 0.9))


def test_right_edge_is_the_last_rate_at_which_every_seed_is_below():
    assert right_edge(LRS, U, 1.5) == 0.1
    two = [[0.7, 0.7], [0.3, 0.5], [1.2, 1.6], [2.3, 2.3]]
    assert right_edge(LRS, two, 1.5) == 1.0
    # Beyond a rate that fails, one that works by luck does not count.
    assert right_edge([1, 2, 3, 4], [[0.1], [0.2], [2.0], [0.3]], 1.5) == 2


@given(st.floats(-3, 1), st.floats(0.2, 5), st.randoms())
def test_edges_move_with_the_rates_and_not_with_the_order(centre, width, random):
    exponents = np.linspace(-6, 3, 200)
    losses = ((exponents - centre) / width)[:, np.newaxis] ** 2
    order = list(range(200))
    random.shuffle(order)
    lrs, losses = 10 ** exponents[order], losses[order]
    # The loss is 1 where the exponent is `width` away from the centre.
    if centre - width > -5.9:
        assert np.log10(left_edge(lrs, losses, 1.0)) == pytest.approx(centre - width, abs=0.03)
    expected = min(centre + width, 3)
    assert np.log10(right_edge(lrs, losses, 1.0)) == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("edge", [left_edge, right_edge])
@pytest.mark.parametrize(
    ("lrs", "losses", "level", "message"),
    [
        ([1, 0], [[1], [1]], 2, r"lrs\[1\] must be .*received 0"),
        ([1, 2], [[1], [1], [1]], 2, r"losses must have shape \(2, seeds\), received \(3, 1\)"),
        ([1, 2], [1, 1], 2, "losses must have shape"),
        ([], [], 2, "losses must have shape"),
        ([1, 2], [[1], [1]], 0.5, "level must lie above"),
        ([1, 2], [[np.nan], [np.nan]], 0.5, "level must lie above"),
    ],
)
def test_refused(edge, lrs, losses, level, message):
    with pytest.raises(ValueError, match=message):
        edge(lrs, losses, level)


def test_a_level_that_the_left_side_never_reaches_is_refused():
    with pytest.raises(ValueError, match="reached left of the best rate, received 3"):
        left_edge(LRS, U, 3)

"""Edges of the range of rates that work, on losses made so that the answer is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrlab.statistics.edges import decades, left_edge, left_edges, right_edge
from tests.support.strategies import examples

LRS = [1.0, 0.1, 0.01, 0.001]
U = [[2.3, np.nan], [0.3, 0.5], [1.2, 1.6], [2.3, 2.3]]  # means: NaN, 0.4, 1.4, 2.3


def test_left_edge_interpolates_the_mean_in_the_logarithm():
    assert left_edge(LRS, U, 1.4) == pytest.approx(0.01)
    assert left_edge(LRS, U, 0.9) == pytest.approx(10**-1.5)
    assert left_edge(LRS, U, 2.0) == pytest.approx(0.01 * 10 ** (-0.6 / 0.9))


@pytest.mark.parametrize("lost", [np.nan, np.inf, -np.inf])
def test_towards_a_rate_at_which_a_seed_diverged_left_edge_is_the_next_one(lost):
    assert left_edge([0.001, 0.01, 0.1], [[lost], [0.3], [2.3]], 1.0) == 0.01
    assert left_edge([0.001, 0.01, 0.1], [[2.3, lost], [0.9, 0.7], [0.3, 0.3]], 1.0) == 0.01
    assert left_edge([0.001, 0.01, 0.1], [[lost], [1.5], [0.5]], 1.0) == pytest.approx(10**-1.5)


def test_left_edges_are_those_of_each_seed():
    table = np.array([[np.nan, 2.3], [0.3, 0.5], [1.2, 1.6], [2.3, 2.3]])
    edges = left_edges(LRS, table, 1.4)
    alone = [left_edge(LRS, table[:, [seed]], 1.4) for seed in (0, 1)]
    assert edges.tolist() == alone
    assert edges[0] < 0.01 < edges[1], "the first seed is below the level at 0.01"
    with pytest.raises(ValueError, match="level must lie above some mean loss"):
        left_edges(LRS, table, 0.4)


def test_right_edge_is_the_last_rate_at_which_every_seed_is_below():
    assert right_edge(LRS, U, 1.5) == 0.1
    two = [[0.7, 0.7], [0.3, 0.5], [1.2, 1.6], [2.3, 2.3]]
    assert right_edge(LRS, two, 1.5) == 1.0
    # Beyond a rate that fails, one that works by luck does not count.
    assert right_edge([1, 2, 3, 4], [[0.1], [0.2], [2.0], [0.3]], 1.5) == 2


def test_a_loss_at_the_level_has_reached_it_and_is_not_below():
    assert left_edge(LRS, U, 2.3) == 0.001
    assert right_edge([1, 2], [[0.5], [1.5]], 1.5) == 1
    assert decades([1, 10, 100], [[2.0], [1.0], [1.5]], 1.5) == pytest.approx([1.5])
    with pytest.raises(ValueError, match=r"level must lie above some mean loss, received 1\.0"):
        left_edge([1, 2], [[2], [1]], 1.0)


@given(st.floats(-3, 1), st.floats(0.2, 5), st.randoms())
@examples(30)
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


@pytest.mark.parametrize("edge", [left_edge, left_edges, right_edge, decades])
@pytest.mark.parametrize(
    ("lrs", "losses", "level", "message"),
    [
        ([1, 0], [[1], [1]], 2, r"lrs\[1\] must be .*received 0"),
        ([1, 2], [[1], [1], [1]], 2, r"losses must have shape \(2, seeds\), received \(3, 1\)"),
        ([1, 2], [1, 1], 2, "losses must have shape"),
        ([], [], 2, "losses must have shape"),
    ],
)
def test_refused(edge, lrs, losses, level, message):
    with pytest.raises(ValueError, match=message):
        edge(lrs, losses, level)


def test_a_level_that_the_left_side_never_reaches_is_refused():
    with pytest.raises(ValueError, match="reached left of the best rate, received 3"):
        left_edge(LRS, U, 3)


@pytest.mark.parametrize("edge", [left_edge, right_edge])
@pytest.mark.parametrize("losses", [[[1], [1]], [[np.nan], [np.nan]]])
def test_a_level_below_every_loss_is_refused(edge, losses):
    with pytest.raises(ValueError, match="level must lie above"):
        edge([1, 2], losses, 0.5)


def test_decades_interpolates_both_sides_of_each_seed():
    """Seed 0 from 10^-2 to 10^-0.5, seed 1 from 10^-1.75 to 1."""
    losses = [[2.0, 1.5], [1.0, 0.5], [1.5, 2.5], [2.5, 3.0]]
    assert decades([1, 0.1, 0.01, 0.001], losses, 1.5) == pytest.approx([1.5, 1.5])
    assert decades([1, 0.1, 0.01, 0.001], losses, 1.25) == pytest.approx([0.75, 0.75 + 0.375])


def test_decades_ends_before_a_run_that_diverged():
    for lost in (np.nan, np.inf, -np.inf):
        losses = [[2.0], [0.5], [0.7], [lost], [0.5]]
        assert decades([1, 10, 100, 1000, 1e4], losses, 1.0) == pytest.approx([4 / 3])
        both = [[lost], [0.5], [lost]]
        assert decades([1, 10, 100], both, 1.0) == [0]


def test_decades_is_0_where_the_level_is_never_kept():
    assert decades([1, 10, 100], [[2.0, 3.0], [1.0, 0.9], [2.0, 3.0]], 1.0)[0] == 0
    assert decades([1, 10, 100], [[np.nan]] * 3, 1.0) == [0]


@given(st.floats(-3, 1), st.floats(0.2, 1.5), st.randoms())
@examples(30)
def test_decades_of_a_parabola_are_twice_its_half_width(centre, half, random):
    exponents = np.linspace(-6, 3, 400)
    order = list(range(400))
    random.shuffle(order)
    losses = np.stack([((exponents - centre) / half) ** 2, (exponents - centre) ** 2], axis=1)
    widths = decades(10 ** exponents[order], losses[order], 1.0)
    assert widths == pytest.approx([2 * half, 2], abs=1e-3)


@pytest.mark.parametrize("losses", [[[0.5], [0.7], [2]], [[2], [0.7], [0.5]]])
def test_decades_asks_for_both_arms(losses):
    with pytest.raises(ValueError, match=r"reached on both sides of the best rate, received 1\.0"):
        decades([1, 10, 100], losses, 1.0)

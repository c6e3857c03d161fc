"""Spikes, against a plain loop, and on both sides of the limit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrlab.statistics import spikes
from tests.support.strategies import examples


@given(
    st.lists(st.floats(0, 5), max_size=40),
    st.floats(0.1, 2),
    st.integers(1, 8),
)
@examples(60)
def test_every_update_is_compared_with_the_ones_right_before_it(losses, above, window):
    wanted = [
        k
        for k in range(window, len(losses))
        if losses[k] > sorted(losses[k - window : k])[window // 2] + above
    ]
    if window % 2:  # the middle one of an odd number is the median
        assert spikes(losses, above=above, window=window).tolist() == wanted
    else:
        assert set(wanted) <= set(spikes(losses, above=above, window=window).tolist())


def test_both_sides_of_the_limit():
    assert spikes([1, 1, 1.5, 1.5001], above=0.5, window=2).tolist() == []
    assert spikes([1, 1, 1.5001, 1.5], above=0.5, window=2).tolist() == [2]


def test_what_is_not_finite_is_a_spike_and_does_not_hide_the_next():
    assert spikes([1, 1, 1, np.nan, 1, 9, 1], window=3).tolist() == [3, 5]
    assert spikes([1] * 3, window=3).size == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"above": 0}, "above must be"),
        ({"window": 0}, "window must be"),
        ({"losses": [[1.0]]}, r"one list of numbers, received shape \(1, 1\)"),
    ],
)
def test_what_makes_no_sense_is_refused(change, words):
    with pytest.raises(ValueError, match=words):
        spikes(**{"losses": [1.0, 2.0], **change})

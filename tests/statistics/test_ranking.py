"""Who is worse than the reference, and who is as good: against intervals taken by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrlab.statistics import Pairs, holm, mean_interval, p_value, standings
from tests.support.strategies import examples


def pairs(values):
    return Pairs(dict(enumerate(values)), 0)


@given(
    st.lists(
        st.lists(st.floats(-3, 3).map(lambda x: round(x, 3)), min_size=3, max_size=3, unique=True),
        min_size=1,
        max_size=5,
    )
)
@examples(60)
def test_words_are_those_of_holms_intervals(rows):
    margin = 1.0
    held = [min((0.0, margin), key=lambda c: (abs(np.mean(row) - c), -c)) for row in rows]
    levels = holm([p_value(row, center) for row, center in zip(rows, held, strict=True)])
    found = standings({str(k): pairs(row) for k, row in enumerate(rows)}, margin)
    for row, level, one in zip(rows, levels, found.values(), strict=True):
        assert one.behind == mean_interval(row)
        assert one.family == pytest.approx(mean_interval(row, level))
        low, high = one.family[1:]
        assert one.word == ("worse" if low > 0 else "as good" if high < margin else "open")


def test_the_order_of_the_three_words():
    near, far = [0.01, -0.02, 0.03, 0.0], [2.0, 2.1, 1.9, 2.0]
    wide, little = [2.0, -2.0, 1.5, -1.0], [0.2, 0.21, 0.19, 0.2]
    found = standings({"n": pairs(near), "f": pairs(far), "w": pairs(wide), "l": pairs(little)}, 1)
    words = {name: one.word for name, one in found.items()}
    assert words == {"n": "as good", "f": "worse", "w": "open", "l": "worse"}


def test_more_ways_need_wider_intervals():
    one = standings({"a": pairs([0.4, 0.7, 0.6])}, 1)["a"]
    many = standings({str(k): pairs([0.4, 0.7, 0.6]) for k in range(11)}, 1)["0"]
    assert one.family == one.behind == many.behind
    assert many.family.high > one.family.high


def test_a_margin_that_is_none_is_refused():
    with pytest.raises(ValueError, match="margin must be"):
        standings({"a": pairs([1.0, 2.0])}, 0)

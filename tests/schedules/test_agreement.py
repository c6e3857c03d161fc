"""The comparison can say no."""

import numpy as np
import pytest

from lrlab import ExponentialDecay
from lrlab.schedules.agreement import deviation, relative_difference

SCHEDULE = ExponentialDecay(0.4, gamma=0.5)
RATES = SCHEDULE(np.arange(4))


def test_difference_is_a_share_of_the_peak():
    assert relative_difference([2.0, 1.0], [2.0, 1.5]) == 0.25
    assert relative_difference([0.0, 0.0], [0.0, 0.5]) == 0.5


def test_deviation_knows_how_many_steps_make_an_epoch():
    off = SCHEDULE(np.arange(6) / 3) + np.array([0, 0, 0, -0.1, 0, 0])
    assert deviation(SCHEDULE, off, n=3) == pytest.approx(0.25)
    assert deviation(SCHEDULE, list(RATES)) == 0
    with pytest.raises(ValueError, match="n must be"):
        deviation(SCHEDULE, RATES, n=0)


def test_different_lengths_are_refused():
    with pytest.raises(ValueError, match="shape"):
        relative_difference([1.0, 2.0], [1.0])

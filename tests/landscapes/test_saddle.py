"""The saddle: by hand, and where descents that pass it end."""

import math

import numpy as np
import pytest

from lrlab.landscapes.descent import descend
from lrlab.landscapes.saddle import Saddle
from lrlab.optimizers import SGD
from lrlab.schedules import Constant


def test_the_saddle_by_hand() -> None:
    saddle = Saddle(3, fall=2, distance=0.5)
    assert saddle.hessian([0, 0]).tolist() == [[3, 0], [0, -2]]
    assert saddle.grad([0, 0]).tolist() == [0, 0]
    assert saddle.loss([0, 0]) == 2 * 0.25 / 4
    assert saddle.loss([2, 0.5]) == 6
    assert saddle.grad([2, 1]).tolist() == [6, 2 * 3]
    assert saddle.minima.tolist() == [[0, 0.5], [0, -0.5]]
    assert saddle.minimum.tolist() == [0, 0.5]
    assert saddle.loss(saddle.minima).tolist() == [0, 0]
    assert saddle.hessian(saddle.minima).tolist() == [[[3, 0], [0, 4]]] * 2


def test_on_the_ridge_descent_ends_in_the_saddle_and_beside_it_in_a_minimum() -> None:
    saddle = Saddle()
    ends = descend(saddle, SGD(), Constant(0.5), [[1, 0], [1, 1e-6], [1, -1e-6]], 2000).w[-1]
    expected = np.array([[0, 0], *saddle.minima])
    assert ends == pytest.approx(expected, abs=1e-12)


REFUSED = [
    (lambda: Saddle("1"), "rise must be a finite .* received '1'"),
    (lambda: Saddle(fall=0), "fall must be .* greater than 0, received 0"),
    (lambda: Saddle(distance=math.inf), "distance must be a finite .* received inf"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_what_makes_no_sense_is_refused(make, message) -> None:
    with pytest.raises(ValueError, match=message):
        make()

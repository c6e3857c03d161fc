"""The cliff: by hand, where its wall is steepest, and how descents pass it."""

import math

import numpy as np
import pytest

from lrlab.landscapes.cliff import Cliff
from lrlab.landscapes.descent import descend
from lrlab.optimizers import SGD, Momentum
from lrlab.schedules import Constant


def test_the_cliff_by_hand() -> None:
    cliff = Cliff(3, width=0.5, flat=0.25)
    assert cliff.loss([1]) == pytest.approx(3 * (1 - math.exp(-2)) + 0.125, rel=1e-14)
    assert cliff.curvature([0]).tolist() == [12.25]
    assert cliff.divergence_lr == 2 / 12.25
    # Far out the hole is gone, and a bowl of height 3 remains.
    assert cliff.loss([40]) == 3 + 0.125 * 1600
    assert cliff.grad([[40], [-40]]).tolist() == [[10], [-10]]
    assert cliff.curvature([40]).tolist() == [0.25]
    assert cliff.loss([1e-9]) == pytest.approx(12.25 / 2 * 1e-18, rel=1e-9, abs=0)


@pytest.mark.parametrize("cliff", [Cliff(), Cliff(3, width=0.7, flat=0.3)], ids=str)
def test_from_everywhere_the_slope_points_away_from_the_minimum(cliff) -> None:
    w = np.linspace(-6, 6, 4001)[:, np.newaxis]
    assert np.sign(cliff.grad(w)).tolist() == np.sign(w).tolist()


def test_the_wall_is_steepest_at_its_width() -> None:
    cliff = Cliff(2, width=0.3, flat=1e-6)
    w = np.linspace(0, 3, 30_001)[:, np.newaxis]
    slopes = cliff.grad(w)
    assert w[np.argmax(slopes)] == pytest.approx(0.3, rel=1e-3)
    assert slopes.max() == pytest.approx(2 / (0.3 * math.sqrt(math.e)), rel=1e-3)


def test_around_its_rate_of_divergence_descent_stays_or_leaves() -> None:
    cliff = Cliff()
    near = [0.001]
    below = descend(cliff, SGD(), Constant(0.95 * cliff.divergence_lr), near, 500)
    above = descend(cliff, SGD(), Constant(1.05 * cliff.divergence_lr), near, 500)
    assert below.distance[-1] < 1e-6
    assert above.distance[-1] > 0.01


def test_momentum_is_quicker_across_the_plateau() -> None:
    cliff = Cliff()
    optimizers = SGD(), Momentum(momentum=0.9)
    arrivals = [
        np.argmax(descend(cliff, optimizer, Constant(0.04), [2.0], 2_500).distance < cliff.width)
        for optimizer in optimizers
    ]
    assert 0 < 8 * arrivals[1] < arrivals[0]


REFUSED = [
    (lambda: Cliff(-1), "height must be .* greater than 0, received -1"),
    (lambda: Cliff(width=math.nan), "width must be a finite .* received nan"),
    (lambda: Cliff(flat=0), "flat must be .* greater than 0, received 0"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_what_makes_no_sense_is_refused(make, message) -> None:
    with pytest.raises(ValueError, match=message):
        make()

"""Recorded range tests are what a test would have found."""

import numpy as np
import pytest

from lrlab import Geometric, Recipe
from lrlab.studies import RecordError, range_tests
from lrlab.training import RangeTest
from tests.support.histories import follow

STEPS = 20


def recorded(losses, seed=3):
    schedule = Geometric(0.001, total_epochs=(STEPS - 1) / STEPS, final_lr=10)
    recipe = Recipe(schedule, epochs=1, batch_size=10, per="step", seed=seed)
    run = follow(recipe, steps=STEPS)
    run.measured["updates"] = {"step": [float(k) for k in range(len(losses))], "loss": losses}
    return run


LOSSES = [2.0] * 5 + [2.0 - 0.1 * k for k in range(10)] + [3.0, 9.0, 20.0, 30.0, 40.0]


def test_rates_and_losses_are_those_of_the_updates():
    found = range_tests([recorded(LOSSES), recorded(LOSSES[::-1], seed=7)], beta=0.5, stop_at=100)
    assert list(found) == [3, 7]
    rates = np.geomspace(0.001, 10, STEPS)
    assert found[3].lr == pytest.approx(rates)
    assert found[3].loss == tuple(LOSSES)
    assert (found[3].steps, found[3].beta, found[3].stopped) == (STEPS, 0.5, None)
    assert found[3] == RangeTest(found[3].lr, LOSSES, steps=STEPS, beta=0.5)


def test_it_stops_where_a_test_would_have():
    found = range_tests([recorded(LOSSES)], beta=0, stop_at=4)[3]
    assert found.loss == tuple(LOSSES[:17])
    assert found.stopped.startswith("diverged: the smoothed loss exceeds 4 times its minimum")
    lost = range_tests([recorded([*LOSSES[:9], "nan"])])[3]
    assert len(lost.lr) == 9
    assert "no longer finite" in lost.stopped


@pytest.mark.parametrize("measured", [{}, {"updates": {"step": [], "loss": []}}, {"updates": 3}])
def test_without_losses_there_is_no_test(measured):
    run = recorded(LOSSES)
    run.measured = measured
    with pytest.raises(RecordError, match="seed 3 holds no losses of its updates"):
        range_tests([run])

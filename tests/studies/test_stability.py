"""Recorded sharpness is held against the edge of the optimizer, by the rule of its study."""

import math

import numpy as np
import pytest

from lrlab import Constant, Recipe, warmup
from lrlab.optimizers import SGD, Adam, Momentum
from lrlab.studies import RecordError, at_edge
from tests.support.histories import follow

STEPS = 10


def recorded(sharpness, loss=None, *, schedule=None, optimizer=None, per="epoch"):
    """A run at the rate 0.1 whose sharpness was measured every 5 updates."""
    schedule, optimizer = schedule or Constant(0.1), optimizer or SGD()
    recipe = Recipe(schedule, epochs=4, batch_size=10, optimizer=optimizer, per=per, seed=3)
    run = follow(recipe, steps=STEPS)
    steps = [5.0 * k for k in range(len(sharpness))]
    loss = loss or [1.0] * len(sharpness)
    run.measured["updates"] = {"step": steps, "loss": loss, "sharpness": sharpness}
    return run


@pytest.mark.parametrize(
    ("optimizer", "edge"), [(SGD(), 20), (Momentum(momentum=0.9), 38), (Adam(), 380)]
)
def test_each_optimizer_has_its_own_edge(optimizer, edge):
    found = at_edge(recorded([1.0, edge, 1.5 * edge], optimizer=optimizer))
    assert found.edge == pytest.approx(edge)
    assert found.ratio == pytest.approx([1 / edge, 1, 1.5])
    assert found.step.tolist() == [0, 5, 10]


def test_what_counts_begins_at_half_of_the_edge_and_ends_with_the_loss():
    sharpness, loss = [4.0, 10.0, 18.0, 6.0, 22.0, 2.0], [2.0, 1.0, 0.5, 0.3, 0.2, 0.1]
    found = at_edge(recorded(sharpness, loss))
    assert found.counts.tolist() == [False, True, True, True, True, False]
    assert found.median() == pytest.approx((0.5 + 0.9) / 2)
    wider = at_edge(recorded(sharpness, loss), climbed=0.1, used_up=0.05)
    assert wider.counts.all()


def test_a_run_that_does_not_climb_has_no_median():
    assert math.isinf(at_edge(recorded([1.0, 2.0, 9.9])).median())
    assert math.isinf(at_edge(recorded([1.0, 15.0], [1.0, 0.05])).median())


def test_the_first_measurement_under_adam_is_left_out():
    found = at_edge(recorded(["nan", 40.0, 300.0], optimizer=Adam()))
    assert found.step.tolist() == [5, 10]
    assert found.loss.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("per", "rates"), [("step", [0, 0.05, 0.1, 0.1]), ("epoch", [0, 0, 0.1, 0.1])]
)
def test_the_edge_follows_the_rate(per, rates):
    run = recorded([3.0] * 4, schedule=warmup(Constant(0.1), 1), per=per)
    with np.errstate(divide="ignore"):
        assert at_edge(run).edge == pytest.approx(2 / np.array(rates))


@pytest.mark.parametrize(
    "measured", [{}, {"updates": {"step": [], "sharpness": []}}, {"updates": 3}]
)
def test_without_sharpness_there_is_nothing_to_compare(measured):
    run = recorded([1.0])
    run.measured = measured
    with pytest.raises(RecordError, match="seed 3 holds no sharpness of its updates"):
        at_edge(run)


@pytest.mark.parametrize(
    ("name", "value"), [("climbed", 0), ("used_up", -1), ("climbed", math.nan)]
)
def test_numbers_that_break_their_rule_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} must be a finite real number greater than 0"):
        at_edge(recorded([1.0]), **{name: value})

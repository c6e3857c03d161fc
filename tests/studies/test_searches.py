"""Searches on recorded grids: what they find and spend, counted by hand."""

import math

import numpy as np
import pytest

from lrlab import LinearDecay, Recipe
from lrlab.statistics import best_rate
from lrlab.studies import Search, halving, searches, trials
from lrlab.training import RangeTest
from tests.support.histories import follow

GRID = [float(f"{0.001 * 1000 ** (k / 12):.3g}") for k in range(13)]
# Best is the fifth; what learns fastest at first ends worse.
CURVES = {lr: [3 - 0.1 * k, 2.9 - 0.1 * k, 2.0, 1 + 0.05 * abs(k - 5)] for k, lr in enumerate(GRID)}
LOST = {**CURVES, GRID[12]: [9.0, math.inf]}


def test_trials_take_the_nearest_rate_and_count_their_epochs():
    assert trials(CURVES, [GRID[2], GRID[5] * 1.2, GRID[9]], spent=2.5) == Search(
        GRID[5], 1.0, 14.5, 1.0
    )
    assert trials(LOST, [GRID[12], GRID[11]]) == Search(GRID[11], 1.3, 6, 1.3)
    assert trials(LOST, [GRID[12]])[1:3] == (math.inf, 2)


def test_a_rate_outside_costs_and_finds_nothing():
    found = trials(CURVES, [GRID[0] / 2, GRID[12] * 2])
    assert (math.isnan(found.lr), found.loss, found.epochs) == (True, math.inf, 8)
    inside = trials(CURVES, [GRID[0] / 1.3, GRID[12] * 1.3])
    assert inside.lr == GRID[0]
    assert trials(CURVES, [])[1:] == (math.inf, 0, math.inf)


def test_halving_ends_the_worse_half_after_epochs_1_2_and_4():
    seven = GRID[0::2]  # of which 12, 10, 8, 6 go on, and then 12, 10
    assert halving(CURVES, seven) == Search(GRID[10], 1.25, 7 + 4 + 2 * 2, 1.25)
    assert halving(CURVES, GRID[:1]).epochs == 4
    # The best one diverges in the second epoch: another one goes on.
    assert halving(LOST, seven) == Search(GRID[8], 1.15, 7 + 4 + 2 * 2, 1.15)
    gone = {lr: [1.0, math.inf] for lr in GRID}
    assert math.isnan(halving(CURVES | gone, GRID).lr) is True


@pytest.fixture(scope="module")
def found():
    runs = []
    for seed in (1, 2):
        for lr, curve in CURVES.items():
            schedule = LinearDecay(lr, total_epochs=4)
            recipe = Recipe(schedule, epochs=4, batch_size=10, per="step", seed=seed)
            runs.append(follow(recipe, steps=5, test_loss=curve, train_loss=curve))
    rates = np.geomspace(1e-4, 1, 20)
    flat = RangeTest(rates, np.full(20, 2.0), steps=20)
    good = RangeTest(rates, 2 - 0.9 / (1 + (0.3 * GRID[5] / rates) ** 3), steps=20, beta=0)
    return searches(runs, {1: good, 2: flat}), good


def test_every_way_has_its_beginnings_and_costs(found):
    ways, good = found
    assert {way: len(of[1]) for way, of in ways.items()} == {
        "grid by 10": 4, "grid by 3": 2, "halving": 2,
        "steepest + 3": 1, "minimum / 10 + 3": 1, "valley + 3": 1,
    }  # fmt: skip
    assert [one.epochs for one in ways["grid by 10"][1]] == [16, 12, 12, 12]
    assert [one.epochs for one in ways["grid by 3"][1]] == [28, 24]
    assert [one.epochs for one in ways["halving"][1]] == [15, 13]
    assert [one.lr for one in ways["grid by 3"][2]] == [GRID[4], GRID[5]]
    (steepest,) = ways["steepest + 3"][1]
    assert steepest.epochs == 20 / 5 + 12
    three = [good.steepest() * factor for factor in (10**-0.5, 1, 10**0.5)]
    assert steepest == trials(CURVES, three, spent=4)


def test_a_rule_without_a_suggestion_finds_nothing(found):
    ways, _ = found
    for way in ("steepest + 3", "minimum / 10 + 3", "valley + 3"):
        (none,) = ways[way][2]
        assert (none.loss, none.epochs) == (math.inf, 4)


def test_best_is_the_best_of_the_whole_grid():
    table = [[curve[-1]] for curve in CURVES.values()]
    assert best_rate(GRID, table) == pytest.approx([GRID[5]], rel=0.01)

"""How often noise alone brings a cut: the formula beside the rule itself."""

from itertools import permutations

import numpy as np
import pytest

from lrlab.plateau import ReduceOnPlateau, expected_cuts


def cuts(cuts_after, metrics) -> int:
    policy = ReduceOnPlateau(1.0, convention="pytorch", patience=cuts_after - 1, min_delta=0, eps=0)
    state, number = policy.start(), 0
    for metric in metrics:
        before, state = state, policy.update(state, metric)
        number += state.lr < before.lr
    return number


@pytest.mark.parametrize("cuts_after", [1, 2, 3, 5, 6])
def test_without_a_trend_it_is_the_mean_over_all_orders(cuts_after):
    counted = [cuts(cuts_after, order) for order in permutations(range(6))]
    assert expected_cuts(6, cuts_after) == pytest.approx(np.mean(counted), rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("trend", [0.2, 0.7, 2.0])
@pytest.mark.parametrize("cuts_after", [1, 2, 4])
def test_with_a_trend_it_is_the_mean_over_gumbel_noise(cuts_after, trend):
    rng = np.random.default_rng(0)
    deviation = np.pi / np.sqrt(6)
    noise = -rng.gumbel(size=(1_000, 20)) / deviation  # its long tail on the side of low losses
    counted = [cuts(cuts_after, run - trend * np.arange(20)) for run in noise]
    error = np.std(counted) / np.sqrt(len(counted))
    assert abs(expected_cuts(20, cuts_after, trend) - np.mean(counted)) < 4 * error + 1e-3


def test_a_small_trend_is_nearly_none():
    assert expected_cuts(30, 3, 1e-9) == pytest.approx(expected_cuts(30, 3), rel=1e-6)


def test_more_patience_or_a_steeper_trend_brings_fewer_cuts():
    by_patience = [expected_cuts(50, patience) for patience in range(1, 51)]
    by_trend = [expected_cuts(50, 3, trend) for trend in (0, 0.1, 1, 10)]
    for expected in (by_patience, by_trend):
        assert expected == sorted(expected, reverse=True)
    assert by_patience[-1] == 0
    assert expected_cuts(1, 1) == 0


@pytest.mark.parametrize("wrong", [(0, 1), (5, 0), (5, 1, -0.1), (2.5, 1)])
def test_wrong_arguments_are_refused(wrong):
    with pytest.raises(ValueError, match="must be"):
        expected_cuts(*wrong)

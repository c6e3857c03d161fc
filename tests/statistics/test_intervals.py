"""Intervals: against scipy and against simulation."""

import numpy as np
import pytest
from scipy import stats

from lrlab.statistics.intervals import Interval, mean_interval, prediction_interval


def test_mean_interval_is_scipys():
    values = [0.891, 0.902, 0.897, 0.885]
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    assert mean_interval(values, 0.9)[1:] == pytest.approx(tuple(expected), rel=1e-12)


@pytest.mark.parametrize("values", [[1, 2], [0.891, 0.902, 0.897, 0.885], range(9)])
@pytest.mark.parametrize("level", [0.5, 0.9])
def test_both_intervals_by_their_formulas(values, level):
    n, spread = len(values), np.sqrt(np.var(values) * len(values) / (len(values) - 1))
    t = stats.t(n - 1).isf((1 - level) / 2)
    for interval, variance in ((mean_interval, 1 / n), (prediction_interval, 1 + 1 / n)):
        mean, low, high = interval(values, level)
        assert mean == pytest.approx(np.mean(values), rel=1e-15)
        reach = t * spread * variance**0.5
        assert (mean - low, high - mean) == pytest.approx((reach, reach), rel=1e-12)


def test_the_bounds_belong_to_an_interval():
    interval = mean_interval([1, 2])
    assert interval.low in interval
    assert interval.high in interval
    assert np.nextafter(interval.low, -9) not in interval
    assert np.nextafter(interval.high, 99) not in interval


@pytest.mark.parametrize(("level", "trials"), [(0.8, 4000), (0.95, 1200)])
def test_coverage_on_normal_samples(level, trials):
    rng = np.random.default_rng(0)
    samples = rng.normal(2.0, 3.0, (trials, 6))
    means = np.mean([2.0 in mean_interval(sample[:5], level) for sample in samples])
    nexts = np.mean([sample[5] in prediction_interval(sample[:5], level) for sample in samples])
    # So many trials that three standard errors are less than 0.02.
    assert means == pytest.approx(level, abs=0.02)
    assert nexts == pytest.approx(level, abs=0.02)


def test_format():
    assert mean_interval([1, 2, 3]).format(2) == "2.00 [-0.48, 4.48]"
    assert Interval(-0.004, -0.006, 0.0).format(2) == "0.00 [-0.01, 0.00]"


@pytest.mark.parametrize("interval", [mean_interval, prediction_interval])
@pytest.mark.parametrize("values", [[], [1.0], [1.0, np.nan], [[1.0, 2.0]]])
def test_values_without_a_spread_are_refused(interval, values):
    with pytest.raises(ValueError, match="values must be two or more finite numbers"):
        interval(values)


@pytest.mark.parametrize("level", [0, 1, 95])
def test_a_level_outside_0_1_is_refused(level):
    with pytest.raises(ValueError, match="level"):
        mean_interval([1, 2], level)

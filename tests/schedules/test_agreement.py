"""The comparison can say no."""

import numpy as np
import pytest

from lrlab import ExponentialDecay
from lrlab.schedules.agreement import compare, relative_difference

SCHEDULE = ExponentialDecay(0.4, gamma=0.5)
RATES = SCHEDULE(np.arange(4))


@pytest.mark.parametrize(
    ("name", "package", "tolerance"), [("pytorch", "torch", 1e-12), ("keras", "keras", 1e-6)]
)
def test_both_sides_of_the_tolerance(name, package, tolerance):
    one_off = np.array([0, 0, 0.4 * tolerance, 0])
    within, beyond = RATES + 0.9 * one_off, RATES + 1.1 * one_off
    assert compare(SCHEDULE, **{name: within}).startswith(f"{package}: 4 epochs, equal within")
    assert "DIFFERENT" in compare(SCHEDULE, **{name: beyond})


def test_difference_is_a_share_of_the_peak():
    assert relative_difference([2.0, 1.0], [2.0, 1.5]) == 0.25
    assert relative_difference([0.0, 0.0], [0.0, 0.5]) == 0.5


def test_different_lengths_are_refused():
    with pytest.raises(ValueError, match="shape"):
        relative_difference([1.0, 2.0], [1.0])


def test_a_line_for_each_framework_that_is_given():
    both = compare(SCHEDULE, pytorch=RATES, keras=np.float32(RATES))
    assert both == (
        "torch: 4 epochs, equal within 1e-12 of the peak\n"
        "keras: 4 epochs, equal within 1e-06 of the peak"
    )
    assert compare(SCHEDULE, keras=RATES) == both.splitlines()[1]
    assert compare(SCHEDULE) == ""

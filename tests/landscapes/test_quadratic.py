"""Bowls: by hand, turned, of a given condition number."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrlab.landscapes.quadratic import Quadratic
from tests.support.strategies import examples


def test_a_bowl_by_hand() -> None:
    bowl = Quadratic([2, 8])
    assert bowl.loss([3, 1]) == 2 / 2 * 9 + 8 / 2
    assert bowl.grad([3, 1]).tolist() == [6, 8]
    assert (bowl.dimension, bowl.condition_number) == (2, 4)
    assert bowl.minimum.tolist() == [0, 0]


def test_the_first_axis_turns_counter_clockwise() -> None:
    tilted = Quadratic([2, 8], angle=math.pi / 6)
    along = np.array([math.cos(math.pi / 6), 0.5])
    across = np.array([-0.5, math.cos(math.pi / 6)])
    assert tilted.grad(along) == pytest.approx(2 * along, rel=1e-14)
    assert tilted.grad(across) == pytest.approx(8 * across, rel=1e-14)
    assert tilted.axes == pytest.approx(np.column_stack([along, across]), rel=1e-15)
    assert Quadratic([1, 2, 3]).axes.tolist() == np.eye(3).tolist()


@given(st.floats(0.01, 100), st.floats(0.01, 100), st.floats(-7, 7), st.floats(-5, 5))
@examples(60)
def test_a_tilted_bowl_has_the_same_eigenvalues(first, second, angle, x) -> None:
    tilted, w = Quadratic([first, second], angle=angle), np.array([x, 2.0])
    hessian = tilted.grad(np.eye(2))  # the gradient is linear
    assert np.linalg.eigvalsh(hessian) == pytest.approx(sorted([first, second]), rel=1e-12)
    assert tilted.loss(w) == pytest.approx(w @ hessian @ w / 2, rel=1e-12)


def test_a_bowl_of_a_given_condition_number() -> None:
    assert Quadratic.with_condition(9).eigenvalues == (1, 9)
    assert Quadratic.with_condition(1, dimension=3).eigenvalues == (1, 1, 1)
    bowl = Quadratic.with_condition(1e4, dimension=5)
    assert bowl.eigenvalues == pytest.approx((1, 10, 100, 1000, 10_000), rel=1e-14)
    assert Quadratic.with_condition(4, angle=0.3) == Quadratic([1, 4], angle=0.3)


REFUSED = [
    (lambda: Quadratic([]), r"eigenvalues must be a sequence of one or more positive .*\[\]"),
    (lambda: Quadratic(3), r"eigenvalues must be a sequence of one or more .* received 3"),
    (lambda: Quadratic("12"), r"eigenvalues must be a sequence .* received '12'"),
    (lambda: Quadratic(np.array(3.0)), r"eigenvalues must be a sequence .* received array\(3\.\)"),
    (lambda: Quadratic(np.ones((2, 2))), r"eigenvalues\[0\] must be .* received array"),
    (lambda: Quadratic(range(1, 10_002)), "eigenvalues .*, at most 10000 of them, received more"),
    (lambda: Quadratic([1, 0]), r"eigenvalues\[1\] must be .* greater than 0, received 0"),
    (lambda: Quadratic([math.nan]), r"eigenvalues\[0\] must be a finite real number"),
    (lambda: Quadratic([1, 2, 3], angle=0.3), "angle must be .* two eigenvalues, not 3, .* 0.3"),
    (lambda: Quadratic([1], angle=0.3), "angle must be .* two eigenvalues, not 1, .* 0.3"),
    (lambda: Quadratic([1, 2], angle=math.inf), r"angle must be a finite real number .* inf"),
    (lambda: Quadratic.with_condition(0.9), "condition must be .* at least 1, received 0.9"),
    (lambda: Quadratic.with_condition(2, dimension=1), "dimension must be .* from 2 to .* 1"),
    (lambda: Quadratic.with_condition(2, dimension=10_001), "dimension .* to 10000, .* 10001"),
    (lambda: Quadratic.with_condition(2, dimension=2.5), "dimension must be .* received 2.5"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_what_makes_no_sense_is_refused(make, message) -> None:
    with pytest.raises(ValueError, match=message):
        make()

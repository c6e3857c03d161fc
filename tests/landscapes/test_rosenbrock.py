"""The bent valley: SciPy's, by hand, and its curvature at the minimum."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import rosen, rosen_der, rosen_hess

from lrlab.landscapes.rosenbrock import Rosenbrock
from tests.support.strategies import examples


def test_the_default_valley_is_scipys() -> None:
    valley = Rosenbrock()
    for w in np.random.default_rng(2).uniform(-3, 3, (50, 2)):
        assert valley.loss(w) == pytest.approx(rosen(w), rel=1e-12)
        assert valley.grad(w) == pytest.approx(rosen_der(w), rel=1e-10, abs=1e-10)
        assert valley.hessian(w) == pytest.approx(rosen_hess(w), rel=1e-12)


def test_the_valley_by_hand() -> None:
    valley = Rosenbrock(2, b=10)
    assert valley.loss([1, 3]) == 1 + 10 * 4
    assert valley.grad([1, 3]).tolist() == [-2 - 80, 40]
    assert valley.hessian([1, 3]).tolist() == [[2 - 120 + 120, -40], [-40, 20]]
    assert valley.minimum.tolist() == [2, 4]


@given(st.floats(0.1, 3), st.floats(0.1, 200))
@examples(40)
def test_at_the_valleys_minimum_the_determinant_is_4b(a, b) -> None:
    valley = Rosenbrock(a, b=b)
    assert np.linalg.det(valley.hessian(valley.minimum)) == pytest.approx(4 * b, rel=1e-8)


REFUSED = [
    (lambda: Rosenbrock(0), "a must be .* greater than 0, received 0"),
    (lambda: Rosenbrock(b=-1), "b must be .* greater than 0, received -1"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_what_makes_no_sense_is_refused(make, message) -> None:
    with pytest.raises(ValueError, match=message):
        make()

"""AdaGrad, RMSProp and AdaDelta: by hand, and what is said of them."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrlab.optimizers.adam import Adam, AdamW
from lrlab.optimizers.adaptive import AdaDelta, AdaGrad, RMSProp
from tests.support.optimizer_samples import CONVENTIONS, GRADS, LRS, W, follow
from tests.support.strategies import examples


@pytest.mark.parametrize(
    ("convention", "w", "velocity"),
    [("pytorch", [0, -4, -5.5, -7], 0.75), ("keras", [0, -4, -7, -8.5], 1.5)],
)
def test_rmsprop_with_momentum_by_hand(convention, w, velocity) -> None:
    # With no memory of squares, a gradient counts for its sign: here 1, 1, 0 at the rates 4, 1, 2.
    optimizer = RMSProp(rho=0.0, momentum=0.5, eps=1e-40, convention=convention)
    path, state = follow(optimizer, 0.0, [8.0, 4.0, 0.0], [4.0, 1.0, 2.0])
    assert (path.tolist(), state.velocity) == (w, velocity)


def test_adadelta_by_hand() -> None:
    path, state = follow(AdaDelta(rho=0.75, eps=0.25), 0.0, [2.0, 3.0], [0.5, 2.0])
    first = 2 * math.sqrt(0.25 / (1 + 0.25))
    second = 3 * math.sqrt((0.25 * first**2 + 0.25) / (0.75 + 0.25 * 9 + 0.25))
    assert path == pytest.approx(np.array([0, -0.5 * first, -0.5 * first - 2 * second]), rel=1e-14)
    assert state.v == 0.75 + 0.25 * 9
    assert state.u == pytest.approx(0.75 * 0.25 * first**2 + 0.25 * second**2, rel=1e-14)


def test_adagrad_falls_as_the_root_of_time() -> None:
    for start in (0.0, 3.0):
        optimizer = AdaGrad(initial_accumulator=start, eps=1e-14)
        path, state = follow(optimizer, 0.0, [2.0] * 50, [0.5] * 50)
        steps = 0.5 * 2 / np.sqrt(start + 4 * np.arange(1, 51))
        assert -np.diff(path) == pytest.approx(steps, rel=1e-12)
        assert state.v == start + 4 * 50


def test_the_variance_is_that_of_the_moving_averages() -> None:
    _, state = follow(RMSProp(rho=0.75, centered=True), W, GRADS, LRS)
    weights = 0.25 * 0.75 ** np.arange(20)[::-1, None, None]
    mean = (weights * GRADS).sum(0)
    assert state.mean == pytest.approx(mean, rel=1e-12)
    assert state.v == pytest.approx((weights * GRADS**2).sum(0) - mean**2, rel=1e-12)


@given(st.sampled_from([AdaGrad, RMSProp, Adam, AdamW]), st.sampled_from(CONVENTIONS), st.data())
@examples(40)
def test_the_unit_of_the_loss_does_not_matter(cls, convention, data) -> None:
    """Gradients of 2^k times the size, ε in the same unit: the same path, bit for bit."""
    power, eps = data.draw(st.integers(-20, 20)), data.draw(st.floats(1e-6, 0.1))
    start = {"initial_accumulator": 0.25} if cls is AdaGrad else {}
    optimizer = cls(eps=eps, convention=convention, **start)
    in_root = convention == "keras" and cls in (AdaGrad, RMSProp)
    scaled = replace(optimizer, eps=eps * 2.0 ** (power * (1 + in_root)))
    if cls is AdaGrad:
        scaled = replace(scaled, initial_accumulator=0.25 * 4.0**power)
    path, _ = follow(optimizer, W, GRADS, LRS)
    assert follow(scaled, W, GRADS * 2.0**power, LRS)[0].tolist() == path.tolist()


@pytest.mark.parametrize("cls", [AdaGrad, RMSProp, AdaDelta, Adam])
def test_an_overflow_is_not_hidden(cls) -> None:
    optimizer = cls()
    with np.errstate(all="raise"), pytest.raises(FloatingPointError, match="overflow"):
        optimizer.step(np.zeros(1), np.array([1e200]), optimizer.start(np.zeros(1)), 0.1)

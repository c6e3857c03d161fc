"""Update rules: by hand, against torch over many steps, and without side effects."""

import math
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lrlab.schedules import CosineDecay
from lrlab.updates import SGD
from tests.strategies import examples

shapes = st.lists(st.integers(1, 4), max_size=3).map(tuple)
decays = st.just(0.0) | st.floats(1e-5, 0.5)


def gradient(w, curvatures):
    """The gradient of a bent bowl, for arrays and tensors alike."""
    return curvatures * w + 0.1 * w * w * w


def test_sgd_by_hand() -> None:
    w, grad = np.array([[1.0, -2.0]]), np.array([[4.0, 0.5]])
    plain, decayed = SGD(), SGD(weight_decay=0.5)
    assert plain.step(w, grad, plain.start(w), 0.25)[0].tolist() == [[0, -2.125]]
    assert decayed.step(w, grad, decayed.start(w), 0.25)[0].tolist() == [[-0.125, -1.875]]
    assert plain.step(w, grad, plain.start(w), 0)[0].tolist() == w.tolist()
    assert plain.step(3, 2, (), 0.5) == (2, ())


@given(shapes, decays, st.floats(1e-3, 0.3), st.integers(0, 2**32 - 1))
@examples(12)
def test_sgd_is_torchs(shape, weight_decay, lr, seed) -> None:
    steps = 300
    rng = np.random.default_rng(seed)
    w, curvatures = rng.normal(size=shape), rng.uniform(0.1, 3, shape)
    rates = CosineDecay(lr, total_epochs=steps, final_lr=lr / 10)(np.arange(steps))

    parameter = torch.tensor(w, requires_grad=True)
    optimizer = torch.optim.SGD([parameter], lr=1.0, weight_decay=weight_decay)
    rule = SGD(weight_decay=weight_decay)
    state = rule.start(w)
    for rate in rates:
        parameter.grad = gradient(parameter.detach(), torch.tensor(curvatures))
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
        w, state = rule.step(w, gradient(w, curvatures), state, rate)
    assert w.shape == shape
    assert w == pytest.approx(parameter.detach().numpy(), rel=1e-10, abs=0)


def test_weight_decay_tells_in_the_comparison() -> None:
    ends = []
    for weight_decay in (0, 1e-5):
        w, rule = np.array([1.0]), SGD(weight_decay=weight_decay)
        for _ in range(300):
            w, _ = rule.step(w, gradient(w, 0.1), (), 0.01)
        ends.append(w[0])
    assert ends[0] != pytest.approx(ends[1], rel=1e-6)


def test_a_step_changes_nothing_in_place() -> None:
    w, grad = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    w.setflags(write=False)
    grad.setflags(write=False)
    rule = SGD(weight_decay=0.1)
    first, state = rule.step(w, grad, rule.start(w), 0.1)
    again, _ = rule.step(w, grad, rule.start(w), 0.1)
    assert first.tolist() == again.tolist() != w.tolist()
    assert not np.shares_memory(first, w)
    still, _ = rule.step(w, grad, state, 0.0)
    assert not np.shares_memory(still, w)


def test_a_rule_is_a_value() -> None:
    rule = SGD(weight_decay=0.1)
    assert repr(rule) == "SGD(weight_decay=0.1)"
    assert eval(repr(rule)) == rule != SGD()
    assert hash(rule) == hash(SGD(weight_decay=0.1))
    with pytest.raises(AttributeError):
        rule.weight_decay = 0
    with pytest.raises(TypeError):
        SGD(0.1)


@pytest.mark.parametrize("weight_decay", [-0.1, math.nan, math.inf, True, "0.1"])
def test_a_weight_decay_out_of_range_is_refused(weight_decay) -> None:
    with pytest.raises(ValueError, match=rf"weight_decay must be .* received {weight_decay!r}"):
        SGD(weight_decay=weight_decay)


@pytest.mark.parametrize("lr", [-0.1, math.nan, math.inf, True, "0.1"])
def test_a_rate_out_of_range_is_refused(lr) -> None:
    with pytest.raises(ValueError, match=rf"lr must be .* of at least 0, received {lr!r}"):
        SGD().step(np.ones(2), np.ones(2), (), lr)


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 1)])
def test_a_gradient_of_another_shape_is_refused(shape) -> None:
    rule = re.escape(f"grad must have the shape of w, (2,), received one of shape {shape}")
    with pytest.raises(ValueError, match=rule):
        SGD().step(np.ones(2), np.ones(shape), (), 0.1)

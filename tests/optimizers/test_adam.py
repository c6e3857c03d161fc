"""Adam and AdamW: as sums over all gradients, and what is said of them."""

import math
from dataclasses import replace

import numpy as np
import pytest

from lrlab.optimizers.adam import Adam, AdamW
from lrlab.optimizers.adaptive import RMSProp
from tests.support.optimizer_samples import CONVENTIONS, GRADS, LRS, W, follow


def test_adam_without_mean_and_correction_is_rmsprop() -> None:
    adam = Adam(beta1=0, beta2=0.9, eps=1e-3, bias_correction=False)
    for convention in CONVENTIONS:  # without the correction its ε is in the same place in both
        ours, _ = follow(replace(adam, convention=convention), W, GRADS, LRS)
        assert ours == pytest.approx(
            follow(RMSProp(rho=0.9, eps=1e-3), W, GRADS, LRS)[0], rel=1e-13
        )


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize("bias_correction", [False, True])
def test_adam_is_a_sum_over_all_gradients(convention, amsgrad, bias_correction) -> None:
    options = {"amsgrad": amsgrad, "bias_correction": bias_correction, "convention": convention}
    optimizer = Adam(beta1=0.5, beta2=0.75, eps=0.1, **options)
    path, state = follow(optimizer, W, GRADS, LRS)
    w, largest = [W], 0.0
    for t in range(1, len(GRADS) + 1):
        age = np.arange(t)[::-1, None, None]
        m, v = (0.5 * 0.5**age * GRADS[:t]).sum(0), (0.25 * 0.75**age * GRADS[:t] ** 2).sum(0)
        largest = np.maximum(largest, v)
        root, one, two = np.sqrt(largest if amsgrad else v), 1 - 0.5**t, math.sqrt(1 - 0.75**t)
        if not bias_correction:
            w.append(w[-1] - LRS[t - 1] * m / (root + 0.1))
        elif convention == "pytorch":
            w.append(w[-1] - LRS[t - 1] * (m / one) / (root / two + 0.1))
        else:
            w.append(w[-1] - LRS[t - 1] * two / one * m / (root + 0.1))
    assert path == pytest.approx(np.array(w), rel=1e-12)
    assert (state.m, state.v) == (pytest.approx(m, rel=1e-12), pytest.approx(v, rel=1e-12))
    assert state.steps == 20
    assert (state.v_max == pytest.approx(largest, rel=1e-12)) if amsgrad else state.v_max is None


def test_what_leaving_out_the_correction_does() -> None:
    lengths = {}
    for corrected in (True, False):
        path, _ = follow(Adam(bias_correction=corrected), 0.0, [3.0] * 30, [1.0] * 30)
        lengths[corrected] = -np.diff(path)
    assert lengths[True] == pytest.approx(1, rel=1e-8)
    assert lengths[False][0] == pytest.approx(0.1 / math.sqrt(0.001), rel=1e-6)
    assert (lengths[False].argmax() + 1, round(lengths[False].max(), 1)) == (12, 6.6)


def test_the_papers_decay_is_divided_by_the_peak_rate() -> None:
    """A weight loses its own decay, times what part of the peak the rate is, in the paper."""
    papers, peak = 0.3, 0.04
    course = peak * np.array([0.25, 1, 0.5, 0.125])
    expected = 2 * np.cumprod(1 - papers * course / peak)
    for convention in CONVENTIONS:
        optimizer = AdamW(weight_decay=papers / peak, convention=convention)
        path, _ = follow(optimizer, 2.0, np.zeros(4), course)
        assert path[1:] == pytest.approx(expected, rel=1e-12)


def test_under_a_large_gradient_torchs_adam_decays_less_and_adamw_alike() -> None:
    """The gradients cancel over time; what is left of a weight is the work of the decay."""
    sizes = np.array([0.1, 1.0, 10.0])
    grads = np.where(np.arange(400) % 2, 1, -1)[:, None] * sizes
    left = {}
    for cls in (Adam, AdamW):
        path, _ = follow(cls(beta1=0, weight_decay=0.1), np.ones(3), grads, np.full(400, 1e-3))
        left[cls] = path[-1]
    assert (np.diff(left[Adam]) > 0.01).all()
    assert left[AdamW] == pytest.approx(left[AdamW][0], abs=1e-3)


@pytest.mark.parametrize("shape", [(), (3,), (3, 1), (2, 3)])
@pytest.mark.parametrize("convention", ["pytorch", "keras"])
def test_vectors_may_be_left_out_of_weight_decay(shape, convention):
    """At a gradient of 0 nothing but the decay moves a weight."""
    w, optimizer = np.full(shape, 2.0), AdamW(weight_decay=0.5, convention=convention)
    for decays, expected in ((True, 1.9), (False, 1.9 if len(shape) > 1 else 2.0)):
        own = replace(optimizer, decay_vectors=decays)
        moved, state = own.step(w, np.zeros(shape), own.start(w), lr=0.1)
        np.testing.assert_allclose(moved, expected)
        moved, _ = own.step(moved, np.ones(shape), state, lr=0.1)
        plain = replace(own, weight_decay=0.0, decay_vectors=True)
        alone, _ = plain.step(w, np.ones(shape), replace(state, optimizer=plain), lr=0.1)
        lost = expected * (0.95 if expected < 2 else 1)
        np.testing.assert_allclose(moved - lost, alone - w, rtol=1e-12)

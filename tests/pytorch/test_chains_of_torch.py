"""torch's chains of schedulers, one after another and all at once: joins and products of ours.

Both compute in float64; they may differ by 1e-12 of the schedule's peak. Where torch does something
else, a test says what it does.
"""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import SGD
from torch.optim.lr_scheduler import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LinearLR,
    PolynomialLR,
    SequentialLR,
    StepLR,
)

from lrlab.schedules import (
    Constant,
    CosineDecay,
    CyclicCosine,
    ExponentialDecay,
    LinearDecay,
    PolynomialDecay,
    StepDecay,
    join,
    scale,
    warmup,
)
from tests.support.strategies import examples, factors, positive_rates
from tests.support.torch_rates import HORIZON, assert_same, torch_rates

# Of a call within torch's own chains, in torch 2.5.
pytestmark = pytest.mark.filterwarnings("ignore:The epoch parameter in `scheduler.step:UserWarning")

horizons = st.integers(1, HORIZON)
floors = st.floats(0, 2)  # as shares of the first rate; above 1 the schedule rises

# A piece of a chain: how torch builds it, and the same of ours.
pieces = st.one_of(
    st.builds(
        lambda share: (lambda opt: ConstantLR(opt, share, 1000), lambda lr: Constant(share * lr)),
        st.floats(0.01, 1),
    ),
    st.builds(
        lambda gamma, step: (
            lambda opt: StepLR(opt, step, gamma),
            lambda lr: StepDecay(lr, gamma=gamma, step_epochs=step),
        ),
        factors,
        st.integers(1, 20),
    ),
    st.builds(
        lambda gamma: (
            lambda opt: ExponentialLR(opt, gamma),
            lambda lr: ExponentialDecay(lr, gamma=gamma),
        ),
        factors,
    ),
    st.builds(
        lambda total, power: (
            lambda opt: PolynomialLR(opt, total, power),
            lambda lr: PolynomialDecay(lr, total_epochs=total, power=power),
        ),
        horizons,
        st.floats(0.1, 8),
    ),
    st.builds(
        lambda start, end, total: (
            lambda opt: LinearLR(opt, start, end, total),
            lambda lr: LinearDecay(start * lr, total_epochs=total, final_lr=end * lr),
        ),
        st.floats(1e-3, 1),
        st.floats(0, 1),
        horizons,
    ),
    st.builds(
        lambda floor: (
            lambda opt: CosineAnnealingLR(opt, HORIZON, eta_min=floor * opt.defaults["lr"]),
            lambda lr: CosineDecay(lr, total_epochs=HORIZON, final_lr=floor * lr),
        ),
        floors,
    ),
    st.builds(
        lambda cycle, mult: (
            lambda opt: CosineAnnealingWarmRestarts(opt, cycle, mult),
            lambda lr: CyclicCosine(lr, cycle_epochs=cycle, cycle_mult=mult),
        ),
        st.integers(1, 30),
        st.integers(1, 3),
    ),
)


@given(st.data(), positive_rates, st.sets(st.integers(1, HORIZON - 1), min_size=1, max_size=3))
@examples(100)
def test_sequential_is_a_join(data, lr, at) -> None:
    at = sorted(at)
    drawn = [data.draw(pieces) for _ in range(len(at) + 1)]

    def make(optimizer):
        return SequentialLR(optimizer, [theirs(optimizer) for theirs, _ in drawn], at)

    assert_same(join([ours(lr) for _, ours in drawn], at=at), torch_rates(lr, make))


ramps = st.one_of(
    st.builds(
        lambda share, w: (
            lambda opt: ConstantLR(opt, share, w),
            join([Constant(share), Constant(1)], at=[w]),
        ),
        st.floats(0.01, 1),
        horizons,
    ),
    st.builds(
        lambda start, end, w: (
            lambda opt: LinearLR(opt, start, end, w),
            LinearDecay(start, total_epochs=w, final_lr=end),
        ),
        st.floats(1e-3, 1),
        st.floats(0, 1),
        horizons,
    ),
)


def multiplies(schedule) -> bool:
    """Whether torch's scheduler only ever multiplies; with a floor, or with cycles, it does not."""
    return not isinstance(schedule, CyclicCosine) and getattr(schedule, "final_lr", 0) == 0


@given(st.data(), positive_rates, ramps)
@examples(75)
def test_chained_is_a_product(data, lr, ramp) -> None:
    """Each scheduler multiplies the rate by its own change; all have the same clock."""
    theirs, ours = data.draw(pieces.filter(lambda piece: multiplies(piece[1](1.0))))

    def make(optimizer):
        return ChainedScheduler([theirs(optimizer), ramp[0](optimizer)], optimizer)

    assert_same(scale(ours(lr), ramp[1]), torch_rates(lr, make))


@given(positive_rates, floors, st.floats(1e-3, 1), st.integers(1, 50), st.integers(1, 50))
@examples(75)
def test_sequential_warmup_then_cosine(lr, floor, start, ramp, total) -> None:
    final_lr = floor * lr

    def make(optimizer):
        rise = LinearLR(optimizer, start, 1.0, total_iters=ramp)
        fall = CosineAnnealingLR(optimizer, total, eta_min=final_lr)
        return SequentialLR(optimizer, [rise, fall], [ramp])

    cosine = CosineDecay(lr, total_epochs=total, final_lr=final_lr)
    expected = torch_rates(lr, make, epochs=ramp + total + 1)
    assert_same(warmup(cosine, ramp, begin_lr=start * lr), expected)


# --- exceptions ---


def test_a_cosine_to_a_floor_makes_no_product_with_a_ramp() -> None:
    """The distance to the floor is what it shrinks, so that a lower rate is pulled up to it."""

    def make(optimizer):
        ramp = ConstantLR(optimizer, 0.5, 2)
        return ChainedScheduler([CosineAnnealingLR(optimizer, 4, eta_min=1.0), ramp], optimizer)

    assert torch_rates(1.0, make, epochs=3)[2] > 1
    ours = CosineDecay(1, total_epochs=4, final_lr=1)
    assert scale(ours, join([Constant(0.5), Constant(1)], at=[2]))(2) == 1


def nested_first(optimizer):
    """A warm-up followed by a step decay, as the first piece of another chain."""
    rise = LinearLR(optimizer, 0.25, 1.0, total_iters=3)
    inner = SequentialLR(optimizer, [rise, StepLR(optimizer, 1, 0.5)], [3])
    return SequentialLR(optimizer, [inner, ConstantLR(optimizer, 0.125, 1000)], [6])


@pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step:UserWarning")
@pytest.mark.skipif(torch.__version__ < "2.6", reason="torch 2.5 gets further rates wrong, too")
def test_nested_sequential_loses_a_step() -> None:
    """The inner chain counts one step too many, and so leaves its ramp early (pytorch#196243)."""
    theirs = torch_rates(1.0, nested_first, epochs=8)
    assert theirs.tolist() == [0.25, 0.5, 1, 0.5, 0.25, 0.125, 0.125, 0.125]

    inner = warmup(StepDecay(1, gamma=0.5, step_epochs=1), 3, begin_lr=0.25)
    ours = join([inner, Constant(0.125)], at=[6])
    assert ours(np.arange(8)).tolist() == [0.25, 0.5, 0.75, 1, 0.5, 0.25, 0.125, 0.125]


def test_nested_sequential_complains_about_an_order_that_is_right() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        nested_first(SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0))
    assert ["Detected call of `lr_scheduler.step()`" in str(w.message) for w in caught] == [True]


def test_nested_sequential_fails_as_a_later_piece() -> None:
    def make(optimizer):
        inner = SequentialLR(optimizer, [StepLR(optimizer, 1), StepLR(optimizer, 2)], [2])
        return SequentialLR(optimizer, [ConstantLR(optimizer, 0.5), inner], [3])

    assert len(torch_rates(1.0, make, epochs=2)) == 2
    with pytest.raises((NotImplementedError, TypeError)):  # the latter in torch 2.5
        torch_rates(1.0, make, epochs=3)

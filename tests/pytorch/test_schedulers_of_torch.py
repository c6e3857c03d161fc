"""lrlab's schedules against torch's own schedulers, stepped once an epoch on a real optimiser.

Both compute in float64; they may differ by 1e-12 of the schedule's peak. Where torch does something
else altogether, a test says what it does, so that a release that changes it is noticed.
"""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import SGD
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    ExponentialLR,
    LinearLR,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    StepLR,
)

from lrlab.schedules import (
    Constant,
    CosineDecay,
    CyclicCosine,
    ExponentialDecay,
    LinearDecay,
    MultiStepDecay,
    OneCycle,
    PolynomialDecay,
    StepDecay,
    Triangular,
    warmup,
)
from tests.support.strategies import examples, factors, positive_rates
from tests.support.torch_rates import HORIZON, TOLERANCE, assert_same, courses, torch_rates

horizons = st.integers(1, HORIZON)
floors = st.floats(0, 2)  # as shares of the first rate; above 1 the schedule rises


# --- equal ---------------------------------------------------------------------------------------


@given(positive_rates, factors, st.integers(1, 40))
@examples(50)
def test_step(lr, gamma, step) -> None:
    expected = torch_rates(lr, lambda optimizer: StepLR(optimizer, step, gamma))
    assert_same(StepDecay(lr, gamma=gamma, step_epochs=step), expected)


@given(positive_rates, factors, st.sets(st.integers(1, HORIZON), min_size=1, max_size=6))
@examples(50)
def test_multistep(lr, gamma, milestones) -> None:
    milestones = sorted(milestones)
    expected = torch_rates(lr, lambda optimizer: MultiStepLR(optimizer, milestones, gamma))
    assert_same(MultiStepDecay(lr, gamma=gamma, milestones=milestones), expected)


@given(positive_rates, factors)
@examples(50)
def test_exponential(lr, gamma) -> None:
    expected = torch_rates(lr, lambda optimizer: ExponentialLR(optimizer, gamma))
    assert_same(ExponentialDecay(lr, gamma=gamma), expected)


@given(positive_rates, horizons, st.floats(0.1, 8))
@examples(50)
def test_polynomial(lr, total, power) -> None:
    expected = torch_rates(lr, lambda optimizer: PolynomialLR(optimizer, total, power))
    assert_same(PolynomialDecay(lr, total_epochs=total, power=power), expected)


@given(positive_rates, horizons, st.floats(1e-3, 1), st.floats(0, 1))
@examples(50)
def test_linear(lr, total, start, end) -> None:
    """Rising or falling; torch gives both ends as parts of the optimiser's rate."""
    expected = torch_rates(lr, lambda optimizer: LinearLR(optimizer, start, end, total))
    assert_same(LinearDecay(start * lr, total_epochs=total, final_lr=end * lr), expected)


@given(positive_rates, floors, horizons)
@examples(75)
def test_cosine_up_to_its_end(lr, floor, total) -> None:
    final_lr = floor * lr

    def make(optimizer):
        return CosineAnnealingLR(optimizer, total, eta_min=final_lr)

    expected = torch_rates(lr, make, epochs=total + 1)
    assert_same(CosineDecay(lr, total_epochs=total, final_lr=final_lr), expected)


@given(positive_rates, floors, st.integers(1, 40), st.integers(1, 3))
@examples(75)
def test_warm_restarts(lr, floor, cycle, mult) -> None:
    final_lr = floor * lr

    def make(optimizer):
        return CosineAnnealingWarmRestarts(optimizer, cycle, mult, eta_min=final_lr)

    ours = CyclicCosine(lr, cycle_epochs=cycle, cycle_mult=mult, final_lr=final_lr)
    assert_same(ours, torch_rates(lr, make))


@given(
    max_lr=positive_rates,
    steps=st.integers(4, HORIZON),
    rise=st.floats(0.02, 0.98),
    initial_div=st.floats(1, 100),
    final_div=st.floats(1, 1e5),
    shape=st.sampled_from(["cosine", "linear"]),
    three_phase=st.booleans(),
    momenta=st.tuples(st.floats(0, 0.99), st.floats(0, 0.99)).map(sorted),
)
@examples(100)
def test_one_cycle(
    max_lr, steps, rise, initial_div, final_div, shape, three_phase, momenta
) -> None:
    """Torch counts the steps, N of them; ours the time from the first to the last, N - 1."""
    pct_start = ((rise / 2 if three_phase else rise) * (steps - 1) + 1) / steps
    expected = courses(
        lambda optimizer: OneCycleLR(
            optimizer,
            max_lr,
            total_steps=steps,
            pct_start=pct_start,
            div_factor=initial_div,
            final_div_factor=final_div,
            anneal_strategy={"cosine": "cos", "linear": "linear"}[shape],
            three_phase=three_phase,
            base_momentum=momenta[0],
            max_momentum=momenta[1],
        ),
        steps,
    )
    ours = OneCycle(
        max_lr,
        total_epochs=steps - 1,
        warmup_fraction=(pct_start * steps - 1) / (steps - 1),
        initial_div=initial_div,
        final_div=final_div,
        shape=shape,
        three_phase=three_phase,
    )
    assert_same(ours, expected[0])
    momentum = ours.momentum(low=momenta[0], high=momenta[1])(np.arange(steps))
    assert np.abs(momentum - expected[1]).max() <= TOLERANCE


def test_one_cycle_and_its_momentum_at_their_defaults() -> None:
    expected = courses(lambda o: OneCycleLR(o, 0.5, total_steps=20), 20)
    ours = OneCycle(0.5, total_epochs=19, warmup_fraction=(0.3 * 20 - 1) / 19)
    assert_same(ours, expected[0])
    assert_same(ours.momentum(), expected[1])


@pytest.mark.parametrize("mode", ["triangular", "triangular2", "exp_range"])
def test_triangles(mode: str) -> None:
    @given(
        lr=positive_rates,
        rise=st.floats(1, 20),
        up=st.integers(1, 20),
        down=st.integers(1, 20),
        gamma=st.floats(0.9, 1),
        momenta=st.tuples(st.floats(0, 0.99), st.floats(0, 0.99)).map(sorted),
    )
    @examples(25)
    def same(lr, rise, up, down, gamma, momenta) -> None:
        options = {"step_size_up": up, "step_size_down": down, "mode": mode, "gamma": gamma}
        options |= {"base_momentum": momenta[0], "max_momentum": momenta[1]}
        expected = courses(lambda o: CyclicLR(o, lr, rise * lr, **options), HORIZON)
        lower = {"triangular2": {"cycle_gamma": 0.5}, "exp_range": {"gamma": gamma}}.get(mode, {})
        ours = Triangular(lr, max_lr=rise * lr, up_epochs=up, down_epochs=down, **lower)
        assert_same(ours, expected[0])
        momentum = ours.momentum(low=momenta[0], high=momenta[1])(np.arange(HORIZON))
        assert np.abs(momentum - expected[1]).max() <= TOLERANCE

    same()


def test_triangles_and_their_momentum_at_their_defaults() -> None:
    expected = courses(lambda o: CyclicLR(o, 0.1, 0.5, step_size_up=7), 30)
    ours = Triangular(0.1, max_lr=0.5, up_epochs=7)
    assert_same(ours, expected[0])
    assert_same(ours.momentum(), expected[1])


def test_the_comparison_would_notice_a_small_difference() -> None:
    expected = torch_rates(0.1, lambda optimizer: ExponentialLR(optimizer, 0.9))
    assert_same(ExponentialDecay(0.1, gamma=0.9), expected)
    for other in (
        ExponentialDecay(0.1, gamma=0.9 + 1e-12),
        ExponentialDecay(0.1 + 2e-13, gamma=0.9),
    ):
        with pytest.raises(AssertionError):
            assert_same(other, expected)


# --- exceptions ----------------------------------------------------------------------------------


def test_cosine_annealing_rises_again_past_its_end() -> None:
    theirs = torch_rates(1.0, lambda optimizer: CosineAnnealingLR(optimizer, 4), epochs=13)
    there_and_back = [1, (2 + 2**0.5) / 4, 0.5, (2 - 2**0.5) / 4]
    assert theirs[:5] == pytest.approx([*there_and_back, 0], abs=TOLERANCE)
    assert theirs[4:9] == pytest.approx([*there_and_back, 0][::-1], abs=TOLERANCE)
    assert theirs[8:] == pytest.approx([*there_and_back, 0], abs=TOLERANCE)
    assert CosineDecay(1, total_epochs=4)(np.arange(4, 13)).tolist() == [0] * 9


def test_cosine_annealing_drifts_as_it_multiplies_its_way() -> None:
    """Each rate is computed from the last one, so that the error grows with the horizon."""

    def deviation(total: int) -> float:
        def make(optimizer):
            return CosineAnnealingLR(optimizer, total, eta_min=0.01)

        theirs = torch_rates(0.3, make, epochs=total + 1)
        ours = CosineDecay(0.3, total_epochs=total, final_lr=0.01)
        return np.abs(ours(np.arange(total + 1)) - theirs).max() / 0.3

    short, long = deviation(100), deviation(10_000)
    assert short < 1e-14
    assert 10 * short < long < TOLERANCE


def test_linear_starts_at_a_third_unless_told() -> None:
    theirs = torch_rates(0.3, LinearLR, epochs=8)
    assert theirs[0] == pytest.approx(0.1, rel=1e-15)
    assert_same(warmup(Constant(0.3), 5, begin_lr=0.3 / 3), theirs)
    assert warmup(Constant(0.3), 5)(0) == 0


def test_polynomial_is_a_line_to_zero_in_five_epochs_unless_told() -> None:
    theirs = torch_rates(0.5, PolynomialLR, epochs=8)
    assert_same(LinearDecay(0.5, total_epochs=5), theirs)
    assert theirs[5:].tolist() == [0, 0, 0]


def one_cycle(optimizer, **changes):
    options = {"max_lr": 1.0, "total_steps": 10, "cycle_momentum": False} | changes
    return OneCycleLR(optimizer, **options)


def test_one_cycle_refuses_to_be_stepped_once_too_often() -> None:
    """N - 1 steps reach the last rate; the next one rises again, and the one after raises."""
    theirs = torch_rates(1.0, one_cycle, epochs=10)  # the tenth step is taken and not looked at
    assert theirs[9] == pytest.approx(4e-6)

    optimizer = SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = one_cycle(optimizer)
    for _ in range(10):
        optimizer.step()
        scheduler.step()
    assert scheduler.get_last_lr()[0] == pytest.approx(theirs[8])
    with pytest.raises(ValueError, match="Tried to step 11 times"):
        scheduler.step()
    ours = OneCycle(1, total_epochs=9)
    assert ours(100) == ours(9)


def test_one_cycle_without_room_for_its_rise() -> None:
    """Where pct_start · N is 1 torch divides by zero; below it begins on the way down."""
    with pytest.raises(ZeroDivisionError):
        torch_rates(1.0, lambda optimizer: one_cycle(optimizer, pct_start=0.1), epochs=10)
    theirs = torch_rates(1.0, lambda optimizer: one_cycle(optimizer, pct_start=0.05), epochs=10)
    assert 0.99 < theirs[0] < 1
    assert (np.diff(theirs) < 0).all()


def test_one_cycle_moves_the_momentum_too_unless_told() -> None:
    optimizer = SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0, momentum=0.5)
    OneCycleLR(optimizer, max_lr=1.0, total_steps=10)
    assert optimizer.param_groups[0]["momentum"] == 0.95


def test_stepping_in_the_wrong_order_is_a_warning_and_skips_the_first_rate() -> None:
    optimizer = SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = ExponentialLR(optimizer, 0.5)
    with pytest.warns(UserWarning, match="before `optimizer.step"):
        scheduler.step()
    assert optimizer.param_groups[0]["lr"] == 0.5

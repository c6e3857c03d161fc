"""The problem of Reddi et al.: who wins, by their theorem, and the game's own arithmetic."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrlab.landscapes.rare_gradient import RareGradient, play
from lrlab.optimizers import SGD, AdaGrad, Adam, Momentum, RMSProp
from lrlab.schedules import Constant, InverseSqrtDecay
from lrlab.utils import Value
from tests.support.strategies import examples

RATE = InverseSqrtDecay(0.5)


@given(st.integers(2, 7), st.floats(0.01, 10), st.integers(1, 5))
@examples(30)
def test_the_large_gradient_comes_once_a_period_and_outweighs_the_rest(period, excess, periods):
    problem = RareGradient(period - 1 + excess, period=period)
    gradients = [problem.gradient(k) for k in range(period * periods)]
    assert gradients[:period] == [problem.large, *[-1.0] * (period - 1)]
    assert gradients == gradients[:period] * periods
    assert sum(gradients) == pytest.approx(excess * periods)


@pytest.mark.parametrize(("large", "start"), [(2.5, 0.7), (3, -1.0), (6, 0.0)])
def test_adam_with_the_theorems_memory_ends_at_the_worst_weight(large, start):
    """From any start, also from the best weight."""
    problem = RareGradient(large)
    assert problem.forgetting == 1 / (1 + large**2)
    for bias_correction in (True, False):
        adam = Adam(beta1=0, beta2=problem.forgetting, bias_correction=bias_correction)
        game = play(problem, adam, RATE, 3_000, start=start)
        assert game.w[-1] > 0.98
        assert game.regret[-1] > (large - 2) / 3  # in the long run it pays 2 (C - 2)/3 a step


@pytest.mark.parametrize(
    "optimizer",
    [
        Adam(beta1=0, beta2=0.1, amsgrad=True, bias_correction=False),
        Adam(beta1=0, beta2=0.1, amsgrad=True),
        Adam(beta1=0, beta2=0.999),
        AdaGrad(),
        SGD(),
    ],
    ids=str,
)
def test_the_repair_a_long_memory_and_those_without_one_end_at_the_best(optimizer):
    game = play(RareGradient(3), optimizer, RATE, 6_000)
    assert game.w[-1] < -0.97
    assert game.regret[-1] < 0.1
    assert game.regret[-1] < game.regret[len(game.regret) // 10] / 2


def test_adam_without_momentum_fails_as_rmsprop_does():
    problem = RareGradient(3)
    adam = Adam(beta1=0, beta2=0.1, bias_correction=False)
    same = play(problem, RMSProp(rho=0.1), RATE, 50).w
    np.testing.assert_allclose(play(problem, adam, RATE, 50).w, same, rtol=1e-12)


def test_a_game_by_hand():
    """Steps of -0.2 · 3, 0.2, 0.2 from 0.75 on, with the wall at 1, and what they cost."""
    game = play(RareGradient(3), SGD(), Constant(0.2), 6, start=0.75)
    assert game.w == pytest.approx([0.75, 0.15, 0.35, 0.55, -0.05, 0.15, 0.35])
    assert game.gradients.tolist() == [3, -1, -1, 3, -1, -1]
    losses = np.array([2.25, -0.15, -0.35, 1.65, 0.05, -0.15])
    best = np.array([-3, 1, 1, -3, 1, 1])
    expected = [np.mean(losses[:k] - best[:k]) for k in range(1, 7)]
    assert game.regret == pytest.approx(expected)


def test_a_weight_is_put_back_at_either_wall():
    game = play(RareGradient(3), SGD(), Constant(1), 4)
    assert game.w.tolist() == [0, -1, 0, 1, -1]


def test_the_best_fixed_weight_is_that_of_the_steps_played():
    """After two small gradients more than the large one can pay for, it is 1."""
    game = play(RareGradient(2.5, period=3), SGD(), Constant(0), 1)
    assert game.regret[-1] == pytest.approx(2.5)
    wide = play(RareGradient(99.5, period=100), SGD(), Constant(0), 100)
    assert wide.regret[-1] == pytest.approx(0.5 / 100)


def test_the_schedule_is_asked_once_a_step():
    falling = play(RareGradient(3), SGD(), InverseSqrtDecay(0.1), 3)
    assert falling.w == pytest.approx(np.cumsum([0, -0.3, 0.1 / 2**0.5, 0.1 / 3**0.5]))


def test_the_optimizer_keeps_its_memory():
    game = play(RareGradient(3), Momentum(momentum=0.5), Constant(0.1), 2)
    assert game.w == pytest.approx([0, -0.3, -0.3 - 0.1 * (0.5 * 3 - 1)])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"large": 2}, "large must be a finite real number greater than period - 1, received 2"),
        ({"large": 3, "period": 4}, "greater than period - 1, received 3"),
        ({"large": 3, "period": 1}, "period must be at least 2, received 1"),
        ({"large": 3, "period": 2.5}, r"period must be a positive integer, received 2\.5"),
    ],
)
def test_a_problem_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        RareGradient(**arguments)


def test_a_problem_is_a_value():
    problem = RareGradient(6, period=4)
    assert Value.from_config(problem.to_config()) == problem == eval(repr(problem))
    assert problem != RareGradient(7, period=4)
    with pytest.raises(AttributeError):
        problem.large = 9


def test_play_refuses():
    problem = RareGradient(2.01)
    assert play(problem, SGD(), RATE, 1, start=1).w[0] == 1
    with pytest.raises(ValueError, match=r"start must be .* in \[-1, 1\], received 1\.1"):
        play(problem, SGD(), RATE, 1, start=1.1)
    with pytest.raises(ValueError, match="steps must be a positive integer, received 0"):
        play(problem, SGD(), RATE, 0)
    with pytest.raises(ValueError, match="step must be an integer of at least 0, received -1"):
        problem.gradient(-1)

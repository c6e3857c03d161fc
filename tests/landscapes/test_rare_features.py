"""Rare features: exact losses, gradients that average to the exact one, and AdaGrad's advantage."""

import numpy as np
import pytest

from lrlab.landscapes.descent import descend
from lrlab.landscapes.rare_features import RareFeatures
from lrlab.optimizers import SGD, AdaGrad
from lrlab.schedules import LinearDecay


@pytest.mark.parametrize("exponent", [0, 0.5, 1, 2])
def test_frequencies_fall_as_a_power_of_the_rank(exponent):
    frequencies = RareFeatures(50, exponent=exponent).frequencies
    assert frequencies.sum() == pytest.approx(1, rel=1e-12)
    ratios = [frequencies[0] / p for p in frequencies]
    assert ratios == pytest.approx([rank**exponent for rank in range(1, 51)], rel=1e-12)


def test_loss_and_gradient_word_by_word():
    problem = RareFeatures(3)
    p = [6 / 11, 3 / 11, 2 / 11]
    w = np.array([[0.5, -1, 3], [1, -1, 1]])
    assert problem.minimum.tolist() == [1, -1, 1]
    assert problem.loss(w) == pytest.approx([(p[0] * 0.25 + p[2] * 4) / 2, 0])
    assert problem.grad(w[0]) == pytest.approx([-0.5 * p[0], 0, 2 * p[2]])
    assert isinstance(problem.loss(w[0]), float)


def test_an_example_is_one_word():
    problem, w = RareFeatures(4, noise=0), np.array([3.0, 2.0, 1.5, 0.5])
    grads = problem.sample_grad(np.tile(w, (500, 1)), np.random.default_rng(1))
    words = np.argmax(grads != 0, axis=1)
    assert ((grads != 0).sum(axis=1) == 1).all()
    assert grads[np.arange(500), words] == pytest.approx((w - problem.minimum)[words])
    assert set(words) == {0, 1, 2, 3}


@pytest.mark.parametrize(("exponent", "noise"), [(1, 0.5), (0, 0.5), (1, 2.0), (2, 0)])
def test_examples_average_to_the_exact_gradient(exponent, noise):
    problem = RareFeatures(4, exponent=exponent, noise=noise)
    n, w = 200_000, np.array([0.5, 0.5, -1.0, 2.0])
    grads = problem.sample_grad(np.broadcast_to(w, (n, 4)), np.random.default_rng(0))
    squares = problem.frequencies * ((w - problem.minimum) ** 2 + noise**2)
    spread = np.sqrt((squares - problem.grad(w) ** 2) / n)
    assert (np.abs(grads.mean(axis=0) - problem.grad(w)) < 4.5 * spread).all()
    assert (grads**2).mean(axis=0) == pytest.approx(squares, rel=0.05)


def test_streams_are_independent_and_one_seed_is_one_stream():
    problem = RareFeatures(10)
    first, again = (
        problem.sample_grad(np.zeros((2, 3, 10)), np.random.default_rng(5)) for _ in range(2)
    )
    assert first.shape == (2, 3, 10)
    assert (first == again).all()
    assert len({row.tobytes() for row in first.reshape(-1, 10)}) == 6


def test_adagrad_gains_only_where_words_are_rare():
    """Each at the best of three rates, all of which fall to 0 along a line."""

    def best(optimizer, exponent):
        problem = RareFeatures(100, exponent=exponent)
        ramps = [LinearDecay(lr, total_epochs=2_000) for lr in (3.0, 1.0, 0.3)]
        start = np.zeros((8, 100))
        return min(
            descend(problem, optimizer, ramp, start, 2_000, seed=0, max_loss=10).loss[-1].mean()
            for ramp in ramps
        )

    assert best(AdaGrad(), 1) < 0.85 * best(SGD(), 1)
    assert best(AdaGrad(), 0) > 0.9 * best(SGD(), 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"features": 0}, "features must be a positive integer, received 0"),
        ({"features": 10_001}, "features must be .* of at most 10000, received 10001"),
        ({"features": 3, "noise": -1}, "noise must be .*of at least 0, received -1"),
        ({"features": 3, "exponent": -1}, "exponent must be .*of at least 0, received -1"),
    ],
)
def test_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        RareFeatures(**arguments)


def test_an_example_needs_a_generator():
    with pytest.raises(ValueError, match="rng must be a generator, since examples are drawn"):
        RareFeatures(3).sample_grad(np.zeros(3))

"""Noise: its mean, its covariance, where it comes from, and the exact landscape behind it."""

import math

import numpy as np
import pytest

from lrlab.landscapes.double_well import DoubleWell
from lrlab.landscapes.noisy import Noisy
from lrlab.landscapes.quadratic import Quadratic


def test_noise_has_the_mean_and_the_spread_it_claims() -> None:
    bowl = Quadratic([1, 9])
    w = np.broadcast_to([2.0, 1.0], (100_000, 2))
    noise = Noisy(bowl, sigma=3).sample_grad(w, np.random.default_rng(0)) - bowl.grad(w)
    # 100,000 draws: four standard errors are 0.038 for the mean and 0.9 % for the spread.
    assert noise.mean(axis=0) == pytest.approx([0, 0], abs=0.038)
    assert noise.std(axis=0) == pytest.approx([3, 3], rel=0.009)
    assert np.corrcoef(noise.T)[0, 1] == pytest.approx(0, abs=0.013)


COVARIANCES = [
    [[4.0, 1.5], [1.5, 1.0]],
    [[1.0, -2.0], [-2.0, 4.0]],  # along one direction only
    [[0.0, 0.0], [0.0, 9.0]],
]


@pytest.mark.parametrize("covariance", COVARIANCES, ids=str)
def test_noise_has_the_covariance_it_is_given(covariance) -> None:
    bowl = Quadratic([1, 9], angle=0.5)
    noisy = Noisy(bowl, covariance=covariance)
    w = np.broadcast_to([2.0, 1.0], (100_000, 2))
    noise = noisy.sample_grad(w, np.random.default_rng(0)) - bowl.grad(w)
    # Four standard errors of a sample covariance are below 1.8 % of the largest variance.
    largest = np.max(covariance)
    assert np.cov(noise.T) == pytest.approx(np.array(covariance), abs=0.018 * largest)
    assert noise.mean(axis=0) == pytest.approx([0, 0], abs=0.013 * np.sqrt(largest))
    assert noisy.noise_covariance() == pytest.approx(np.array(covariance), abs=1e-12)
    assert noisy.covariance == tuple(map(tuple, covariance))
    assert eval(repr(noisy)) == noisy != Noisy(bowl, covariance=np.eye(2))
    assert hash(noisy) == hash(Noisy(bowl, covariance=np.array(covariance)))


def test_sigma_is_the_covariance_of_independent_components() -> None:
    bowl = Quadratic([1, 9, 4])
    by_sigma, by_matrix = Noisy(bowl, sigma=3), Noisy(bowl, covariance=9 * np.eye(3))
    assert by_sigma.noise_covariance().tolist() == by_matrix.noise_covariance().tolist()
    points = np.ones((4, 3))
    draws = [n.sample_grad(points, np.random.default_rng(0)) for n in (by_sigma, by_matrix)]
    assert draws[0] == pytest.approx(draws[1], rel=1e-12)


def test_noise_depends_on_the_generator_alone() -> None:
    noisy = Noisy(DoubleWell(), sigma=1)
    first, again, other = (
        noisy.sample_grad([0.5], np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert first.tolist() == again.tolist() != other.tolist()
    rng = np.random.default_rng(1)
    assert noisy.sample_grad([0.5], rng).tolist() != noisy.sample_grad([0.5], rng).tolist()


def test_loss_and_gradient_behind_the_noise_are_exact() -> None:
    bowl, w = Quadratic([1, 9], angle=1), np.array([[2.0, 1.0], [0.0, 3.0]])
    noisy = Noisy(bowl, sigma=3)
    assert noisy.loss(w).tolist() == bowl.loss(w).tolist()
    assert noisy.grad(w).tolist() == bowl.grad(w).tolist()
    assert bowl.sample_grad(w, np.random.default_rng(0)).tolist() == bowl.grad(w).tolist()
    silent = Noisy(bowl, sigma=0)
    assert silent.sample_grad(w, np.random.default_rng(0)).tolist() == bowl.grad(w).tolist()
    twice = Noisy(noisy, sigma=4).sample_grad(np.ones((10_000, 2)), np.random.default_rng(0))
    assert twice.std(axis=0) == pytest.approx([5, 5], rel=0.03)


REFUSED = [
    (lambda: Noisy(abs, sigma=1), "landscape must be a Landscape, received <built-in"),
    (lambda: Noisy(Quadratic([1]), sigma=-1), "sigma must be .* of at least 0, received -1"),
    (lambda: Noisy(Quadratic([1])), "sigma must be given, or covariance, .* None and None"),
    (lambda: Noisy(Quadratic([1]), sigma=1, covariance=[[1]]), "and not both, received 1.0 and"),
    (lambda: Noisy(Quadratic([1]), covariance=[[-1]]), "covariance must be a symmetric, .* 1 × 1"),
    (lambda: Noisy(Quadratic([1, 2]), covariance=[[1]]), "covariance must be .* 2 × 2 matrix, .*"),
    (lambda: Noisy(Quadratic([1, 2]), covariance=[[1, 2], [2, 1]]), "positive semi-definite"),
    (lambda: Noisy(Quadratic([1, 2]), covariance=[[1, 1e-6], [0, 1]]), "must be a symmetric"),
    (lambda: Noisy(Quadratic([1, 2]), covariance=[[1], [0, 1]]), r"received \[\[1\], \[0, 1\]\]"),
    (lambda: Noisy(Quadratic([1]), covariance=[["x"]]), "covariance must be .* received"),
    (lambda: Noisy(Quadratic([1]), covariance=[[math.nan]]), r"covariance must be .*\[\[nan\]\]"),
    (lambda: Noisy(Quadratic([1]), sigma=1).sample_grad([1]), "rng must be .* received None"),
    (lambda: Noisy(Quadratic([1]), sigma=1).sample_grad([1], 7), "rng must be .* received 7"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_what_makes_no_sense_is_refused(make, message) -> None:
    with pytest.raises(ValueError, match=message):
        make()

"""The construction of Wilson et al.: its lemma, its two solutions, and what they do unseen."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrlab.landscapes.descent import descend
from lrlab.landscapes.sign_trap import SignTrap
from lrlab.optimizers import SGD, AdaGrad, Adam, Momentum, RMSProp
from lrlab.schedules import Constant, InverseSqrtDecay
from tests.support.strategies import examples

LABELS = (1, 1, -1, 1, -1)
labels = st.lists(st.sampled_from([1, -1]), min_size=3, max_size=12).filter(
    lambda y: 0 < sum(y) < len(y)
)


def test_an_example_of_either_label():
    trap = SignTrap([1, -1, 1])
    assert trap.dimension == 18
    assert trap.features.astype(int).tolist() == [
        [1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        [-1, 1, 1, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0],
    ]


@given(labels)
@examples(40)
def test_the_lemmas_condition(y):
    """X s is 4 y, exactly."""
    trap = SignTrap(y)
    assert (trap.features @ trap.sign).tolist() == [4 * label for label in y]
    assert set(trap.sign) == {-1, 0, 1}


@given(labels)
@examples(40)
def test_the_shortest_solution_in_closed_form(y):
    """It is a combination of the examples, a of each positive and b of each negative one."""
    trap, n, m = SignTrap(y), y.count(1), y.count(-1)
    b = (4 * n + 1) / (8 * n * m + 15 * n + 3 * m + 5)
    a = (1 + m * b) / (3 * n + 1)
    weights = trap.features.T @ np.where(np.array(y) == 1, a, -b)
    assert trap.minimum == pytest.approx(weights, abs=1e-12)
    assert trap.features @ trap.minimum == pytest.approx(y, abs=1e-12)
    assert trap.loss(trap.minimum) == pytest.approx(0, abs=1e-20)


@given(labels)
@examples(40)
def test_the_shortest_knows_unseen_examples_and_the_sign_takes_all_for_positive(y):
    trap = SignTrap(y)
    assert trap.accuracy(trap.minimum) == trap.accuracy(trap.sign) == 1
    unseen = [1, -1, -1, 1, -1]
    assert trap.unseen_accuracy(trap.minimum, unseen) == 1
    assert trap.unseen_accuracy(trap.sign, unseen) == 2 / 5
    assert trap.unseen_accuracy(-trap.minimum, unseen) == 0


def test_the_loss_is_half_the_sum_of_squares():
    trap = SignTrap(LABELS)
    w = np.random.default_rng(0).normal(size=trap.dimension)
    errors = [row @ w - label for row, label in zip(trap.features, LABELS, strict=True)]
    assert trap.loss(w) == pytest.approx(sum(error**2 for error in errors) / 2)


def run(optimizer, schedule, steps=2_000):
    trap = SignTrap(LABELS)
    return trap, descend(trap, optimizer, schedule, np.zeros(trap.dimension), steps)


@pytest.mark.parametrize("optimizer", [SGD(), Momentum()], ids=str)
def test_gradient_descent_finds_the_shortest_solution(optimizer):
    trap, path = run(optimizer, Constant(0.02))
    assert path.w[-1] == pytest.approx(trap.minimum, abs=1e-9)
    assert trap.unseen_accuracy(path.w[-1], [1, -1]) == 1


@pytest.mark.parametrize(
    "optimizer",
    [AdaGrad(), RMSProp(eps=1e-12), Adam(eps=1e-12), Adam(amsgrad=True, eps=1e-12)],
    ids=str,
)  # fmt: skip
def test_adaptive_optimizers_never_leave_the_sign_vector(optimizer):
    trap, path = run(optimizer, InverseSqrtDecay(0.05), steps=200)
    along = path.w @ trap.sign / np.sum(trap.sign**2)
    off = np.abs(path.w - along[:, np.newaxis] * trap.sign).max(axis=1)
    assert np.abs(along[1:]).min() > 1e-4
    assert (off[1:] / np.abs(along[1:])).max() < 1e-6
    assert trap.unseen_accuracy(path.w[-1], [1, 1, -1]) == pytest.approx(2 / 3)
    assert trap.accuracy(path.w[-1]) == 1


def test_a_large_epsilon_leads_away_from_it():
    """What makes the quotients equal is that nothing is added below."""
    trap, path = run(replace(AdaGrad(), eps=1e4), Constant(100), steps=2_000)
    assert path.w[-1] == pytest.approx(trap.minimum, abs=0.01)


def test_the_largest_rate_is_the_border():
    trap = SignTrap(LABELS)
    curvatures = np.linalg.eigvalsh(trap.features.T @ trap.features)
    assert trap.divergence_lr == pytest.approx(2 / curvatures.max())
    start = np.random.default_rng(0).normal(size=trap.dimension)
    below, above = (
        descend(trap, SGD(), Constant(share * trap.divergence_lr), start, 500).loss[-1]
        for share in (0.99, 1.01)
    )
    assert below < 0.1 < 10 < above


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([1, 1], r"labels must hold both 1 and -1, and 1 more often, received \[1, 1\]"),
        ([1, -1], "and 1 more often"),
        ([-1, -1, 1], "and 1 more often"),
        ([1, 0, -1], "labels must be one or more, each 1 or -1, received"),
        ([], "labels must be one or more"),
        ([[1, -1]], "labels must be one or more"),
        ("11", "labels must be one or more, each 1 or -1, received '11'"),
        ([1] * 1000 + [-1], "labels must be .*, at most 1000 of them, received more"),
    ],
)
def test_labels_refused(given, message):
    with pytest.raises(ValueError, match=message):
        SignTrap(given)


def test_unseen_labels_are_labels_too():
    trap = SignTrap(LABELS)
    with pytest.raises(ValueError, match="labels must be one or more, each 1 or -1"):
        trap.unseen_accuracy(trap.sign, [0])
    with pytest.raises(ValueError, match=r"w must be an array of shape"):
        trap.accuracy(np.zeros(3))

"""Scores against scikit-learn, scipy, loops, and numbers worked out by hand."""

import math

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from lrlab.ensembles.scores import Scores, score
from tests.support.strategies import examples

sizes = (st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(2, 6))


def drawn(seed: int, number: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities in multiples of 1/64, which sums keep exactly, and labels."""
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.ones(classes), number)
    return rng.multinomial(64, weights) / 64, rng.integers(classes, size=number)


def looped_calibration_error(rows, labels, bins: int) -> float:
    """Bin by bin from the definition."""
    sure = [max(row) for row in rows]
    right = [int(np.argmax(row)) == label for row, label in zip(rows, labels, strict=True)]
    total = 0.0
    for m in range(1, bins + 1):
        inside = [i for i, c in enumerate(sure) if (m - 1) / bins < c <= m / bins]
        if inside:
            accuracy = sum(right[i] for i in inside) / len(inside)
            confidence = sum(sure[i] for i in inside) / len(inside)
            total += len(inside) / len(rows) * abs(accuracy - confidence)
    return total


# --- values --------------------------------------------------------------------------------------


@examples(50)
@given(*sizes)
def test_accuracy_and_log_loss_are_scikit_learns(seed, number, classes) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.dirichlet(np.ones(classes), number)
    labels = rng.integers(classes, size=number)
    scores = score(rows, labels)
    assert scores.accuracy == metrics.accuracy_score(labels, rows.argmax(axis=1))
    expected = metrics.log_loss(labels, rows, labels=range(classes))
    assert scores.log_loss == pytest.approx(expected, rel=1e-9)


@examples(50)
@given(*sizes, st.integers(1, 20) | st.just(64))
def test_calibration_error_is_the_loops(seed, number, classes, bins) -> None:
    rows, labels = drawn(seed, number, classes)
    error = score(rows, labels, bins=bins).calibration_error
    assert error == pytest.approx(looped_calibration_error(rows, labels, bins), abs=1e-14)


@examples(50)
@given(*sizes, st.integers(2, 20))
def test_bounds_of_the_calibration_error(seed, number, classes, bins) -> None:
    rows, labels = drawn(seed, number, classes)
    whole = score(rows, labels, bins=1)
    gap = abs(whole.accuracy - rows.max(axis=1).mean())
    assert whole.calibration_error == pytest.approx(gap, abs=1e-15)
    # Gaps of several bins can only cancel when the bins are put together.
    assert whole.calibration_error - 1e-15 <= score(rows, labels, bins=bins).calibration_error <= 1


def test_a_perfect_prediction() -> None:
    scores = score([[0, 1], [1, 0]], [1, 0])
    assert scores == Scores(accuracy=1.0, log_loss=0.0, calibration_error=0.0)
    assert str(scores.log_loss) == "0.0"


def test_a_right_class_given_nothing_costs_infinitely_much() -> None:
    assert score([[0, 1], [0.5, 0.5]], [0, 0]) == (0.5, math.inf, 0.75)


def test_fifteen_bins_by_default() -> None:
    rows, labels = drawn(3, 40, 3)
    assert score(rows, labels) == score(rows, labels, bins=15) != score(rows, labels, bins=14)


def test_a_confidence_on_an_edge_is_in_the_lower_bin() -> None:
    above = np.nextafter(0.75, 1)
    apart = score([[0.75, 0.25], [0.875, 0.125]], [0, 1], bins=4)
    together = score([[above, 1 - above], [0.875, 0.125]], [0, 1], bins=4)
    assert apart.calibration_error == (0.25 + 0.875) / 2
    assert together.calibration_error == pytest.approx(abs(0.25 - 0.875) / 2, rel=1e-15)


def test_edges_are_those_of_decimal_confidences() -> None:
    # 0.07 · 100 is more than 7 in floats, and yet 0.07 is in the bin that ends at 7/100.
    rows = [[0.07, 0.93], [0.065, 0.935]]
    scores = score(rows, [0, 1], classes=[0, 0], bins=100)
    assert scores.calibration_error == pytest.approx((0.93 - 0.065) / 2, rel=1e-14)


def test_classes_replace_the_most_probable() -> None:
    rows = [[0.5, 0.5], [0.25, 0.75]]
    assert score(rows, [1, 1])[::2] == (0.5, 0.5 / 2 + 0.25 / 2)
    assert score(rows, [1, 1], classes=[1, 1])[::2] == (1.0, 0.5 / 2 + 0.25 / 2)
    assert score(rows, [1, 1], classes=[1, 0])[::2] == (0.5, 0.5 / 2 + 0.25 / 2)
    assert score([[0, 1]], [0], classes=[0])[::2] == (1.0, 1.0)  # a confidence of 0


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize("total", [0.9991, 1.0009])
def test_rows_are_divided_by_their_sum(total) -> None:
    assert score([[0.25 * total, 0.75 * total]], [1]).log_loss == pytest.approx(-math.log(0.75))


@pytest.mark.parametrize("classes", [2, 10, 100, 1000])
def test_rounding_to_float16_is_let_through(classes) -> None:
    rows = scipy.special.softmax(np.random.default_rng(0).normal(0, 3, (500, classes)), axis=1)
    scores = score(rows, np.zeros(500, int))
    rounded = score(rows.astype(np.float16), np.zeros(500, int))
    assert rounded.accuracy == pytest.approx(scores.accuracy, abs=0.02)
    single = score(rows.astype(np.float32), np.zeros(500, int))
    assert single == pytest.approx(scores, rel=1e-6)


GOOD = [[0.25, 0.75], [0.5, 0.5]]


@pytest.mark.parametrize(
    ("rows", "labels", "options", "message"),
    [
        ([["a", "b"]], [0], {}, "probabilities must be an array of real numbers, received <U1"),
        ([[True, False]], [0], {}, "probabilities must be an array of real numbers"),
        ([0.5, 0.5], [0], {}, r"probabilities must have shape \(examples, classes\).*\(2,\)"),
        ([GOOD], [0], {}, r"received \(1, 2, 2\)"),
        (np.ones((0, 2)), [], {}, r"an example and two classes or more, received \(0, 2\)"),
        ([[1.0]], [0], {}, r"an example and two classes or more, received \(1, 1\)"),
        ([[0.5, np.nan]], [0], {}, "probabilities must be finite in float32, received nan"),
        ([[0.5, -np.inf]], [0], {}, "probabilities must be finite in float32, received -inf"),
        ([[0.5, 1e39]], [0], {}, "probabilities must be finite in float32"),
        ([[1.25, -0.25]], [0], {}, "probabilities must be at least 0, received -0.25"),
        ([[0.5, 0.5], [0.5, 0.5011]], [0, 1], {}, "rows that sum to 1 within 0.001, .* 1.001"),
        ([[0.5, 0.4989]], [0], {}, "rows that sum to 1 within 0.001, received a row of sum 0.998"),
        (GOOD, [0, 2], {}, "labels must be in 0 to 1, received 2"),
        (GOOD, [0, -1], {}, "labels must be in 0 to 1, received -1"),
        (GOOD, [0], {}, r"labels must be integers of shape \(2,\), received .* of shape \(1,\)"),
        (GOOD, [[0], [1]], {}, r"labels must be integers of shape \(2,\), .* \(2, 1\)"),
        (GOOD, [0.0, 1.0], {}, r"labels must be integers .*, received float64"),
        (GOOD, [False, True], {}, r"labels must be integers .*, received bool"),
        (GOOD, [0, 1], {"classes": [0, 2]}, "classes must be in 0 to 1, received 2"),
        (GOOD, [0, 1], {"classes": [0]}, r"classes must be integers of shape \(2,\)"),
        (GOOD, [0, 1], {"bins": 0}, "bins must be a positive integer, received 0"),
        (GOOD, [0, 1], {"bins": 1.5}, "bins must be a positive integer, received 1.5"),
    ],
)
def test_refused(rows, labels, options, message) -> None:
    with pytest.raises(ValueError, match=message):
        score(rows, labels, **options)

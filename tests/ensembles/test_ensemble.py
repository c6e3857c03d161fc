"""Ensembles against scikit-learn and SciPy, loops, and Jensen's inequality."""

import math

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from lrlab.ensembles.combining import RULES
from lrlab.ensembles.ensemble import Ensemble
from lrlab.ensembles.outputs import KINDS
from lrlab.ensembles.scores import score
from tests.support.members import drawn, from_classes, log_loss, rows_of
from tests.support.strategies import examples

shapes = (st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 30), st.integers(2, 5))


# --- scores --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_those_of_what_is_combined(kind) -> None:
    ensemble = drawn(1, 6, 200, 5, kind=kind)
    rows, labels = rows_of(ensemble), ensemble.labels
    members = ensemble.member_scores()
    for scores, own in zip(members, rows, strict=True):
        assert scores.accuracy == metrics.accuracy_score(labels, own.argmax(axis=1))
        assert scores.log_loss == pytest.approx(log_loss(labels, own), rel=1e-9)
        assert scores == pytest.approx(score(own, labels), rel=1e-12)
    prefixes = ensemble.prefix_scores()
    for k, scores in zip(range(1, 7), prefixes, strict=True):
        assert scores == pytest.approx(score(rows[:k].mean(axis=0), labels), rel=1e-12)
    assert prefixes[0] == pytest.approx(members[0], rel=1e-12)
    assert prefixes[-1] == ensemble.score()
    assert len({scores.log_loss for scores in prefixes}) == 6


def test_scores_take_the_rule_and_the_bins() -> None:
    ensemble = drawn(2, 5, 100, 3)
    rows, labels = rows_of(ensemble), ensemble.labels
    means = {
        "probabilities": rows.mean(axis=0),
        "logits": scipy.special.softmax(ensemble.members.mean(axis=0, dtype=np.float64), axis=-1),
        "vote": np.eye(3)[rows.argmax(axis=-1)].mean(axis=0),
    }
    assert tuple(means) == RULES
    assert ensemble.score() == ensemble.score("probabilities", bins=15)
    assert ensemble.prefix_scores() == ensemble.prefix_scores("probabilities", bins=15)
    for rule, mean in means.items():
        together = ensemble.combine(rule)
        np.testing.assert_allclose(together.probabilities, mean, rtol=1e-12)
        for bins in (1, 4, 15):
            expected = score(mean, labels, classes=together.classes, bins=bins)
            assert ensemble.score(rule, bins=bins) == pytest.approx(expected, rel=1e-11)
            assert ensemble.prefix_scores(rule, bins=bins)[-1] == ensemble.score(rule, bins=bins)
    assert len({ensemble.score(rule) for rule in RULES}) == 3
    assert ensemble.member_scores() == ensemble.member_scores(bins=15)
    for scores, own in zip(ensemble.member_scores(bins=4), rows, strict=True):
        assert scores == pytest.approx(score(own, labels, bins=4), rel=1e-12)


def test_ties_of_votes_are_broken_before_accuracy_is_counted() -> None:
    ensemble = Ensemble([[[0.75, 0.25]], [[0.125, 0.875]]], [1], "probabilities")
    assert ensemble.combine("vote").classes.tolist() == [1]
    assert ensemble.score("vote") == pytest.approx((1.0, math.log(2), 0.5))
    assert ensemble.subset([0]).score("vote") == (0.0, math.inf, 1.0)


@pytest.mark.parametrize("kind", KINDS)
@examples(50)
@given(*shapes)
def test_the_mean_of_probabilities_loses_at_most_the_mean_loss(
    kind, seed, members, number, classes
) -> None:
    ensemble = drawn(seed, members, number, classes, kind=kind)
    losses = [scores.log_loss for scores in ensemble.member_scores()]
    assert ensemble.score().log_loss <= np.mean(losses) * (1 + 1e-12)
    # The logarithm of the sum of exponentials is convex, so it holds for logits too.
    assert ensemble.score("logits").log_loss <= np.mean(losses) * (1 + 1e-12)


@pytest.mark.parametrize("rule", RULES)
@examples(25)
@given(*shapes)
def test_order_and_copies_of_members_do_not_matter(rule, seed, members, number, classes) -> None:
    ensemble = drawn(seed, members, number, classes)
    order = np.random.default_rng(seed).permutation(members)
    together = ensemble.subset(order).score(rule)
    assert together == pytest.approx(ensemble.score(rule), rel=1e-9, abs=1e-12)
    twice = Ensemble([*ensemble.members, *ensemble.members], ensemble.labels, "logits")
    assert twice.score(rule) == pytest.approx(ensemble.score(rule), rel=1e-9, abs=1e-12)
    if rule != "vote":
        same = Ensemble([ensemble.members[0]] * members, ensemble.labels, "logits")
        assert same.score(rule) == pytest.approx(ensemble.member_scores()[0], rel=1e-9, abs=1e-12)


# --- diversity -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@examples(40)
@given(*shapes)
def test_disagreement_is_the_loops(kind, seed, members, number, classes) -> None:
    ensemble = drawn(seed, members, number, classes, kind=kind)
    predicted = rows_of(ensemble).argmax(axis=-1).tolist()
    for i, row in enumerate(ensemble.disagreement().tolist()):
        for j, share in enumerate(row):
            pairs = zip(predicted[i], predicted[j], strict=True)
            assert share == sum(a != b for a, b in pairs) / number


def test_error_correlation_is_numpys() -> None:
    ensemble = drawn(3, 5, 400, 4)
    errors = rows_of(ensemble).argmax(axis=-1) != ensemble.labels
    assert errors.mean(axis=1).min() > 0
    assert errors.mean(axis=1).max() < 1
    np.testing.assert_allclose(ensemble.error_correlation(), np.corrcoef(errors), atol=1e-14)


def test_error_correlation_by_hand() -> None:
    classes = [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1]]
    some = 1 / math.sqrt(3)
    assert from_classes(classes, [0, 0, 0, 0]).error_correlation() == pytest.approx(
        np.array(
            [
                [1, 1, -1, some, 0, 0],
                [1, 1, -1, some, 0, 0],
                [-1, -1, 1, -some, 0, 0],
                [some, some, -some, 1, 0, 0],
                [0, 0, 0, 0, 1, 0],  # never errs
                [0, 0, 0, 0, 0, 1],  # always errs
            ]
        ),
        rel=1e-15,
    )


def test_wrong_in_different_ways_is_still_wrong_together() -> None:
    outputs = np.eye(3)[[[0, 1, 2, 0], [0, 2, 1, 0]]]
    ensemble = Ensemble(outputs, [0, 0, 0, 0], "probabilities")
    assert ensemble.disagreement().tolist() == [[0, 0.5], [0.5, 0]]
    assert ensemble.error_correlation().tolist() == [[1, 1], [1, 1]]


@examples(40)
@given(*shapes)
def test_matrices_are_symmetric_and_bounded(seed, members, number, classes) -> None:
    ensemble = drawn(seed, members, number, classes, skill=8.0)
    disagreement, correlation = ensemble.disagreement(), ensemble.error_correlation()
    assert disagreement.shape == correlation.shape == (members, members)
    assert disagreement.tolist() == disagreement.T.tolist()
    assert correlation.tolist() == correlation.T.tolist()
    assert disagreement.diagonal().tolist() == [0] * members
    assert correlation.diagonal().tolist() == [1] * members
    assert np.abs(correlation).max() <= 1 + 1e-15


# --- construction --------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_members_come_from_any_iterable_and_are_kept_as_they_are(dtype) -> None:
    outputs = np.random.default_rng(0).normal(size=(3, 4, 2)).astype(dtype)
    ensemble = Ensemble((member for member in outputs), [0, 1, 1, 0], "logits")
    assert len(ensemble) == 3
    assert (ensemble.members.dtype, ensemble.labels.dtype) == (dtype, np.int64)
    assert ensemble.members.tolist() == outputs.tolist()


def test_nothing_that_the_caller_does_later_changes_it() -> None:
    outputs, labels = np.zeros((2, 3, 2)), np.array([0, 1, 1])
    ensemble = Ensemble(outputs, labels, "logits")
    outputs[:], labels[:] = 1, 0
    assert (ensemble.members.sum(), ensemble.labels.sum()) == (0, 2)
    for array in (ensemble.members, ensemble.labels):
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 0


ROW = [[0.5, 0.5]]


@pytest.mark.parametrize(
    ("members", "labels", "kind", "message"),
    [
        ([], [0], "logits", "members must be one or more, received none"),
        ([ROW, ROW * 2], [0], "logits", r"members\[1\] must have the first member's shape"),
        ([ROW, [[0.5, 0.4]]], [0], "probabilities", r"members\[1\] must have rows that sum to 1"),
        ([ROW], [2], "probabilities", "labels must be in 0 to 1, received 2"),
        ([ROW], [-1], "logits", "labels must be in 0 to 1, received -1"),
        ([ROW], [0, 1], "logits", r"labels must be integers of shape \(1,\)"),
        ([ROW], [0], "odds", "kind must be one of logits, probabilities, received 'odds'"),
    ],
)
def test_refused(members, labels, kind, message) -> None:
    with pytest.raises(ValueError, match=message):
        Ensemble(members, labels, kind)


@pytest.mark.parametrize(
    "indices", [[], [3], [-1], [0, 0], [np.int64(1), 1], [True], [0.0], ["0"], [[0]]]
)
def test_a_subset_of_other_members_is_refused(indices) -> None:
    with pytest.raises(ValueError, match="one or more different integers in 0 to 2, received"):
        Ensemble([ROW] * 3, [0], "logits").subset(indices)


@pytest.mark.parametrize(
    "ask",
    [
        lambda ensemble: ensemble.combine("mean"),
        lambda ensemble: ensemble.score("mean"),
        lambda ensemble: ensemble.prefix_scores("mean"),
    ],
)
def test_an_unknown_rule_is_refused(ask) -> None:
    with pytest.raises(ValueError, match="rule must be one of probabilities, logits, vote"):
        ask(Ensemble([ROW] * 3, [0], "logits"))

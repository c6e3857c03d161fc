"""Ensembles against scikit-learn and scipy, Jensen's inequality, and choices worked out by hand."""

import math

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from lrlab.ensembles.choosing import choose_best, choose_greedily
from lrlab.ensembles.combining import KINDS, RULES
from lrlab.ensembles.ensemble import Ensemble
from lrlab.ensembles.scores import score
from tests.support.strategies import examples

shapes = (st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 30), st.integers(2, 5))


def drawn(seed: int, *shape: int, kind: str = "logits", skill: float = 2.0) -> Ensemble:
    """Members that know something: each adds to the right class's logit, all in float32."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(shape[-1], size=shape[1])
    logits = rng.normal(0, 2, shape)
    logits[:, np.arange(shape[1]), labels] += skill * rng.random((shape[0], 1))
    outputs = logits if kind == "logits" else scipy.special.softmax(logits, axis=-1)
    return Ensemble(outputs.astype(np.float32), labels, kind)


def rows_of(ensemble: Ensemble) -> np.ndarray:
    """The members' probabilities, by scipy."""
    outputs = ensemble.members.astype(np.float64)
    if ensemble.kind == "logits":
        return scipy.special.softmax(outputs, axis=-1)
    return outputs / outputs.sum(axis=-1, keepdims=True)


def loss(labels: np.ndarray, rows: np.ndarray) -> float:
    return metrics.log_loss(labels, rows, labels=range(rows.shape[-1]))


def from_classes(classes: list[list[int]], labels: list[int]) -> Ensemble:
    """Members that are sure of two classes, a row a member."""
    return Ensemble(np.eye(2)[np.array(classes)], labels, "probabilities")


# --- scores --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_those_of_what_is_combined(kind) -> None:
    ensemble = drawn(1, 6, 200, 5, kind=kind)
    rows, labels = rows_of(ensemble), ensemble.labels
    members = ensemble.member_scores()
    for scores, own in zip(members, rows, strict=True):
        assert scores.accuracy == metrics.accuracy_score(labels, own.argmax(axis=1))
        assert scores.log_loss == pytest.approx(loss(labels, own), rel=1e-9)
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


# --- choosing ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_the_best_alone(kind) -> None:
    validation = drawn(4, 6, 300, 4, kind=kind)
    rows, labels = rows_of(validation), validation.labels
    by_loss = sorted(range(6), key=lambda i: loss(labels, rows[i]))
    right = [metrics.accuracy_score(labels, own.argmax(axis=1)) for own in rows]
    by_accuracy = sorted(range(6), key=lambda i: -right[i])
    assert by_loss != by_accuracy
    for size in range(1, 7):
        assert choose_best(validation, size) == tuple(by_loss[:size])
        assert choose_best(validation, size, by="accuracy") == tuple(by_accuracy[:size])


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("by", ["log_loss", "accuracy"])
def test_greedily_is_one_by_one(rule, by) -> None:
    validation = drawn(5, 6, 120, 3)
    chosen: list[int] = []
    while len(chosen) < 6:
        rest = [i for i in range(6) if i not in chosen]
        scores = [validation.subset([*chosen, i]).score(rule) for i in rest]
        values = [getattr(each, by) for each in scores]
        best = min(values) if by == "log_loss" else max(values)
        chosen.append(rest[values.index(best)])
        size = len(chosen)
        assert choose_greedily(validation, size, by=by, rule=rule) == tuple(chosen)


def test_greedily_by_default_is_by_the_log_loss_of_the_mean_probabilities() -> None:
    validation = drawn(5, 6, 120, 3)
    rows, labels = rows_of(validation), validation.labels
    first = min(range(6), key=lambda i: loss(labels, rows[i]))
    rest = set(range(6)) - {first}
    second = min(rest, key=lambda i: loss(labels, rows[[first, i]].mean(axis=0)))
    assert choose_greedily(validation, 2) == (first, second)
    choices = {
        (by, rule): choose_greedily(validation, 6, by=by, rule=rule)
        for by in ("log_loss", "accuracy")
        for rule in RULES
    }
    assert choices["log_loss", "probabilities"] == choose_greedily(validation, 6)
    assert len(set(choices.values())) == 6  # each argument matters


def test_a_member_that_helps_is_preferred_to_one_that_is_good() -> None:
    # The second repeats the first; the third is worse, and wrong elsewhere.
    rows = [[0.9, 0.9, 0.9, 0.1], [0.9, 0.9, 0.89, 0.1], [0.9, 0.1, 0.1, 0.9]]
    members = np.stack([rows, np.subtract(1, rows)], axis=-1)
    validation = Ensemble(members, [0, 0, 0, 0], "probabilities")
    assert choose_best(validation, 2) == (0, 1)
    assert choose_greedily(validation, 2) == (0, 2)


@pytest.mark.parametrize("choose", [choose_best, choose_greedily])
def test_of_equals_the_earlier_is_chosen(choose) -> None:
    same = from_classes([[1, 0], [0, 1], [0, 1], [0, 0]], [0, 1])
    assert choose(same, 2) == (1, 2)
    assert choose(same, 4, by="accuracy")[:2] == (1, 2)
    nothing = from_classes([[1], [1], [1]], [0])  # an infinite loss, whatever is chosen
    assert choose(nothing, 3) == (0, 1, 2)


def test_a_choice_is_applied_to_other_examples() -> None:
    validation, test = drawn(7, 5, 100, 4), drawn(8, 5, 60, 4)
    choice = choose_greedily(validation, 3)
    assert choice != tuple(sorted(choice))
    chosen = test.subset(choice)
    assert (len(chosen), chosen.kind) == (3, "logits")
    assert chosen.members.tolist() == [test.members[i].tolist() for i in choice]
    assert chosen.labels.tolist() == test.labels.tolist()
    last = test.subset(reversed(range(5))).prefix_scores()
    assert last[0] == pytest.approx(test.member_scores()[4], rel=1e-12)


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
        ([ROW, [[0, 0, 1]]], [0], "probabilities", r"members\[1\] must have the first .* \(1, 3\)"),
        (ROW, [0], "logits", r"members\[0\] must have shape \(examples, classes\)"),
        ([[[np.nan, 0]]], [0], "logits", r"members\[0\] must be finite in float32, received nan"),
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


@pytest.mark.parametrize("choose", [choose_best, choose_greedily])
@pytest.mark.parametrize(
    ("size", "options", "message"),
    [
        (0, {}, "size must be a positive integer, received 0"),
        (4, {}, "size must be at most the 3 members, received 4"),
        (2, {"by": "calibration_error"}, "by must be one of log_loss, accuracy, received"),
    ],
)
def test_choices_that_cannot_be_made_are_refused(choose, size, options, message) -> None:
    with pytest.raises(ValueError, match=message):
        choose(Ensemble([ROW] * 3, [0], "logits"), size, **options)


@pytest.mark.parametrize(
    "ask",
    [
        lambda ensemble: choose_greedily(ensemble, 1, rule="mean"),
        lambda ensemble: ensemble.combine("mean"),
        lambda ensemble: ensemble.score("mean"),
        lambda ensemble: ensemble.prefix_scores("mean"),
    ],
)
def test_an_unknown_rule_is_refused(ask) -> None:
    with pytest.raises(ValueError, match="rule must be one of probabilities, logits, vote"):
        ask(Ensemble([ROW] * 3, [0], "logits"))

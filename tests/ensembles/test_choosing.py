"""Choices of members, one by one from the definition and worked out by hand."""

import numpy as np
import pytest

from lrlab.ensembles.choosing import choose_greedily
from lrlab.ensembles.combining import RULES
from lrlab.ensembles.ensemble import Ensemble
from tests.support.members import drawn, from_classes, log_loss, rows_of


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
    first = min(range(6), key=lambda i: log_loss(labels, rows[i]))
    rest = set(range(6)) - {first}
    second = min(rest, key=lambda i: log_loss(labels, rows[[first, i]].mean(axis=0)))
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
    assert choose_greedily(validation, 2) == (0, 2)


def test_ties_of_votes_are_broken_before_accuracy_is_counted() -> None:
    members = [[[0.45, 0.55]], [[0.6, 0.4]], [[0.51, 0.49]]]  # only with the third is 1 ahead
    validation = Ensemble(members, [1], "probabilities")
    assert choose_greedily(validation, 2, by="accuracy", rule="vote") == (0, 2)


def test_of_equals_the_earlier_is_chosen() -> None:
    same = from_classes([[1, 0], [0, 1], [0, 1], [0, 0]], [0, 1])
    assert choose_greedily(same, 2) == (1, 2)
    assert choose_greedily(same, 4, by="accuracy")[:2] == (1, 2)
    nothing = from_classes([[1], [1], [1]], [0])  # an infinite loss, whatever is chosen
    assert choose_greedily(nothing, 3) == (0, 1, 2)


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


ROW = [[0.5, 0.5]]


@pytest.mark.parametrize(
    ("size", "options", "message"),
    [
        (0, {}, "size must be a positive integer, received 0"),
        (4, {}, "size must be at most the 3 members, received 4"),
        (2, {"rule": "mean"}, "rule must be one of probabilities, logits, vote, received 'mean'"),
        (2, {"by": "calibration_error"}, "by must be one of log_loss, accuracy, received"),
    ],
)
def test_choices_that_cannot_be_made_are_refused(size, options, message) -> None:
    with pytest.raises(ValueError, match=message):
        choose_greedily(Ensemble([ROW] * 3, [0], "logits"), size, **options)

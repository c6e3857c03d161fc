"""Rules of combination against loops in plain Python, and one member at a time."""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrlab.ensembles.combining import RULES, prefixes
from lrlab.ensembles.outputs import KINDS
from tests.support.strategies import examples

shapes = (st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 12), st.integers(2, 5))


def drawn(seed: int, *shape: int, kind: str = "probabilities") -> np.ndarray:
    """Members' outputs; probabilities are multiples of 1/64, whose sums are exact."""
    rng = np.random.default_rng(seed)
    if kind == "logits":
        return rng.normal(0, 4, shape)
    return rng.multinomial(64, rng.dirichlet(np.ones(shape[-1]), shape[:-1])) / 64


def last(members, kind: str, rule: str):
    """What all members say together."""
    return list(prefixes(members, kind=kind, rule=rule))[-1]


def as_row(output: list[float], kind: str) -> list[float]:
    """The probabilities of one example, by plain Python."""
    if kind == "probabilities":
        return output
    powers = [math.exp(z) for z in output]
    return [power / sum(powers) for power in powers]


def looped(outputs: list[list[float]], kind: str, rule: str) -> tuple[list[float], int]:
    """Probabilities and class of one example from its rows of outputs, a row a member."""
    rows = [as_row(output, kind) for output in outputs]
    classes = range(len(rows[0]))
    mean = [sum(row[c] for row in rows) / len(rows) for c in classes]
    if rule == "vote":
        votes = [0] * len(classes)
        for row in rows:
            votes[row.index(max(row))] += 1
        return [v / len(rows) for v in votes], max(classes, key=lambda c: (votes[c], mean[c], -c))
    if rule == "logits":  # the geometric mean, made to sum to 1
        mean = [math.prod(max(row[c], 2**-149) ** (1 / len(rows)) for row in rows) for c in classes]
        mean = [value / sum(mean) for value in mean]
    return mean, mean.index(max(mean))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rule", RULES)
@examples(40)
@given(*shapes)
def test_every_prefix_is_the_loops(kind, rule, seed, members, number, classes) -> None:
    outputs = drawn(seed, members, number, classes, kind=kind)
    parts = list(prefixes(outputs, kind=kind, rule=rule))
    assert len(parts) == members
    for k, part in enumerate(parts, start=1):
        assert part.probabilities.shape == (number, classes)
        assert part.probabilities.dtype == np.float64
        for n in range(number):
            row, predicted = looped(outputs[:k, n].tolist(), kind, rule)
            assert part.probabilities[n].tolist() == pytest.approx(row, rel=1e-10, abs=1e-300)
            if rule != "logits" and kind == "probabilities":  # nothing is rounded
                assert part.probabilities[n].tolist() == row
                assert part.classes[n] == predicted
            else:
                assert row[part.classes[n]] == pytest.approx(row[predicted], rel=1e-10)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rule", RULES)
@examples(25)
@given(*shapes)
def test_rows_sum_to_1_and_order_does_not_matter(kind, rule, seed, members, number, classes):
    outputs = drawn(seed, members, number, classes, kind=kind).astype(np.float32)
    together = last(outputs, kind, rule)
    sums = together.probabilities.sum(axis=1)
    np.testing.assert_allclose(sums, 1, rtol=1e-14)
    shuffled = last(np.random.default_rng(seed).permutation(outputs), kind, rule)
    np.testing.assert_allclose(shuffled.probabilities, together.probabilities, rtol=1e-12)
    if kind == "probabilities" and rule != "logits":
        assert shuffled.classes.tolist() == together.classes.tolist()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rule", ["probabilities", "logits"])
@examples(25)
@given(*shapes)
def test_identical_members_are_the_member(kind, rule, seed, members, number, classes) -> None:
    (output,) = drawn(seed, 1, number, classes, kind=kind)
    alone = last([output], kind, "probabilities").probabilities
    together = last([output] * members, kind, rule)
    np.testing.assert_allclose(together.probabilities, alone, rtol=1e-12, atol=1e-44)


# --- the rules by hand ---------------------------------------------------------------------------

THREE = [[[0.875, 0.125, 0]], [[0.25, 0.5, 0.25]], [[0.25, 0.375, 0.375]]]


def test_rules_differ_where_they_should() -> None:
    mean = last(THREE, "probabilities", "probabilities")
    assert mean.probabilities.tolist() == [[1.375 / 3, 1 / 3, 0.625 / 3]]
    assert mean.classes.tolist() == [0]
    vote = last(THREE, "probabilities", "vote")
    assert vote.probabilities.tolist() == [[1 / 3, 2 / 3, 0]]
    assert vote.classes.tolist() == [1]
    geometric = last(THREE, "probabilities", "logits").probabilities[0]
    assert geometric[0] / geometric[1] == pytest.approx((7 * 0.5 / (0.375 / 0.25)) ** (1 / 3))
    assert 0 < geometric[2] < 1e-14


@pytest.mark.parametrize(("second", "expected"), [(0.75, 1), (0.625, 0), (0.6875, 0)])
def test_a_tie_of_votes_goes_to_the_higher_mean_probability(second, expected) -> None:
    members = [[[0.6875, 0.3125]], [[1 - second, second]]]
    together = last(members, "probabilities", "vote")
    assert together.probabilities.tolist() == [[0.5, 0.5]]
    assert together.classes.tolist() == [expected]


def test_a_class_without_a_vote_wins_no_tie() -> None:
    members = [[[0.5, 0.0, 0.5 - 2**-6, 2**-6]], [[0, 0.5, 0.5 - 2**-6, 2**-6]]]
    assert last(members, "probabilities", "vote").classes.tolist() == [0]
    assert last(members, "probabilities", "probabilities").classes.tolist() == [2]


def test_logits_are_averaged_as_they_are() -> None:
    together = last([[[0.0, 400.0]], [[300.0, 0.0]]], "logits", "logits")
    assert together.probabilities[0, 0] == pytest.approx(math.exp(-50), rel=1e-12)
    # Through probabilities, no member's odds count for more than 2^149.
    rows = [[[0.0, 1.0]], [[1.0, 2.0**-160]]]
    assert last(rows, "probabilities", "logits").probabilities.tolist() == [[0.5, 0.5]]
    rows = [[[0.0, 1.0]], [[1.0, 2.0**-149 * 4]]]
    assert last(rows, "probabilities", "logits").probabilities[0, 1] == pytest.approx(2 / 3)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_small_types_are_summed_in_float64(dtype) -> None:
    outputs = drawn(0, 50, 30, 10, kind="logits").astype(dtype)
    for rule in RULES:
        wide = last(outputs.astype(np.float64), "logits", rule)
        narrow = last(outputs, "logits", rule)
        assert narrow.probabilities.tolist() == wide.probabilities.tolist()
        assert narrow.classes.tolist() == wide.classes.tolist()


# --- one member at a time ------------------------------------------------------------------------


def test_a_member_is_asked_for_when_its_turn_comes() -> None:
    asked = []

    def predict():
        for i, member in enumerate(THREE):
            asked.append(i)
            yield member

    parts = prefixes(predict(), kind="probabilities")
    assert asked == []
    for k, _ in zip(range(1, 4), parts, strict=True):
        assert asked == list(range(k))


def test_memory_does_not_grow_with_the_members() -> None:
    table = 20_000 * 10 * 8
    members = (np.full((20_000, 10), 0.1) for _ in range(60))
    tracemalloc.start()
    for together in prefixes(members, kind="probabilities"):
        assert together.classes[0] == 0
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 2 * table < peak < 12 * table


# --- what is refused -----------------------------------------------------------------------------

ROW = [[0.5, 0.5]]


@pytest.mark.parametrize(
    ("members", "kind", "message"),
    [
        ([], "logits", "members must be one or more, received none"),
        (iter(()), "probabilities", "members must be one or more, received none"),
        ([ROW, ROW * 2], "logits", r"members\[1\] must have the first .* \(1, 2\), .* \(2, 2\)"),
        ([ROW, [[0, 0, 1]]], "probabilities", r"members\[1\] must have the first .* \(1, 3\)"),
        (ROW, "logits", r"members\[0\] must have shape \(examples, classes\).* \(2,\)"),
        ([ROW, [[0, np.nan]]], "logits", r"members\[1\] must be finite in float32, received nan"),
        ([[[0, np.inf]]], "logits", r"members\[0\] must be finite in float32, received inf"),
        ([ROW, [[0.5, 0.6]]], "probabilities", r"members\[1\] must have rows that sum to 1"),
        ([[[1.5, -0.5]]], "probabilities", r"members\[0\] must be at least 0, received -0.5"),
    ],
)
def test_members_that_do_not_fit_are_refused(members, kind, message) -> None:
    with pytest.raises(ValueError, match=message):
        list(prefixes(members, kind=kind))


def test_logits_need_not_sum_to_1() -> None:
    assert last([[[1.5, -0.5]]], "logits", "vote").classes.tolist() == [0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "votes"}, "kind must be one of logits, probabilities, received 'votes'"),
        ({"kind": "logits", "rule": "mean"}, "rule must be one of .*vote, received 'mean'"),
    ],
)
def test_unknown_names_are_refused_at_once(options, message) -> None:
    with pytest.raises(ValueError, match=message):
        prefixes([ROW], **options)

"""The Markov language: what it draws, and the least loss, against every text written out."""

from itertools import product

import numpy as np
import pytest

from lrlab.data import LANGUAGE, MarkovLanguage, load

SMALL = MarkovLanguage(3, concentration=0.7, seed=4)


def texts(language, length):
    """Every text of a length, as an array, and how likely each is."""
    symbols = range(language.symbols)
    every = np.array(list(product(symbols, repeat=length)))
    likely = language.pairs[every[:, 0], every[:, 1]]
    for place in range(2, length):
        likely = likely * language.transitions[tuple(every[:, place - 2 : place + 1].T)]
    return every, likely


def entropy(probabilities):
    return -np.sum(probabilities * np.log(probabilities))


def test_a_pair_is_as_likely_later_as_at_the_start():
    every, likely = texts(SMALL, 6)
    for place in range(5):
        found = np.zeros((3, 3))
        np.add.at(found, tuple(every[:, place : place + 2].T), likely)
        np.testing.assert_allclose(found, SMALL.pairs, rtol=1e-12)
    assert likely.sum() == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("length", [1, 2, 5])
def test_the_entropy_is_that_of_all_texts_after_their_first_symbol(length):
    (_, longer), first = texts(SMALL, length + 1), SMALL.pairs.sum(axis=1)
    expected = (entropy(longer) - entropy(first)) / length
    assert SMALL.entropy(length) == pytest.approx(expected, rel=1e-12)
    assert SMALL.entropy(10**9) == pytest.approx(SMALL.entropy(), rel=1e-8)
    assert SMALL.entropy() < SMALL.entropy(length) < np.log(3)


def test_what_a_text_costs_is_how_unlikely_it_is_after_its_first_symbol():
    every, likely = texts(SMALL, 5)
    expected = -np.log(likely / SMALL.pairs.sum(axis=1)[every[:, 0]])
    np.testing.assert_allclose(SMALL.losses(every).sum(axis=1), expected, rtol=1e-12)
    assert SMALL.losses(every).shape == (len(every), 4)


def test_in_the_long_run_a_symbol_costs_the_entropy():
    for language, length in ((SMALL, 7), (LANGUAGE, 32)):
        costs = language.losses(language.sample(20_000, length + 1)).mean(axis=1)
        error = costs.std() / np.sqrt(len(costs))
        assert abs(costs.mean() - language.entropy(length)) < 4 * error
        assert error < 0.004


def test_what_is_drawn_is_as_frequent_as_it_is_likely():
    drawn, (every, likely) = SMALL.sample(50_000, 5), texts(SMALL, 5)
    counts = np.bincount(drawn @ 3 ** np.arange(5)[::-1], minlength=3**5)
    off = (counts - 50_000 * likely) / np.sqrt(50_000 * likely * (1 - likely))
    assert np.abs(off).max() < 4.5
    assert 0.8 < off.std() < 1.2
    np.testing.assert_array_equal(every @ 3 ** np.arange(5)[::-1], np.arange(3**5))


def test_the_first_of_more_sequences_are_those_of_fewer():
    many = LANGUAGE.sample(5_000)
    assert many.dtype == np.uint8
    assert many.shape == (5_000, 33)
    for count in (1, 2_400, 2_401):
        np.testing.assert_array_equal(LANGUAGE.sample(count), many[:count])
    others = (
        many[2_400:4_800],
        LANGUAGE.sample(2_400, stream=1),
        MarkovLanguage(seed=1).sample(2_400),
    )
    for other in others:  # another block, another stream, another language
        assert (other == many[:2_400]).mean() < 0.1


def test_it_is_a_data_set_of_symbols_and_those_that_follow():
    dataset = load("markov")
    assert str(dataset) == (
        "<Dataset markov: 48000 training and 1000 test sequences of 32 symbols out of 24, "
        "2400 in an epoch>"
    )
    train, test = LANGUAGE.sample(48_000), LANGUAGE.sample(1_000, stream=1)
    for x, y, text in (
        (dataset.x_train, dataset.y_train, train),
        (dataset.x_test, dataset.y_test, test),
    ):
        np.testing.assert_array_equal(x, text[:, :-1], strict=True)
        np.testing.assert_array_equal(y, text[:, 1:].astype(np.int64), strict=True)
    assert dataset.class_names[:3] == ("a", "b", "c")
    # Which numbers NumPy draws is part of every record.
    assert load("markov", 100, test_limit=10).fingerprint == FINGERPRINT


FINGERPRINT = "c473d675021df377"


def test_there_are_as_many_sequences_as_one_asks_for():
    dataset = load("markov", 49_000, test_limit=1_500)
    assert (len(dataset.x_train), len(dataset.x_test)) == (49_000, 1_500)
    np.testing.assert_array_equal(dataset.x_train[:48_000], load("markov").x_train)


def test_every_epoch_takes_new_sequences_until_there_are_none():
    dataset = load("markov", 7_500)
    parts = [[range(2_400)], [range(2_400, 4_800)], [range(4_800, 7_200)]]
    assert [dataset.passes(epoch) for epoch in range(6)] == parts * 2
    assert load("markov", 1_500).passes(7) == [range(1_500)]


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ({"symbols": 1}, "symbols must be 2 to 26, a letter each, received 1"),
        ({"symbols": 27}, "symbols must be 2 to 26"),
        ({"concentration": 0}, "concentration must be"),
        ({"seed": -1}, "seed must be"),
    ],
)
def test_a_language_that_cannot_be_is_refused(arguments, rule):
    with pytest.raises(ValueError, match=rule):
        MarkovLanguage(**arguments)


def test_a_language_with_pairs_that_never_occur_is_refused():
    language = MarkovLanguage(2, concentration=0.001)
    with pytest.raises(ValueError, match="concentration must be larger, or the seed another, for"):
        language.entropy()


@pytest.mark.parametrize("limits", [(0, 10), (10, 0)])
def test_no_sequence_at_all_is_refused(limits):
    with pytest.raises(ValueError, match="count must be a positive integer, received 0"):
        LANGUAGE.dataset(*limits)


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ({"count": 0}, "count must be"),
        ({"count": 1, "length": 1}, "length must be 2 or more, received 1"),
        ({"count": 1, "stream": -1}, "stream must be"),
    ],
)
def test_a_sample_that_cannot_be_is_refused(arguments, rule):
    with pytest.raises(ValueError, match=rule):
        SMALL.sample(**arguments)


def test_the_smallest_and_the_largest_language():
    for symbols in (2, 26):
        language = MarkovLanguage(symbols)
        assert language.sample(9).max() < symbols
        assert language.spell(np.array([symbols - 1])) == ("b", "z")[symbols > 2]

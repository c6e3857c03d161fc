"""Verdicts: both sides of every boundary, several conditions, and how often chance is believed."""

import math
import subprocess
import sys
from itertools import product

import numpy as np
import pytest
from scipy import stats

from lrlab.statistics.intervals import Interval, mean_interval
from lrlab.statistics.verdicts import WORDS, combine, decide


def around(low, high):
    return Interval((low + high) / 2, low, high)


ABOVE, BELOW, ACROSS = around(0.2, 0.4), around(-0.4, 0.05), around(0, 0.3)  # of a margin of 0.1
up, down = math.nextafter(0.1, 1), math.nextafter(0.1, 0)

ONE = [
    ("more", up, 1, "holds"),
    ("more", 0.1, 1, "open"),
    ("more", 0.1, 0.1, "open"),
    ("more", -1, 1, "open"),
    ("more", -1, 0.1, "open"),
    ("more", -1, down, "fails"),
    ("same", -down, down, "holds"),
    ("same", -0.1, down, "open"),
    ("same", -down, 0.1, "open"),
    ("same", -1, 1, "open"),
    ("same", 0.1, 1, "open"),
    ("same", up, 1, "fails"),
    ("same", -1, -0.1, "open"),
    ("same", -1, -up, "fails"),
    ("more", -math.inf, math.inf, "open"),
]


@pytest.mark.parametrize(("claim", "low", "high", "word"), ONE)
def test_one_interval_on_both_sides_of_every_boundary(claim, low, high, word):
    effect = Interval(low, low, high)
    verdict = decide(effect, 0.1, claim=claim)
    assert verdict.word == word
    assert verdict.effects == {"": effect}
    assert verdict.conditions == {other: ("",) if other == word else () for other in WORDS}
    assert (verdict.margin, verdict.claim) == (0.1, claim)


def test_a_margin_below_0_asks_for_no_more_than_not_much_less():
    assert decide(around(-0.05, 0.02), -0.1).word == "holds"
    assert decide(around(-0.3, -0.2), -0.1).word == "fails"


BY_WORD = {"holds": ABOVE, "fails": BELOW, "open": ACROSS}


@pytest.mark.parametrize("words", list(product(WORDS, repeat=3)), ids="-".join)
def test_three_conditions(words):
    verdict = decide(dict(enumerate(BY_WORD[word] for word in words)), 0.1)
    if words == ("holds",) * 3:
        expected = "holds"
    elif words == ("fails",) * 3:
        expected = "fails"
    else:
        expected = "depends" if "holds" in words and "fails" in words else "open"
    assert verdict.word == expected
    for word in WORDS:
        assert verdict.conditions[word] == tuple(i for i in range(3) if words[i] == word)


def test_what_it_says():
    assert str(decide(ABOVE, 0.1)) == "holds: 0.3 [0.2, 0.4]; margin 0.1"
    assert str(decide({"a": ABOVE, 2: ABOVE}, 0.1)) == (
        "holds: a 0.3 [0.2, 0.4], 2 0.3 [0.2, 0.4]; margin 0.1"
    )
    assert str(decide({"a": BELOW, "b": ABOVE, "c": ACROSS}, 0.1)) == (
        "depends: holds for b 0.3 [0.2, 0.4]; fails for a -0.175 [-0.4, 0.05]; "
        "open for c 0.15 [0, 0.3]; margin 0.1"
    )
    assert str(decide({"a": ACROSS, "b": ABOVE}, 0.1)).startswith("open: holds for b 0.3 [0.2")


def at_most(successes: int, trials: int, probability: float) -> bool:
    """Whether so many successes are no surprise, at one in a thousand, if none is likelier."""
    return successes <= stats.binom.ppf(0.999, trials, probability)


@pytest.mark.parametrize("level", [0.8, 0.95])
@pytest.mark.parametrize(("claim", "margin", "truth"), [
    ("more", 0, 0), ("more", 1, 1), ("same", 1, 1), ("same", 1, -1),
])  # fmt: skip
def test_chance_is_believed_no_more_often_than_the_level_allows(level, claim, margin, truth):
    """The true difference is at the edge of the claim; half of 1 - level lies on each side."""
    samples = np.random.default_rng(0).normal(truth, 0.3, (2_000, 5))
    words = [decide(mean_interval(row, level), margin, claim=claim).word for row in samples]
    assert at_most(words.count("holds"), len(words), (1 - level) / 2)
    assert at_most(words.count("fails"), len(words), (1 - level) / 2)
    assert words.count("holds") > 0.7 * len(words) * (1 - level) / 2, "nor is it never"
    assert not at_most(words.count("open"), len(words), 0.95 * level)


def test_a_difference_that_is_there_is_found():
    samples = np.random.default_rng(0).normal(1, 0.3, (200, 5))
    assert all(decide(mean_interval(row), 0).word == "holds" for row in samples)
    assert all(decide(mean_interval(-row), 0).word == "fails" for row in samples)


REFUSED = [
    ({"effect": {}}, "effect must be an interval or hold one or more, received none"),
    ({"effect": {"a": (0.3, 0.2, 0.4)}}, r"effect must be an Interval, .* received \(0\.3"),
    ({"effect": Interval(0.3, 0.4, 0.2)}, "effect must be an Interval, low <= mean <= high"),
    ({"effect": Interval(0.1, 0.2, 0.4)}, "effect must be an Interval, low <= mean <= high"),
    ({"effect": Interval(0.3, math.nan, 0.4)}, "low <= mean <= high, received .*low=nan"),
    ({"margin": math.nan}, "margin must be a finite .* received nan"),
    ({"margin": 0, "claim": "same"}, "margin must be .* greater than 0, received 0"),
    ({"claim": "less"}, "claim must be one of more, same, received 'less'"),
]


@pytest.mark.parametrize(("change", "message"), REFUSED)
def test_what_makes_no_sense_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        decide(**{"effect": ABOVE, "margin": 0.1, **change})


def test_the_room_opens_without_scipys_statistics():
    code = "import sys, lrlab.statistics; print('scipy.stats' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("words", "overall"),
    [
        (["open"], "open"), (["holds", "open"], "open"), (["fails", "open"], "open"),
        (["fails", "fails"], "fails"), (["open", "fails", "holds"], "depends"),
    ],
)  # fmt: skip
def test_words_are_combined_as_conditions_are(words, overall):
    assert combine(words) == combine(words[::-1]) == overall


@pytest.mark.parametrize(("words", "message"), [([], "one or more"), (["true"], "one of holds")])
def test_combine_refuses_other_words(words, message):
    with pytest.raises(ValueError, match=f"words must be {message}"):
        combine(words)

"""A claim is decided by its evidence alone: margins, families, and evidence of the opposite."""

from dataclasses import replace

import numpy as np
import pytest

from lrlab.claims import Claim, Trial, judge
from lrlab.claims.showing import Ledger
from lrlab.statistics import Pairs, holm, mean_interval, p_value


def seeds(*values, lost=0):
    return Pairs(dict(enumerate(values)), lost)


def trial(effect, margin=0.5, **options):
    return Trial("somewhere", lambda: effect, margin=margin, **options)


def claim(*trials, name="X1.1", chapter="here"):
    return Claim(name, "It is so", chapter=chapter, rule="above 0.5", trials=trials)


CLEAR, AGAINST, UNCLEAR = seeds(1.0, 1.1, 1.2), seeds(0.0, 0.1, 0.2), seeds(0.1, 0.5, 0.9)


@pytest.mark.parametrize(
    ("effects", "word"),
    [
        ([CLEAR], "holds"), ([AGAINST], "fails"), ([UNCLEAR], "open"),
        ([CLEAR, AGAINST, UNCLEAR], "depends"), ([CLEAR, UNCLEAR], "open"),
        ([0.6], "holds"), ([0.5], "open"), ([0.4], "fails"), ([0.6, AGAINST], "depends"),
        ([], None),
    ],
)  # fmt: skip
def test_the_verdict_is_that_of_the_evidence(effects, word):
    (entry,) = judge([claim(*map(trial, effects))])
    assert entry.word == (word or "not tested")


@pytest.mark.parametrize(("effect", "word"), [(0.4, "holds"), (-0.4, "holds"), (-0.6, "fails")])
def test_the_same_is_within_the_margin_on_both_sides(effect, word):
    values = seeds(effect - 0.001, effect, effect + 0.001)
    assert judge([claim(trial(values, kind="same"))])[0].word == word
    assert judge([claim(trial(effect, kind="same"))])[0].word == word


def test_an_effect_comes_with_its_interval_its_seeds_and_what_was_lost():
    (found,) = judge([claim(trial(seeds(1.0, 1.1, 1.2, lost=2)))])[0].found
    assert found.effect == mean_interval([1.0, 1.1, 1.2])
    assert (found.seeds, found.lost) == (3, 2)
    (found,) = judge([claim(trial(1.0))])[0].found
    assert (found.effect, found.seeds, found.family) == ((1, 1, 1), 0, None)


def test_a_chapters_claims_are_a_family_and_what_is_computed_is_not_in_it():
    rng = np.random.default_rng(0)
    tried = [seeds(*rng.normal(mean, 1, 5)) for mean in (0.2, 3, 9, 0.9)]
    here = [
        claim(trial(tried[0]), trial(1.0), name="X1.1"),
        claim(trial(tried[1]), trial(tried[2], kind="same"), name="X1.2"),
    ]
    elsewhere = claim(trial(tried[3]), name="X1.3", chapter="there")
    first, second, third = judge([*here, elsewhere])
    levels = holm([p_value(list(one.differences.values()), 0.5) for one in tried[:3]])
    found = [first.found[0], *second.found]
    for one, pairs, level in zip(found, tried, levels, strict=False):
        assert one.family == pairs.interval(level)
    assert third.found[0].family == third.found[0].effect, "alone in its chapter"
    assert first.found[1].family is None


def test_a_same_claim_has_the_p_value_of_its_nearer_margin():
    below = seeds(-1.0, -0.9, -0.7)
    (entry,) = judge([claim(trial(below, kind="same"), trial(CLEAR))])
    levels = holm([p_value([-1.0, -0.9, -0.7], -0.5), p_value([1.0, 1.1, 1.2], 0.5)])
    assert [one.family for one in entry.found] == [
        below.interval(levels[0]), CLEAR.interval(levels[1]),
    ]  # fmt: skip


def test_a_verdict_that_the_family_takes_back_says_so():
    weak = seeds(0.55, 0.60, 0.68, 0.57)
    family = [claim(trial(weak))] + [claim(trial(UNCLEAR), name=f"X1.{n}") for n in range(2, 20)]
    entry = judge(family)[0]
    assert (entry.word, entry.family_word) == ("holds", "open")
    text = str(entry)
    assert text.startswith(
        "X1.1 holds; open all together: It is so\n  somewhere: 0.60 [0.51, 0.69], 4 seeds, ["
    )
    assert text.endswith("more than 0.5: holds; open all together")


def test_a_line_says_unit_margin_and_what_was_lost():
    tried = trial(seeds(1.0, 1.1, 1.2, lost=1), margin=1, unit="points")
    assert "1.1 [0.9, 1.3] points, 3 seeds, 1 lost, " in str(judge([claim(tried)])[0])
    assert "more than 1 point: open" in str(judge([claim(tried)])[0])
    same = replace(tried, kind="same", margin=0.5, effect=lambda: 0.25)
    assert "0.25 points, computed; within ±0.5 points: holds" in str(judge([claim(same)])[0])


@pytest.mark.parametrize(("value", "word"), [(1.0, "holds"), (0.5, "open"), (0.0, "fails")])
def test_where_all_seeds_give_the_same_there_is_no_interval_and_no_place_in_the_family(value, word):
    alike, other = trial(seeds(value, value, value)), trial(UNCLEAR)
    (entry,) = judge([claim(alike, other)])
    found, alone = entry.found
    assert (found.word, found.family, found.counted) == (word, None, "3 seeds alike")
    assert found.size == f"{value:.2f}"
    assert alone.family == UNCLEAR.interval()


def test_a_claim_of_the_literature_names_its_paper():
    one = replace(claim(trial(1.0)), name="L10.2", paper="Smith <2017>")
    assert (one.document, claim().document) == ("L", "X1")
    shown = Ledger(judge([one]))
    assert repr(shown).split("\n")[:2] == ["L10.2 holds: It is so", "  Smith <2017>"]
    assert "It is so (Smith &lt;2017&gt;)" in shown._repr_html_()
    assert shown.to_list()[0]["paper"] == "Smith <2017>"

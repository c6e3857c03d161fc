"""The ledger: every claim of the documents, none typed, each turned by evidence of the opposite."""

import json
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from lrlab import studies
from lrlab.claims import (
    AFTER,
    ALONGSIDE,
    BEFORE,
    CLAIMS,
    UnknownClaim,
    evidence,
    judge,
    ledger,
    showing,
)
from lrlab.statistics import Pairs
from lrlab.studies import STUDIES, RecordError
from tests.conftest import ROOT

TRIED = [claim for claim in CLAIMS.values() if claim.trials]
TRIALS = [pytest.param(c, t, id=f"{c.name}-{k}") for c in TRIED for k, t in enumerate(c.trials)]


@pytest.fixture(scope="module")
def whole():
    """The ledger of all claims, which takes a moment to make."""
    return ledger()


def test_every_claim_of_the_documents_has_an_entry(whole):
    numbers = {"D1": 7, "D2": 8, "D3": 3, "D4": 4, "D5": 26}
    names = [f"{document}.{k}" for document, most in numbers.items() for k in range(1, most + 1)]
    literature = list(CLAIMS)[len(names) :]
    assert list(CLAIMS) == names + literature
    assert len(names) == 48
    assert [entry.claim.name for entry in whole] == list(CLAIMS)
    # Chapter by chapter, each counted from 1.
    chapters = {name.partition(".")[0]: None for name in literature}
    counts = {c: sum(name.startswith(f"{c}.") for name in literature) for c in chapters}
    assert literature == [f"{c}.{k}" for c, most in counts.items() for k in range(1, most + 1)]
    assert list(chapters) == sorted(chapters, key=lambda c: int(c[1:]))


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
def test_a_claim_has_a_rule_or_says_why_it_has_none(claim):
    assert claim.statement.endswith(".")
    assert bool(claim.rule) is bool(claim.trials)
    assert claim.rule or claim.note
    assert bool(claim.paper) is (claim.document == "L")


@pytest.mark.parametrize(("claim", "trial"), TRIALS)
def test_a_rule_names_its_margin(claim, trial):
    assert re.search(rf"(?<![\d.]){re.escape(f'{trial.margin:g}')}(?![\d.]\d)", claim.rule)


@pytest.mark.parametrize(("claim", "trial"), TRIALS)
def test_the_evidence_is_what_it_says_and_complete(claim, trial, monkeypatch):
    read = set()

    once = evidence.runs

    def load(study):
        read.add(study)
        return once(study)

    monkeypatch.setattr(evidence, "runs", load)
    effect = trial.effect()
    assert read == set(trial.evidence) <= STUDIES.keys()
    seeds = len(effect.differences) + effect.lost if isinstance(effect, Pairs) else 0
    if trial.evidence:
        assert seeds >= 3
    else:
        assert not isinstance(effect, Pairs) or "bowl" in trial.condition


@pytest.mark.parametrize(("claim", "trial"), TRIALS)
def test_a_rule_that_did_not_come_after_the_runs_stands_in_their_study(claim, trial):
    assert trial.declared in (BEFORE, ALONGSIDE, AFTER)
    if trial.declared != AFTER:
        for name in trial.evidence:
            assert claim.name in STUDIES[name].decides


def test_where_a_record_is_missing_there_is_no_verdict(monkeypatch, tmp_path):
    def load(study):
        return studies.load(study, tmp_path)

    monkeypatch.setattr(evidence, "runs", load)
    with pytest.raises(RecordError, match="are not recorded"):
        ledger(["D2.4"])


def opposite(found):
    """The trial of what was found, with evidence that speaks against it."""
    trial = found.trial
    width = 1 + abs(trial.margin)
    if trial.kind == "same":
        value = 3 * width if found.word == "holds" else 0.0
    else:
        value = trial.margin - width if found.word == "holds" else trial.margin + width
    values = [value - 1e-9, value, value + 1e-9]
    return replace(
        trial, effect=lambda: Pairs(dict(enumerate(values)), 0) if found.seeds else value
    )


@pytest.mark.parametrize("claim", TRIED, ids=lambda claim: claim.name)
def test_the_verdict_turns_with_the_evidence(claim):
    before = judge([claim])[0]
    turned = [opposite(found) for found in before.found]
    after = judge([replace(claim, trials=tuple(turned))])[0]
    assert {one.word for one in after.found} <= {"holds", "fails"}
    words = {"holds": {"fails"}, "fails": {"holds"}, "open": {"holds", "fails", "depends"}}
    for now, old in zip(after.found, before.found, strict=True):
        assert now.word in words[old.word]
    assert after.word != before.word or before.word == "depends"


def test_without_any_difference_few_claims_hold(whole):
    """Each trial is simulated with its own number of seeds, at the effect that decides nothing."""
    rng, repeats, simulated = np.random.default_rng(0), 100, set()
    for claim, found in (
        (entry.claim, [one for one in entry.found if one.seeds]) for entry in whole
    ):
        # A margin of "more" only shifts all numbers: one claim stands for all of the same shape.
        shape = tuple(
            (one.seeds, one.trial.kind, one.trial.kind == "same" and one.trial.margin)
            for one in found
        )
        if not found or shape in simulated:
            continue
        simulated.add(shape)
        held = 0
        for _ in range(repeats):
            trials = []
            for one in found:
                values = one.trial.margin + rng.normal(size=one.seeds)
                pairs = Pairs(dict(enumerate(values)), 0)
                trials.append(replace(one.trial, effect=lambda pairs=pairs: pairs))
            held += judge([replace(claim, trials=tuple(trials))])[0].word == "holds"
        assert held <= stats.binom.ppf(0.9999, repeats, 0.05), claim.name


def test_a_claim_is_where_its_chapter_shows_it():
    for claim in CLAIMS.values():
        chapter = (ROOT / "book" / f"{claim.chapter}.ipynb").read_text()
        assert not claim.figure or f'"name": "{claim.figure}"' in chapter, claim.name


def test_names_patterns_and_chapters_choose(whole):
    assert [entry.claim.name for entry in ledger(["D3.*", "D4.1"])] == [
        "D3.1", "D3.2", "D3.3", "D4.1",
    ]  # fmt: skip
    of_chapter = [entry.claim.name for entry in ledger(chapter="plateau")]
    assert of_chapter == ["D1.7", "D5.16", "D5.23"]
    alone, among = ledger(["D4.3"])[0], dict(zip(CLAIMS, whole, strict=True))["D4.3"]
    assert alone == among, "the family is the chapter's, whatever was asked for"


@pytest.mark.parametrize(
    ("patterns", "chapter", "message"),
    [
        (["D2.44"], None, r"there is no claim 'D2.44'. Did you mean D2.4"),
        (["x"], None, "there is no claim 'x'. `lrlab claims` shows all."),
        ([], "index", "chapter must be one of adaptive_optimisers, .*, received 'index'"),
    ],
)
def test_what_is_not_there_is_refused(patterns, chapter, message):
    with pytest.raises(UnknownClaim, match=message):
        ledger(patterns, chapter=chapter)


def test_a_notebook_shows_tables_and_json_holds_the_same():
    shown = ledger(["D2.4", "D5.11"])
    html, values = shown._repr_html_(), shown.to_list()
    assert values == json.loads(json.dumps(values, allow_nan=False))
    assert [value["name"] for value in values] == ["D2.4", "D5.11"]
    (first, _), found = values, shown[0].found[0]
    assert first["trials"][0]["effect"] == found.effect._asdict()
    assert (first["verdict"], first["trials"][0]["seeds"]) == (shown[0].word, found.seeds)
    for text in (found.size, found.family_size, found.trial.condition.replace("'", "&#x27;")):
        assert text in html
    assert 'data-document="D5" data-verdict="not-tested"' in html
    assert 'href="../schedules_at_work.html#fig-accuracy"' in html
    of_chapter = ledger(["D2.4"], chapter="schedules_at_work")._repr_html_()
    assert '<a href="#fig-accuracy">' in of_chapter
    unseen = {"D1.6": replace(CLAIMS["D1.6"], figure="")}
    assert "<a " not in ledger(chapter="decay_schedules", claims=unseen)._repr_html_()
    assert repr(shown) == f"{shown[0]}\n\n{shown[1]}"


def test_it_says_when_a_study_was_made_again(monkeypatch):
    kept = {"date": "2026-11-26", "device": "a cpu", "torch": "2", "equal": 3, "close": 0,
            "different": 1}  # fmt: skip
    monkeypatch.setattr(showing, "notes", lambda: {"D2-sqrt": kept})
    found = ledger(["D2.4"])
    told = "D2-sqrt was made again on 2026-11-26 (a cpu): 3 equal, 1 different."
    assert told in found._repr_html_()
    trial = found.to_list()[0]["trials"][0]
    assert trial["repeated"] == {"D2-sqrt": kept, "further-seeds": None, "D2-constant": None}


def test_a_ledger_needs_no_framework():
    code = (
        "import sys; from lrlab.claims import ledger; ledger(); "
        "print({'torch', 'keras', 'tensorflow', 'pandas', 'matplotlib'} & sys.modules.keys())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"

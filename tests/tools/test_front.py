"""The front page says what the ledger says; a finding with another verdict ends the build."""

import re
from pathlib import Path

import pytest
import yaml

from lrlab.claims import Claim, Ledger, Trial, judge
from lrlab.statistics import Pairs, paired
from tests.conftest import ROOT
from tests.support.small_book import build
from tools.front import Finding, bibtex, counts, read


def gain() -> Pairs:
    return paired({0: -3.0, 1: -5.0, 2: -4.0}, {0: 1.0, 1: 2.0, 2: 2.0})  # -4, -7, -6


TRIALS = (
    Trial("clothes, at rate 1", lambda: 0.8, margin=0.3, unit="decades"),
    Trial("clothes, at rate 2", gain, margin=0.5, unit="points"),
)
CLAIM = Claim("X1.1", "Bread falls", chapter="momentum", rule="Butter less", trials=TRIALS)
LEDGER = Ledger(judge([CLAIM]))


def test_a_finding_is_one_trial() -> None:
    entry, found = Finding("X1.1", "at rate 2", "fails", "It fell.").trial(LEDGER)
    assert (entry.claim, found.trial) == (CLAIM, TRIALS[1])
    assert found.size == "-5.67 [-9.46, -1.87]"  # Student's t for three seeds, 4.303


@pytest.mark.parametrize(
    ("finding", "message"),
    [
        (Finding("X1.1", "clothes", "fails", ""), "X1.1 has 2 trials with 'clothes'"),
        (Finding("X1.2", "at rate 2", "fails", ""), "X1.2 has 0 trials"),
        (Finding("X1.1", "at rate 2", "holds", ""), "was 'holds' .* and is 'fails' now: clothes"),
    ],
)
def test_what_is_no_longer_so_is_refused(finding: Finding, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        finding.trial(LEDGER)


@pytest.mark.parametrize("text", ["- claim: X1.1", "claim: X1.1", "- `", "- claim: a\n  other: b"])
def test_a_file_that_lists_no_findings_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "findings.yml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"^findings\.yml: "):
        read(path)


def test_the_book_has_eight_to_twelve() -> None:
    found = read(ROOT / "book" / "findings.yml")
    assert 8 <= len(found) <= 12
    assert len({one.claim for one in found}) == len(found)


def test_what_is_counted(tmp_path: Path) -> None:
    files = {
        "book/results/one/a-seed-1.json": "{}",
        "book/results/one/b-seed-1.json": "{}",
        "book/results/notes.json": "{}",
        "tests/test_a.py": "def test_x(): ...\ndef other(): ...\nclass T:\n  def test_y(s): ...\n",
        "tests/deep/test_b.py": "def test_z(): ...\n",
        "tests/deep/other.py": "def test_none(): ...\n",
        "book/deep/a.ipynb": '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": ['
        '{"id": "a", "cell_type": "markdown", "metadata": {}, "source": ""},'
        '{"id": "b", "cell_type": "code", "metadata": {}, "source": "", "outputs": [],'
        ' "execution_count": null}]}',
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = counts(tmp_path, LEDGER)
    assert list(found) == ["1 claims", "2 trials", "2 runs", "1 cells", "3 tests"]
    assert found["1 claims"].split("; ")[0].endswith(": 1 depend on the condition")
    assert "over 3 to 3 seeds, 3 in the median" in found["2 trials"]


CFF = {"title": "A Book", "version": "1.2", "authors": [{"name": "The Authors"}]}


def test_the_entry_for_bibtex() -> None:
    assert bibtex(yaml.safe_dump(CFF), "2026").splitlines() == [
        "@software{lrlab,",
        "  author  = {{The Authors}},",
        "  title   = {A Book},",
        "  version = {1.2},",
        "  year    = {2026},",
        "}",
    ]
    known = CFF | {
        "authors": [{"family-names": "Doe", "given-names": "Jo"}, {"name": "Others"}],
        "repository-code": "https://example.org",
    }
    entry = bibtex(yaml.safe_dump(known), "2027")
    assert "  author  = {{Doe, Jo} and {Others}},\n" in entry
    assert "  url     = {https://example.org},\n" in entry


PAGE = "# A book\n\n```{findings}\n```\n\n```{toctree}\n:hidden:\nschedule\nreference/claims\n```\n"
ENTRY = {
    "claim": "L10.1",
    "condition": "below the edge",
    "verdict": "holds",
    "text": "It *falls*.",
}


def made(folder: Path, **changes: str) -> str:
    files = {
        "index.md": PAGE.replace("schedule", "edge_of_stability"),
        "edge_of_stability.md": "# The edge\n",
        "reference/claims.md": "# Claims\n",
        "findings.yml": yaml.safe_dump([ENTRY | changes]),
    }
    return build(folder, files, "front").joinpath("index.html").read_text(encoding="utf-8")


def test_the_page_shows_number_sentence_and_scope(tmp_path: Path) -> None:
    item = re.search(r'<ul class="findings[^"]*">(.*?)</ul>', made(tmp_path), re.S)
    assert item
    lines = re.sub(r"<[^>]+>", "", item[1]).strip().split("\n")
    assert lines[0].endswith(" decades")
    assert lines[1] == "It falls."
    assert lines[2].endswith("computed. See The edge.")
    assert re.fullmatch(
        r"L10\.1, “.+[a-z]”, holds if the effect is more than 1 decade: holds\.", lines[3]
    )
    assert 'href="reference/claims.html#L10.1"' in item[1]


def test_a_changed_verdict_ends_the_build(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"index\.md:3: .*L10\.1 was 'fails' when"):
        made(tmp_path, verdict="fails")

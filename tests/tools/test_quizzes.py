"""The questions of each chapter, and the directive that shows them."""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT
from tests.support.small_book import build
from tools.quizzes import Question, read

TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
CHAPTERS = [chapter["file"] for chapter in TOC["parts"][0]["chapters"]]
QUIZZES = ROOT / "book" / "quizzes"


# --- the chapters --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def quizzes() -> dict[str, list[Question]]:
    return {path.stem: read(path) for path in QUIZZES.iterdir()}


def test_each_chapter_has_five_questions(quizzes: dict[str, list[Question]]) -> None:
    assert {name: len(questions) for name, questions in quizzes.items()} == dict.fromkeys(
        CHAPTERS, 5
    )


def test_no_text_is_used_twice(quizzes: dict[str, list[Question]]) -> None:
    questions = [one for of in quizzes.values() for one in of]
    explanations = Counter(answer.why for one in questions for answer in one.answers)
    assert len(explanations) > 150
    assert [text for text, times in explanations.items() if times > 1] == []
    assert len({one.text for one in questions}) == len(questions)


def test_neither_place_nor_length_gives_the_answer_away(
    quizzes: dict[str, list[Question]],
) -> None:
    questions = [one for of in quizzes.values() for one in of]
    places = Counter([a.right for a in one.answers].index(True) for one in questions)
    assert max(places.values()) < len(questions) / 2
    longest = [max(one.answers, key=lambda a: len(a.text)).right for one in questions]
    assert sum(longest) < len(questions) / 2
    for of in quizzes.values():
        assert len({[a.right for a in one.answers].index(True) for one in of}) > 2


# --- the file ------------------------------------------------------------------------------------


def good() -> list[dict[str, Any]]:
    """Two questions that pass every check."""
    return [
        {
            "question": f"The loss jumps {times} times. What now?",
            "answers": [
                {"wrong": "Raise $\\eta$.", "why": "It is `too large`."},
                {"right": "Lower it.", "why": "Then it *settles*."},
                {"wrong": "Wait.", "why": "It never ends."},
            ],
        }
        for times in (1, 2)
    ]


def write(folder: Path, entries: Any) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "chapter.yml"
    path.write_text(yaml.safe_dump(entries, allow_unicode=True), encoding="utf-8")
    return path


def test_a_file_is_read_as_it_stands(tmp_path: Path) -> None:
    first, second = read(write(tmp_path, good()))
    assert first.text == "The loss jumps 1 times. What now?"
    assert [answer.right for answer in first.answers] == [False, True, False]
    assert first.answers[1].text == "Lower it."
    assert second.answers[2].why == "It never ends."


Spoil = Callable[[list[dict[str, Any]]], Any]
BAD: dict[str, tuple[Spoil, str]] = {
    "no explanation": (
        lambda q: q[1]["answers"][0].pop("why"),
        r"quizzes/chapter\.yml, question 2: must have wrong and why, has wrong$",
    ),
    "an empty explanation": (
        lambda q: q[1]["answers"][0].update(why=" "),
        r"question 2: the explanation must be a text, is ' '$",
    ),
    "two right answers": (
        lambda q: q[1]["answers"].append({"right": "Raise it.", "why": "It is small."}),
        r"question 2: must have exactly one right answer, has 2$",
    ),
    "no right answer": (
        lambda q: q[1]["answers"].__setitem__(1, {"wrong": "Lower it.", "why": "No."}),
        r"question 2: must have exactly one right answer, has 0$",
    ),
    "right and wrong": (
        lambda q: q[1]["answers"][1].update(wrong="Lower it."),
        r"question 2: must have right and why, has right, why, wrong$",
    ),
    "two answers": (lambda q: q[1]["answers"].pop(), r"question 2: must have three or four"),
    "five answers": (
        lambda q: q[1]["answers"].extend([{"wrong": c, "why": c} for c in "ab"]),
        r"question 2: must have three or four answers",
    ),
    "equal answers": (
        lambda q: q[1]["answers"][0].update(wrong="Lower it."),
        r"question 2: has two equal answers",
    ),
    "equal explanations": (
        lambda q: q[1]["answers"][0].update(why="It never ends."),
        r"question 2: has two equal explanations",
    ),
    "a number": (
        lambda q: q[1]["answers"][0].update(wrong=0.2),
        r"question 2: the answer must be a text, is 0\.2$",
    ),
    "a question without answers": (lambda q: q[1].pop("answers"), "must have question and answers"),
    "no question": (lambda q: q[1].update(question=None), "the question must be a text, is None"),
    "a text for a question": (lambda q: q.__setitem__(1, "Why?"), "question 2: must have .*'Why"),
}


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_file_is_refused(tmp_path: Path, fault: str) -> None:
    spoil, message = BAD[fault]
    entries = good()
    spoil(entries)
    with pytest.raises(ValueError, match=message):
        read(write(tmp_path, entries))


@pytest.mark.parametrize("text", ["question: alone", "- `broken", ""])
def test_what_is_no_list_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "chapter.yml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"^quizzes/chapter\.yml: "):
        read(path)


# --- the directive -------------------------------------------------------------------------------


def made(folder: Path, entries: Any, builder: str = "html", name: str = "chapter") -> str:
    files = {
        "index.md": f"# A page\n\n```{{quiz}} {name}\n```\n",
        "quizzes/chapter.yml": yaml.safe_dump(entries),
    }
    out = build(folder, files, "quizzes", builder=builder)
    return next(out.glob("index.*")).read_text(encoding="utf-8")


def test_html_has_a_box_for_each_answer_and_none_open(tmp_path: Path) -> None:
    page = made(tmp_path, good())
    assert page.count("<fieldset>") == page.count("<legend>") == 2
    for number in (1, 2):
        assert page.count(f'name="quiz-chapter-{number}"') == 3
    assert not re.search(r"<details[^>]*\bopen\b", page)
    first = re.search(r'<details class="(\w+)".*?</details>', page, re.S)
    assert first
    assert first[1] == "wrong"
    text = re.sub(r"<[^>]+>", "", first[0])
    assert text.split("\n") == [r"Raise \(\eta\).", "No. It is too large.", ""]


def test_other_builders_get_the_solutions_after_the_questions(tmp_path: Path) -> None:
    page = made(tmp_path, good(), "text")
    asked, solved = page.split("**Solutions**")
    assert [asked.count(text) for text in ("What now?", "Lower it.", "Yes.", "ends.")] == [
        2,
        2,
        0,
        0,
    ]
    assert [solved.count(text) for text in ("Lower it.", "Yes.", "No.")] == [0, 2, 4]


def test_a_fault_ends_the_build_and_names_file_and_question(tmp_path: Path) -> None:
    entries = good()
    del entries[1]["answers"][0]["why"]
    with pytest.raises(ValueError, match=r"index\.md:3: .*quizzes/chapter\.yml, question 2: must"):
        made(tmp_path, entries)
    with pytest.raises(ValueError, match=r"quizzes/other\.yml: .*No such file"):
        made(tmp_path, good(), name="other")

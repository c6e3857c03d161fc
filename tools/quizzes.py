"""Sphinx extension: ``{quiz} NAME`` shows the questions of ``quizzes/NAME.yml``.

An answer is a ``<details>``: its summary is the answer, and what it opens is the explanation. So
mouse, keyboard and screen reader work as everywhere on a page, without a script or a server. The
answers of a question share a ``name``, so that opening one closes the others. What is not HTML
gets plain lists, with the solutions at the end. The file is a list of questions::

    - question: The loss stays at 2.30. What do you do first?
      answers:
        - wrong: Raise the rate.
          why: A rate far too large looks the same.
        - right: Compare the outputs for several images.
          why: A dead network has the same output for all.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


@dataclass(frozen=True)
class Answer:
    text: str
    right: bool
    why: str  # it is right, or wrong


@dataclass(frozen=True)
class Question:
    text: str
    answers: tuple[Answer, ...]


def read(path: Path) -> list[Question]:
    """The questions of a file; a ValueError names the file, the question and what is wrong."""
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ValueError(f"quizzes/{path.name}: {error}") from error
    if not isinstance(entries, list):
        raise ValueError(f"quizzes/{path.name}: must be a list of questions")
    found = []
    for number, entry in enumerate(entries, start=1):
        try:
            found.append(question(entry))
        except ValueError as error:
            raise ValueError(f"quizzes/{path.name}, question {number}: {error}") from None
    return found


def question(entry: Any) -> Question:
    """A question as the file has it, checked."""
    text, listed = fields(entry, "question", "answers")
    if not isinstance(listed, list) or not 3 <= len(listed) <= 4:
        raise ValueError("must have three or four answers")
    answers = tuple(answer(one) for one in listed)
    if (right := sum(one.right for one in answers)) != 1:
        raise ValueError(f"must have exactly one right answer, has {right}")
    for what, texts in {
        "answers": [one.text for one in answers],
        "explanations": [one.why for one in answers],
    }.items():
        if len(set(texts)) < len(texts):
            raise ValueError(f"has two equal {what}")
    return Question(words(text, "question"), answers)


def answer(entry: Any) -> Answer:
    """An answer as the file has it, checked."""
    right = isinstance(entry, dict) and "right" in entry
    text, why = fields(entry, "right" if right else "wrong", "why")
    return Answer(words(text, "answer"), right, words(why, "explanation"))


def fields(entry: Any, *names: str) -> list[Any]:
    """The values of a mapping that has these names and no others."""
    if not isinstance(entry, dict) or set(entry) != set(names):
        given = ", ".join(map(str, entry)) if isinstance(entry, dict) else repr(entry)
        raise ValueError(f"must have {' and '.join(names)}, has {given}")
    return [entry[name] for name in names]


def words(text: Any, what: str) -> str:
    """A text that is not empty. YAML may have made a number or a truth value of it."""
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"the {what} must be a text, is {text!r}")
    return text


class tag(nodes.General, nodes.Element):
    """An element of HTML, with its name as ``tag`` and its attributes as ``attributes_``."""


def html(element: str, *children: nodes.Node, of: str = "", **attributes: str) -> tag:
    """The element with its children; ``of`` is its class."""
    return tag("", *children, tag=element, classes=of.split(), attributes_=attributes)


class Quiz(SphinxDirective):
    """``{quiz} NAME``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        path = Path(self.env.srcdir, "quizzes", f"{self.arguments[0]}.yml")
        self.env.note_dependency(str(path))
        try:
            questions = read(path)
        except ValueError as error:
            raise self.error(str(error)) from None
        return [
            addnodes.only("", self.page(questions), expr="html"),
            addnodes.only("", *self.lists(questions), expr="not html"),
        ]

    def inline(self, text: str) -> list[nodes.Node]:
        parsed, messages = self.parse_inline(text)
        return [*parsed, *messages]

    def why(self, answer: Answer) -> nodes.paragraph:
        verdict = nodes.strong(text="Yes." if answer.right else "No.")
        return nodes.paragraph("", "", verdict, nodes.Text(" "), *self.inline(answer.why))

    def page(self, questions: list[Question]) -> tag:
        fieldsets = []
        for number, one in enumerate(questions, start=1):
            text = [nodes.strong(text=f"{number}."), nodes.Text(" "), *self.inline(one.text)]
            legend = html("legend", nodes.inline("", "", *text))
            group = f"quiz-{self.arguments[0]}-{number}"
            answers = [self.details(answer, group) for answer in one.answers]
            fieldsets.append(html("fieldset", legend, *answers))
        return html("div", *fieldsets, of="quiz")

    def details(self, answer: Answer, group: str) -> tag:
        summary = html("summary", nodes.inline("", "", *self.inline(answer.text)))
        verdict = "right" if answer.right else "wrong"
        return html("details", summary, self.why(answer), of=verdict, name=group)

    def lists(self, questions: list[Question]) -> list[nodes.Node]:
        asked, solved = (nodes.enumerated_list(enumtype="arabic") for _ in range(2))
        for one in questions:
            answers, whys = (nodes.enumerated_list(enumtype="loweralpha") for _ in range(2))
            for answer in one.answers:
                text = nodes.paragraph("", "", *self.inline(answer.text))
                answers += nodes.list_item("", text)
                whys += nodes.list_item("", self.why(answer))
            text = nodes.paragraph("", "", *self.inline(one.text))
            asked += nodes.list_item("", text, answers)
            solved += nodes.list_item("", whys)
        heading = nodes.paragraph("", "", nodes.strong(text="Solutions"))
        return [asked, heading, solved]


def visit(translator: Any, node: tag) -> None:
    translator.body.append(translator.starttag(node, node["tag"], "", **node["attributes_"]))


def depart(translator: Any, node: tag) -> None:
    translator.body.append(f"</{node['tag']}>\n")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.add_node(tag, html=(visit, depart))
    app.add_directive("quiz", Quiz)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

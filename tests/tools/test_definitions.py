"""A term carries the first sentence of its definition."""

import json
import re
from pathlib import Path

import pytest
from docutils import nodes
from sphinx.addnodes import pending_xref

from tests.conftest import ROOT
from tests.support.small_book import build
from tools.definitions import first_sentence

GLOSSARY = """# Glossary

:::{glossary}
margin
  The smallest difference that
  *matters*, in `points`. A claim holds beyond it.

border
  The rate $2/c$. Above it the *loss* rises.

learning rate
学习率
步长
  The number $\\eta$, as with version 3.15 of Keras.

epoch
  One pass through the examples. Chinese: 轮 (epoch)

edge
  Where the {term}`border` is; see [there](https://example.org).
:::
"""
INDEX = """# A page

## With a {term}`margin`

The {term}`margin`, a {term}`border <border>` and {term}`epochs <epoch>`; {term}`learning rate`;
{term}`edge`. See [the glossary](reference/glossary).

```{toctree}
reference/glossary
```
"""


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = {"index.md": INDEX, "reference/glossary.md": GLOSSARY}
    return build(tmp_path_factory.mktemp("book"), files, "definitions")


@pytest.fixture(scope="module")
def page(out: Path) -> str:
    return (out / "index.html").read_text(encoding="utf-8")


def tooltips(page: str) -> dict[str, str]:
    """The text of each described link, and of its description."""
    found = re.findall(
        r'<a class="reference internal" href="reference/glossary\.html#term-[\w-]+" '
        r'aria-describedby="([\w-]+)">(.*?)</a><span class="definition" role="tooltip" id="\1">'
        r"(.*?)</span>(?=[,;.\s]*(?:a |and |\n|See|</p>|;))",
        page,
        re.S,
    )
    plain = [[re.sub(r"<[^>]+>", "", part) for part in parts[1:]] for parts in found]
    return {link: " ".join(text.split()) for link, text in plain}


def test_a_term_shows_the_first_sentence_and_the_chinese_name(page: str) -> None:
    assert tooltips(page) == {
        "margin": "The smallest difference that matters, in points.",
        "border": r"The rate \(2/c\).",
        "epochs": "One pass through the examples. 轮 (epoch)",
        "learning rate": r"The number \(\eta\), as with version 3.15 of Keras. 学习率, 步长",
        "edge": "Where the border is; see there.",
    }
    assert page.count('<span lang="zh">') == 2


def test_no_link_stands_in_a_description_and_no_description_in_a_heading(page: str) -> None:
    assert page.count("<a ") > 5
    for tooltip in re.findall(r'role="tooltip".*?</span>', page, re.S):
        assert "<a " not in tooltip
    heading = re.search(r"<h2>.*?</h2>", page, re.S)
    assert heading
    assert "margin" in heading[0]
    assert "tooltip" not in heading[0]


def test_descriptions_are_not_searched(out: Path) -> None:
    index = out / "searchindex.js"
    places = re.search(r'"smallest": ?(\d+|\[[^]]*\])', index.read_text(encoding="utf-8"))
    assert places
    assert places[1].isdigit()  # one page, the glossary


def test_other_builders_keep_their_links(tmp_path: Path) -> None:
    files = {"index.md": INDEX, "reference/glossary.md": GLOSSARY}
    out = build(tmp_path, files, "definitions", builder="text")
    assert "smallest" not in (out / "index.txt").read_text(encoding="utf-8")


def test_the_first_sentences_of_the_glossary_are_sentences(tmp_path: Path) -> None:
    glossary = (ROOT / "book" / "reference" / "glossary.md").read_text(encoding="utf-8")
    glossary = re.sub(r"\s*\{cite(:t)?\}`[^`]*`", "", glossary)
    terms = re.findall(r"^(?![#:])(\S.*)$", glossary, re.M)
    assert len(terms) > 60
    uses = "".join(f"- {{term}}`{term}`\n" for term in terms)
    index = f"# A page\n\n{uses}\n```{{toctree}}\nreference/glossary\n```\n"
    files = {"index.md": index, "reference/glossary.md": glossary}
    html = (build(tmp_path, files, "definitions") / "index.html").read_text(encoding="utf-8")
    found = re.findall(r'role="tooltip" id="[\w-]+">(.*?)</span></p>', html, re.S)
    assert len(found) == len(terms)
    for text in (re.sub(r"<[^>]+>", "", each) for each in found):
        assert re.fullmatch(r"[A-Z].{15,}\.( [\u3400-\u9fff].*)?", text, re.S), text


def test_chinese_names_are_in_the_index_and_lead_to_their_entry(out: Path) -> None:
    index = (out / "genindex.html").read_text(encoding="utf-8")
    assert index.count('<h2 id="中文">中文</h2>') == 1
    assert '<a href="reference/glossary.html#term-epoch"><strong>轮</strong></a>' in index
    search = (out / "searchindex.js").read_text(encoding="utf-8")
    found = json.loads(search.removeprefix("Search.setIndex(").removesuffix(")"))
    assert found["indexentries"]["轮"] == [[1, "term-epoch", True]]


def test_a_page_is_found_by_the_chinese_names_of_its_terms(page: str) -> None:
    assert re.findall(r'<meta content="(.*?)" name="keywords" />', page) == ["轮, 学习率, 步长"]


def test_a_definition_may_begin_with_a_citation() -> None:
    source = pending_xref("", nodes.Text("[1]"), refdomain="cite")
    after = source.deepcopy()
    paragraph = nodes.paragraph(
        "", "", source, nodes.Text("It is so "), after, nodes.Text(". More.")
    )
    assert [node.astext() for node in first_sentence(paragraph)] == ["It is so", "."]

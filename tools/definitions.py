"""Sphinx extension: a ``{term}`` shows its definition while it is pointed at or has the focus.

The first sentence of the glossary's definition, and the term's Chinese name where the entry has
one, follow the link as a tooltip that the link names as its description. The style sheet shows it.
Who searches for a Chinese name finds the entry, and the pages that link to it.
"""

import re
from functools import lru_cache
from html import escape
from typing import Any

from docutils import nodes
from sphinx.addnodes import index, pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

GLOSSARY = "reference/glossary"
CHINESE = re.compile(r"[\u3400-\u9fff]+(?: \([\w-]+\))?")  # such as 轮 (epoch)
END = re.compile(r"[.!?](?=\s|$)")


class described(nodes.General, nodes.Element):
    """A link to the glossary. The definition is no child, so that no search finds it here."""


def first_sentence(paragraph: nodes.paragraph) -> list[nodes.Node]:
    """The nodes of a paragraph's first sentence, without citations, and without their links."""
    found: list[nodes.Node] = []
    for child in paragraph.children:
        if isinstance(child, nodes.Text):
            end = END.search(child)
            found.append(nodes.Text(child[: end.end()] if end else child))
            if end:
                break
        elif child.get("refdomain") == "cite":  # the space before it goes as well
            found[-1:] = [nodes.Text(last.rstrip()) for last in found[-1:]]
        elif isinstance(child, (nodes.reference, pending_xref)):
            found.append(nodes.Text(child.astext()))
        else:
            found.append(child.deepcopy())
    return found


def chinese(item: nodes.definition_list_item) -> str:
    """The Chinese names in an entry of the glossary, or nothing."""
    return ", ".join(dict.fromkeys(CHINESE.findall(item.astext())))


def bare(names: str) -> list[str]:
    """The Chinese names alone, each as a reader types it."""
    return re.findall(r"[\u3400-\u9fff]+", names)


@lru_cache(maxsize=1)
def definitions(env: BuildEnvironment) -> dict[str, tuple[list[nodes.Node], str]]:
    """By the anchor of each term its definition's first sentence and its Chinese names."""
    found = {}
    for item in env.get_doctree(GLOSSARY).findall(nodes.definition_list_item):
        paragraph = item.next_node(nodes.paragraph)
        for term in item.findall(nodes.term):
            found |= {name: (first_sentence(paragraph), chinese(item)) for name in term["ids"]}
    return found


def file_chinese(app: Sphinx, doctree: nodes.document) -> None:
    """Give the Chinese names to the index of the book, from which the search leads to the entry."""
    if app.env.docname == GLOSSARY:
        entries = [
            ("single", name, item.next_node(nodes.term)["ids"][0], "main", "中文")
            for item in doctree.findall(nodes.definition_list_item)
            for name in bare(chinese(item))
        ]
        doctree.append(index(entries=entries))  # for the search
        app.env.get_domain("index").entries[GLOSSARY] += entries  # it has read the page by now


def depend(app: Sphinx, doctree: nodes.document) -> None:
    """A page that names terms is made anew when the glossary changes."""
    if any(link.get("reftype") == "term" for link in doctree.findall(pending_xref)):
        app.env.note_dependency(app.env.doc2path(GLOSSARY))


def describe(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Give each link to the glossary its definition."""
    if app.builder.format != "html":
        return
    links = [
        link
        for link in doctree.findall(nodes.reference)
        if any("std-term" in child.get("classes", ()) for child in link.findall(nodes.inline))
        and not isinstance(link.parent, nodes.title)
    ]
    keywords = dict[str, None]()
    for number, link in enumerate(links, start=1):
        target = link.get("refuri") or f"#{link['refid']}"
        definition, names = definitions(app.env)[target.partition("#")[2]]
        keywords |= dict.fromkeys(bare(names))
        options = {"target": target, "definition": definition, "chinese": names}
        link.replace_self(described("", *link.children, name=f"definition-{number}", **options))
    if keywords:
        doctree.append(nodes.meta(name="keywords", content=", ".join(keywords)))


def visit(translator: Any, node: described) -> None:
    target = escape(node["target"])
    translator.body.append(
        f'<a class="reference internal" href="{target}" aria-describedby="{node["name"]}">'
    )


def depart(translator: Any, node: described) -> None:
    translator.body.append(f'</a><span class="definition" role="tooltip" id="{node["name"]}">')
    for part in node["definition"]:
        part.walkabout(translator)
    if node["chinese"]:
        translator.body.append(f' <span lang="zh">{escape(node["chinese"])}</span>')
    translator.body.append("</span>")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.add_node(described, html=(visit, depart))
    app.connect("doctree-read", depend)
    app.connect("doctree-read", file_chinese)
    app.connect("doctree-resolved", describe)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

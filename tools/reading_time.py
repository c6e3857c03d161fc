"""Sphinx extension: under each ``##`` heading of a chapter stands how long the section takes.

A minute is 220 words, 40 lines of code, or four things to look at: displayed formulas, and what a
cell shows. A formula within a line is a word. What is folded does not count: hidden cells, and
solutions. The headings themselves, and so the contents beside the page, stay as they are.
"""

from collections import Counter

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode
from sphinx.application import Sphinx

PER_MINUTE = {"words": 220, "lines": 40, "looks": 4}
LOOKS = (nodes.math_block, nodes.image, nodes.raw)


def measure(node: nodes.Node) -> Counter[str]:
    """How many words, lines of code and things to look at a reader meets under a node."""
    if isinstance(node, nodes.Text):
        return Counter(words=len(node.split()))
    if isinstance(node, nodes.math):
        return Counter(words=1)
    if isinstance(node, nodes.literal_block):
        return Counter(lines=sum(1 for line in node.astext().splitlines() if line.strip()))
    classes = node.get("classes", ())
    if isinstance(node, LOOKS) or "cell_output" in classes:
        return Counter(looks=1)
    if isinstance(node, (HideCodeCellNode, nodes.Invisible)) or "dropdown" in classes:
        return Counter()
    # What an answer of a quiz opens is folded as well; its first child is the answer.
    children = node.children[:1] if node.get("tag") == "details" else node.children
    return sum(map(measure, children), Counter())


def minutes(section: nodes.section) -> int:
    """The minutes that a section takes, at least one."""
    found = measure(section)
    return max(1, round(sum(found[what] / most for what, most in PER_MINUTE.items())))


def show(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Write the minutes under the headings of a chapter, which is a notebook."""
    if app.builder.format != "html" or not app.env.doc2path(docname).endswith(".ipynb"):
        return
    chapter = doctree.next_node(nodes.section)
    for section in chapter.children if chapter else ():
        if isinstance(section, nodes.section):
            shown = nodes.paragraph(text=f"{minutes(section)} min", classes=["minutes"])
            section.insert(section.first_child_matching_class(nodes.title) + 1, shown)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.connect("doctree-resolved", show)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Sphinx extension: every name of lrlab is documented, and linked to, at the door of its room.

A reference page names one room, as in ``automodule:: lrlab.schedules``, and autodoc lists what the
room's ``__all__`` names. Two things it does not do by itself. The comment that explains a constant
stands in the module that defines it. And a signature names a class by the module that defines it,
``lrlab.schedules.base.Schedule``, which no page has.
"""

import pkgutil
from types import ModuleType
from typing import Any

from docutils.nodes import Element
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.pycode import ModuleAnalyzer
from sphinx.pycode.ast import _UnparseVisitor

# Sphinx gives up on a module with an annotation such as Annotated[str, one_of(*NAMES)].
_UnparseVisitor.visit_Starred = lambda self, node: f"*{self.visit(node.value)}"

LONGEST_VALUE = 200  # characters; a table such as that of all studies is not printed


def comments(door: ModuleType) -> dict[tuple[str, str], list[str]]:
    """The ``#:`` comments of the constants that a room's modules define and its door exports."""
    found: dict[tuple[str, str], list[str]] = {}
    for module in pkgutil.walk_packages(door.__path__, f"{door.__name__}."):
        docs = ModuleAnalyzer.for_module(module.name).find_attr_docs()
        found |= {key: docs[key] for key in docs if key[0] == "" and key[1] in door.__all__}
    return found


def carry_comments(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Give a room's comments to autodoc as if they stood at the door, which it is about to list."""
    if what != "module" or not hasattr(obj, "__path__"):
        return
    docs = ModuleAnalyzer.for_module(name).find_attr_docs()
    for key, comment in comments(obj).items():
        long = len(repr(getattr(obj, key[1]))) > LONGEST_VALUE
        docs[key] = [*comment, ":meta hide-value:", ""] if long else comment


def resolve(app: Sphinx, env: BuildEnvironment, node: Element, content: Element) -> Any:
    """Look for ``lrlab.ROOM.MODULE.NAME``, which was not found, at the door."""
    package, _, rest = node.get("reftarget", "").partition(".")
    room, _, name = rest.partition(".")
    if node.get("refdomain") != "py" or package != "lrlab" or "." not in name:
        return None
    target = f"lrlab.{room}.{name.partition('.')[2]}"
    return env.get_domain("py").resolve_xref(
        env, node["refdoc"], app.builder, node["reftype"], target, node, content
    )


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.connect("autodoc-process-docstring", carry_comments)
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True}

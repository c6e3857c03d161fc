"""Sphinx extension: show the types in signatures as readers know them.

A parameter of a schedule is annotated with the check that it has to pass, as in
``Annotated[float, check]``; on the page it is a float. A type variable is any type.
"""

import typing
from typing import Any

from sphinx.application import Sphinx


def simplify(app: Sphinx, obj: Any, bound_method: bool) -> None:
    """Replace an object's annotations, just before autodoc renders its signature."""
    function = getattr(obj, "__func__", obj)
    try:
        hints = typing.get_type_hints(function)  # this drops Annotated
    except (NameError, TypeError):  # a name that cannot be looked up, or a type of stubs alone
        return
    function.__annotations__ = {
        name: Any if isinstance(hint, typing.TypeVar) else hint for name, hint in hints.items()
    }


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.connect("autodoc-before-process-signature", simplify)
    return {"parallel_read_safe": True}

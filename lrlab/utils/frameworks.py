"""The names of the two frameworks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Framework:
    """One framework.

    Attributes:
        title: Name in a sentence or a figure.
    """

    title: str


#: The frameworks, by the name with which an argument asks for one.
FRAMEWORKS = {
    "pytorch": Framework("PyTorch"),
    "keras": Framework("Keras"),
}

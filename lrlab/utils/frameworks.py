"""The names of the two frameworks, and the precision of their rates."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Framework:
    """One framework.

    Attributes:
        package: Name of the Python package.
        title: Name in a sentence or a figure.
        tolerance: Largest difference of a rate in the framework from lrlab's, divided by the
            schedule's peak. PyTorch keeps rates as Python floats, Keras in float32.
    """

    package: str
    title: str
    tolerance: float


#: The frameworks, by the name with which an argument asks for one.
FRAMEWORKS = {
    "pytorch": Framework("torch", "PyTorch", 1e-12),
    "keras": Framework("keras", "Keras", 1e-6),
}

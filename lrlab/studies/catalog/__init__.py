"""The studies of the book, declared as data: what is run, and nothing of how.

Example:
    >>> run = STUDIES["D2-cosine"].runs()[0]
    >>> run.name, run.seed, run.recipe.epochs, run.recipe.schedule(10)
    ('cosine-seed-0', 0, 30, 0.155)
"""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterable, Mapping

from lrlab.studies.catalog import (
    comparison,
    d2,
    d3,
    d4,
    edge,
    finding,
    momentum,
    optimizers,
    plateau,
    sensitivity,
    transformers,
    warmup,
)
from lrlab.studies.catalog.momentum import CHOSEN_RATES, MOMENTA
from lrlab.studies.catalog.sensitivity import BATCH_RATES, EDGE_RATES, RATES
from lrlab.studies.catalog.warmup import ADAM_RATES
from lrlab.studies.study import Study, registry

__all__ = [
    "ADAM_RATES",
    "BATCH_RATES",
    "CHOSEN_RATES",
    "EDGE_RATES",
    "MOMENTA",
    "RATES",
    "STUDIES",
    "UnknownStudy",
    "select",
]

#: The studies of the book, by name.
STUDIES: Mapping[str, Study] = registry(
    study
    for module in (
        *(d2, plateau, sensitivity, d4, warmup, d3, momentum, optimizers),
        *(finding, edge, transformers, comparison),
    )
    for study in module.studies()
)


class UnknownStudy(ValueError):
    """No study has this name; the message lists the ones that are spelled like it."""


def select(patterns: Iterable[str], studies: Mapping[str, Study] = STUDIES) -> list[Study]:
    """Return the studies that names or shell patterns name, each once; none name all.

    Raises:
        UnknownStudy: Nothing has such a name.

    Example:
        >>> [study.name for study in select(["D2-*-late", "batch-size"])]
        ['D2-sqrt-late', 'D2-cosine-late', 'batch-size']
        >>> select(["batchsize"])
        Traceback (most recent call last):
        ...
        lrlab.studies.catalog.UnknownStudy: there is no study 'batchsize'. Did you mean batch-size?
    """
    names: dict[str, None] = {}
    for pattern in patterns:
        matches = fnmatch.filter(studies, pattern)
        if not matches:
            close = difflib.get_close_matches(pattern, studies, n=3)
            hint = f"Did you mean {', '.join(close)}?" if close else "`lrlab list` shows them all."
            raise UnknownStudy(f"there is no study {pattern!r}. {hint}")
        names.update(dict.fromkeys(matches))
    return [studies[name] for name in names or studies]

"""Recorded studies: runs too long for a chapter, declared, executed and kept.

`study` says what a study is, `catalog` declares the studies of the book, `execute` makes the runs
that are missing, `store` keeps and loads them. ``lrlab run | list | show`` does the same from the
command line."""

from lrlab.studies.catalog import (
    BATCH_RATES,
    EDGE_RATES,
    MOMENTA,
    RATES,
    STUDIES,
    UnknownStudy,
    select,
)
from lrlab.studies.execution import execute
from lrlab.studies.store import RecordError, final_values, folder, load, measured
from lrlab.studies.study import Run, Setting, Study, registry

__all__ = [
    "BATCH_RATES",
    "EDGE_RATES",
    "MOMENTA",
    "RATES",
    "STUDIES",
    "RecordError",
    "Run",
    "Setting",
    "Study",
    "UnknownStudy",
    "execute",
    "final_values",
    "folder",
    "load",
    "measured",
    "registry",
    "select",
]

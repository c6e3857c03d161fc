"""Recorded studies: runs too long for a chapter, declared, executed and kept.

`study` says what a study is, `catalog` declares the studies of the book, `execution` makes the runs
that are missing, `executors` and `cluster` have other ways to make them, `store` keeps them,
`results` loads them for a chapter, `replaying`, `searching` and `stability` read from them what
needs no further run, `repeating` makes them again. On the command line ``lrlab run``,
``lrlab list``, ``lrlab show`` and ``lrlab check`` do the same.
"""

from lrlab.studies.catalog import (
    ADAM_RATES,
    BATCH_RATES,
    CHOSEN_RATES,
    EDGE_RATES,
    MOMENTA,
    RATES,
    STUDIES,
    UnknownStudy,
    select,
)
from lrlab.studies.cells import CELLS, Cell
from lrlab.studies.cluster import on_dask
from lrlab.studies.execution import (
    Executor,
    ExecutorError,
    Outcome,
    Report,
    execute,
    most_workers,
    train,
)
from lrlab.studies.executors import batched, can_join
from lrlab.studies.repeating import Repeat, note, notes, repeat
from lrlab.studies.replaying import range_tests
from lrlab.studies.results import (
    chosen,
    differences,
    final_values,
    load,
    measured,
    scores,
    table,
)
from lrlab.studies.searching import Search, halving, searches, trials
from lrlab.studies.stability import AtEdge, at_edge
from lrlab.studies.store import Found, RecordError, find, folder, missing, places
from lrlab.studies.study import Images, Measure, Network, Parts, Run, Setting, Study, registry

__all__ = [
    "ADAM_RATES",
    "BATCH_RATES",
    "CELLS",
    "CHOSEN_RATES",
    "EDGE_RATES",
    "MOMENTA",
    "RATES",
    "STUDIES",
    "AtEdge",
    "Cell",
    "Executor",
    "ExecutorError",
    "Found",
    "Images",
    "Measure",
    "Network",
    "Outcome",
    "Parts",
    "RecordError",
    "Repeat",
    "Report",
    "Run",
    "Search",
    "Setting",
    "Study",
    "UnknownStudy",
    "at_edge",
    "batched",
    "can_join",
    "chosen",
    "differences",
    "execute",
    "final_values",
    "find",
    "folder",
    "halving",
    "load",
    "measured",
    "missing",
    "most_workers",
    "note",
    "notes",
    "on_dask",
    "places",
    "range_tests",
    "registry",
    "repeat",
    "scores",
    "searches",
    "select",
    "table",
    "train",
    "trials",
]

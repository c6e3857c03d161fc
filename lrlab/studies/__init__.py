"""Recorded studies: runs too long for a chapter, declared, executed and kept.

`setting` says what a study is, `catalog` declares the studies of the book, `execute` makes the runs
that are missing, `records` keeps and loads them. ``lrlab run | list | show`` does the same from the
command line.
"""

from lrlab.studies.catalog import STUDIES
from lrlab.studies.records import RecordError, final_values, load, measured
from lrlab.studies.setting import Run, Setting, Study

__all__ = ["STUDIES", "RecordError", "Run", "Setting", "Study", "final_values", "load", "measured"]

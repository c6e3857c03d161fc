"""Recorded studies: runs too long for a chapter, declared, executed and kept.

`catalog` declares the runs, `execute` makes the ones that are missing, `records` keeps and
loads them. ``lrlab run | list | show`` does the same from the command line.
"""

from lrlab.studies.catalog import STUDIES, Run, Setting, Study
from lrlab.studies.records import RecordError, final_values, load

__all__ = ["STUDIES", "RecordError", "Run", "Setting", "Study", "final_values", "load"]

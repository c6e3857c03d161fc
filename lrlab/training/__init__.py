"""A training run, whatever the framework: what it is asked to do and what it leaves behind."""

from lrlab.training.first_steps import FirstSteps
from lrlab.training.history import History, run_config
from lrlab.training.origin import provenance
from lrlab.training.snapshots import (
    SnapshotError,
    checked_ends,
    cycle_ends,
    snapshot_path,
    snapshot_paths,
    warn_of_rest,
)

__all__ = [
    "FirstSteps",
    "History",
    "SnapshotError",
    "checked_ends",
    "cycle_ends",
    "provenance",
    "run_config",
    "snapshot_path",
    "snapshot_paths",
    "warn_of_rest",
]

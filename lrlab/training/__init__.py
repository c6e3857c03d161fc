"""A training run, whatever the framework: what it is asked to do and what it leaves behind."""

from lrlab.training.audit import cut_epochs, lr_deviation
from lrlab.training.evaluation import Evaluation
from lrlab.training.first_steps import FirstSteps
from lrlab.training.history import FORMAT, History, note_change
from lrlab.training.origin import provenance
from lrlab.training.recipe import METRICS, Recipe, Watch
from lrlab.training.snapshots import (
    SnapshotError,
    Snapshots,
    snapshot_path,
    snapshot_paths,
    warn_of_rest,
)

__all__ = [
    "FORMAT",
    "METRICS",
    "Evaluation",
    "FirstSteps",
    "History",
    "Recipe",
    "SnapshotError",
    "Snapshots",
    "Watch",
    "cut_epochs",
    "lr_deviation",
    "note_change",
    "provenance",
    "snapshot_path",
    "snapshot_paths",
    "warn_of_rest",
]

"""A training run, whatever the framework: what it is asked to do and what it leaves behind."""

from lrlab.training.archives import REMEDY, SnapshotError, read_state, sealed
from lrlab.training.audit import cut_epochs, lr_deviation
from lrlab.training.evaluation import Evaluation, check_logits
from lrlab.training.first_steps import FirstSteps
from lrlab.training.history import History, note_change
from lrlab.training.origin import provenance
from lrlab.training.plain_values import FORMAT
from lrlab.training.range_test import RangeRecorder, RangeTest
from lrlab.training.recipe import METRICS, Recipe, Watch
from lrlab.training.snapshots import (
    RunFolder,
    Snapshots,
    check_snapshot,
    read_run,
    snapshot_path,
    snapshot_paths,
)

__all__ = [
    "FORMAT",
    "METRICS",
    "REMEDY",
    "Evaluation",
    "FirstSteps",
    "History",
    "RangeRecorder",
    "RangeTest",
    "Recipe",
    "RunFolder",
    "SnapshotError",
    "Snapshots",
    "Watch",
    "check_logits",
    "check_snapshot",
    "cut_epochs",
    "lr_deviation",
    "note_change",
    "provenance",
    "read_run",
    "read_state",
    "sealed",
    "snapshot_path",
    "snapshot_paths",
]

"""PyTorch: schedules as `ScheduleLR`, plateaus as `PlateauLR`, the networks, `fit`, `Snapshots`."""

from lrlab.pytorch.bridge import ScheduleLR, rates_of
from lrlab.pytorch.members import along_line, average_weights, member_logits, weight_distances
from lrlab.pytorch.models import AlexNet, LeNet, initialise
from lrlab.pytorch.plateau import PlateauLR
from lrlab.pytorch.snapshots import Snapshots, load_snapshot
from lrlab.pytorch.training import evaluate, fit

__all__ = [
    "AlexNet",
    "LeNet",
    "PlateauLR",
    "ScheduleLR",
    "Snapshots",
    "along_line",
    "average_weights",
    "evaluate",
    "fit",
    "initialise",
    "load_snapshot",
    "member_logits",
    "rates_of",
    "weight_distances",
]

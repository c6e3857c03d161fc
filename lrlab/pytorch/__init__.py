"""PyTorch: schedules as `ScheduleLR`, plateaus as `PlateauLR`, the networks, and `fit`."""

from lrlab.pytorch.bridge import ScheduleLR, rates_of
from lrlab.pytorch.models import AlexNet, LeNet, initialise
from lrlab.pytorch.plateau import PlateauLR
from lrlab.pytorch.training import evaluate, fit

__all__ = [
    "AlexNet",
    "LeNet",
    "PlateauLR",
    "ScheduleLR",
    "evaluate",
    "fit",
    "initialise",
    "rates_of",
]

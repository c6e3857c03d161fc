"""PyTorch: the schedules as `ScheduleLR`, the documents' networks, and `fit`."""

from lrlab.pytorch.bridge import ScheduleLR, rates_of
from lrlab.pytorch.models import LeNet, initialise
from lrlab.pytorch.training import evaluate, fit

__all__ = ["LeNet", "ScheduleLR", "evaluate", "fit", "initialise", "rates_of"]

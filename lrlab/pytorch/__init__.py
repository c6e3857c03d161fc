"""PyTorch: schedules as `ScheduleLR`, plateaus as `PlateauLR`, the networks, `fit`, `Snapshots`."""

from lrlab.pytorch.averaging import along_line, average_weights, weight_distances
from lrlab.pytorch.curvature import first_steps
from lrlab.pytorch.device import device_name, pick_device, to_device
from lrlab.pytorch.evaluation import evaluate, member_logits
from lrlab.pytorch.fitting import fit
from lrlab.pytorch.networks import AlexNet, LeNet, initialise
from lrlab.pytorch.schedulers import PlateauLR, ScheduleLR, rates_of
from lrlab.pytorch.snapshots import Snapshots, load_snapshot
from lrlab.pytorch.weight_rates import measure_rates

__all__ = [
    "AlexNet",
    "LeNet",
    "PlateauLR",
    "ScheduleLR",
    "Snapshots",
    "along_line",
    "average_weights",
    "device_name",
    "evaluate",
    "first_steps",
    "fit",
    "initialise",
    "load_snapshot",
    "measure_rates",
    "member_logits",
    "pick_device",
    "rates_of",
    "to_device",
    "weight_distances",
]

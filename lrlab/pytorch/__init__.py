"""PyTorch: `fit` and what looks on, schedules and policies as torch schedulers, the networks."""

from lrlab.pytorch.averaging import (
    Line,
    along_line,
    average_weights,
    member_logits,
    weight_distances,
)
from lrlab.pytorch.batched import fit_many
from lrlab.pytorch.curvature import along_gradient, first_steps
from lrlab.pytorch.device import (
    deterministic,
    device_name,
    images_to_device,
    one_thread,
    pick_device,
    to_device,
)
from lrlab.pytorch.evaluation import evaluate, logits
from lrlab.pytorch.fitting import fit
from lrlab.pytorch.lion import Lion
from lrlab.pytorch.loop import Observer, Training
from lrlab.pytorch.muon import Muon, muon_groups
from lrlab.pytorch.networks import AlexNet, LeNet, initialise
from lrlab.pytorch.optimizers import make_optimizer
from lrlab.pytorch.schedule_free import ScheduleFreeAdamW, ScheduleFreeSGD
from lrlab.pytorch.schedulers import PlateauLR, ScheduleLR, rates_of, rates_of_line
from lrlab.pytorch.snapshots import load_snapshot
from lrlab.pytorch.weight_rates import measure_rates

__all__ = [
    "AlexNet",
    "LeNet",
    "Line",
    "Lion",
    "Muon",
    "Observer",
    "PlateauLR",
    "ScheduleFreeAdamW",
    "ScheduleFreeSGD",
    "ScheduleLR",
    "Training",
    "along_gradient",
    "along_line",
    "average_weights",
    "deterministic",
    "device_name",
    "evaluate",
    "first_steps",
    "fit",
    "fit_many",
    "images_to_device",
    "initialise",
    "load_snapshot",
    "logits",
    "make_optimizer",
    "measure_rates",
    "member_logits",
    "muon_groups",
    "one_thread",
    "pick_device",
    "rates_of",
    "rates_of_line",
    "to_device",
    "weight_distances",
]

"""PyTorch: `fit` and what looks on, schedules and policies as torch schedulers, the networks."""

from lrlab.pytorch.averaging import (
    Line,
    along_line,
    average_weights,
    member_logits,
    weight_distances,
)
from lrlab.pytorch.batched import fit_many
from lrlab.pytorch.curvature import (
    Eigenpair,
    along_gradient,
    first_steps,
    sharpness,
)
from lrlab.pytorch.decoder import Decoder
from lrlab.pytorch.device import (
    deterministic,
    device_name,
    inputs_to_device,
    one_thread,
    pick_device,
    to_device,
)
from lrlab.pytorch.evaluation import evaluate, logits
from lrlab.pytorch.fitting import fit
from lrlab.pytorch.lion import Lion
from lrlab.pytorch.loop import Observer, Training
from lrlab.pytorch.meters import LossMeter, SharpnessMeter
from lrlab.pytorch.muon import Muon, muon_groups
from lrlab.pytorch.networks import AlexNet, LeNet, initialise
from lrlab.pytorch.optimizers import make_optimizer
from lrlab.pytorch.range_tests import range_test, range_test_of
from lrlab.pytorch.schedule_free import ScheduleFreeAdamW, ScheduleFreeSGD
from lrlab.pytorch.schedulers import PlateauLR, ScheduleLR, rates_of, rates_of_line
from lrlab.pytorch.snapshots import load_snapshot
from lrlab.pytorch.weight_rates import measure_rates

__all__ = [
    "AlexNet",
    "Decoder",
    "Eigenpair",
    "LeNet",
    "Line",
    "Lion",
    "LossMeter",
    "Muon",
    "Observer",
    "PlateauLR",
    "ScheduleFreeAdamW",
    "ScheduleFreeSGD",
    "ScheduleLR",
    "SharpnessMeter",
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
    "initialise",
    "inputs_to_device",
    "load_snapshot",
    "logits",
    "make_optimizer",
    "measure_rates",
    "member_logits",
    "muon_groups",
    "one_thread",
    "pick_device",
    "range_test",
    "range_test_of",
    "rates_of",
    "rates_of_line",
    "sharpness",
    "to_device",
    "weight_distances",
]

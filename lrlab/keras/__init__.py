"""Keras: schedules and plateau policies as callbacks and schedule objects, the networks, `fit`."""

from lrlab.keras import quiet  # noqa: F401 (first: it imports Keras without the start-up log)
from lrlab.keras.batches import ShuffledBatches
from lrlab.keras.callbacks import RateRecorder, ScheduleCallback
from lrlab.keras.custom_loop import train_by_hand
from lrlab.keras.decoder import Decoder
from lrlab.keras.evaluation import evaluate, logits, member_logits
from lrlab.keras.fitting import fit
from lrlab.keras.networks import AlexNet, LeNet, initialise
from lrlab.keras.optimizers import make_optimizer
from lrlab.keras.plateau import PlateauCallback
from lrlab.keras.range_tests import range_test, range_test_of
from lrlab.keras.schedules import KerasSchedule, callback_rates, rates_of, rates_of_line
from lrlab.keras.snapshot_files import load_snapshot
from lrlab.keras.snapshots import SnapshotCallback, resume

__all__ = [
    "AlexNet",
    "Decoder",
    "KerasSchedule",
    "LeNet",
    "PlateauCallback",
    "RateRecorder",
    "ScheduleCallback",
    "ShuffledBatches",
    "SnapshotCallback",
    "callback_rates",
    "evaluate",
    "fit",
    "initialise",
    "load_snapshot",
    "logits",
    "make_optimizer",
    "member_logits",
    "range_test",
    "range_test_of",
    "rates_of",
    "rates_of_line",
    "resume",
    "train_by_hand",
]

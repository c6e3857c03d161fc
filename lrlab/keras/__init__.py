"""Keras: schedules and plateau policies as callbacks and schedule objects, the networks, `fit`."""

from lrlab.keras import quiet  # first: importing it imports Keras without the start-up log
from lrlab.keras.batches import ShuffledBatches
from lrlab.keras.callbacks import PlateauCallback, RateRecorder, ScheduleCallback
from lrlab.keras.custom_loop import train_with_manual_rate
from lrlab.keras.evaluation import member_logits, to_floats
from lrlab.keras.fitting import fit
from lrlab.keras.networks import AlexNet, LeNet, initialise
from lrlab.keras.schedules import KerasSchedule, callback_rates, rates_of
from lrlab.keras.snapshots import SnapshotCallback, load_snapshot, resume

__all__ = [
    "AlexNet",
    "KerasSchedule",
    "LeNet",
    "PlateauCallback",
    "RateRecorder",
    "ScheduleCallback",
    "ShuffledBatches",
    "SnapshotCallback",
    "callback_rates",
    "fit",
    "initialise",
    "load_snapshot",
    "member_logits",
    "quiet",
    "rates_of",
    "resume",
    "to_floats",
    "train_with_manual_rate",
]

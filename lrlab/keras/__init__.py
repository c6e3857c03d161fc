"""Keras: schedules as `KerasSchedule` and `ScheduleCallback`, plateaus as `PlateauCallback`, `fit`.

`lrlab.keras.custom_loop` is not imported here: it alone needs TensorFlow.
"""

from lrlab.keras import quiet  # first: importing it imports Keras without the start-up log
from lrlab.keras.batches import ShuffledBatches
from lrlab.keras.bridge import KerasSchedule, rates_of
from lrlab.keras.callbacks import RateRecorder, ScheduleCallback, callback_rates
from lrlab.keras.members import member_logits
from lrlab.keras.models import AlexNet, LeNet, initialise
from lrlab.keras.plateau import PlateauCallback
from lrlab.keras.snapshots import SnapshotCallback, load_snapshot, resume
from lrlab.keras.training import fit

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
]

"""The rate as an answer to a metric: cut it when the metric stops improving.

`ReduceOnPlateau` is the policy, `PlateauSchedule` puts it on top of a schedule, such as a warm-up.
"""

from lrlab.plateau.conventions import KerasConvention, PyTorchConvention
from lrlab.plateau.following import PlateauSchedule, lowered_by
from lrlab.plateau.policy import ReduceOnPlateau
from lrlab.plateau.state import PlateauState

__all__ = [
    "KerasConvention",
    "PlateauSchedule",
    "PlateauState",
    "PyTorchConvention",
    "ReduceOnPlateau",
    "lowered_by",
]

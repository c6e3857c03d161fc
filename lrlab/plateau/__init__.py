"""The rate as an answer to a metric: cut it when the metric stops improving.

`ReduceOnPlateau` is the policy, `PlateauSchedule` puts it on top of a schedule, such as a warm-up.
`expected_cuts` says how often noise alone brings a cut.
"""

from lrlab.plateau.conventions import KerasConvention, PyTorchConvention
from lrlab.plateau.following import PlateauSchedule, lowered_by
from lrlab.plateau.noise import expected_cuts
from lrlab.plateau.policy import ReduceOnPlateau
from lrlab.plateau.state import PlateauState

__all__ = [
    "KerasConvention",
    "PlateauSchedule",
    "PlateauState",
    "PyTorchConvention",
    "ReduceOnPlateau",
    "expected_cuts",
    "lowered_by",
]

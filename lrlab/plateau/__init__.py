"""The rate as an answer to a metric: cut it when the metric stops improving."""

from lrlab.plateau.following import PlateauSchedule, check_same
from lrlab.plateau.policy import PlateauState, ReduceOnPlateau

__all__ = ["PlateauState", "PlateauSchedule", "ReduceOnPlateau", "check_same"]

"""The rate as an answer to a metric: cut it when the metric stops improving."""

from lrlab.plateau.following import ReactingSchedule, check_same
from lrlab.plateau.policy import PlateauState, ReduceOnPlateau

__all__ = ["PlateauState", "ReactingSchedule", "ReduceOnPlateau", "check_same"]

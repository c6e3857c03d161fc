"""What several seeds say: intervals, and where the rates that work begin and end."""

from lrlab.statistics.edges import decades, left_edge, right_edge
from lrlab.statistics.intervals import Interval, mean_interval, prediction_interval

__all__ = ["Interval", "decades", "left_edge", "mean_interval", "prediction_interval", "right_edge"]

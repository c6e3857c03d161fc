"""What several seeds say: intervals, differences by seed, verdicts, and where good rates end.

Example:
    >>> gains = {"bowl": paired({0: 3, 1: 5, 2: 4}, {0: 1, 1: 2, 2: 2})}
    >>> print(decide({name: pairs.interval() for name, pairs in gains.items()}, margin=0.5))
    holds: bowl 2.33 [0.899, 3.77]; margin 0.5
"""

from lrlab.statistics.best_rates import best_rate
from lrlab.statistics.edges import decades, left_edge, left_edges, right_edge
from lrlab.statistics.families import family, holm, p_value
from lrlab.statistics.intervals import Interval, mean_interval, prediction_interval
from lrlab.statistics.jumps import spikes
from lrlab.statistics.pairs import Pairs, paired
from lrlab.statistics.ranking import Standing, standings
from lrlab.statistics.verdicts import Verdict, combine, decide

__all__ = [
    "Interval",
    "Pairs",
    "Standing",
    "Verdict",
    "best_rate",
    "combine",
    "decades",
    "decide",
    "family",
    "holm",
    "left_edge",
    "left_edges",
    "mean_interval",
    "p_value",
    "paired",
    "prediction_interval",
    "right_edge",
    "spikes",
    "standings",
]

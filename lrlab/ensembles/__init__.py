"""Several classifiers asked together: combine them, score them, compare them, choose among them.

A member is the table of its outputs on one set of labelled examples, logits or probabilities of
shape ``(examples, classes)``. Any model can make them.
"""

from lrlab.ensembles.choosing import choose_greedily
from lrlab.ensembles.combining import Combined, prefixes
from lrlab.ensembles.ensemble import Ensemble
from lrlab.ensembles.scores import Scores, score
from lrlab.ensembles.temperature import Calibrated, calibrate, fit_temperature

__all__ = [
    "Calibrated",
    "Combined",
    "Ensemble",
    "Scores",
    "calibrate",
    "choose_greedily",
    "fit_temperature",
    "prefixes",
    "score",
]

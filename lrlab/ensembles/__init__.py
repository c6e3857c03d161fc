"""Several classifiers asked together: combine them, score them, compare them, choose among them.

A member is the table of its outputs on one set of labelled examples, logits or probabilities of
shape ``(examples, classes)``. How a model makes them is no concern of this room.
"""

from lrlab.ensembles.choosing import choose_greedily
from lrlab.ensembles.combining import Combined, prefixes
from lrlab.ensembles.ensemble import Ensemble
from lrlab.ensembles.scores import Scores, score, softmax

__all__ = ["Combined", "Ensemble", "Scores", "choose_greedily", "prefixes", "score", "softmax"]

"""What both frameworks build alike: the sizes of the networks, and their initial weights."""

from lrlab.networks import initial_weights, sizes
from lrlab.networks.initial_weights import SCHEMES, draw
from lrlab.networks.sizes import scaled

__all__ = ["SCHEMES", "draw", "initial_weights", "scaled", "sizes"]

"""What both frameworks build alike: the sizes of the networks, and their initial weights."""

from lrlab.networks.initial_weights import SCHEMES, draw
from lrlab.networks.sizes import Convolution, Sizes, alexnet_sizes, lenet_sizes, scaled

__all__ = ["SCHEMES", "Convolution", "Sizes", "alexnet_sizes", "draw", "lenet_sizes", "scaled"]

"""What both frameworks build alike: the sizes of the networks, and their initial weights."""

from lrlab.networks.initial_weights import SCHEMES, draw
from lrlab.networks.sizes import (
    NORMALISED,
    Convolution,
    Sizes,
    alexnet_sizes,
    decoder_shapes,
    lenet_sizes,
    scaled,
)

__all__ = [
    "NORMALISED",
    "SCHEMES",
    "Convolution",
    "Sizes",
    "alexnet_sizes",
    "decoder_shapes",
    "draw",
    "lenet_sizes",
    "scaled",
]

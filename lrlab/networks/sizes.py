"""The sizes of the networks' layers, counted in one place for the two frameworks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from lrlab.utils import checks


class Convolution(NamedTuple):
    """A convolution with a square kernel, and the pooling after it.

    Args:
        maps: Number of maps that it makes.
        kernel: Side of the kernel, in pixels.
        padding: Rows and columns of zeros added on each side.
        stride: Distance of two places where the kernel is applied, in pixels.
        pooled: Whether max pooling by 2 follows.
    """

    maps: int
    kernel: int
    padding: int
    stride: int = 1
    pooled: bool = True

    def side(self, pixels: int) -> int:
        """Return how many pixels of a side are left, after the pooling if there is one."""
        pixels = (pixels + 2 * self.padding - self.kernel) // self.stride + 1
        return pixels // 2 if self.pooled else pixels


@dataclass(frozen=True)
class Sizes:
    """The numbers of maps and units of a network's layers.

    Args:
        convolutions: The convolutions, in order.
        features: Number of inputs of the first dense layer.
        hidden: Number of units of each hidden dense layer.
    """

    convolutions: tuple[Convolution, ...]
    features: int
    hidden: tuple[int, ...]


LENET = (Convolution(6, kernel=5, padding=2), Convolution(16, kernel=5, padding=0))
ALEXNET = (
    Convolution(64, kernel=3, padding=1, stride=2),
    Convolution(192, kernel=3, padding=1),
    Convolution(384, kernel=3, padding=1, pooled=False),
    Convolution(256, kernel=3, padding=1, pooled=False),
    Convolution(256, kernel=3, padding=1),
)

#: Where a decoder normalises, before each part of a block or after it has been added.
NORMALISED = ("before", "after")


def lenet_sizes(image_shape: tuple[int, int, int]) -> Sizes:
    """Count the maps and units of a LeNet.

    Args:
        image_shape: Height, width and channels of an image; at least 12 × 12 pixels.

    Returns:
        The sizes.

    Raises:
        ValueError: The images are too small.

    Example:
        >>> lenet_sizes((28, 28, 1)).features
        400
    """
    return _sizes(image_shape, 12, LENET, (120, 84))


def alexnet_sizes(image_shape: tuple[int, int, int], width: float) -> Sizes:
    """Count the maps and units of an AlexNet for small images.

    Args:
        image_shape: Height, width and channels of an image; at least 15 × 15 pixels.
        width: Factor of the maps of every convolution and of the units of every hidden layer.

    Returns:
        The sizes.

    Raises:
        ValueError: The images are too small, or ``width`` is not positive and finite.

    Example:
        >>> alexnet_sizes((32, 32, 3), width=1 / 8).hidden
        (128, 128)
    """
    width = checks.positive("width", width)
    convolutions = tuple(layer._replace(maps=scaled(layer.maps, width)) for layer in ALEXNET)
    return _sizes(image_shape, 15, convolutions, (scaled(1024, width),) * 2)


def decoder_shapes(
    symbols: int, length: int, *, layers: int, width: int, heads: int
) -> dict[str, tuple[int, int]]:
    """Return the shapes of a decoder's dense layers and embeddings, as `lrlab.networks.draw` asks.

    An embedding is a dense layer whose input is 1 for one symbol, or place, and 0 for all others.

    Args:
        symbols: Number of symbols.
        length: Places in a sequence.
        layers: Number of blocks.
        width: Numbers by which a symbol is represented between blocks; ``heads`` divides it.
        heads: Number of heads of each attention.

    Returns:
        ``(out, in)`` by the names of the layers, in order.

    Raises:
        ValueError: An argument is no positive integer, or ``heads`` does not divide ``width``.

    Example:
        >>> decoder_shapes(24, 32, layers=1, width=64, heads=4)["block1.expand"]
        (256, 64)
    """
    sizes = {"symbols": symbols, "length": length, "layers": layers, "heads": heads}
    symbols, length, layers, heads = (checks.count(*item) for item in sizes.items())
    if checks.count("width", width) % heads:
        raise ValueError(f"width must be a multiple of the {heads} heads, received {width}")
    shapes = {"symbols": (width, symbols), "places": (width, length)}
    for i in range(1, layers + 1):
        for name in ("query", "key", "value", "output"):
            shapes[f"block{i}.{name}"] = width, width
        shapes[f"block{i}.expand"] = 4 * width, width
        shapes[f"block{i}.contract"] = width, 4 * width
    return {**shapes, "head": (symbols, width)}


def _sizes(
    image_shape: tuple[int, int, int],
    smallest: int,
    convolutions: tuple[Convolution, ...],
    hidden: tuple[int, ...],
) -> Sizes:
    height, width, _ = checks.image_shape("image_shape", image_shape)
    if min(height, width) < smallest:  # a smaller one leaves no pixel to the dense layers
        raise ValueError(
            f"image_shape must be {smallest} × {smallest} or more, received {image_shape}"
        )
    for layer in convolutions:
        height, width = layer.side(height), layer.side(width)
    return Sizes(convolutions, height * width * convolutions[-1].maps, hidden)


def scaled(size: int, width: float) -> int:
    r"""Return the number of units or maps of a layer in a wider or narrower network.

    :math:`\max(1, \mathrm{round}(\mathrm{width} \cdot \mathrm{size}))`, a half to the even number.

    Args:
        size: Their number at width 1.
        width: The factor, greater than 0.

    Example:
        >>> scaled(192, 1 / 8), scaled(64, 1 / 1000)
        (24, 1)
    """
    return max(1, round(width * size))

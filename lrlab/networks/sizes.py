"""The sizes of AlexNet's layers, counted in one place for the two frameworks that build it."""

from __future__ import annotations

from dataclasses import dataclass

from lrlab.utils import checks

# Of each convolution: maps, stride, and whether pooling follows. Then the hidden dense layers.
CONVOLUTIONS = ((64, 2, True), (192, 1, True), (384, 1, False), (256, 1, False), (256, 1, True))
HIDDEN = (1024, 1024)
SMALLEST = 15  # pixels a side: halved four times, the first time rounded up, they leave one


@dataclass(frozen=True)
class AlexNetSizes:
    """What sets one AlexNet apart from another.

    Args:
        convolutions: Of each convolution its maps, its stride, and whether pooling follows.
        features: Inputs of the first dense layer.
        hidden: Units of each hidden dense layer.
    """

    convolutions: tuple[tuple[int, int, bool], ...]
    features: int
    hidden: tuple[int, ...]


def alexnet(image_shape: tuple[int, int, int], width: float) -> AlexNetSizes:
    """Count the maps and units of an AlexNet for small images.

    Args:
        image_shape: Height, width and channels of an image; at least 15 × 15 pixels.
        width: Factor of the maps of every convolution and of the units of every hidden layer.

    Returns:
        The sizes.

    Raises:
        ValueError: The images are too small, or ``width`` is not positive and finite.

    Example:
        >>> alexnet((32, 32, 3), width=1 / 8).hidden
        (128, 128)
    """
    shape = checks.image_shape("image_shape", image_shape)
    width = checks.positive("width", width)
    if min(shape[:2]) < SMALLEST:
        raise ValueError(
            f"image_shape must be {SMALLEST} × {SMALLEST} or more, received {image_shape}"
        )
    convolutions = tuple(
        (scaled(maps, width), stride, pooled) for maps, stride, pooled in CONVOLUTIONS
    )
    # The stride keeps an odd pixel at the end, each of the three poolings drops it.
    rows, columns = ((side + 1) // 2 // 8 for side in shape[:2])
    hidden = tuple(scaled(units, width) for units in HIDDEN)
    return AlexNetSizes(convolutions, rows * columns * convolutions[-1][0], hidden)


def scaled(size: int, width: float) -> int:
    r"""Return how many of a layer's units or maps there are in a network of some width.

    :math:`\max(1, \mathrm{round}(\mathrm{width} \cdot \mathrm{size}))`, a half to the even number.

    Args:
        size: Their number at width 1.
        width: The factor, greater than 0.

    Example:
        >>> scaled(192, 1 / 8), scaled(64, 1 / 1000)
        (24, 1)
    """
    return max(1, round(width * size))

"""The networks of the documents, in PyTorch."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

from lrlab import checks, initial


class LeNet(nn.Sequential):
    """LeNet with ReLU and max pooling; 61,706 parameters for 28×28 grey images and 10 classes.

    Convolution to 6 maps (5×5, padding 2), pool 2, convolution to 16 maps (5×5), pool 2, dense
    layers of 120, 84 and ``classes`` units; ReLU after every layer but the last. It follows the
    pooling, which gives the same values as preceding it (both keep order) for a quarter of the
    work. Maps float images of shape ``(N, channels, height, width)`` to logits ``(N, classes)``.

    Args:
        image_shape: Height, width and channels of an image.
        classes: Number of classes.
        init: Distribution of the initial weights, see `lrlab.initial.draw`.
        seed: Seed of the initial weights; the same seed gives the same weights in Keras.

    Raises:
        ValueError: The images are too small, or ``init`` is unknown.

    Example:
        >>> sum(parameter.numel() for parameter in LeNet(seed=1).parameters())
        61706
    """

    def __init__(
        self,
        *,
        image_shape: tuple[int, int, int] = (28, 28, 1),
        classes: int = 10,
        init: str = "kaiming_uniform",
        seed: int = 0,
    ):
        height, width, channels = checks.image_shape("image_shape", image_shape)
        classes = checks.count("classes", classes)
        rows, columns = (height // 2 - 4) // 2, (width // 2 - 4) // 2
        if min(rows, columns) < 1:
            raise ValueError(f"image_shape must be 12 × 12 or more, received {image_shape}")
        layers = OrderedDict(
            conv1=nn.Conv2d(channels, 6, 5, padding=2),
            pool1=nn.MaxPool2d(2),
            relu1=nn.ReLU(inplace=True),
            conv2=nn.Conv2d(6, 16, 5),
            pool2=nn.MaxPool2d(2),
            relu2=nn.ReLU(inplace=True),
            flatten=nn.Flatten(),
            dense1=nn.Linear(16 * rows * columns, 120),
            relu3=nn.ReLU(inplace=True),
            dense2=nn.Linear(120, 84),
            relu4=nn.ReLU(inplace=True),
            dense3=nn.Linear(84, classes),
        )
        super().__init__(layers)
        initialise(self, init, seed)


def initialise(network: nn.Module, init: str, seed: int) -> None:
    """Draw new weights for every convolutional and dense layer of a network, in place.

    Args:
        network: The network.
        init: Distribution, see `lrlab.initial.draw`.
        seed: Seed of the draw.

    Raises:
        ValueError: ``init`` is unknown.
    """
    layers = {n: m for n, m in network.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}
    shapes = {name: tuple(layer.weight.shape) for name, layer in layers.items()}
    with torch.no_grad():
        for name, (kernel, bias) in initial.draw(shapes, init, seed).items():
            layers[name].weight.copy_(torch.from_numpy(kernel))
            layers[name].bias.copy_(torch.from_numpy(bias))

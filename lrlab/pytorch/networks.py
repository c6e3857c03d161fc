"""The networks of the book, in PyTorch."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

from lrlab.networks import alexnet_sizes, draw, lenet_sizes
from lrlab.utils import checks


class LeNet(nn.Sequential):
    """LeNet with ReLU and max pooling; 61,706 parameters for 28×28 grey images and 10 classes.

    Convolution to 6 maps (5×5, padding 2), pool 2, convolution to 16 maps (5×5), pool 2, dense
    layers of 120, 84 and ``classes`` units; ReLU after every layer but the last. ReLU follows the
    pooling: both keep the order of numbers, so the values are those of ReLU before pooling, for a
    quarter of the work. Maps float images of shape ``(N, channels, height, width)`` to logits
    ``(N, classes)``.

    Args:
        image_shape: Height, width and channels of an image; at least 12 × 12 pixels.
        classes: Number of classes.
        init: Distribution of the initial weights, see `lrlab.networks.draw`.
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
    ) -> None:
        size = lenet_sizes(image_shape)
        classes = checks.count("classes", classes)
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        inputs = image_shape[2]
        for i, layer in enumerate(size.convolutions, start=1):
            layers[f"conv{i}"] = nn.Conv2d(inputs, layer.maps, layer.kernel, padding=layer.padding)
            layers[f"pool{i}"] = nn.MaxPool2d(2)
            layers[f"relu{i}"] = nn.ReLU(inplace=True)
            inputs = layer.maps
        layers["flatten"] = nn.Flatten()
        inputs = size.features
        for i, units in enumerate(size.hidden, start=1):
            layers[f"dense{i}"] = nn.Linear(inputs, units)
            layers[f"relu{i + 2}"] = nn.ReLU(inplace=True)
            inputs = units
        layers["dense3"] = nn.Linear(inputs, classes)
        super().__init__(layers)
        initialise(self, init, seed)


class AlexNet(nn.Sequential):
    """AlexNet for small images, normalised; 4,362,186 parameters for 32×32×3 and 10 classes.

    Five convolutions (3×3, padding 1, no bias) to 64, 192, 384, 256 and 256 maps, the first with
    stride 2, each with batch normalisation and ReLU; max pooling by 2 after the first, second and
    fifth; dense layers of 1024, 1024 and ``classes`` units, ReLU after the first two. ReLU follows
    the pooling, as in `LeNet`. Maps float images of shape ``(N, channels, height, width)`` to
    logits ``(N, classes)``.

    This is the network of 2014 with small kernels in place of 11×11 and 5×5, and with hidden
    layers of 1024 units in place of 4096. Batch normalisation is an addition, as in later
    variants. The dropout of the original is left out: each framework would draw its own, and the
    two networks could not be compared number for number. In training mode they give the same
    logits; in evaluation their running variances differ slightly, see `lrlab.keras.AlexNet`.

    Args:
        image_shape: Height, width and channels of an image; at least 15 × 15 pixels.
        classes: Number of classes.
        width: Factor of the number of maps and hidden units, see `lrlab.networks.scaled`.
        init: Distribution of the initial weights, see `lrlab.networks.draw`.
        seed: Seed of the initial weights; the same seed gives the same weights in Keras.

    Raises:
        ValueError: The images are too small, ``width`` is not positive and finite, or ``init`` is
            unknown.

    Example:
        >>> sum(parameter.numel() for parameter in AlexNet(width=1 / 8).parameters())
        69954

    References:
        Krizhevsky, Sutskever, Hinton 2012; Krizhevsky 2014, arXiv:1404.5997 (the numbers of maps);
        Ioffe, Szegedy 2015, arXiv:1502.03167 (batch normalisation).
    """

    def __init__(
        self,
        *,
        image_shape: tuple[int, int, int] = (32, 32, 3),
        classes: int = 10,
        width: float = 1.0,
        init: str = "kaiming_uniform",
        seed: int = 0,
    ) -> None:
        size = alexnet_sizes(image_shape, width)
        classes = checks.count("classes", classes)
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        inputs = image_shape[2]
        for i, layer in enumerate(size.convolutions, start=1):
            maps, kernel, padding, stride, pooled = layer
            # Normalisation would take a bias out again, since it subtracts the mean.
            layers[f"conv{i}"] = nn.Conv2d(inputs, maps, kernel, stride, padding, bias=False)
            layers[f"norm{i}"] = nn.BatchNorm2d(maps, eps=1e-5, momentum=0.1)
            if pooled:
                layers[f"pool{i}"] = nn.MaxPool2d(2)
            layers[f"relu{i}"] = nn.ReLU(inplace=True)
            inputs = maps
        layers["flatten"] = nn.Flatten()
        inputs = size.features
        for i, units in enumerate(size.hidden, start=6):
            layers[f"dense{i}"] = nn.Linear(inputs, units)
            layers[f"relu{i}"] = nn.ReLU(inplace=True)
            inputs = units
        layers["dense8"] = nn.Linear(inputs, classes)
        super().__init__(layers)
        initialise(self, init, seed)


def initialise(network: nn.Module, init: str, seed: int) -> None:
    """Draw new weights for every convolution, dense layer and embedding of a network, in place.

    An embedding is drawn as the dense layer without bias that it is, see
    `lrlab.networks.decoder_shapes`.

    Args:
        network: The network; its layers may be without bias.
        init: Distribution, see `lrlab.networks.draw`.
        seed: Seed of the draw.

    Raises:
        ValueError: ``init`` is unknown.
    """
    kinds = nn.Conv2d | nn.Linear | nn.Embedding
    layers = {n: m for n, m in network.named_modules() if isinstance(m, kinds)}
    kernels = {
        n: m.weight.T if isinstance(m, nn.Embedding) else m.weight for n, m in layers.items()
    }
    shapes = {name: tuple(kernel.shape) for name, kernel in kernels.items()}
    with torch.no_grad():
        for name, (kernel, bias) in draw(shapes, init, seed).items():
            kernels[name].copy_(torch.from_numpy(kernel))
            own: torch.Tensor | None = getattr(layers[name], "bias", None)
            if own is not None:
                own.copy_(torch.from_numpy(bias))

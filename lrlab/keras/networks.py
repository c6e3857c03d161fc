"""The networks of the book, in Keras."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

from lrlab.networks import Convolution, alexnet_sizes, draw, lenet_sizes
from lrlab.utils import checks

# torch's order of a kernel's axes (out, in, height, width) in Keras' (height, width, in, out).
CONVOLUTION = (2, 3, 1, 0)
# The order of a map's axes is named, because the user's own default may be the other one.
ORDER = {"data_format": "channels_last"}


def LeNet(
    *,
    image_shape: tuple[int, int, int] = (28, 28, 1),
    classes: int = 10,
    init: str = "kaiming_uniform",
    seed: int = 0,
) -> keras.Sequential:
    """LeNet with ReLU and max pooling; 61,706 parameters for 28×28 grey images and 10 classes.

    Convolution to 6 maps (5×5, padding 2), pool 2, convolution to 16 maps (5×5), pool 2, dense
    layers of 120, 84 and ``classes`` units; ReLU after every layer but the last. ReLU follows the
    pooling: both keep the order of numbers, so the values are those of ReLU before pooling, for a
    quarter of the work. Maps float images of shape ``(N, height, width, channels)`` to logits
    ``(N, classes)``.

    Args:
        image_shape: Height, width and channels of an image; at least 12 × 12 pixels.
        classes: Number of classes.
        init: Distribution of the initial weights, see `lrlab.networks.draw`.
        seed: Seed of the initial weights; the same seed gives the same weights in PyTorch.

    Returns:
        The network, built and not compiled.

    Raises:
        ValueError: The images are too small, or ``init`` is unknown.

    Example:
        >>> LeNet(seed=1).count_params()
        61706
    """
    size = lenet_sizes(image_shape)
    classes = checks.count("classes", classes)
    parts = [keras.Input(image_shape)]
    for i, layer in enumerate(size.convolutions, start=1):
        padding = "same" if layer.padding else "valid"
        parts += [
            layers.Conv2D(layer.maps, layer.kernel, padding=padding, name=f"conv{i}", **ORDER),
            layers.MaxPooling2D(2, name=f"pool{i}", **ORDER),
            layers.ReLU(name=f"relu{i}"),
        ]
    parts.append(layers.Flatten(name="flatten", **ORDER))
    for i, units in enumerate(size.hidden, start=1):
        parts += [layers.Dense(units, name=f"dense{i}"), layers.ReLU(name=f"relu{i + 2}")]
    parts.append(layers.Dense(classes, name="dense3"))
    network = keras.Sequential(parts, name="LeNet")
    initialise(network, init, seed)
    return network


def AlexNet(
    *,
    image_shape: tuple[int, int, int] = (32, 32, 3),
    classes: int = 10,
    width: float = 1.0,
    init: str = "kaiming_uniform",
    seed: int = 0,
) -> keras.Sequential:
    r"""AlexNet for small images, normalised; 4,362,186 parameters for 32×32×3 and 10 classes.

    Five convolutions (3×3, padding 1, no bias) to 64, 192, 384, 256 and 256 maps, the first with
    stride 2, each with batch normalisation and ReLU; max pooling by 2 after the first, second and
    fifth; dense layers of 1024, 1024 and ``classes`` units, ReLU after the first two. ReLU follows
    the pooling, as in `LeNet`. Maps float images of shape ``(N, height, width, channels)`` to
    logits ``(N, classes)``.

    `lrlab.pytorch.AlexNet` tells where it departs from the original, and why. The two give the same
    logits, in training mode as well. Their running variances, which evaluation uses, differ
    slightly. In both frameworks a batch moves the running mean and variance of a map a tenth of the
    way to its own, but PyTorch takes the batch's unbiased variance and Keras the biased one. If the
    map has n values in the batch, the biased variance is :math:`1 - 1/n` times the unbiased one.
    For 128 images of 32×32 pixels it is smaller by 1/32768 after the first convolution and by
    1/2048 after each of the last three, where the difference is largest.

    Args:
        image_shape: Height, width and channels of an image; at least 15 × 15 pixels.
        classes: Number of classes.
        width: Factor of the number of maps and hidden units, see `lrlab.networks.scaled`.
        init: Distribution of the initial weights, see `lrlab.networks.draw`.
        seed: Seed of the initial weights; the same seed gives the same weights in PyTorch.

    Returns:
        The network, built and not compiled.

    Raises:
        ValueError: The images are too small, ``width`` is not positive and finite, or ``init`` is
            unknown.

    Example:
        >>> AlexNet(width=1 / 8).count_params()  # 288 of them running statistics, not trained
        70242
    """
    size = alexnet_sizes(image_shape, width)
    classes = checks.count("classes", classes)
    parts = [keras.Input(image_shape)]
    for i, layer in enumerate(size.convolutions, start=1):
        parts += _normalised(i, layer)
    parts.append(layers.Flatten(name="flatten", **ORDER))
    for i, units in enumerate(size.hidden, start=6):
        parts += [layers.Dense(units, name=f"dense{i}"), layers.ReLU(name=f"relu{i}")]
    parts.append(layers.Dense(classes, name="dense8"))
    network = keras.Sequential(parts, name="AlexNet")
    initialise(network, init, seed)
    return network


def _normalised(i: int, layer: Convolution) -> list[keras.Layer]:
    """A convolution of AlexNet and what follows it: normalisation, pooling or not, ReLU."""
    pool = [layers.MaxPooling2D(2, name=f"pool{i}", **ORDER)] if layer.pooled else []
    return [
        # Not padding="same": with a stride of 2 that adds no row above an even number of them.
        layers.ZeroPadding2D(layer.padding, name=f"pad{i}", **ORDER),
        # Normalisation would take a bias out again, since it subtracts the mean.
        layers.Conv2D(
            layer.maps, layer.kernel, layer.stride, use_bias=False, name=f"conv{i}", **ORDER
        ),
        # Keras' momentum is what the running statistics keep, PyTorch's what they take in.
        layers.BatchNormalization(-1, momentum=0.9, epsilon=1e-5, name=f"norm{i}"),
        *pool,
        layers.ReLU(name=f"relu{i}"),
    ]


def initialise(network: keras.Sequential, init: str, seed: int) -> None:
    """Draw new weights for every convolutional and dense layer of a network, in place.

    `lrlab.pytorch.initialise` gives the same network in PyTorch the same weights. Here they are put
    into Keras' order: the axes of the kernels are transposed, and the dense layer after a
    ``Flatten`` takes its inputs as rows, columns, maps, where PyTorch flattens maps, rows, columns.

    Args:
        network: The network, built. None of its layers is a network itself; a layer may be without
            bias.
        init: Distribution, see `lrlab.networks.draw`.
        seed: Seed of the draw.

    Raises:
        ValueError: ``init`` is unknown, or the network is not built.

    Example:
        >>> network = LeNet()
        >>> initialise(network, "kaiming_uniform", seed=3)
        >>> round(float(abs(network.get_layer("conv1").bias.numpy()).max()), 1)  # 1/√25 at most
        0.2
    """
    if not network.built:
        raise ValueError(f"network must be built, received {network.name!r} without weights")
    weighted = [x for x in network.layers if isinstance(x, layers.Conv2D | layers.Dense)]
    shapes = {x.name: _torch_shape(x.kernel.shape) for x in weighted}
    drawn = draw(shapes, init, seed)
    maps = None  # shape (rows, columns, maps) of what a Flatten has flattened
    for layer in network.layers:
        if isinstance(layer, layers.Flatten):
            maps = layer.input.shape[1:]
        if layer.name not in drawn:
            continue
        kernel, bias = drawn[layer.name]
        if isinstance(layer, layers.Conv2D):
            kernel = kernel.transpose(CONVOLUTION)
        else:
            kernel = (_rows_first(kernel, maps) if maps and len(maps) == 3 else kernel).T
            maps = None
        layer.set_weights([kernel, bias] if layer.use_bias else [kernel])


def _torch_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Turn (in, out) into (out, in), and (height, width, in, out) into (out, in, height, width)."""
    return (*shape[:-3:-1], *shape[:-2])


def _rows_first(kernel: np.ndarray, maps: tuple[int, int, int]) -> np.ndarray:
    """Reorder a dense kernel (out, maps · rows · columns) to (out, rows · columns · maps)."""
    rows, columns, channels = maps
    by_axis = kernel.reshape(-1, channels, rows, columns)
    return by_axis.transpose(0, 2, 3, 1).reshape(kernel.shape)

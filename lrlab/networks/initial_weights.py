"""Initial weights drawn by NumPy, so that both frameworks can start from the same numbers.

By default the two frameworks draw a layer's weights from different distributions, and that alone
changes a result. Here the distribution is an argument, and one seed gives the same weights in both.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lrlab.utils import checks

#: The distributions that initial weights can be drawn from.
SCHEMES = ("kaiming_uniform", "glorot_uniform")


def draw(
    shapes: Mapping[str, tuple[int, ...]], init: str, seed: int
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    r"""Draw kernels and biases for convolutional and dense layers.

    Of a dense layer, the fan-in :math:`n` is the number of its inputs and the fan-out :math:`m` the
    number of its outputs. Of a convolution, both are multiplied by the area of the kernel.

    - ``"kaiming_uniform"``, the default of PyTorch's layers: the kernel and the bias are uniform
      in :math:`\pm 1/\sqrt{n}`.
    - ``"glorot_uniform"``, the default of Keras' layers: the kernel is uniform in
      :math:`\pm\sqrt{6/(n + m)}`, the bias is 0.

    Args:
        shapes: Shape of each layer's kernel, by the layer's name, in PyTorch's order of axes:
            ``(out, in)`` for a dense layer, ``(out, in, height, width)`` for a convolution.
        init: ``"kaiming_uniform"`` or ``"glorot_uniform"``.
        seed: Seed of the draw, an integer of at least 0. Layers are drawn in the order given.

    Returns:
        Kernel and bias of each layer, float32, in PyTorch's order of axes. A bias is drawn for
        every layer; ignore it where the layer has none.

    Raises:
        ValueError: ``init`` is unknown, or the seed is no integer of at least 0.

    Example:
        >>> kernel, bias = draw({"fc": (10, 84)}, "glorot_uniform", seed=0)["fc"]
        >>> kernel.shape, bool(abs(kernel).max() <= (6 / 94) ** 0.5), bool(bias.any())
        ((10, 84), True, False)

    References:
        He, Zhang, Ren, Sun 2015, arXiv:1502.01852 (PyTorch passes a = √5 to its
        ``kaiming_uniform_``, which gives this bound); Glorot, Bengio 2010 (AISTATS), eq. 16.
    """
    checks.choice("init", init, SCHEMES)
    rng = np.random.default_rng(checks.whole("seed", seed))
    weights = {}
    for name, shape in shapes.items():
        area = int(np.prod(shape[2:]))
        fan_out, fan_in = shape[0] * area, shape[1] * area
        if init == "kaiming_uniform":
            bound = bias_bound = fan_in**-0.5
        else:
            bound, bias_bound = (6 / (fan_in + fan_out)) ** 0.5, 0.0
        kernel = rng.uniform(-bound, bound, shape).astype(np.float32)
        bias = rng.uniform(-bias_bound, bias_bound, shape[0]).astype(np.float32)
        weights[name] = kernel, bias
    return weights

"""Initial weights drawn by NumPy, so that both frameworks can start from the same numbers.

The two frameworks differ in how they initialise a layer, and that alone moves a result. Here
the distribution is a choice, and one seed gives one set of weights in either framework.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lrlab.utils import checks

SCHEMES = ("kaiming_uniform", "glorot_uniform")


def draw(
    shapes: Mapping[str, tuple[int, ...]], scheme: str, seed: int
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    r"""Draw kernels and biases for convolutional and dense layers.

    With fan-in :math:`n` and fan-out :math:`m` (times the area of the kernel):

    - ``"kaiming_uniform"``, what PyTorch's layers do by default: kernel and bias uniform in
      :math:`\pm 1/\sqrt{n}`;
    - ``"glorot_uniform"``, what Keras' layers do by default: kernel uniform in
      :math:`\pm\sqrt{6/(n + m)}`, bias 0.

    Args:
        shapes: For each layer its kernel's shape in PyTorch's order: ``(out, in)`` for a dense
            layer, ``(out, in, height, width)`` for a convolution.
        scheme: One of the two names.
        seed: Seed of the draw; layers are drawn in the order given.

    Returns:
        For each layer its kernel and bias, float32, in PyTorch's order; who has a layer without
        bias leaves that one unused.

    Raises:
        ValueError: The scheme is unknown, or the seed is no integer of at least 0.

    Example:
        >>> kernel, bias = draw({"fc": (10, 84)}, "glorot_uniform", seed=0)["fc"]
        >>> kernel.shape, bool(abs(kernel).max() <= (6 / 94) ** 0.5), bias.any()
        ((10, 84), True, np.False_)

    References:
        He et al. 2015, arXiv:1502.01852 (PyTorch calls it with a = √5); Glorot, Bengio 2010.
    """
    checks.choice("scheme", scheme, SCHEMES)
    rng = np.random.default_rng(checks.whole("seed", seed))
    weights = {}
    for name, shape in shapes.items():
        area = int(np.prod(shape[2:]))
        fan_out, fan_in = shape[0] * area, shape[1] * area
        if scheme == "kaiming_uniform":
            bound = bias_bound = fan_in**-0.5
        else:
            bound, bias_bound = (6 / (fan_in + fan_out)) ** 0.5, 0.0
        kernel = rng.uniform(-bound, bound, shape).astype(np.float32)
        bias = rng.uniform(-bias_bound, bias_bound, shape[0]).astype(np.float32)
        weights[name] = kernel, bias
    return weights

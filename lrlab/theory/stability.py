r"""The edge of stability: the largest curvature at which descent at a given rate stays.

`lrlab.theory.divergence_lr` asks a bowl for the largest rate; here a rate is asked for the steepest
bowl, which is what the sharpness of a network under training is compared with.

Example:
    >>> edge_of_stability(SGD(), 0.5), round(edge_of_stability(Adam(), 0.001))
    (4.0, 38000)
"""

from __future__ import annotations

import numpy as np

from lrlab.landscapes import Quadratic
from lrlab.optimizers import SGD, AdaDelta, AdaGrad, Adam, Momentum, Optimizer, RMSProp
from lrlab.theory.momentum import divergence_lr, each
from lrlab.utils import checks


def edge_of_stability(optimizer: Optimizer, lr: float | np.ndarray) -> float | np.ndarray:
    r"""Return the curvature from which on descent at a constant rate η no longer converges.

    .. math::
        \frac{2}{\eta} \text{ (SGD)}, \quad
        \frac{2 + 2\beta}{(1 - \tau)\,\eta} \text{ (heavy ball)}, \quad
        \frac{2 + 2\beta}{(1 + 2\beta)\,\eta} \text{ (Nesterov)}, \quad
        \frac{2 + 2\beta_1}{(1 - \beta_1)\,\eta} \text{ (Adam)},

    with the dampening τ; Adam's is 38/η at its default. For an optimizer that divides the gradient
    by numbers P of its memory, the curvature is that of the preconditioned Hessian
    :math:`P^{-1/2} H P^{-1/2}`, P held as it is: 2/η for AdaGrad and AdaDelta, as for a heavy ball
    for RMSProp.

    Decoupled weight decay λ multiplies the edge by :math:`1 - \eta\lambda/2`. Coupled decay is a
    part of the loss: it leaves the edge, and adds λ to every curvature of H.

    Args:
        optimizer: One of those named.
        lr: Learning rate η, at least 0: one number or an array.

    Returns:
        A float for a number; for an array, an array of the same shape. Infinite at a rate of 0.

    Raises:
        ValueError: An argument breaks its rule.

    Example:
        >>> edge_of_stability(Momentum(momentum=0.5), np.array([0.1, 0.2]))
        array([30., 15.])

    References:
        Cohen, Kaur, Li, Kolter, Talwalkar 2021, arXiv:2103.00065, with momentum; Cohen et al.
        2022, arXiv:2207.14484, with a memory.
    """
    rates = each("lr", lr, checks.rate)
    momentum, share, nesterov = _linear(optimizer)
    product = divergence_lr(Quadratic((1.0,)), momentum, nesterov=nesterov) / share
    if optimizer.decoupled:
        product = product * (1 - rates * optimizer.weight_decay / 2)
    with np.errstate(divide="ignore"):
        edge = product / rates
    return edge if rates.ndim else float(edge)


def _linear(optimizer: Optimizer) -> tuple[float, float, bool]:
    """Momentum, the part of a gradient that enters it, and whether a step looks ahead."""
    match optimizer:
        case SGD() | AdaGrad() | AdaDelta():
            return 0.0, 1.0, False
        case Momentum():
            return optimizer.momentum, 1 - optimizer.dampening, optimizer.nesterov
        case RMSProp():
            return optimizer.momentum, 1.0, False
        case Adam():
            return optimizer.beta1, 1 - optimizer.beta1, False
    known = "SGD, Momentum, AdaGrad, RMSProp, AdaDelta, Adam, AdamW"
    raise ValueError(f"optimizer must be one of {known}, received {checks.shown(optimizer)}")

r"""The two frameworks' ways of watching a metric, side by side: Keras' and PyTorch's.

With a patience p and a cooldown c, P bad epochs in a row bring a cut, and the C epochs after a cut
do not count:

=============  =========================  ========================
convention     P (``cuts_after``)         C (``skipped_epochs``)
=============  =========================  ========================
``"keras"``    :math:`\max(p, 1)`         :math:`\max(c - 1, 0)`
``"pytorch"``  :math:`p + 1`              :math:`c`
=============  =========================  ========================
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from lrlab.plateau.policy import ReduceOnPlateau


class KerasConvention:
    r"""Keras 3.15, ``keras/src/callbacks/reduce_lr_on_plateau.py``.

    Keras compares in float32, as :math:`m + \delta < b`, and keeps the rate in float32, where 0.1
    is 0.10000000149011612. It takes the first metric for the best whatever it is; after a NaN
    nothing is ever better.
    """

    threshold_modes = ("abs",)
    has_eps = False

    def cuts_after(self, patience: int) -> int:
        """Return how many bad epochs bring a cut: the wait has to reach the patience."""
        return max(patience, 1)

    def skipped_epochs(self, cooldown: int) -> int:
        """Return how many epochs do not count: the counter is lowered before it is asked."""
        return max(cooldown - 1, 0)

    def first_best(self, mode: str) -> None:
        """Return None: the first metric is the best whatever it is."""

    def is_better(self, policy: ReduceOnPlateau, metric: float, best: float) -> bool:
        """Return whether a metric beats the best one; the threshold moves the metric."""
        if policy.mode == "min":
            return _compared(metric + policy.min_delta) < _compared(best)
        return _compared(metric - policy.min_delta) > _compared(best)

    def kept(self, lr: float) -> float:
        """Return a rate as the optimizer keeps it: in float32."""
        return _float32(lr)

    def cut(self, policy: ReduceOnPlateau, lr: float) -> float:
        """Return the rate after a cut."""
        lower = max(lr * policy.factor, policy.min_lr)
        return self.kept(lower) if lower < lr else lr

    def parameters_of(self, policy: ReduceOnPlateau) -> dict[str, Any]:
        """Return Keras' parameters for a policy of PyTorch's.

        Raises:
            ValueError: Keras has neither a relative threshold nor an ε.
        """
        if policy.threshold_mode == "rel" and policy.min_delta > 0:
            rule = "threshold_mode must be 'abs', or min_delta 0, since Keras' is absolute"
            raise ValueError(f"{rule}, received 'rel' and {policy.min_delta!r}")
        if policy.eps > 0:
            raise ValueError(f"eps must be 0, since Keras has none, received {policy.eps!r}")
        skipped = policy.skipped_epochs
        return {
            "convention": "keras",
            "patience": policy.cuts_after,
            "cooldown": skipped + 1 if skipped else 0,
            "threshold_mode": "abs",
            "eps": type(policy).eps,
        }


class PyTorchConvention:
    """PyTorch 2.13, ``torch/optim/lr_scheduler.py``.

    PyTorch works in float64. A NaN is a bad epoch, and so is an infinity of the wrong sign, the
    first epoch included. A cut of at most ε is not made.
    """

    threshold_modes = ("rel", "abs")
    has_eps = True

    def cuts_after(self, patience: int) -> int:
        """Return how many bad epochs bring a cut: the wait has to exceed the patience."""
        return patience + 1

    def skipped_epochs(self, cooldown: int) -> int:
        """Return how many epochs do not count: all of the cooldown."""
        return cooldown

    def first_best(self, mode: str) -> float:
        """Return what the first metric has to beat: the infinity of the wrong sign."""
        return math.inf if mode == "min" else -math.inf

    def is_better(self, policy: ReduceOnPlateau, metric: float, best: float) -> bool:
        """Return whether a metric beats the best one, which the threshold moves."""
        sign = -1.0 if policy.mode == "min" else 1.0
        if policy.threshold_mode == "rel":
            best *= 1.0 + sign * policy.min_delta
        else:
            best += sign * policy.min_delta
        return metric < best if policy.mode == "min" else metric > best

    def kept(self, lr: float) -> float:
        """Return a rate as the optimizer keeps it: unchanged."""
        return lr

    def cut(self, policy: ReduceOnPlateau, lr: float) -> float:
        """Return the rate after a cut, or the same if the cut would be ε at most."""
        lower = max(lr * policy.factor, policy.min_lr)
        return lower if lr - lower > policy.eps else lr

    def parameters_of(self, policy: ReduceOnPlateau) -> dict[str, Any]:
        """Return PyTorch's parameters for a policy of Keras'."""
        return {
            "convention": "pytorch",
            "patience": policy.cuts_after - 1,
            "cooldown": policy.skipped_epochs,
            "eps": 0.0,
        }


CONVENTIONS: dict[str, KerasConvention | PyTorchConvention] = {
    "keras": KerasConvention(),
    "pytorch": PyTorchConvention(),
}


def _float32(value: float) -> float:
    """Return the nearest number in float32; beyond its range an infinity."""
    with np.errstate(over="ignore"):
        return float(np.float32(value))


def _compared(value: float) -> float:
    """Return what Keras compares: float32, where TensorFlow takes numbers below 1.2e-38 for 0."""
    value = _float32(value)
    return 0.0 if abs(value) < np.finfo(np.float32).tiny else value

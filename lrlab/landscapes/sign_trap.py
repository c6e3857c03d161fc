r"""Separable data on which adaptive optimizers learn every example and nothing else.

Example:
    >>> from lrlab.landscapes import descend
    >>> from lrlab.schedules import Constant, InverseSqrtDecay
    >>> from lrlab.optimizers import SGD, RMSProp
    >>> trap = SignTrap([1, 1, 1, -1, -1])
    >>> rates = {SGD(): Constant(trap.divergence_lr / 2), RMSProp(): InverseSqrtDecay(0.1)}
    >>> for optimizer, schedule in rates.items():
    ...     path = descend(trap, optimizer, schedule, np.zeros(trap.dimension), 500)
    ...     w = path.w[-1]
    ...     print(trap.accuracy(w), trap.unseen_accuracy(w, [1, -1]))
    1.0 1.0
    1.0 0.5
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np

from lrlab.landscapes.base import Landscape
from lrlab.utils import checks

SHARED, OWN = 3, 5  # features of all examples, and of each one alone
MOST_LABELS = 1000  # the minimum takes time and memory of their square


def _labels(name: str, values: Any) -> tuple[int, ...]:
    rule = "one or more, each 1 or -1"
    y = checks.array(name, checks.sequence(name, values, rule, most=MOST_LABELS), rule)
    if y.ndim != 1 or not len(y) or not (np.abs(y) == 1).all():
        raise ValueError(f"{name} must be {rule}, received {checks.shown(values)}")
    return tuple(y.astype(int).tolist())


def _training_labels(name: str, values: Any) -> tuple[int, ...]:
    labels = _labels(name, values)
    if not 0 < sum(labels) < len(labels):
        rule = f"{name} must hold both 1 and -1, and 1 more often"
        raise ValueError(f"{rule}, received {checks.shown(values)}")
    return labels


@dataclass(frozen=True)
class SignTrap(Landscape):
    r"""Least squares on labels, where all steps of an adaptive optimizer go along one vector of ±1.

    An example with label y, 1 or −1, has the features y, 1, 1 and then five of its own, which no
    other example has: 1, 0, 0, 0, 0 where y is 1 and 1, 1, 1, 1, 1 where it is −1. The first
    feature tells the label. The loss is :math:`\tfrac12\lVert Xw - y\rVert^2`, with a row of X for
    each example.

    There are more weights than examples, hence many w with :math:`Xw = y`. From 0, gradient
    descent finds the shortest, `minimum`. An optimizer that divides each weight's gradient by
    the root of an average of its squares instead finds a multiple of
    :math:`s = \mathrm{sign}(X^T y)`, since :math:`Xs = 4y`: along s all gradients shrink in
    proportion, so their quotients stay equal.

    An unseen example brings features of its own whose weights are still 0. What counts is
    :math:`y w_1 + w_2 + w_3`, and on s that is :math:`y + 2 > 0` whatever the label: every unseen
    example is taken for a positive one.

    Args:
        labels: The training labels, each 1 or −1; both occur, and 1 more often. At most 1000.

    Attributes:
        features: The matrix X, shape ``(n, 3 + 5n)``.
        dimension: The number of weights, 3 and 5 for each example.
        minimum: The shortest w with Xw = y, shape ``(3 + 5n,)``.

    Raises:
        ValueError: The labels break their rule.

    References:
        Wilson, Roelofs, Stern, Srebro, Recht 2017, arXiv:1705.08292, section 3.
    """

    labels: Annotated[tuple[int, ...], _training_labels]
    features: np.ndarray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        y = np.array(self.labels)
        features = np.zeros((len(y), SHARED + OWN * len(y)))
        features[:, 0], features[:, 1:SHARED] = y, 1
        for row, label, first in zip(
            features, y, range(SHARED, len(features[0]), OWN), strict=True
        ):
            row[first : first + (1 if label == 1 else OWN)] = 1
        self._store("dimension", features.shape[1])
        self._store("features", features)
        self._store("minimum", np.linalg.lstsq(features, y, rcond=None)[0])

    @property
    def divergence_lr(self) -> float:
        """The rate from which on gradient descent diverges, 2 divided by the largest curvature."""
        return float(2 / np.linalg.norm(self.features, 2) ** 2)

    @property
    def sign(self) -> np.ndarray:
        """The vector s of 1, −1, and 0 for features that never occur, shape ``(3 + 5n,)``."""
        return np.sign(self.features.T @ np.array(self.labels))

    def accuracy(self, w: Any) -> float:
        """Return the share of training examples on the right side, in [0, 1].

        Args:
            w: Weights of shape ``(3 + 5n,)``.
        """
        return float(np.mean(self._points(w) @ self.features.T * np.array(self.labels) > 0))

    def unseen_accuracy(self, w: Any, labels: Sequence[int]) -> float:
        """Return the share of unseen examples on the right side, in [0, 1].

        Args:
            w: Weights of shape ``(3 + 5n,)``.
            labels: The labels of the unseen examples, each 1 or −1.

        Raises:
            ValueError: A label is neither.
        """
        y, w = np.array(_labels("labels", labels)), self._points(w)
        return float(np.mean(y * (y * w[0] + w[1] + w[2]) > 0))

    def _loss(self, w: np.ndarray) -> np.ndarray:
        return np.sum((w @ self.features.T - self.labels) ** 2, axis=-1) / 2

    def _grad(self, w: np.ndarray) -> np.ndarray:
        return (w @ self.features.T - self.labels) @ self.features

"""How good a network is on a set of images."""

from __future__ import annotations

from typing import NamedTuple


class Evaluation(NamedTuple):
    """How good a classifier is on a set of images.

    Args:
        loss: Mean cross-entropy.
        accuracy: Share of images classified correctly, in [0, 1].
    """

    loss: float
    accuracy: float

"""How good a network is on a set of images."""

from __future__ import annotations

from typing import Any, NamedTuple


class Evaluation(NamedTuple):
    """How good a classifier is on a set of images.

    Args:
        loss: Mean cross-entropy.
        accuracy: Share of images classified correctly, in [0, 1].
    """

    loss: float
    accuracy: float


def check_logits(outputs: Any, classes: int) -> None:
    """Refuse labels past the last output: a cryptic error on a CPU, worse on a GPU.

    Args:
        outputs: What a network gives for some images.
        classes: Number of classes.

    Raises:
        ValueError: The network gives no logits, or has fewer outputs than classes.

    Example:
        >>> check_logits([0.5, 0.5], classes=2)
        Traceback (most recent call last):
        ...
        ValueError: model must give logits of shape (N, 2) for this data set, gives a list
    """
    shape = tuple(getattr(outputs, "shape", ()))
    if len(shape) != 2 or shape[1] < classes:
        sizes = ", ".join(map(str, ("N", *shape[1:])))
        raise ValueError(
            f"model must give logits of shape (N, {classes}) for this data set, gives "
            + (f"({sizes})" if shape else f"a {type(outputs).__name__}")
        )

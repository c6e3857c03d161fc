"""How good a network is on a set of images."""

from __future__ import annotations

from typing import Any, NamedTuple


class Evaluation(NamedTuple):
    """How good a classifier is on a set of images, or a language model on sequences.

    Args:
        loss: Mean cross-entropy in nats, per image or symbol.
        accuracy: Share of images or symbols classified correctly, in [0, 1].
    """

    loss: float
    accuracy: float


def check_logits(outputs: Any, classes: int, length: int | None = None) -> None:
    """Refuse labels past the last output: a cryptic error on a CPU, worse on a GPU.

    Args:
        outputs: What a network gives for some images.
        classes: Number of classes.
        length: Symbols in a sequence, each of which has logits of its own; None for images.

    Raises:
        ValueError: The network gives no logits, or has fewer outputs than classes.

    Example:
        >>> check_logits([0.5, 0.5], classes=2)
        Traceback (most recent call last):
        ...
        ValueError: model must give logits of shape (N, 2) for this data set, gives a list
    """
    shape = tuple(getattr(outputs, "shape", ()))
    wanted = (classes,) if length is None else (length, classes)
    if len(shape) != len(wanted) + 1 or shape[1:-1] != wanted[:-1] or shape[-1] < classes:
        sizes, rule = (", ".join(map(str, ("N", *axes))) for axes in (shape[1:], wanted))
        raise ValueError(
            f"model must give logits of shape ({rule}) for this data set, gives "
            + (f"({sizes})" if shape else f"a {type(outputs).__name__}")
        )

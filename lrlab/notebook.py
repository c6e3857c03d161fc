"""Choose the size of a live computation: quick on a laptop or in CI, full on a GPU.

A chapter trains networks while the reader watches. With a GPU it can afford the documents' own
sizes; without one it has to make do with fewer images and epochs. :func:`pick` decides in one
place, and the environment variable ``LRLAB_SCALE`` (``quick`` or ``full``) overrules it.
"""

from __future__ import annotations

import os
import sys
from typing import Literal, TypeVar

Value = TypeVar("Value")


def current() -> Literal["quick", "full"]:
    """Tell the scale at which live computations run.

    ``LRLAB_SCALE`` decides when it is set (an empty value counts as not set). Otherwise the scale
    is full when PyTorch or TensorFlow, whichever is already imported, sees a GPU, and else quick.
    No framework is imported to find out.

    Returns:
        ``"quick"`` or ``"full"``.

    Raises:
        ValueError: If ``LRLAB_SCALE`` is neither ``quick`` nor ``full``.

    Example:
        >>> import os
        >>> from unittest import mock
        >>> with mock.patch.dict(os.environ, LRLAB_SCALE="full"):
        ...     current()
        'full'
    """
    scale = os.environ.get("LRLAB_SCALE")
    if not scale:
        return "full" if _sees_gpu() else "quick"
    if scale not in ("quick", "full"):
        raise ValueError(f"LRLAB_SCALE must be 'quick' or 'full', received {scale!r}")
    return scale


def pick(*, quick: Value, full: Value) -> Value:
    """Return the value that belongs to the current scale.

    Args:
        quick: Value for a machine without a GPU, and for CI.
        full: Value for a machine with a GPU.

    Returns:
        ``quick`` or ``full``, as :func:`current` says.

    Raises:
        ValueError: If ``LRLAB_SCALE`` is neither ``quick`` nor ``full``.

    Example:
        >>> import os
        >>> from unittest import mock
        >>> with mock.patch.dict(os.environ, LRLAB_SCALE="quick"):
        ...     pick(quick=2, full=30)
        2
    """
    return full if current() == "full" else quick


def _sees_gpu() -> bool:
    # sys.modules instead of an import: a framework that the chapter does not use is neither
    # needed nor loaded (seconds, and GPU memory in TensorFlow's case).
    torch = sys.modules.get("torch")
    if torch and (torch.cuda.is_available() or torch.backends.mps.is_available()):
        return True
    tensorflow = sys.modules.get("tensorflow")
    return bool(tensorflow and tensorflow.config.list_physical_devices("GPU"))

"""Imports Keras without the lines that TensorFlow writes while it starts.

They are written by compiled code straight to the process's standard error, before any setting
of a logging level takes effect, and a notebook would store them as output. Python's own warnings
and errors are not touched.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from lrlab.utils import progress


@contextmanager
def silent_descriptor(descriptor: int = 2) -> Iterator[None]:
    """Send what is written to a standard descriptor to nowhere, for as long as the block runs."""
    progress.fill_descriptors()
    kept = os.dup(descriptor)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, descriptor)
        yield
    finally:
        os.dup2(kept, descriptor)
        os.close(kept)
        os.close(nowhere)


if "keras" not in sys.modules:
    # PyTorch's builds for GPUs bring Triton along. Imported after TensorFlow it ends the process,
    # since each has a compiler (LLVM) of its own; the other way round both work.
    with suppress(ImportError):
        import triton  # noqa: F401
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with silent_descriptor():
        import keras  # noqa: F401

"""A progress bar that shows itself only where somebody watches."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from tqdm import tqdm

T = TypeVar("T")


def watched() -> bool:
    """Whether a person sees standard error: a terminal, or a notebook that is open.

    A notebook that is executed to be stored or validated is not watched: there
    ``LRLAB_PROGRESS=0`` is set, or pytest runs.
    """
    if os.environ.get("LRLAB_PROGRESS") == "0" or "PYTEST_VERSION" in os.environ:
        return False
    return sys.stderr.isatty() or "ipykernel" in sys.modules


@contextmanager
def bar(items: Iterable[T], label: str, unit: str) -> Iterator[tqdm[T]]:
    """Iterate with a progress bar that leaves nothing behind.

    Args:
        items: What is iterated over; its length is the total.
        label: What is being done.
        unit: What one item is.

    Yields:
        A `tqdm.tqdm` over the items, silent when nobody watches.
    """
    from tqdm import tqdm  # only where something is trained: it takes time to import

    with tqdm(items, desc=label, unit=unit, leave=False, disable=not watched()) as progress:
        yield progress

"""A progress bar that shows itself only where somebody watches."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
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
    try:
        return sys.stderr.isatty() or ("ipykernel" in sys.modules and sys.stderr.writable())
    except (AttributeError, ValueError):  # there is none, it is no real one, or it is closed
        return False


def fill_descriptors() -> None:
    """Open the null device in the place of a standard descriptor (0 to 2) that is closed.

    Otherwise the next file or socket that the process opens gets that number, and what compiled
    code writes to standard error ends up in it. Child processes inherit the descriptors.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest that is free


@contextmanager
def standing_in() -> Iterator[None]:
    """Put the null device in the place of output streams that are missing.

    They are under ``pythonw``, in a daemon, and after ``2>&-`` in a shell; some packages take it
    for granted that they exist.
    """
    fill_descriptors()
    with ExitStack() as stack:
        for stream, redirect in ((sys.stdout, redirect_stdout), (sys.stderr, redirect_stderr)):
            if stream is None:
                nowhere = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
                stack.enter_context(redirect(nowhere))
        yield


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

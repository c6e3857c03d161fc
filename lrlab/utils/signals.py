"""Who answers Ctrl-C and SIGTERM."""

from __future__ import annotations

import importlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Handlers = dict[signal.Signals, Any]

# The processes that watch over what others share. Where one starts, Ctrl-C is no longer blocked.
TRACKERS = ("multiprocessing.resource_tracker", "joblib.externals.loky.backend.resource_tracker")


def answer(handler: Callable[[int, Any], None]) -> Handlers:
    """Let a handler answer Ctrl-C and SIGTERM from now on; return those before, by the signal.

    A signal stays as it is where it is ignored, as under nohup or in the background of a script,
    and where its handler is not Python's; both stay so outside of the main thread, whose business
    signals are.
    """
    if threading.current_thread() is not threading.main_thread():
        return {}
    before: Handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    before = {n: old for n, old in before.items() if old not in (None, signal.SIG_IGN)}
    for number in before:
        signal.signal(number, handler)
    return before


def give_back(before: Handlers) -> None:
    """Put the handlers in force again that `answer` returned."""
    for number, handler in reversed(before.items()):  # Ctrl-C last: its handler may end the loop
        signal.signal(number, handler)


@contextmanager
def held_back() -> Iterator[None]:
    """Hold Ctrl-C and SIGTERM back until the block is done: a finished run is to be recorded."""
    held: list[int] = []
    before = answer(lambda number, _: held.append(number))
    try:
        yield
    finally:
        give_back(before)
        if held:
            signal.raise_signal(held[0])


@contextmanager
def blocked() -> Iterator[None]:
    """Let processes that are started in the block never receive Ctrl-C.

    A terminal sends it to all. The workers inherit that it is blocked, and so none of them prints
    where it was interrupted, even while it starts; their parent ends them.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows, where workers let it pass as they start
        yield
        return
    sys.warnoptions.append("ignore:resource_tracker")  # that one tidies up need not be said
    try:
        for tracker in TRACKERS:
            importlib.import_module(tracker).ensure_running()
    finally:
        sys.warnoptions.pop()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

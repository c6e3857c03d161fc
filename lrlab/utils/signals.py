"""Who answers Ctrl-C and SIGTERM."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Any

Handlers = dict[signal.Signals, Any]


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
    for number, handler in before.items():
        signal.signal(number, handler)

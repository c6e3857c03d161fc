"""What the tests of studies share: signals as in a terminal."""

import signal

import pytest


@pytest.fixture(autouse=True)
def default_signals():
    """As in a terminal: where pytest itself runs in the background, Ctrl-C is ignored."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)

"""Who answers Ctrl-C: a handler that ends the way back leaves no other behind."""

import signal

import pytest

from lrlab.utils import signals


def test_sigterm_has_its_handler_again_before_ctrl_c_can_end_the_way_back(monkeypatch) -> None:
    numbers = (signal.SIGINT, signal.SIGTERM)
    first = {number: signal.getsignal(number) for number in numbers}
    set_handler = signal.signal

    def pressed_at_once(number, handler):
        set_handler(number, handler)
        if number == signal.SIGINT:
            raise KeyboardInterrupt

    before = signals.answer(lambda *_: None)
    monkeypatch.setattr(signal, "signal", pressed_at_once)
    try:
        with pytest.raises(KeyboardInterrupt):
            signals.give_back(before)
        assert {number: signal.getsignal(number) for number in before} == before
    finally:
        for number in numbers:
            set_handler(number, first[number])

"""Waiting for an event, as long as somebody is there who can make it happen."""

import time

PATIENCE = 300  # seconds; a busy machine takes a minute to start two workers


def until(condition, alive=lambda: True):
    """Wait until the condition gives something, and return that; fail where it never will."""
    deadline = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert alive(), "what was waited for has ended"
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.01)
    return value

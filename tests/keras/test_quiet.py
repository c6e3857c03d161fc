"""What TensorFlow says while it starts goes nowhere, and everything else does not."""

import os

import pytest

from lrlab.keras.quiet import silent_descriptor


def test_a_descriptor_is_silent_for_as_long_as_the_block_runs(capfd):
    os.write(2, b"before ")
    with silent_descriptor():
        os.write(2, b"within ")
    os.write(2, b"after")
    assert capfd.readouterr().err == "before after"


@pytest.mark.parametrize("closed", [[2], [0, 1, 2]])
def test_a_descriptor_may_be_closed(closed):
    """As under `2>&-`: what is opened next must not become standard error."""
    kept = {number: os.dup(number) for number in closed}
    for number in closed:
        os.close(number)
    try:
        with silent_descriptor():
            os.write(2, b"nowhere")
        opened = os.open(os.devnull, os.O_RDONLY)
    finally:
        for number, copy in kept.items():
            os.dup2(copy, number)
            os.close(copy)
    os.close(opened)
    assert opened > 2

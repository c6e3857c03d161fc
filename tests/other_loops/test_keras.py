"""Keras' `fit`."""

import numpy as np

from tests.other_loops.conftest import HALVED, halving, meant


def recorded(page) -> list[float]:
    return [rate for _, rate in page.names["recorder"].lr_changes]


def test_every_update_has_the_rate_of_the_schedule(page) -> None:
    page.run("loop-keras")
    expected = meant(page, 13).astype(np.float32)
    # The recorder notes changes alone, and this schedule changes with every update.
    assert recorded(page) == expected.tolist()


def test_a_policy_decides_when_an_epoch_ends(page) -> None:
    halving(page)
    page.run("loop-keras", "loop-keras-plateau")
    assert page.names["history"].history["learning_rate"] == np.float32(HALVED).tolist()
    assert recorded(page) == np.float32(HALVED[1:]).tolist()

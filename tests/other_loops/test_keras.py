"""Keras' `fit`."""

import keras
import numpy as np
import pytest

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


class Own(keras.callbacks.Callback):
    """Sets the rate 1/(k + 1) when batch k begins, or when it ends."""

    def __init__(self, moment: str):
        super().__init__()
        setattr(self, moment, self.set)

    def set(self, batch, logs=None) -> None:
        self.model.optimizer.learning_rate = 1 / (batch + 1)


@pytest.mark.parametrize(
    ("moment", "first"),
    [("on_train_batch_end", [0.01, 1, 1 / 2]), ("on_train_batch_begin", [1, 1 / 2, 1 / 3])],
)
def test_a_rate_set_at_a_batchs_end_is_that_of_the_next(page, moment, first) -> None:
    page.names["own"] = Own(moment)
    page.run("loop-keras", changes={"callbacks = [setter,": "callbacks = [own,"})
    np.testing.assert_allclose(recorded(page)[:3], first, rtol=1e-6)


def test_several_steps_in_one_call_are_refused(page) -> None:
    with pytest.raises(ValueError, match="steps_per_execution must be 1"):
        page.run("loop-keras", changes={", loss)": ", loss, steps_per_execution=4)"})


def accumulated(page, rate: str, callbacks: str) -> list[float]:
    page.run(
        "loop-keras",
        changes={
            "keras.optimizers.SGD()": f"keras.optimizers.SGD({rate}gradient_accumulation_steps=4)",
            "[setter, recorder]": f"[{callbacks}recorder]",
        },
    )
    return recorded(page)


def test_the_callback_gives_an_update_the_rate_of_its_first_batch(page) -> None:
    # The last batch of an epoch goes into the first update of the next.
    expected = page.names["schedule"](np.array([0, 4 / 13, 8 / 13, 1, 1 + 3 / 13]))
    np.testing.assert_allclose(accumulated(page, "", "setter, ")[:5], expected, rtol=1e-6)


def test_keras_schedule_counts_updates_and_keras_own_count_batches(page) -> None:
    ours = "lrkeras.KerasSchedule(schedule, epochs=EPOCHS, steps_per_epoch=4), "
    expected = page.names["schedule"](np.arange(5) / 4)
    np.testing.assert_allclose(accumulated(page, ours, "")[:5], expected, rtol=1e-6)
    theirs = "keras.optimizers.schedules.PolynomialDecay(1.0, 52, 0.0), "
    found = accumulated(page, theirs, "")[:5]
    np.testing.assert_allclose(found, 1 - np.arange(3, 23, 4) / 52, rtol=1e-6)

"""The bare loop."""

import numpy as np
import pytest

from tests.other_loops.conftest import HALVED, halving, meant


def test_every_update_has_the_rate_of_the_schedule(page, used) -> None:
    page.run("loop-pytorch")
    np.testing.assert_allclose(used, meant(page, 4), rtol=1e-12)


def test_a_step_for_each_batch_ends_the_schedule_early(page, used) -> None:
    inside = "    scheduler.step()  # after the update, and once for it\n"
    again = "            optimizer.zero_grad()\n"
    changes = {inside: "    pass\n", again: again + "        scheduler.step()\n"}
    with pytest.warns(UserWarning, match="before `optimizer.step"):  # torch noticed the first one
        page.run("loop-pytorch", changes=changes)
    # After each batch it makes one step, an update comes in each fourth: rates 3, 7, 11, 12, …
    batches = [13 * epoch + k for epoch in range(4) for k in (3, 7, 11, 12)]
    np.testing.assert_allclose(used, page.names["schedule"](np.array(batches) / 4), rtol=1e-12)
    assert page.names["schedule"](16 / 4) == 0


def test_a_policy_decides_when_an_epoch_ends(page, used) -> None:
    halving(page)
    page.names |= {"EPOCHS": 6, "held_out_loss": lambda model: 1.0}
    page.run("loop-pytorch-plateau")
    expected = [0.01, 0.055, 0.1, 0.1, 0.05, 0.025]
    np.testing.assert_allclose(used, np.repeat(expected, 13), rtol=1e-12)


def test_a_metric_at_the_wrong_moment_is_refused(page) -> None:
    scheduler = page.names["PlateauLR"](
        page.names["optimizer"], page.names["policy"], steps_per_epoch=2
    )
    with pytest.raises(ValueError, match="metric must be given to the step that ends an epoch"):
        scheduler.step(1.0)


def test_halved_is_what_the_policy_gives(page) -> None:
    halving(page)
    policy = page.names["policy"]
    states = [policy.start()]
    for metric in (3.0, 2.0, 1.0):
        states.append(policy.update(states[-1], metric))
    assert [state.lr for state in states] == HALVED

"""The bare loop."""

import numpy as np
import pytest
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, DistributedSampler

from tests.other_loops.conftest import HALVED, halving, meant


def test_every_update_has_the_rate_of_the_schedule(page, used) -> None:
    page.run("loop-pytorch")
    np.testing.assert_allclose(used, meant(page, 4), rtol=1e-12)


def test_an_update_is_the_mean_of_its_batches(page, gradients) -> None:
    page.run("loop-pytorch")
    np.testing.assert_allclose(gradients, 16 * [1], rtol=1e-6)


def test_the_rates_can_be_seen_before(page, used, capsys) -> None:
    page.run("loop-pytorch")
    of_the_run = used.copy()
    used.clear()
    page.run("loop-check")
    np.testing.assert_allclose(used, of_the_run, rtol=1e-12)
    assert len(capsys.readouterr().out.splitlines()) == page.names["EPOCHS"]


def test_a_distributed_sampler_splits_the_loader(page) -> None:
    data = page.names["loader"].dataset
    sampler = DistributedSampler(data, num_replicas=2, rank=0)
    assert len(DataLoader(data, page.names["BATCH"], sampler=sampler)) == 7


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


CONSTANT = {"scheduler.step(held_out_loss())": "scheduler.step(1.0)"}


def test_a_policy_decides_when_an_epoch_ends(page, used) -> None:
    halving(page)
    page.names["EPOCHS"] = 6
    page.run("loop-pytorch-plateau", changes=CONSTANT)
    expected = [0.01, 0.055, 0.1, 0.1, 0.05, 0.025]
    np.testing.assert_allclose(used, np.repeat(expected, 13), rtol=1e-12)


def test_a_ramp_in_front_of_a_policy_rises_in_every_update(page, used) -> None:
    halving(page)
    page.run("loop-pytorch-plateau", changes=CONSTANT)
    used.clear()
    page.names["EPOCHS"] = 6
    page.run("loop-pytorch-plateau-ramp", changes=CONSTANT)
    ramp = 0.01 + 0.09 * np.arange(26) / 26
    then = np.repeat([0.1, 0.1, 0.05, 0.025], 13)
    np.testing.assert_allclose(used, np.r_[ramp, then], rtol=1e-12)


def test_the_held_out_loss_is_that_of_all_images(page) -> None:
    page.run("loop-pytorch-plateau")
    x, y, model = (page.names[name] for name in ("x", "y", "model"))
    expected = cross_entropy(model(x[:20]), y[:20]).item()
    np.testing.assert_allclose(page.names["held_out_loss"](), expected, rtol=1e-6)
    assert model.training
    page.run("loop-pytorch-plateau-ramp")


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

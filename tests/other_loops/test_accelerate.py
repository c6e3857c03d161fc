"""accelerate, where it is installed (`make loops`), in one process and in two."""

import json
import math

import numpy as np
import pytest

from tests.other_loops.conftest import HALVED, halving, meant

accelerate = pytest.importorskip("accelerate")

# What other projects' newest releases warn of is theirs.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def fresh_state():
    """Every test begins with an accelerator of its own."""
    yield
    accelerate.state.AcceleratorState._reset_state(reset_partial_state=True)
    accelerate.state.GradientState._reset_state()


def test_every_update_has_the_rate_of_the_schedule(page, used) -> None:
    page.run("loop-accelerate")
    np.testing.assert_allclose(used, meant(page, 4), rtol=1e-12)


PREPARED = {
    "accelerator.register_for_checkpointing": "scheduler = accelerator.prepare",
    "if accelerator.sync_gradients and not skipped:": "if True:",
}


def in_two_processes(page, used, folder, changes=None) -> list[list[float]]:
    """The rates of both processes."""

    def train() -> None:
        page.run("loop-accelerate", changes=changes)
        rank = page.names["accelerator"].process_index
        (folder / f"{rank}.json").write_text(json.dumps(used))

    accelerate.debug_launcher(train, num_processes=2)
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in (0, 1)]


def test_in_two_processes(page, used, tmp_path) -> None:
    # 13 batches are 7 for each, the last one filled up: two updates.
    for rates in in_two_processes(page, used, tmp_path):
        np.testing.assert_allclose(rates, meant(page, math.ceil(7 / 4)), rtol=1e-12)


def test_a_prepared_scheduler_steps_for_each_process(page, used, tmp_path) -> None:
    for rates in in_two_processes(page, used, tmp_path, PREPARED):
        twice = page.names["schedule"](2 * np.arange(8) / 2)
        np.testing.assert_allclose(rates, twice, rtol=1e-12)
        assert rates[4:] == [0] * 4


def test_a_prepared_scheduler_with_steps_for_each_process(page, used, tmp_path) -> None:
    counted = {"steps_per_epoch=n": "steps_per_epoch=n * accelerator.num_processes"}
    for rates in in_two_processes(page, used, tmp_path, PREPARED | counted):
        np.testing.assert_allclose(rates, meant(page, 2), rtol=1e-12)


POLICY = {
    "ScheduleLR(optimizer, schedule, steps_per_epoch=n)": "PlateauLR(optimizer, policy)",
    "if accelerator.sync_gradients and not skipped:": "if False:",
    "            optimizer.zero_grad()\n": "            optimizer.zero_grad()\n"
    "    own = torch.tensor(1.0 + accelerator.process_index)\n"
    "    scheduler.step(accelerator.reduce(own, 'mean').item())\n",
}


def test_a_policy_decides_when_an_epoch_ends(page, used, tmp_path) -> None:
    halving(page)
    for rates in in_two_processes(page, used, tmp_path, POLICY):
        np.testing.assert_allclose(rates, np.repeat(HALVED, 2), rtol=1e-12)


def test_a_saved_state_holds_the_scheduler(page, tmp_path) -> None:
    page.run("loop-accelerate")
    accelerator, scheduler = (page.names[name] for name in ("accelerator", "scheduler"))
    accelerator.save_state(str(tmp_path))
    scheduler.step()
    accelerator.load_state(str(tmp_path))
    assert scheduler.last_epoch == 16

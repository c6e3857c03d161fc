"""Transformers' Trainer, where it is installed (`make loops`)."""

from collections.abc import Callable

import numpy as np
import pytest

from tests.other_loops.conftest import HALVED, halving, meant

transformers = pytest.importorskip("transformers")

# What other projects' newest releases warn of is theirs.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def train(page, tmp_path) -> Callable[..., None]:
    """Run the page's first block on the CPU and in a folder of the test, with changes."""

    def run(changes: dict[str, str] | None = None, **options) -> None:
        page.names["quiet"] = {
            "output_dir": str(tmp_path),
            "use_cpu": True,
            "report_to": "none",
            "disable_tqdm": True,
            "save_strategy": "no",
            **options,
        }
        changed = {"logging_steps=1": "logging_steps=1, **quiet"} | (changes or {})
        page.run("loop-transformers", changes=changed)

    return run


def test_every_update_has_the_rate_of_the_schedule(page, train, used) -> None:
    train()
    np.testing.assert_allclose(used, meant(page, 4), rtol=1e-12)


def test_the_log_has_the_rate_of_the_update_just_made(page, train, used) -> None:
    train()
    history = page.names["trainer"].state.log_history
    logged = [entry["learning_rate"] for entry in history if "learning_rate" in entry]
    assert len(logged) == 16
    np.testing.assert_allclose(logged, used, rtol=1e-12)


def test_without_a_scheduler_the_rate_falls_in_a_line(page, train, used) -> None:
    train({"= Scheduled(": "= Trainer("})
    np.testing.assert_allclose(used, 0.1 * (1 - np.arange(16) / 16), rtol=1e-12)


def test_a_rate_that_a_callback_sets_lives_for_one_update(page, train, used) -> None:
    class Own(transformers.TrainerCallback):
        def on_epoch_begin(self, args, state, control, optimizer, **_):
            optimizer.param_groups[0]["lr"] = 7.0

    page.names["Own"] = Own
    with_own = {"train_dataset=data)": "train_dataset=data, callbacks=[Own()])"}
    train({"= Scheduled(": "= Trainer("} | with_own)
    assert np.flatnonzero(np.array(used) == 7.0).tolist() == [0, 4, 8, 12]


def test_a_checkpoint_holds_the_scheduler(page, train, used, tmp_path) -> None:
    train(save_strategy="steps", save_steps=6)
    expected = used.copy()
    used.clear()
    trainer, data = page.names["trainer"], page.names["data"]
    again = page.names["Scheduled"](
        page.names["Classifier"](8, 3), trainer.args, train_dataset=data
    )
    again.train(resume_from_checkpoint=str(tmp_path / "checkpoint-6"))
    np.testing.assert_allclose(used, expected[6:], rtol=1e-12)


def test_a_policy_decides_when_an_epoch_ends(page, train, used) -> None:
    halving(page)
    train()
    used.clear()
    page.run("loop-transformers-plateau")
    np.testing.assert_allclose(used, np.repeat(HALVED, 4), rtol=1e-12)
    assert page.names["trainer"].lr_scheduler.state.epochs == 4

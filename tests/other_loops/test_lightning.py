"""Lightning, where it is installed (`make loops`)."""

import csv
from functools import partial

import numpy as np
import pytest

from tests.other_loops.conftest import HALVED, halving, meant

lightning = pytest.importorskip("lightning")

# What other projects' newest releases warn of is theirs.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def quiet(monkeypatch, tmp_path) -> dict:
    """A trainer on the CPU that writes nothing down but what a test asks for."""
    options = {
        "accelerator": "cpu",
        "devices": 1,
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "default_root_dir": tmp_path,
    }
    monkeypatch.setattr(lightning, "Trainer", partial(lightning.Trainer, **options))
    return options


def test_every_update_has_the_rate_of_the_schedule(page, used) -> None:
    page.run("loop-lightning")
    np.testing.assert_allclose(used, meant(page, 4), rtol=1e-12)


def test_the_default_interval_is_an_epoch(page, used) -> None:
    page.run("loop-lightning", changes={', "interval": "step"': ""})
    np.testing.assert_allclose(used, np.repeat(meant(page, 4)[:4], 4), rtol=1e-12)


def test_a_schedule_per_epoch(page, used) -> None:
    changes = {', "interval": "step"': "", ", steps_per_epoch=n": ""}
    page.run("loop-lightning", changes=changes)
    np.testing.assert_allclose(used, np.repeat(meant(page, 1), 4), rtol=1e-12)


def test_the_monitor_logs_the_rate_in_use(page, used, tmp_path, monkeypatch) -> None:
    monitor = lightning.pytorch.callbacks.LearningRateMonitor(logging_interval="step")
    logger = lightning.pytorch.loggers.CSVLogger(tmp_path)
    how = {"logger": logger, "callbacks": [monitor], "log_every_n_steps": 1}
    monkeypatch.setattr(lightning, "Trainer", partial(lightning.Trainer, **how))
    page.run("loop-lightning", changes={"=EVERY": "=1"})
    with open(f"{logger.log_dir}/metrics.csv", newline="") as file:
        logged = [float(row["lr-SGD"]) for row in csv.DictReader(file) if row["lr-SGD"]]
    assert len(used) == len(logged) == 4 * 13
    np.testing.assert_allclose(logged, used, rtol=1e-6)


def test_a_checkpoint_holds_the_scheduler(page, used, tmp_path, monkeypatch) -> None:
    saver = lightning.pytorch.callbacks.ModelCheckpoint(
        tmp_path, filename="{step}", every_n_train_steps=6, save_top_k=-1
    )
    how = {"enable_checkpointing": True, "callbacks": [saver]}
    monkeypatch.setattr(lightning, "Trainer", partial(lightning.Trainer, **how))
    page.run("loop-lightning")
    whole = used.copy()
    used.clear()
    changes = {"loader)": "loader, ckpt_path=checkpoint)"}
    page.names["checkpoint"] = str(tmp_path / "step=6.ckpt")
    page.run("loop-lightning", changes=changes)
    np.testing.assert_allclose(used, whole[6:], rtol=1e-12)


def test_a_policy_decides_when_an_epoch_ends(page, used) -> None:
    halving(page)
    page.run("loop-lightning")
    used.clear()
    page.run("loop-lightning-plateau")
    np.testing.assert_allclose(used, np.repeat(HALVED, 13), rtol=1e-12)


def test_a_policy_that_is_not_announced_is_refused(page) -> None:
    page.run("loop-lightning")
    with pytest.raises(ValueError, match="metric must be given"):
        page.run("loop-lightning-plateau", changes={'"reduce_on_plateau": True,': ""})

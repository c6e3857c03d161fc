"""A schedule of the reader's own, defined in a function: trained with, recorded, interrupted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from lrlab import Schedule
from lrlab.data import load
from lrlab.pytorch import Observer, ScheduleLR, fit
from lrlab.training import History, Recipe, Snapshots, lr_deviation
from tests.support.backends import PyTorch

DIGITS = load("digits", 90, test_limit=40)


def stairs(rates):
    from typing import Annotated

    from lrlab.utils import checks

    @dataclass(frozen=True)
    class Landings(Schedule):
        rates: np.ndarray
        length: Annotated[float, checks.duration] = 1

        def _rates(self, t):
            steps = np.minimum(t // self.length, len(self.rates) - 1)
            return np.asarray(self.rates)[steps.astype(int)]

    return Landings(rates)


class Ends(Observer):
    def after_epoch(self, training):
        if training.epoch == 1:
            raise KeyboardInterrupt


@pytest.mark.parametrize("kind", [list, np.array])
def test_a_run_is_recorded_and_goes_on(tmp_path, kind):
    def run(folder, observers=()):
        recipe = Recipe(stairs(kind([0.3, 0.1, 0.2])), epochs=3, batch_size=40)
        kept = Snapshots(tmp_path / folder, ends=(1, 3))
        return fit(PyTorch.linear(), DIGITS, recipe, snapshots=kept, observers=observers)

    whole = run("whole")
    assert whole.lr == [0.3, 0.1, 0.2]
    back = History.from_json(whole.to_json())
    assert lr_deviation(back) == 0
    assert back.recipe.to_config() == whole.recipe.to_config()
    with pytest.raises(KeyboardInterrupt):
        run("cut", [Ends()])
    assert run("cut").train_loss == whole.train_loss


def test_a_scheduler_goes_on_from_its_state():
    def scheduled():
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        return ScheduleLR(optimizer, stairs(np.array([0.3, 0.1, 0.2])))

    scheduler, other = scheduled(), scheduled()
    scheduler.optimizer.step()
    scheduler.step()
    other.load_state_dict(scheduler.state_dict())
    assert other.get_last_lr() == [0.1]

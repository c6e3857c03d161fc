"""What the tests of the page "Questions" have in common."""

import pytest
import torch
from torch.optim import lr_scheduler

from tests.conftest import ROOT
from tests.support.page_code import PageCode


@pytest.fixture
def page() -> PageCode:
    torch.manual_seed(0)
    code = PageCode(ROOT / "book" / "reference" / "questions.md")
    code.run("q-setup")
    return code


def rates(scheduler, steps: int) -> list[list[float]]:
    """The rate of each group in the updates to come."""
    used = []
    for _ in range(steps):
        used.append([group["lr"] for group in scheduler.optimizer.param_groups])
        scheduler.optimizer.step()
        scheduler.step()
    return used


def some_optimizer(rates=(1.0,)) -> torch.optim.Optimizer:
    """One with a group for each rate."""
    groups = [{"params": [torch.zeros(1, requires_grad=True)], "lr": rate} for rate in rates]
    return torch.optim.SGD(groups, lr=rates[0], momentum=0.9)


def cosine(horizon: int):
    return lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, horizon)

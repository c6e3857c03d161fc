"""The lines of the page "In other loops", and the rates that optimizers use."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from tests.conftest import ROOT
from tests.support.page_code import PageCode


@pytest.fixture
def page() -> PageCode:
    torch.manual_seed(0)
    code = PageCode(ROOT / "book" / "reference" / "other_loops.md")
    code.run("loop-setup")
    return code


@pytest.fixture
def used() -> Iterator[list[float]]:
    """The rate of each update that any optimizer of torch makes, read at its beginning."""
    rates: list[float] = []
    handle = register_optimizer_step_pre_hook(
        lambda optimizer, args, kwargs: rates.append(optimizer.param_groups[0]["lr"])
    )
    yield rates
    handle.remove()


def meant(page: PageCode, updates: int) -> np.ndarray:
    """The rates of the page's schedule where an epoch has so many updates."""
    epochs = page.names["EPOCHS"]
    return page.names["schedule"](np.arange(epochs * updates) / updates)


def halving(page: PageCode) -> None:
    """Let the page's policy halve the rate after every epoch but the first, whatever the metric."""
    page.names["policy"] = page.names["ReduceOnPlateau"](
        0.1, convention="pytorch", factor=0.5, patience=0, min_delta=0.99
    )


# Of four epochs under that policy.
HALVED = [0.1, 0.1, 0.05, 0.025]

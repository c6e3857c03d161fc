"""What torch's own schedulers do to a real optimiser, and the comparison with a schedule."""

from __future__ import annotations

import numpy as np
import torch
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import LRScheduler

TOLERANCE = 1e-12
HORIZON = 100


def torch_rates(lr: float, make, epochs: int = HORIZON) -> np.ndarray:
    """The rate in force in each epoch, read from an optimiser that a scheduler drives."""
    optimizer = SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    return driven_rates(optimizer, make(optimizer), epochs)


def driven_rates(optimizer: Optimizer, scheduler: LRScheduler, steps: int) -> np.ndarray:
    """The rate in force in each step of an optimiser that a scheduler drives."""
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return np.array(rates)


def assert_same(schedule, expected: np.ndarray) -> None:
    """Equal in every epoch, to a share of the peak."""
    ours = schedule(np.arange(len(expected)))
    assert len(expected) > 1
    assert np.abs(ours - expected).max() <= TOLERANCE * expected.max()


def courses(make, steps: int) -> np.ndarray:
    """The rate and the momentum of each step, shape (2, steps)."""
    optimizer = SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0, momentum=0.5)
    scheduler = make(optimizer)
    rows = []
    for step in range(steps):
        rows.append([optimizer.param_groups[0][name] for name in ("lr", "momentum")])
        optimizer.step()
        if step < steps - 1:
            scheduler.step()
    return np.array(rows).T

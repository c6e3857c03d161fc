"""Any schedule as a torch ``LRScheduler``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from lrlab import checks
from lrlab.reacting import check_same
from lrlab.schedule_base import Schedule


class ScheduleLR(LRScheduler):
    r"""Sets each parameter group's rate to :math:`s(k/n)` times its ``lr_scale``.

    Here k counts the calls of `step` and n is ``steps_per_epoch``. As with torch's own
    schedulers the rate for k = 0 is set at once, and `step` is called after
    ``optimizer.step()``: once an epoch with ``steps_per_epoch=1``, else after every batch.
    The optimiser's own ``lr`` is overwritten.

    Args:
        optimizer: The optimiser; a parameter group may hold ``lr_scale``, 1 by default.
        schedule: The rate over time in epochs.
        steps_per_epoch: Calls of `step` in an epoch.

    Raises:
        ValueError: ``schedule`` is no schedule, or ``steps_per_epoch`` is no positive integer.

    Example:
        >>> import torch
        >>> from lrlab import StepDecay
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> scheduler = ScheduleLR(optimizer, StepDecay(0.1, gamma=0.5, step_epochs=2))
        >>> for epoch in range(4):
        ...     print(optimizer.param_groups[0]["lr"])
        ...     optimizer.step()
        ...     scheduler.step()
        0.1
        0.1
        0.05
        0.05
    """

    def __init__(self, optimizer: Optimizer, schedule: Schedule, *, steps_per_epoch: int = 1):
        if not isinstance(schedule, Schedule):
            raise ValueError(f"schedule must be a schedule of lrlab, received {schedule!r}")
        self.schedule = schedule
        self.steps_per_epoch = checks.count("steps_per_epoch", steps_per_epoch)
        super().__init__(optimizer)

    def get_lr(self) -> list[float]:
        """Return each group's rate at the present step."""
        lr = self._rate(self.last_epoch / self.steps_per_epoch)
        return [
            lr * checks.rate("lr_scale", group.get("lr_scale", 1.0))
            for group in self.optimizer.param_groups
        ]

    def _rate(self, t: float) -> float:
        return self.schedule(t)

    def state_dict(self) -> dict[str, Any]:
        """Return plain values only, fit for ``torch.load(..., weights_only=True)``."""
        return {
            "schedule": self.schedule.to_config(),
            "steps_per_epoch": self.steps_per_epoch,
            "last_epoch": self.last_epoch,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where the saved scheduler stood, and set the optimiser's rates accordingly.

        Raises:
            ValueError: The state belongs to another schedule or another number of steps, or it
                does not say how many were made.
        """
        own = self.state_dict()
        check_same(state_dict, {name: own[name] for name in ("schedule", "steps_per_epoch")})
        if foreign := sorted(state_dict.keys() - own):
            raise ValueError(f"the saved state has {', '.join(foreign)} of another scheduler")
        self.last_epoch = checks.seed("last_epoch", state_dict.get("last_epoch"))
        self._step_count = self.last_epoch + 1
        self._set_rates()

    def _set_rates(self) -> None:
        for group, lr in zip(self.optimizer.param_groups, self.get_lr(), strict=True):
            group["lr"] = lr
        self._last_lr = self.get_lr()


def rates_of(scheduler: Callable[[Optimizer], LRScheduler], *, lr: float, steps: int) -> np.ndarray:
    """Return the rates that a torch scheduler gives, by driving it as a training loop does.

    Args:
        scheduler: Makes the scheduler for an optimiser.
        lr: The optimiser's rate before the scheduler is made.
        steps: How many rates; the scheduler's ``step`` is called between them.

    Returns:
        Rates of the first parameter group, float64 array of shape ``(steps,)``.

    Example:
        >>> from torch.optim.lr_scheduler import ExponentialLR
        >>> rates_of(lambda optimizer: ExponentialLR(optimizer, gamma=0.5), lr=0.8, steps=3)
        array([0.8, 0.4, 0.2])
    """
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    driven = scheduler(optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(rates) < steps:  # torch's OneCycleLR refuses the step after its last
            driven.step()
    return np.array(rates)

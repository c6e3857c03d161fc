"""Any schedule as a torch ``LRScheduler``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from lrlab.plateau import ReduceOnPlateau, lowered_by
from lrlab.schedules import Schedule
from lrlab.utils import checks


class ScheduleLR(LRScheduler):
    r"""Sets each parameter group's rate to :math:`s(k/n)` times its ``lr_scale``.

    Here k counts the calls of `step` and n is ``steps_per_epoch``. As with torch's own
    schedulers the rate for k = 0 is set at once, and `step` is called after
    ``optimizer.step()``: once an epoch with ``steps_per_epoch=1``, else after every batch.
    The optimizer's own ``lr`` is overwritten.

    Args:
        optimizer: The optimizer; a parameter group may hold ``lr_scale``, 1 by default.
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

    def get_lr(self) -> list[float | Tensor]:
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
        """Go on where the saved scheduler stood, and set the optimizer's rates accordingly.

        Raises:
            ValueError: The state belongs to another schedule or another number of steps, or it
                does not say how many were made.
        """
        own = self.state_dict()
        parameters = {name: own[name] for name in ("schedule", "steps_per_epoch")}
        checks.same_parameters(state_dict, parameters)
        if foreign := sorted(state_dict.keys() - own):
            raise ValueError(f"the saved state has {', '.join(foreign)} of another scheduler")
        self.last_epoch = checks.whole("last_epoch", state_dict.get("last_epoch"))
        self._step_count = self.last_epoch + 1
        self._set_rates()

    def _set_rates(self) -> None:
        for group, lr in zip(self.optimizer.param_groups, self.get_lr(), strict=True):
            group["lr"] = lr
        self._last_lr = self.get_lr()


def rates_of(scheduler: Callable[[Optimizer], LRScheduler], *, lr: float, steps: int) -> np.ndarray:
    """Return the rates that a torch scheduler gives, by driving it as a training loop does.

    Args:
        scheduler: Makes the scheduler for an optimizer.
        lr: The optimizer's rate before the scheduler is made.
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


class PlateauLR(ScheduleLR):
    r"""Sets each parameter group's rate to what a schedule and a plateau policy make of it.

    At time :math:`t = k/n`, in epoch :math:`e = \lfloor t \rfloor`, the rate is
    :math:`\eta_e\, s(t)/\eta` times the group's ``lr_scale``, where :math:`\eta_e` is the rate of
    the policy's state and η its first one (`lrlab.plateau.PlateauSchedule`). Here k counts the
    calls of `step` and n is ``steps_per_epoch``. The call that ends an epoch comes after the
    evaluation and is given its metric; the others, after each update but an epoch's last, are given
    none. With ``steps_per_epoch=1`` it is thus used like torch's own ``ReduceLROnPlateau``, and a
    policy of convention ``"pytorch"`` by itself then gives the rates of that one bit for bit.

    A warm-up in front, which torch cannot combine with its own, is part of the schedule. The state
    has all counters in it, so a run that goes on from it goes on as if it had never stopped.

    Args:
        optimizer: The optimizer; a parameter group may hold ``lr_scale``, 1 by default.
        policy: What lowers the rate, of either convention.
        schedule: The rate over time in epochs if nothing lowered it; by default ``policy.lr``.
        first_epoch: First epoch whose metric counts, such as the one after a warm-up; an integer of
            at least 0. The schedule is at ``policy.lr`` there.
        steps_per_epoch: Calls of `step` in an epoch.

    Attributes:
        state: The policy's state, a `lrlab.plateau.PlateauState`.

    Raises:
        ValueError: An argument breaks its rule.

    Example:
        >>> import torch
        >>> from lrlab import Constant, warmup
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> policy = ReduceOnPlateau(0.5, convention="pytorch", factor=0.5, patience=0)
        >>> ramp = warmup(Constant(0.5), 2)
        >>> scheduler = PlateauLR(optimizer, policy, schedule=ramp, first_epoch=2)
        >>> for loss in [9.0, 9.0, 3.0, 3.0, 2.0]:
        ...     print(optimizer.param_groups[0]["lr"])
        ...     optimizer.step()
        ...     scheduler.step(loss)
        0.0
        0.25
        0.5
        0.5
        0.25
    """

    def __init__(
        self,
        optimizer: Optimizer,
        policy: ReduceOnPlateau,
        *,
        schedule: Schedule | None = None,
        first_epoch: int = 0,
        steps_per_epoch: int = 1,
    ):
        self.lowered = lowered_by(policy, schedule, first_epoch)
        self.state = policy.start()
        super().__init__(optimizer, self.lowered.schedule, steps_per_epoch=steps_per_epoch)

    def step(self, metric: float | None = None) -> None:
        """Go on to the next update's rate; at the end of an epoch let the policy decide first.

        Args:
            metric: What the epoch ended with; None within an epoch.

        Raises:
            ValueError: The metric is missing at the end of an epoch or given within one, or it is
                no number.
        """
        if self.last_epoch >= 0:  # torch itself makes the first call, for the first rate
            epoch, done = divmod(self.last_epoch, self.steps_per_epoch)
            if (done + 1 == self.steps_per_epoch) != (metric is not None):
                raise ValueError(
                    "metric must be given to the step that ends an epoch and to no other, received "
                    f"{metric!r} with step {done + 1} of {self.steps_per_epoch}"
                )
            if metric is not None:
                self.state = self.lowered.update(self.state, epoch, metric)
        super().step()

    def _rate(self, t: float) -> float:
        return self.lowered.rate(self.state.lr, t)

    def state_dict(self) -> dict[str, Any]:
        """Return plain values only, fit for ``torch.load(..., weights_only=True)``."""
        return {**super().state_dict(), **self.lowered.to_dict(self.state)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where the saved scheduler stood, and set the optimizer's rates accordingly.

        Raises:
            ValueError: The state belongs to another policy, schedule, beginning of the watch or
                number of steps, or it is incomplete.
        """
        state = self.lowered.restore(state_dict)
        super().load_state_dict(state_dict)
        self.state = state
        self._set_rates()

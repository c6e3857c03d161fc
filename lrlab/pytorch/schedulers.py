"""Any schedule as a torch ``LRScheduler``."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from numbers import Integral
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer, lr_scheduler
from torch.optim.lr_scheduler import LRScheduler

from lrlab.plateau import ReduceOnPlateau, lowered_by
from lrlab.pytorch.parameter_groups import (
    check_momentum,
    groups_of,
    part_tensors,
    put,
    set_momentum,
    share_of,
    whole_rate,
)
from lrlab.schedules import FrameworkLines, Schedule
from lrlab.utils import checks, instance

_schedule = instance(Schedule, words="a schedule of lrlab")


class ScheduleLR(LRScheduler):
    r"""Sets each parameter group's rate to :math:`s(k/n)` times its ``lr_scale``.

    Here k counts the calls of `step` and n is ``steps_per_epoch``. As with torch's own
    schedulers the rate for k = 0 is set at once, and `step` is called after
    ``optimizer.step()``: once an epoch with ``steps_per_epoch=1``, else after every update. Where
    gradients of several batches make one update, call it once for all of them; where a
    ``GradScaler`` has skipped an update, do not call it.

    The optimizer's own ``lr`` is overwritten. Where the groups were made with different rates and
    a group has no ``lr_scale``, it keeps the ratio of its rate to that ``lr``; if no group has
    that rate and none was given, the largest rate of a group stands in for it. A rate held in a
    tensor stays in it.

    Args:
        optimizer: The optimizer; a parameter group may hold ``lr_scale``.
        schedule: The rate over time in epochs, or a list of one schedule for each group. The ratio
            between groups is then that of their schedules.
        steps_per_epoch: Calls of `step` in an epoch.
        momentum: The momentum over time, such as `lrlab.OneCycle.momentum`; in optimizers with
            ``betas`` it is the first of them. None leaves it alone.

    Raises:
        ValueError: An argument breaks its rule; there is not one schedule for each group; the
            optimizer has no momentum, or only wraps the one that trains; or the groups' rates
            differ and the optimizer's own is 0.

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

    def __init__(
        self,
        optimizer: Optimizer,
        schedule: Schedule | Sequence[Schedule],
        *,
        steps_per_epoch: int = 1,
        momentum: Schedule | None = None,
    ):
        self.schedule: Any = schedule
        if isinstance(schedule, list | tuple):
            self.schedule = tuple(_schedule(f"schedule[{i}]", s) for i, s in enumerate(schedule))
        else:
            _schedule("schedule", schedule)
        self.steps_per_epoch = checks.count("steps_per_epoch", steps_per_epoch)
        self.momentum = checks.optional(_schedule)("momentum", momentum)
        groups = groups_of(optimizer)
        if momentum is not None:
            check_momentum(groups)
        self._whole = whole_rate(optimizer)
        self.optimizer = optimizer
        self._prepare()
        super().__init__(optimizer)

    def step(self, epoch: float | None = None) -> None:
        """Go on to the next rate.

        Args:
            epoch: What k is set to instead, at least 0; torch advises against it.

        Raises:
            ValueError: ``epoch`` is negative or no number, or a group has come without a schedule.
        """
        k = None if epoch is None else _clock("epoch", epoch)
        self._prepare()
        super().step(k)  # type: ignore[arg-type]

    def get_lr(self) -> list[float | Tensor]:
        """Return each group's rate at the present step; as in torch's own, set the momentum."""
        t = self.last_epoch / self.steps_per_epoch
        if self.momentum is not None:
            value = checks.decay_rate("momentum", self.momentum(t))
            set_momentum(self.optimizer.param_groups, value)
        shares = self._shares()
        if isinstance(self.schedule, tuple):
            lrs = [schedule(t) for schedule in self.schedule]
        else:
            lrs = [self._rate(t)] * len(shares)
        return [lr * share for lr, share in zip(lrs, shares, strict=True)]

    def _rate(self, t: float) -> float:
        return float(self.schedule(t))

    def _shares(self) -> list[float]:
        """By what each group multiplies its schedule's rate."""
        whole = None if isinstance(self.schedule, tuple) else self._whole
        return [share_of(group, whole) for group in self.optimizer.param_groups]

    def _prepare(self) -> None:
        """Refuse groups that do not fit, and part those that share a tensor but not a rate."""
        groups, courses = groups_of(self.optimizer), self.schedule
        if not isinstance(courses, tuple):
            courses = (courses,) * len(groups)
        if len(courses) != len(groups):
            raise ValueError(
                f"schedule must be one for each of the optimizer's {len(groups)} parameter groups, "
                f"received {len(courses)}"
            )
        part_tensors(groups, list(zip(courses, self._shares(), strict=True)))

    def state_dict(self) -> dict[str, Any]:
        """Return plain values only, fit for ``torch.load(..., weights_only=True)``."""
        several = isinstance(self.schedule, tuple)
        configs = [one.to_config() for one in (self.schedule if several else [self.schedule])]
        state = {
            "schedule": configs if several else configs[0],
            "steps_per_epoch": self.steps_per_epoch,
            "last_epoch": self.last_epoch,
        }
        return state | ({} if self.momentum is None else {"momentum": self.momentum.to_config()})

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where the saved scheduler stood, and set the optimizer's rates accordingly.

        Raises:
            ValueError: The state belongs to another schedule, momentum or number of steps, or it
                does not say how many were made.
        """
        own = self.state_dict()
        parameters = {n: own.get(n) for n in ("schedule", "steps_per_epoch", "momentum")}
        checks.same_parameters(state_dict, parameters)
        if foreign := sorted(state_dict.keys() - own):
            raise ValueError(f"the saved state has {', '.join(foreign)} of another scheduler")
        last_epoch = _clock("last_epoch", state_dict.get("last_epoch"))
        self._prepare()
        self.last_epoch = last_epoch  # type: ignore[assignment]
        self._step_count = math.ceil(last_epoch) + 1
        self._set_rates()

    def _set_rates(self) -> None:
        groups = self.optimizer.param_groups
        for group, lr in zip(groups, self.get_lr(), strict=True):
            group["lr"] = put(group["lr"], float(lr))
        self._last_lr = [deepcopy(group["lr"]) for group in groups]  # as torch: a tensor is copied


def _clock(name: str, value: Any) -> float:
    """A number of steps, perhaps with a fraction; an integer stays one."""
    if isinstance(value, Integral):
        return checks.whole(name, value)
    return checks.number(name, value, "of at least 0", lambda x: x >= 0)


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


def rates_of_line(lines: FrameworkLines, *, n: int) -> np.ndarray:
    """Run PyTorch's line of a schedule and return the rates that it gives in 30 epochs.

    Args:
        lines: One of `lrlab.schedules.FRAMEWORK_LINES`.
        n: Calls of the scheduler's ``step`` in an epoch.

    Returns:
        float64 array of shape ``(30 * n,)``.

    Example:
        >>> from lrlab.schedules import FRAMEWORK_LINES
        >>> rates_of_line(FRAMEWORK_LINES["step"], n=1)[[0, 9, 10, 29]]
        array([0.1  , 0.1  , 0.05 , 0.025])
    """
    names = {**vars(lr_scheduler), "n": checks.count("n", n)}
    return rates_of(lambda opt: eval(lines.pytorch, {**names, "opt": opt}), lr=0.1, steps=30 * n)


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
        optimizer: The optimizer; what its groups have of the rate is as in `ScheduleLR`.
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
        checks.whole("last_epoch", state_dict.get("last_epoch"))
        super().load_state_dict(state_dict)
        self.state = state
        self._set_rates()

"""A plateau policy, after a warm-up or by itself, as a torch ``LRScheduler``."""

from __future__ import annotations

from typing import Any

from torch.optim import Optimizer

from lrlab.plateau import ReduceOnPlateau
from lrlab.pytorch.bridge import ScheduleLR
from lrlab.reacting import ReactingSchedule
from lrlab.schedule_base import Schedule


class PlateauLR(ScheduleLR):
    r"""Sets each parameter group's rate to what a schedule and a plateau policy make of it.

    At time :math:`t = k/n`, in epoch :math:`e = \lfloor t \rfloor`, the rate is
    :math:`\eta_e\, s(t)/\eta` times the group's ``lr_scale``, where :math:`\eta_e` is the rate of
    the policy's state and η its first one (`lrlab.reacting.ReactingSchedule`). Here k counts the
    calls of `step` and n is ``steps_per_epoch``. The call that ends an epoch comes after the
    evaluation and is given its metric; the others, after each update but an epoch's last, are given
    none. With ``steps_per_epoch=1`` it is thus used like torch's own ``ReduceLROnPlateau``, and a
    policy of convention ``"pytorch"`` by itself then gives the rates of that one bit for bit.

    A warm-up in front, which torch cannot combine with its own, is part of the schedule. The state
    has all counters in it, so a run that goes on from it goes on as if it had never stopped.

    Args:
        optimizer: The optimiser; a parameter group may hold ``lr_scale``, 1 by default.
        policy: What lowers the rate, of either convention.
        schedule: The rate over time in epochs if nothing lowered it; by default ``policy.lr``.
        watch_from: First epoch whose metric counts, such as the one after a warm-up; an integer of
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
        >>> scheduler = PlateauLR(optimizer, policy, schedule=ramp, watch_from=2)
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
        watch_from: int = 0,
        steps_per_epoch: int = 1,
    ):
        self.reacting = ReactingSchedule(policy, schedule=schedule, watch_from=watch_from)
        self.state = policy.start()
        super().__init__(optimizer, self.reacting.schedule, steps_per_epoch=steps_per_epoch)

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
                self.state = self.reacting.update(self.state, epoch, metric)
        super().step()

    def _rate(self, t: float) -> float:
        return self.reacting.rate(self.state.lr, t)

    def state_dict(self) -> dict[str, Any]:
        """Return plain values only, fit for ``torch.load(..., weights_only=True)``."""
        return {**super().state_dict(), **self.reacting.to_dict(self.state)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where the saved scheduler stood, and set the optimiser's rates accordingly.

        Raises:
            ValueError: The state belongs to another policy, schedule, beginning of the watch or
                number of steps, or it is incomplete.
        """
        state = self.reacting.restore(state_dict)
        super().load_state_dict(state_dict)
        self.state = state
        self._set_rates()

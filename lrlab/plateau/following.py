r"""A schedule whose rates a plateau policy lowers while training goes on.

The schedule gives the shape of the rate, such as a warm-up; the policy gives a level that follows a
metric. `lrlab.pytorch.PlateauLR` and `lrlab.keras.PlateauCallback` bring both to an optimizer.

Example:
    >>> from lrlab import Constant, warmup
    >>> policy = ReduceOnPlateau(0.5, factor=0.5, patience=2)
    >>> lowered = PlateauSchedule(policy, schedule=warmup(Constant(0.5), 2), first_epoch=2)
    >>> states = lowered.replay([9.0, 9.0, 3.0, 3.0, 3.0])
    >>> [lowered.rate(state.lr, epoch) for epoch, state in enumerate(states)]
    [0.0, 0.25, 0.5, 0.5, 0.5, 0.25]
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any, overload

import numpy as np

from lrlab.plateau.policy import ReduceOnPlateau
from lrlab.plateau.state import PlateauState
from lrlab.schedules import Constant, Schedule
from lrlab.utils import Value, checks, instance

A_POLICY = instance(ReduceOnPlateau, words="a ReduceOnPlateau")


@dataclass(frozen=True)
class PlateauSchedule(Value):
    r"""The rate :math:`\eta_e\, s(t)/\eta` at time t of epoch e.

    Here s is the schedule, η the policy's ``lr``, and :math:`\eta_e` the rate of the policy's state
    in epoch e. The policy watches from epoch w on: the metrics of earlier epochs neither count nor
    set the best. As :math:`s(w) = \eta` is asked for, the rate is exactly the policy's wherever the
    schedule has that value, so from w on if it stays there; where it goes on to fall, the policy's
    cuts and its floor ``min_lr`` are scaled along.

    Args:
        policy: What lowers the rate, and how far; its ``lr`` is greater than 0.
        schedule: The rate over time in epochs if nothing lowered it.
        first_epoch: First epoch w whose metric counts, an integer of at least 0.

    Raises:
        ValueError: An argument breaks its rule, or the schedule is not at the policy's ``lr`` when
            the policy begins to watch.
    """

    policy: Annotated[ReduceOnPlateau, A_POLICY]
    _: KW_ONLY
    schedule: Annotated[Schedule, instance(Schedule, words="a schedule of lrlab")]
    first_epoch: Annotated[int, checks.whole] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        lr = checks.positive("policy.lr", self.policy.lr)
        if (begin := self.schedule(self.first_epoch)) != lr:
            raise ValueError(
                "policy.lr must be the rate of the schedule in epoch first_epoch, "
                f"schedule({self.first_epoch}) = {begin}, received {lr}"
            )

    def update(self, state: PlateauState, epoch: int, metric: float) -> PlateauState:
        """Return the policy's state after an epoch, which is the one before if nobody watched.

        Args:
            state: The policy's state in the epoch.
            epoch: Number of the epoch, counted from 0.
            metric: What it ended with, see `ReduceOnPlateau.update`.
        """
        return state if epoch < self.first_epoch else self.policy.update(state, metric)

    @overload
    def rate(self, lr: float, t: float) -> float: ...

    @overload
    def rate(self, lr: float | np.ndarray, t: np.ndarray) -> np.ndarray: ...

    def rate(self, lr: Any, t: Any) -> float | np.ndarray:
        """Return the rate in force at time ``t``.

        Args:
            lr: Rate of the policy's state in the epoch of ``t``; for several moments one for each.
            t: Moments in epochs: one number or an array.
        """
        # In this order it is exactly lr where the schedule is at the policy's.
        return lr * (self.schedule(t) / self.policy.lr)

    def replay(self, metrics: Iterable[float]) -> list[PlateauState]:
        """Return the policy's state in each epoch of a run that ended its epochs with ``metrics``.

        Args:
            metrics: One for each epoch from 0 on.

        Returns:
            The state before the first epoch and after each, one more than metrics.
        """
        states = [self.policy.start()]
        for epoch, metric in enumerate(metrics):
            states.append(self.update(states[-1], epoch, metric))
        return states

    def to_dict(self, state: PlateauState) -> dict[str, Any]:
        """Return a state, and what it belongs to, as plain values; `restore` takes them back."""
        return {
            "schedule": self.schedule.to_config(),
            "first_epoch": self.first_epoch,
            "plateau": state.to_dict(),
        }

    def restore(self, saved: dict[str, Any]) -> PlateauState:
        """Return the state out of a dict that holds what `to_dict` gave, and perhaps more.

        Raises:
            ValueError: The dict holds no state, or one of another schedule or policy.
        """
        own = self.to_dict(self.policy.start())
        checks.same_parameters(saved, {name: own[name] for name in ("schedule", "first_epoch")})
        return self.policy.restore(saved.get("plateau"))


def lowered_by(
    policy: ReduceOnPlateau, schedule: Schedule | None = None, first_epoch: int = 0
) -> PlateauSchedule:
    """Return a schedule as a policy lowers it; without a schedule, the policy's own rate.

    Args:
        policy: What lowers the rate.
        schedule: The rate over time in epochs if nothing lowered it; by default ``policy.lr``.
        first_epoch: First epoch whose metric counts.

    Raises:
        ValueError: See `PlateauSchedule`.

    Example:
        >>> lowered_by(ReduceOnPlateau(0.5)).schedule
        Constant(lr=0.5)
    """
    checked = A_POLICY("policy", policy)
    shape = Constant(checked.lr) if schedule is None else schedule
    return PlateauSchedule(checked, schedule=shape, first_epoch=first_epoch)

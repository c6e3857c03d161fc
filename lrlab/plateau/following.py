r"""A schedule whose rates a plateau policy lowers while training goes on.

The schedule gives the shape of the rate, a warm-up for one; the policy a level that follows a
metric. `lrlab.pytorch.PlateauLR` and `lrlab.keras.PlateauCallback` bring both to an optimiser.

Example:
    >>> from lrlab import Constant, warmup
    >>> policy = ReduceOnPlateau(0.5, factor=0.5, patience=2)
    >>> reacting = PlateauSchedule(policy, schedule=warmup(Constant(0.5), 2), first_epoch=2)
    >>> states = reacting.replay([9.0, 9.0, 3.0, 3.0, 3.0])
    >>> [reacting.rate(state.lr, epoch) for epoch, state in enumerate(states)]
    [0.0, 0.25, 0.5, 0.5, 0.5, 0.25]
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from lrlab.plateau.policy import PlateauState, ReduceOnPlateau
from lrlab.schedules import Constant, Schedule
from lrlab.utils import checks


@dataclass(frozen=True)
class PlateauSchedule:
    r"""The rate :math:`\eta_e\, s(t)/\eta` at time t of epoch e.

    Here s is the schedule, η the policy's ``lr``, and :math:`\eta_e` the rate of the policy's state
    in epoch e. The policy watches from epoch w on: the metrics of earlier epochs neither count nor
    set the best. As :math:`s(w) = \eta` is asked for, the rate is exactly the policy's wherever the
    schedule has that value, so from w on if it stays there; where it goes on to fall, the policy's
    cuts and its floor ``min_lr`` are scaled along.

    Args:
        policy: What lowers the rate, and how far; its ``lr`` is greater than 0.
        schedule: The rate over time in epochs if nothing lowered it; by default constant.
        first_epoch: First epoch w whose metric counts, an integer of at least 0.

    Raises:
        ValueError: An argument breaks its rule, or the schedule is not at the policy's ``lr`` when
            the policy begins to watch.
    """

    policy: ReduceOnPlateau
    _: KW_ONLY
    schedule: Schedule | None = None
    first_epoch: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.policy, ReduceOnPlateau):
            raise ValueError(f"policy must be a ReduceOnPlateau, received {self.policy!r}")
        lr = checks.positive("policy.lr", self.policy.lr)
        schedule = Constant(lr) if self.schedule is None else self.schedule
        if not isinstance(schedule, Schedule):
            raise ValueError(f"schedule must be a schedule of lrlab, received {schedule!r}")
        epoch = checks.whole("first_epoch", self.first_epoch)
        if (begin := schedule(epoch)) != lr:
            rule = "the rate of the schedule in epoch first_epoch"
            raise ValueError(
                f"policy.lr must be {rule}, schedule({epoch}) = {begin}, received {lr}"
            )
        # A frozen dataclass takes values only this way.
        object.__setattr__(self, "schedule", schedule)
        object.__setattr__(self, "first_epoch", epoch)

    def update(self, state: PlateauState, epoch: int, metric: float) -> PlateauState:
        """Return the policy's state after an epoch, which is the one before if nobody watched.

        Args:
            state: The policy's state in the epoch.
            epoch: Number of the epoch, counted from 0.
            metric: What it ended with, see `ReduceOnPlateau.update`.
        """
        return state if epoch < self.first_epoch else self.policy.update(state, metric)

    def rate(self, lr: float | np.ndarray, t: float | np.ndarray) -> float | np.ndarray:
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
        check_same(saved, {name: own[name] for name in ("schedule", "first_epoch")})
        return self.policy.restore(saved.get("plateau"))


def check_same(saved: dict[str, Any], own: dict[str, Any]) -> None:
    """Refuse the saved state of a scheduler that was made with other parameters.

    Args:
        saved: The state.
        own: The parameters that it has to agree with.

    Raises:
        ValueError: It does not.
    """
    if not isinstance(saved, dict):
        raise ValueError(f"state_dict must be what state_dict() gives, received {saved!r}")
    for name, value in own.items():
        if saved.get(name) != value:
            raise ValueError(
                f"the saved state has {name} {saved.get(name)!r}, this scheduler {value!r}"
            )

"""Did a run use the rates that it was meant to use?"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from lrlab.plateau import PlateauState
from lrlab.schedules import SLACK, Schedule, relative_difference
from lrlab.training.history import History


def lr_deviation(history: History, schedule: Schedule | None = None) -> float:
    """Return how far the used rates were from those intended, at worst.

    The moments compared are those at which the run was to set its rate (``per`` of its recipe):
    every epoch, or every step of the finished epochs; of a thinned record every epoch. To these
    come all moments at which the used rate changed. The rates that a plateau policy intended are
    those that it gives for the metrics on record.

    Args:
        history: The record of the run.
        schedule: What the rates should have been; by default the run's own schedule, and its
            plateau policy if it has one.

    Returns:
        Largest absolute difference, divided by the largest intended rate.

    Raises:
        ValueError: No epoch is finished.
    """
    every_step = history.recipe.per == "step" and not history.thinned
    steps = history.steps_per_epoch if every_step else 1
    if history.epochs == 0:
        raise ValueError("the run has no finished epoch to compare")
    grid = np.arange(history.epochs * steps) / steps
    changed = [t for t, _ in history.lr_changes if t < history.epochs]
    t = np.concatenate([grid, changed])
    set_at = np.floor(t * steps * SLACK) / steps
    intended = schedule(set_at) if schedule else _intended(history, set_at)
    return relative_difference(intended, history.used_lr(t))


def cut_epochs(history: History) -> list[int]:
    """Return the epochs before which the run's plateau policy cut the rate.

    They are computed from the metrics on record; a run without a policy has none.

    Args:
        history: The record of the run.
    """
    pairs = enumerate(pairwise(_states(history)), start=1)
    return [epoch for epoch, (before, after) in pairs if after.lr < before.lr]


def _intended(history: History, t: np.ndarray) -> np.ndarray:
    """The rates that the run was to set at moments of its finished epochs."""
    plateau = history.recipe.plateau
    if plateau is None:
        return history.schedule(t)
    lrs = np.array([state.lr for state in _states(history)])
    return np.asarray(plateau.rate(lrs[np.floor(t).astype(int)], t))


def _states(history: History) -> list[PlateauState]:
    """The plateau policy's state in each epoch, from the metrics on record; [] without one."""
    watch, plateau = history.recipe.watch, history.recipe.plateau
    if watch is None or plateau is None:
        return []
    return plateau.replay(getattr(history, watch.metric)[:-1])

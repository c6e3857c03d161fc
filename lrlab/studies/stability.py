"""Recorded sharpness against the edge of stability."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lrlab.studies.store import RecordError
from lrlab.theory import edge_of_stability
from lrlab.training import History
from lrlab.utils import checks


class AtEdge(NamedTuple):
    """The sharpness of a run over the edge of its rate; a ratio of 1 lies on it.

    Args:
        step: The updates before each measurement.
        loss: The loss of the batch that followed.
        sharpness: What was measured.
        edge: That of the optimizer at the rate of that update, `lrlab.theory.edge_of_stability`.
        counts: Which measurements lie behind the climb and before the loss is used up.
    """

    step: np.ndarray
    loss: np.ndarray
    sharpness: np.ndarray
    edge: np.ndarray
    counts: np.ndarray

    @property
    def ratio(self) -> np.ndarray:
        """The sharpness over the edge."""
        return self.sharpness / self.edge

    def median(self) -> float:
        """The median ratio of the measurements that count; infinite if none does."""
        return float(np.median(self.ratio[self.counts])) if self.counts.any() else np.inf


def at_edge(run: History, *, climbed: float = 0.5, used_up: float = 0.1) -> AtEdge:
    """Return where the sharpness of a recorded run lay, for the edge of stability.

    Measurements without a finite sharpness are left out, as the first one under Adam.

    Args:
        run: With the sharpness of some updates in ``measured["updates"]``, see `Measure`.
        climbed: From the first measurement on whose ratio is at least this, they count,
        used_up: while the loss is above this.

    Raises:
        RecordError: The run holds no sharpness.
        ValueError: A number breaks its rule.
    """
    climbed, used_up = checks.positive("climbed", climbed), checks.positive("used_up", used_up)
    updates = run.measured.get("updates")
    if not isinstance(updates, dict) or not updates.get("sharpness"):
        raise RecordError(f"the run with seed {run.recipe.seed} holds no sharpness of its updates")
    columns = (np.array(updates[name], dtype=float) for name in ("step", "loss", "sharpness"))
    step, loss, sharpness = columns
    found = np.isfinite(sharpness)
    step, loss, sharpness = step[found], loss[found], sharpness[found]
    time = step / run.steps_per_epoch
    lr = run.schedule(time if run.recipe.per == "step" else np.floor(time))
    edge = np.asarray(edge_of_stability(run.recipe.optimizer, lr))
    counts = np.maximum.accumulate(sharpness >= climbed * edge) & (loss > used_up)
    return AtEdge(step, loss, sharpness, edge, counts)

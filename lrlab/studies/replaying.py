"""Range tests that were recorded: as if they were made now, with a rule that stops them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from lrlab.studies.store import RecordError
from lrlab.training import History, RangeRecorder, RangeTest


def range_tests(
    runs: Iterable[History], *, beta: float = 0.98, stop_at: float = 4.0
) -> dict[int, RangeTest]:
    """Return recorded runs with a growing rate as range tests.

    A record has the losses of all updates; those after the test would have stopped are left out.

    Args:
        runs: Histories whose schedule grows, with the loss of each batch in
            ``measured["updates"]``, such as ``load("range-LeNet")["range test"]``.
        beta: Weight of the past in the smoothed losses, in [0, 1).
        stop_at: By what factor the smoothed loss may rise above its minimum, greater than 1.

    Returns:
        For each seed what a test with these settings finds.

    Raises:
        RecordError: A run holds no losses of its updates.
        ValueError: A number breaks its rule.
    """
    return {run.recipe.seed: _replayed(run, beta, stop_at) for run in runs}


def _replayed(run: History, beta: float, stop_at: float) -> RangeTest:
    updates = run.measured.get("updates")
    if not isinstance(updates, dict) or not updates.get("loss"):
        raise RecordError(f"the run with seed {run.recipe.seed} holds no losses of its updates")
    planned = run.recipe.epochs * run.steps_per_epoch
    lrs = run.schedule(np.arange(planned) / run.steps_per_epoch).tolist()
    recorder = RangeRecorder(low=lrs[0], high=lrs[-1], steps=planned, beta=beta, stop_at=stop_at)
    for step, loss in zip(updates["step"], updates["loss"], strict=True):
        recorder.record(lrs[int(step)], float(loss))
        if recorder.stopped:
            break
    return recorder.result()

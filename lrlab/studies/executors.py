"""Other ways to make runs than side by side: runs in, outcomes out; `execute` writes records."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import nullcontext

from lrlab.optimizers import twin
from lrlab.studies import execution
from lrlab.studies.execution import Outcome
from lrlab.studies.study import Run
from lrlab.training import History

TOGETHER = 100  # runs in one program; several times as many fit into the memory of a large GPU


def batched(runs: Iterable[Run], device: str = "auto") -> Iterator[Outcome]:
    """Make runs in a few programs on a GPU, each of which trains many networks at once.

    Those with the same network, images, epochs and batch size are trained together; a run that
    cannot be, since it leaves snapshots, is watched by a policy or has another optimizer than
    `SGD` and `Momentum`, is made alone.

    Args:
        runs: What is wanted.
        device: A torch device, or ``"auto"``: a GPU. A CPU has to be asked for by name.

    Yields:
        The outcomes; those of a program all come at its end.
    """
    groups: dict[tuple[object, ...], list[Run]] = {}
    for run in runs:
        setting, recipe = run.setting, run.recipe
        key = (setting.network, setting.data, recipe.epochs, recipe.batch_size)
        groups.setdefault(key if _can_join(run) else (run,), []).append(run)
    for group in groups.values():
        if not _can_join(group[0]):
            yield execution._perform(group[0], device, os.getpid())
            continue
        for start in range(0, len(group), TOGETHER):
            yield from _together(group[start : start + TOGETHER], device)


def _can_join(run: Run) -> bool:
    recipe = run.recipe
    plain = run.setting.snapshots is None and recipe.watch is None
    plain = plain and run.setting.data.evaluate_on != "both"
    return plain and twin(recipe.optimizer, "pytorch")[0] == "SGD"


def _together(runs: list[Run], device: str) -> Iterator[Outcome]:
    start, histories, error = time.perf_counter(), [], None
    try:
        histories = _train(runs, device)
    except Exception as reason:  # whatever it is, the other programs go on
        error = f"{type(reason).__name__}: {reason}"
    seconds = (time.perf_counter() - start) / len(runs)
    for number, run in enumerate(runs):
        yield Outcome(run, seconds, None if error else histories[number], error)


def _train(runs: list[Run], device: str) -> list[History]:
    from lrlab import pytorch  # late, as torch takes seconds to import

    dataset, _ = execution._images(runs[0].setting.data)
    networks = [execution.network(run, dataset) for run in runs]
    on_cuda = pytorch.pick_device(device).type == "cuda"
    with pytorch.deterministic() if on_cuda else nullcontext():
        return pytorch.fit_many(networks, dataset, [run.recipe for run in runs], device=device)

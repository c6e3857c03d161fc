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


def batched(
    runs: Iterable[Run], device: str = "auto", asked: Iterable[Run] | None = None
) -> Iterator[Outcome]:
    """Make runs in a few programs on a GPU, each of which trains many networks at once.

    Those with the same network, images, epochs and batch size are trained together; a run that
    cannot be, since it leaves snapshots, is watched by a policy or has another optimizer than
    `SGD` and `Momentum`, is made alone.

    The last bits of a run depend on the others in its program. So whoever goes on after an end
    names all runs that were asked for: a program that is not whole is trained as a whole again.

    Args:
        runs: What is wanted.
        device: A torch device, or ``"auto"``: a GPU. A CPU has to be asked for by name.
        asked: What programs are made of, the runs among them; None for the runs alone.

    Yields:
        The outcomes of the runs; those of a program all come at its end.
    """
    runs = list(runs)
    wanted, groups = set(runs), dict[tuple[object, ...], list[Run]]()
    for run in runs if asked is None else asked:
        setting, recipe = run.setting, run.recipe
        key = (setting.network, setting.data, recipe.epochs, recipe.batch_size)
        groups.setdefault(key if can_join(run) else (run,), []).append(run)
    for group in groups.values():
        for start in range(0, len(group), TOGETHER):
            program = group[start : start + TOGETHER]
            if wanted.isdisjoint(program):
                continue
            if can_join(program[0]):
                made = _together(program, device)
                yield from (outcome for outcome in made if outcome.run in wanted)
            else:
                yield execution._perform(program[0], device, os.getpid())


def can_join(run: Run) -> bool:
    """Whether `batched` trains a run together with others like it, as to network and images."""
    recipe = run.recipe
    setting, data = run.setting, run.setting.data
    plain = recipe.watch is None and setting.snapshots is None and setting.measure is None
    plain = plain and data.evaluate_on != "both" and data.per_epoch is None
    plain = plain and setting.network.name != "Decoder"
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

"""The records of a study as chapters use them: histories, last values, a table of all runs."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lrlab.studies.catalog import STUDIES
from lrlab.studies.store import RecordError, find, places, refuse
from lrlab.studies.study import Study
from lrlab.training import METRICS, History
from lrlab.utils import checks

if TYPE_CHECKING:
    import pandas as pd

    from lrlab.statistics import Pairs


def load(
    study: Study | str, results: Path | str | None = None, *, complete: bool = True
) -> dict[str, list[History]]:
    """Return the records of a study.

    Args:
        study: The study, or the name of one in `lrlab.studies.STUDIES`.
        results: See `lrlab.studies.places`.
        complete: Insist on every run of the study.

    Returns:
        For each label, in the study's order, the histories by seed; more seeds than the study
        asks for are given too.

    Raises:
        ValueError: There is no study of this name.
        RecordError: A file in the study's folder cannot be used, or a run is missing.
    """
    study = _named(study)
    found = find(study, results)
    refuse(found.problems)
    seeds = {label: {run.recipe.seed for run in of} for label, of in found.histories.items()}
    absent = [run for run in study.runs() if run.seed not in seeds[run.setting.label]]
    if complete and absent:
        where = " or ".join(str(place / study.name) for place in places(results))
        raise RecordError(
            f"{len(absent)} of {len(study.runs())} runs of {study.name} are not recorded in "
            f"{where}, {absent[0].name} for one. Make them: lrlab run {study.name}"
        )
    return found.histories


def table(study: Study | str, results: Path | str | None = None) -> pd.DataFrame:
    """Return the runs of a study as a table, one row per run.

    Args:
        study: The study, or its name.
        results: See `lrlab.studies.places`.

    Returns:
        A DataFrame with the columns

        - ``label`` and ``seed``: which run it is; rows are in the order of labels, then seeds;
        - ``network``, ``init``, ``dataset``, ``train_images``;
        - ``schedule``: its class; ``lr``: the highest rate that it asks for in the run; ``per``;
        - ``optimizer``: its class; ``momentum``: 0 for one without; ``clip_norm``: NaN for none;
        - ``batch_size``, ``epochs``;
        - ``train_loss``, ``test_loss``, ``test_accuracy``: the values of the last epoch made, not
          finite for a loss that diverged;
        - ``stopped``: why the run ended early, an empty text if it did not.

    Raises:
        ValueError: There is no study of this name.
        RecordError: See `load`.

    Example:
        >>> runs = table("momentum-10")
        >>> runs.pivot(index="label", columns="seed", values="test_accuracy").shape
        (6, 5)
        >>> runs.groupby(["momentum", "lr"]).size().to_dict()
        {(0.0, 0.1): 5, (0.0, 0.3): 5, (0.9, 0.01): 10, (0.9, 0.03): 10}
    """
    import pandas as pd

    study = _named(study)
    inits = {setting.label: setting.network.init for setting in study.settings}
    return pd.DataFrame(
        [
            {"label": label, "seed": run.recipe.seed} | _coordinates(run, inits[label])
            for label, runs in load(study, results).items()
            for run in runs
        ]
    )


def _coordinates(run: History, init: str) -> dict[str, Any]:
    recipe = run.recipe
    rates_per_epoch = run.steps_per_epoch if recipe.per == "step" else 1
    moments = np.arange(recipe.epochs * rates_per_epoch) / rates_per_epoch
    return {
        "network": run.network,
        "init": init,
        "dataset": run.dataset,
        "train_images": run.train_images,
        "schedule": type(recipe.schedule).__name__,
        "lr": float(recipe.schedule(moments).max()),
        "per": recipe.per,
        "optimizer": type(recipe.optimizer).__name__,
        "momentum": float(getattr(recipe.optimizer, "momentum", 0.0)),
        "clip_norm": np.nan if recipe.clip_norm is None else recipe.clip_norm,
        "batch_size": recipe.batch_size,
        "epochs": recipe.epochs,
        **{metric: getattr(run, metric)[-1] for metric in METRICS},
        "stopped": run.stopped or "",
    }


def final_values(
    study: Study | str, metric: str, results: Path | str | None = None
) -> dict[str, np.ndarray]:
    """Return the last value of a metric in every run of a study.

    Args:
        study: The study, or its name.
        metric: ``"train_loss"``, ``"test_loss"`` or ``"test_accuracy"``.
        results: See `lrlab.studies.places`.

    Returns:
        For each label the values, a seed each, in the unit of the metric. A run that diverged ends
        with the value of its last epoch, which is not finite for a loss.

    Raises:
        ValueError: There is no such study or metric.
        RecordError: See `load`.
    """
    checks.choice("metric", metric, tuple(METRICS))
    return {
        label: np.array([getattr(history, metric)[-1] for history in histories])
        for label, histories in load(study, results).items()
    }


def chosen(
    study: Study | str,
    labels: Iterable[str] | None = None,
    results: Path | str | None = None,
    *,
    metric: str = "test_accuracy",
) -> str:
    """Return the setting that the recorded runs of a study choose.

    It has the best mean after the last epoch over all its seeds, of those whose runs all reach it:
    the highest accuracy, or the lowest loss. Where two have the same, it is the first one.

    Args:
        study: The study, or its name; its runs are evaluated on held-out images.
        labels: The settings among which is chosen; None for all.
        metric: What is averaged: a curve of a `lrlab.training.History` that can be watched.
        results: See `lrlab.studies.places`.

    Returns:
        The label.

    Raises:
        ValueError: There is no such study or label, no setting has all its runs, or the runs were
            evaluated on the test images.
        RecordError: See `load`.
    """
    study = _named(study)
    settings = {setting.label: setting for setting in study.settings}
    labels = list(settings if labels is None else labels)
    for label in labels:
        checks.choice("label", label, tuple(settings))
        if settings[label].data.evaluate_on == "test":
            raise ValueError(
                f"{study.name} must be evaluated on held-out images to choose by it, and "
                f"{label!r} is on the test images"
            )
    histories = load(study, results)
    whole = [label for label in labels if all(run.stopped is None for run in histories[label])]
    if not whole:
        raise ValueError(f"none of {', '.join(labels)} of {study.name} has only runs to the end")
    sign = 1 if METRICS[checks.choice("metric", metric, tuple(METRICS))] == "max" else -1
    return max(
        whole, key=lambda label: sign * np.mean([getattr(r, metric)[-1] for r in histories[label]])
    )


def differences(
    study: Study | str,
    pairs: Mapping[str, tuple[str, str]],
    score: Callable[[History], float],
    results: Path | str | None = None,
    *,
    overflow: float | None = None,
) -> dict[str, Pairs]:
    """Return a score of one setting minus that of another, seed by seed, for several pairs.

    Args:
        study: The study, or its name.
        pairs: What each pair is called, and the labels of its two settings: the second is
            subtracted from the first.
        score: What a run is worth.
        results: See `lrlab.studies.places`.
        overflow: What a run that diverged is worth in the unit of the score, such as the accuracy
            of guessing; None for nothing: its seed is lost.

    Returns:
        For each name what `lrlab.statistics.paired` finds.

    Raises:
        ValueError: There is no such study or label.
        RecordError: See `load`.

    Example:
        >>> pairs = {"momentum": ("momentum 0.9, lr 0.03", "momentum 0, lr 0.3")}
        >>> more = differences("momentum-10", pairs, lambda run: 100 * run.test_accuracy[-1])
        >>> more["momentum"].interval().format(1)  # percentage points
        '0.5 [0.2, 0.9]'
    """
    from lrlab.statistics import paired  # late: the command needs no SciPy to begin

    histories = load(study, results)

    def scored(label: str) -> dict[Hashable, float]:
        return _scored(histories, label, score, overflow)

    return {name: paired(*map(scored, labels)) for name, labels in pairs.items()}


def scores(
    study: Study | str,
    label: str,
    score: Callable[[History], float],
    results: Path | str | None = None,
    *,
    overflow: float | None = None,
) -> dict[Hashable, float]:
    """Return what the runs of a setting are worth, by seed, to be paired with another study's.

    Args:
        study: The study, or its name.
        label: Of the setting.
        score: See `differences`.
        results: See `lrlab.studies.places`.
        overflow: See `differences`; None for not a number.

    Returns:
        A number for each seed.

    Raises:
        ValueError: There is no such study or label.
        RecordError: See `load`.

    Example:
        >>> last = scores("D4-step", "step", lambda run: 100 * run.test_accuracy[-1])
        >>> [round(value, 1) for value in last.values()]
        [64.5, 64.8, 64.2]
    """
    return _scored(load(study, results), label, score, overflow)


def _scored(
    histories: Mapping[str, list[History]],
    label: str,
    score: Callable[[History], float],
    overflow: float | None,
) -> dict[Hashable, float]:
    lost = np.nan if overflow is None else overflow
    runs = histories[checks.choice("label", label, tuple(histories))]
    return {run.recipe.seed: lost if run.stopped else score(run) for run in runs}


def measured(
    study: Study | str, *keys: str, results: Path | str | None = None
) -> dict[str, np.ndarray]:
    """Return one of the things that were measured besides the curves of a study's runs.

    Args:
        study: The study, or its name.
        keys: The way through the table of what was measured: ``"test", "accuracy"``,
            ``"updates", "sharpness"`` (see `Measure`), or of snapshots ``"members", "accuracy"``.
        results: See `lrlab.studies.places`.

    Returns:
        For each label an array whose first axis are the seeds.

    Raises:
        ValueError: There is no such study.
        RecordError: See `load`; or a run has nothing of that name, as one that diverged, or no
            numbers that are as many for every seed.
    """
    found = {}
    name = study if isinstance(study, str) else study.name
    for label, histories in load(study, results).items():
        seeds = []
        for history in histories:
            value: Any = history.measured
            for key in keys:
                if not isinstance(value, dict) or key not in value:
                    raise RecordError(
                        f"a run {label!r} of {name} holds no {'/'.join(keys)}; stopped: "
                        f"{history.stopped}"
                    )
                value = value[key]
            seeds.append(value)
        try:
            found[label] = np.array(seeds)
        except ValueError:  # as many for one seed as not for another
            found[label] = np.array(None)
        if found[label].dtype.kind not in "iuf":
            raise RecordError(
                f"{'/'.join(keys)} of the runs {label!r} of {name} must be numbers, as many for "
                f"every seed, received {checks.printable(seeds, 200)}"
            )
    return found


def _named(study: Study | str) -> Study:
    if not isinstance(study, str):
        return study
    if study not in STUDIES:
        raise ValueError(f"study must be one of {', '.join(STUDIES)}, received {study!r}")
    return STUDIES[study]

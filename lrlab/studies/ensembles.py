"""One run that leaves several networks, and everything that is asked about them together.

Imported by `lrlab.studies` only where a setting asks for snapshots, since it imports torch.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

from lrlab.data import Dataset
from lrlab.ensembles import Ensemble, Scores, choose_greedily
from lrlab.pytorch import Snapshots
from lrlab.pytorch import averaging as members
from lrlab.pytorch import fitting as training
from lrlab.studies.study import Run
from lrlab.training import History, snapshot_paths

ON_LINE = 5_000  # images on which a line between two networks is evaluated
APART = 1_000  # between the seeds of the networks that start afresh in one run
DIGITS = 6  # significant ones that are kept of what was measured
METRICS = ("train_loss", "test_loss", "test_accuracy", "seconds")


def train(
    run: Run,
    network: Callable[..., Any],
    fit: Callable[..., History],
    dataset: Dataset,
    validation: Dataset,
) -> History:
    """Make a run that takes snapshots, and measure them alone and together.

    Args:
        run: A run whose setting has ``snapshots``.
        network: Makes the network for ``seed=``.
        fit: `lrlab.pytorch.fit` but for the model, ``epochs``, ``seed`` and ``snapshots``.
        dataset: The images that it trains on and is tested on.
        validation: The same test images, and training images that it does not train on.

    Returns:
        The history of all epochs. ``measured`` is what `examine` returns, or empty if the run
        diverged.
    """
    setting = run.setting
    part = setting.epochs // setting.snapshots
    with tempfile.TemporaryDirectory() as folder:
        if setting.fresh:
            histories, paths = [], []
            for k in range(setting.snapshots):
                seed = run.seed + k * APART
                own = Snapshots(Path(folder, str(k)), ends=(part,))
                model = network(seed=seed)
                histories.append(fit(model, epochs=part, seed=seed, snapshots=own))
                paths += [] if histories[-1].stopped else snapshot_paths(own.folder, ".pt")
            history = joined(histories)
        else:
            ends = tuple(range(part, setting.epochs + 1, part))
            keep, model = Snapshots(folder, ends=ends), network(seed=run.seed)
            history = fit(model, epochs=setting.epochs, seed=run.seed, snapshots=keep)
            paths = [] if history.stopped else snapshot_paths(folder, ".pt")
        if history.stopped is None:
            history.measured = examine(paths, model, dataset, validation)
    return history


def joined(histories: list[History]) -> History:
    """Return the histories of networks trained one after the other as that of one run."""
    whole, *others = histories
    for history in others:
        if whole.stopped:
            break
        start = whole.epochs
        for t, lr in history.lr_changes:
            whole.record_lr(start + t, lr)
        for values in zip(*(getattr(history, name) for name in METRICS), strict=True):
            whole.record_epoch(**dict(zip(METRICS, values, strict=True)))
    return whole


def examine(
    paths: Iterable[Path], model: Any, dataset: Dataset, validation: Dataset
) -> dict[str, Any]:
    """Measure snapshots alone, together, averaged, and against one another.

    Args:
        paths: The snapshots, in the order in which they were made.
        model: A network of their layers; its weights are overwritten.
        dataset: Training and test images.
        validation: Its training images choose members.

    Returns:
        Plain values of six significant digits. Each list under a score has an entry for

        - ``members``: every snapshot alone, on the test images; ``validation``: the same on the
          validation images;
        - ``together``: the first k, for k from 1 to all, by each rule of `lrlab.ensembles`;
          ``last``: the last k; ``chosen``: the first k of ``order``, which `choose_greedily` found
          on the validation images, these three by averaged probabilities;
        - ``averaged``: the network whose weights are the mean of the last k snapshots';

        and ``disagreement``, ``error_correlation``, ``distances`` are matrices; ``lines`` has for
        each two consecutive snapshots the losses and the accuracy on the straight line between.
    """
    paths = list(paths)
    place = next(model.parameters()).device
    seen = training.to_device(dataset.x_train[:ON_LINE], dataset.y_train[:ON_LINE], place)
    test = training.to_device(dataset.x_test, dataset.y_test, place)
    held = training.to_device(validation.x_train, validation.y_train, place)
    ensemble = Ensemble(members.member_logits(paths, model, test[0]), dataset.y_test, "logits")
    choosing = Ensemble(members.member_logits(paths, model, held[0]), validation.y_train, "logits")
    order = choose_greedily(choosing, len(paths))
    backwards = ensemble.subset(range(len(paths))[::-1])
    averaged = []
    for first in range(len(paths))[::-1]:
        mean = members.average_weights(paths[first:], model, seen[0])
        outputs = members.logits(mean, test[0])
        averaged.append(Ensemble([outputs], dataset.y_test, "logits").score())
    found = {
        "members": _columns(ensemble.member_scores()),
        "validation": _columns(choosing.member_scores()),
        "together": {
            rule: _columns(ensemble.prefix_scores(rule))
            for rule in ("probabilities", "logits", "vote")
        },
        "last": _columns(backwards.prefix_scores()),
        "chosen": {"order": list(order), **_columns(ensemble.subset(order).prefix_scores())},
        "averaged": _columns(averaged),
        "disagreement": ensemble.disagreement().tolist(),
        "error_correlation": ensemble.error_correlation().tolist(),
        "distances": members.weight_distances(paths, model).tolist(),
        "lines": [_line(pair, model, seen, test) for pair in pairwise(paths)],
    }
    del found["together"]["vote"]["log_loss"]  # infinite as soon as one vote is unanimous and wrong
    return _rounded(found)


def _line(pair: tuple[Path, Path], model: Any, seen: Any, test: Any) -> dict[str, list[float]]:
    trained = members.along_line(*pair, model, *seen)
    tested = members.along_line(*pair, model, *(part[:ON_LINE] for part in test))
    return {
        "train_loss": trained.loss.tolist(),
        "test_loss": tested.loss.tolist(),
        "test_accuracy": tested.accuracy.tolist(),
    }


def _columns(scores: Iterable[Scores]) -> dict[str, list[float]]:
    columns = zip(*scores, strict=True)
    return {name: list(column) for name, column in zip(Scores._fields, columns, strict=True)}


def _rounded(value: Any) -> Any:
    """The same values, floats with the digits that mean something."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value

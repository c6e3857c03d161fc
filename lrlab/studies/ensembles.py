"""One run that leaves several networks, and everything that is asked about them together.

Imported by `lrlab.studies` only where a setting asks for snapshots, since it imports torch.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from lrlab import pytorch
from lrlab.data import Dataset
from lrlab.ensembles import Calibrated, Ensemble, Scores, calibrate, choose_greedily
from lrlab.studies.study import Parts, Run
from lrlab.training import History, Recipe, Snapshots, snapshot_paths

ON_LINE = 5_000  # images on which a line between two networks is evaluated
APART = 1_000  # between the seeds of the networks that start afresh in one run
DIGITS = 6  # significant ones that are kept of what was measured
CURVES = ("train_loss", "test_loss", "test_accuracy", "seconds")


def train_parts(
    run: Run,
    parts: Parts,
    network: Callable[..., Any],
    dataset: Dataset,
    held_out: Dataset,
    device: str,
    observers: Sequence[pytorch.Observer] = (),
) -> History:
    """Make a run that takes snapshots, and measure them alone and together.

    Args:
        run: The run.
        parts: The parts at whose ends a snapshot is taken.
        network: Makes the network for ``seed=``.
        dataset: The images that it trains on and is tested on.
        held_out: The same training images, and others to choose members on as its test images.
        device: A torch device, or ``"auto"``.
        observers: What else looks on while a network is trained.

    Returns:
        The history of all epochs. ``measured`` is what `examine` returns, or empty if the run
        diverged.
    """
    recipe, paths = run.recipe, list[Path]()
    with tempfile.TemporaryDirectory() as folder:
        if parts.fresh:
            histories = []
            part = replace(recipe, epochs=recipe.epochs // parts.number)
            for k in range(parts.number):
                seed = run.seed + k * APART
                keep = Snapshots(Path(folder, str(k)), ends=(part.epochs,))
                model = network(seed=seed)
                history = pytorch.fit(
                    model,
                    dataset,
                    part.seeded(seed),
                    device=device,
                    snapshots=keep,
                    observers=observers,
                )
                histories.append(history)
                paths += [] if history.stopped else snapshot_paths(keep.folder, ".pt")
            history = joined(histories, recipe)
        else:
            keep, model = Snapshots(folder, ends=parts.ends(recipe.epochs)), network(seed=run.seed)
            history = pytorch.fit(
                model, dataset, recipe, device=device, snapshots=keep, observers=observers
            )
            paths += [] if history.stopped else snapshot_paths(folder, ".pt")
        if history.stopped is None:
            history.measured = examine(paths, model, dataset, held_out)
    return history


def joined(histories: list[History], recipe: Recipe) -> History:
    """Return the histories of networks trained one after the other as that of one run."""
    whole, *others = histories
    whole.recipe = recipe
    for history in others:
        if whole.stopped:
            break
        start = whole.epochs
        for t, lr in history.lr_changes:
            whole.record_lr(start + t, lr)
        for values in zip(*(getattr(history, name) for name in CURVES), strict=True):
            whole.record_epoch(**dict(zip(CURVES, values, strict=True)))
    return whole


def examine(
    paths: Iterable[Path], model: Any, dataset: Dataset, held_out: Dataset
) -> dict[str, Any]:
    """Measure snapshots alone, together, averaged, and against one another.

    Args:
        paths: The snapshots, in the order in which they were made.
        model: A network of their layers; its weights are overwritten.
        dataset: Training and test images.
        held_out: Its test images choose members.

    Returns:
        Plain values of six significant digits. Each list under a score has an entry for

        - ``members``: every snapshot alone, on the test images; ``validation``: the same on the
          validation images;
        - ``together``: the first k, for k from 1 to all, by each rule of `lrlab.ensembles`;
          ``last``: the last k; ``chosen``: the first k of ``order``, which `choose_greedily` found
          on the validation images, these three by averaged probabilities;
        - ``averaged``: the network whose weights are the mean of the last k snapshots';
        - ``calibrated``: ``members``, and of all of them ``together`` and ``averaged``, each at
          the temperature that the validation images give it, see `lrlab.ensembles.calibrate`;

        and ``disagreement``, ``error_correlation``, ``distances`` are matrices; ``lines`` has for
        each two consecutive snapshots the losses and the accuracy on the straight line between.
    """
    paths, few = list(paths), slice(ON_LINE)
    seen = dataset.x_train[few], dataset.y_train[few]
    test = dataset.x_test[few], dataset.y_test[few]
    images = ((dataset.x_test, dataset.y_test), (held_out.x_test, held_out.y_test))
    ensemble, choosing = (
        Ensemble(np.array([*pytorch.member_logits(paths, model, x)]), labels, "logits")
        for x, labels in images
    )
    order = choose_greedily(choosing, len(paths))
    backwards = ensemble.subset(range(len(paths))[::-1])
    alone = [(ensemble.subset([k]), choosing.subset([k])) for k in range(len(paths))]
    averaged = []
    for first in range(len(paths))[::-1]:
        mean = pytorch.average_weights(paths[first:], model, seen[0])
        averaged.append(
            tuple(Ensemble(pytorch.logits(mean, x)[None], labels, "logits") for x, labels in images)
        )
    found = {
        "members": _columns(ensemble.member_scores()),
        "validation": _columns(choosing.member_scores()),
        "together": {
            rule: _columns(ensemble.prefix_scores(rule))
            for rule in ("probabilities", "logits", "vote")
        },
        "last": _columns(backwards.prefix_scores()),
        "chosen": {"order": list(order), **_columns(ensemble.subset(order).prefix_scores())},
        "averaged": _columns(tested.score() for tested, _ in averaged),
        "calibrated": {
            "members": _columns(calibrate(*one) for one in alone),
            "together": _columns([calibrate(ensemble, choosing)]),
            "averaged": _columns([calibrate(*averaged[-1])]),
        },
        "disagreement": ensemble.disagreement().tolist(),
        "error_correlation": ensemble.error_correlation().tolist(),
        "distances": pytorch.weight_distances(paths, model).tolist(),
        "lines": [_line(pair, model, seen, test) for pair in pairwise(paths)],
    }
    del found["together"]["vote"]["log_loss"]  # infinite as soon as one vote is unanimous and wrong
    return _rounded(found)


def _line(pair: tuple[Path, Path], model: Any, seen: Any, test: Any) -> dict[str, list[float]]:
    trained = pytorch.along_line(*pair, model, *seen)
    tested = pytorch.along_line(*pair, model, *test)
    return {
        "train_loss": trained.loss.tolist(),
        "test_loss": tested.loss.tolist(),
        "test_accuracy": tested.accuracy.tolist(),
    }


def _columns(scores: Iterable[Scores] | Iterable[Calibrated]) -> dict[str, list[float]]:
    rows = [one._asdict() for one in scores]
    return {name: [row[name] for row in rows] for name in rows[0]}


def _rounded(value: Any) -> Any:
    """The same values, floats with the digits that mean something."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value

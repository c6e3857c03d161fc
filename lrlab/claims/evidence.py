"""What claims are decided by: values of recorded runs by seed, and differences between them."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import cache

import numpy as np

from lrlab import studies
from lrlab.landscapes import Noisy, Quadratic
from lrlab.statistics import Pairs, decades, paired
from lrlab.training import History

POINTS = 100.0  # percentage points of accuracy

Values = dict[Hashable, float]  # by seed


def guessing(metric: str, classes: int = 10) -> float:
    """What guessing is worth: accuracy in percentage points, or loss in nats."""
    return POINTS / classes if metric == "test_accuracy" else math.log(classes)


@cache
def runs(study: str) -> dict[str, list[History]]:
    """The records of a study, read once."""
    return studies.load(study)


def each(names: str | Sequence[str], label: str, value: Callable[[History], float]) -> Values:
    """One number for each recorded seed of a setting, from one study or from several."""
    several = [names] if isinstance(names, str) else names
    return {run.recipe.seed: value(run) for name in several for run in runs(name)[label]}


def last(
    names: str | Sequence[str],
    label: str,
    metric: str = "test_accuracy",
    *,
    epoch: int = -1,
    guess: bool = False,
    classes: int = 10,
) -> Values:
    """A metric after the last epoch, or another one; accuracies in percentage points.

    Args:
        names: Of studies that have the label.
        label: Of the setting.
        metric: Of the history.
        epoch: Which one, counted from 0.
        guess: Whether a run that overflowed counts as guessing. If not, its value is infinite, and
            its seed is left out of every difference.
        classes: Among how many classes it guesses: 10 % or log 10 of ten.
    """

    def value(run: History) -> float:
        if run.stopped is not None:
            return guessing(metric, classes) if guess else math.inf
        return _scaled(metric, getattr(run, metric)[epoch])

    return each(names, label, value)


def at_best_epoch(names: str | Sequence[str], label: str) -> Values:
    """The accuracy in the epoch of a run's lowest test loss, in percentage points.

    A run that overflowed later has one as well.
    """

    def value(run: History) -> float:
        return POINTS * run.test_accuracy[int(np.nanargmin(run.test_loss))]

    return each(names, label, value)


def rise(names: str | Sequence[str], label: str) -> Values:
    """How far the test loss has risen at the end above its lowest value, in nats."""
    return each(names, label, lambda run: run.test_loss[-1] - min(run.test_loss))


def when_trained_to(names: str | Sequence[str], label: str, train_loss: float) -> Values:
    """The test loss after the first epoch whose training loss is as low as that, in nats."""

    def value(run: History) -> float:
        reached = [e for e, loss in enumerate(run.train_loss) if loss <= train_loss]
        return run.test_loss[reached[0]] if reached else math.inf

    return each(names, label, value)


def less(first: Mapping[Hashable, float], second: Mapping[Hashable, float]) -> Pairs:
    """The differences by seed."""
    return paired(first, second)


def less_best(study: str, labels: Sequence[str], metric: str, *, than: str) -> Pairs:
    """A setting's metric less that of the best setting, which the other seeds choose.

    A minimum that is chosen and measured by the same seeds would be too low.
    """
    return less(last(study, than, metric, guess=True), best(study, labels, metric))


def best(study: str, labels: Sequence[str], metric: str) -> Values:
    """For each seed the metric of the setting with the lowest mean loss of the other seeds."""
    values = {label: last(study, label, metric, guess=True) for label in labels}
    return {seed: values[label][seed] for seed, label in choices(study, labels).items()}


def choices(study: str, labels: Sequence[str], metric: str = "test_loss") -> dict[Hashable, str]:
    """For each seed the label with the lowest mean loss of the other seeds."""
    losses = {label: last(study, label, metric, guess=True) for label in labels}
    seeds = losses[labels[0]].keys()

    def of_others(label: str, seed: Hashable) -> float:
        return float(np.mean([loss for other, loss in losses[label].items() if other != seed]))

    return {seed: min(labels, key=lambda label: of_others(label, seed)) for seed in seeds}


def level(study: str, rates: Mapping[float, str], factor: float = 1.5) -> float:
    """A factor times the lowest mean test loss of a grid of rates."""
    labels = rates.values()
    means = [np.mean([*last(study, label, "test_loss", guess=True).values()]) for label in labels]
    return factor * float(min(means))


def width(study: str, rates: Mapping[float, str], below: float) -> Values:
    """How many decades of the rate end below a test loss, by seed."""
    losses = {lr: last(study, label, "test_loss", guess=True) for lr, label in rates.items()}
    seeds = list(next(iter(losses.values())))
    table = [[of[seed] for seed in seeds] for of in losses.values()]
    return dict(zip(seeds, decades(list(rates), table, below).tolist(), strict=True))


def overflows(study: str, label: str) -> Values:
    """1 for a run that overflowed, 0 for one that did not."""
    return each(study, label, lambda run: float(run.stopped is not None))


def epochs_until(study: str, label: str, loss: float) -> Values:
    """The first epoch, counted from 1, with a test loss as low as that; if none, one more."""

    def value(run: History) -> float:
        reached = [e for e, one in enumerate(run.test_loss, start=1) if one <= loss]
        return float(reached[0] if reached else run.recipe.epochs + 1)

    return each(study, label, value)


def combined(rule: Callable[..., float], *columns: Mapping[Hashable, float]) -> Pairs:
    """A number for each seed from several columns of values."""
    seeds = [seed for seed in columns[0] if all(seed in column for column in columns)]
    values: Values = {seed: rule(*(column[seed] for column in columns)) for seed in seeds}
    return paired(values, dict.fromkeys(values, 0.0))


def lr_labels(rates: Iterable[float], prefix: str = "") -> dict[float, str]:
    """The labels of a grid of rates, as the catalogue writes them."""
    return {lr: f"{prefix}lr {lr:g}" for lr in rates}


def noisy_bowl() -> Noisy:
    """The bowl of the computations: curvatures 1 and 10, noise of standard deviation 1."""
    return Noisy(Quadratic((1.0, 10.0)), sigma=1)


def _scaled(metric: str, value: float) -> float:
    return POINTS * value if metric == "test_accuracy" else value

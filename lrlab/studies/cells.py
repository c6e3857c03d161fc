"""The comparison of all schedules, a cell for each problem and budget."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from lrlab.data import LANGUAGE
from lrlab.studies.catalog.comparison import BUDGETS, name, name_of_trials
from lrlab.studies.catalog.problems import PROBLEMS
from lrlab.studies.results import load
from lrlab.training import History

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from lrlab.statistics import Pairs


class Cell(NamedTuple):
    """A problem at a budget; whatever it measures is better the lower it is.

    Example:
        >>> cell = Cell("decoder", 8)
        >>> str(cell), cell.unit, cell.margin, cell.reference()
        ('decoder, 8 epochs', 'nats', 0.02, 'linear')
        >>> behind = cell.behind()["constant"]
        >>> behind.interval().format(3)
        '0.093 [0.084, 0.101]'
    """

    problem: str
    epochs: int

    def __str__(self) -> str:
        return f"{self.problem}, {self.epochs} epochs"

    @property
    def study(self) -> str:
        """Name of the study of the fresh seeds."""
        return name(*self)

    @property
    def study_of_trials(self) -> str:
        """Name of the study of the trials."""
        return name_of_trials(*self)

    @property
    def unit(self) -> str:
        """Nats of loss for the decoder, percentage points of error for images."""
        return "points" if self._of_accuracy else "nats"

    @property
    def margin(self) -> float:
        """The smallest difference that was declared to matter, in the unit."""
        return 1.0 if self._of_accuracy else 0.02

    def trials(
        self, runs: Mapping[str, Sequence[History]] | None = None
    ) -> dict[str, dict[float, float]]:
        """Return what the trials ended with on held-out examples.

        Args:
            runs: The records, by default those of `load`.

        Returns:
            For each schedule a value for each peak rate. A run that overflowed is worth a guess, in
            all that a cell returns.

        Raises:
            RecordError: See `load`.
        """
        found: dict[str, dict[float, float]] = {}
        for label, (run,) in _or_load(runs, self.study_of_trials).items():
            schedule, lr = label.split(", lr ")
            found.setdefault(schedule, {})[float(lr)] = self._held_out(run, self.epochs)
        return found

    def chosen(self, runs: Mapping[str, Sequence[History]] | None = None) -> dict[str, float]:
        """Return for each schedule the peak rate that is best in the trials."""
        return {name: min(ends, key=ends.__getitem__) for name, ends in self.trials(runs).items()}

    def reference(self, runs: Mapping[str, Sequence[History]] | None = None) -> str:
        """Return the schedule that is best in the trials, at its chosen rate."""
        trials = self.trials(runs)
        return min(trials, key=lambda name: min(trials[name].values()))

    def tested(
        self, runs: Mapping[str, Sequence[History]] | None = None
    ) -> dict[str, dict[Hashable, float]]:
        """Return what every schedule ends with on the test examples, at its chosen rate.

        Returns:
            For each schedule a value for each fresh seed; ``pandas.DataFrame`` makes a table of it.

        Raises:
            RecordError: See `load`.
        """
        return self._finals(runs, self._tested)

    def stopped(
        self, part: float, runs: Mapping[str, Sequence[History]] | None = None
    ) -> dict[str, dict[Hashable, float]]:
        """Return what the same runs have on held-out examples when they are stopped early.

        Args:
            part: Share of the epochs; times the epochs it must be whole.
            runs: The records, by default those of `load`.

        Returns:
            See `tested`.

        Raises:
            ValueError: It is no whole number of epochs, or none.
            RecordError: See `load`.
        """
        epochs = part * self.epochs
        if epochs not in range(1, self.epochs + 1):
            raise ValueError(
                f"part of {self.epochs} epochs must be a whole number of them, received {part!r}"
            )
        return self._finals(runs, lambda run: self._held_out(run, int(epochs)))

    def behind(self) -> dict[str, Pairs]:
        """Return for each schedule but the reference how far it ends behind it, by seed.

        Raises:
            RecordError: See `load`.
        """
        from lrlab.statistics import paired  # late: the command needs no SciPy to begin

        ends, reference = self.tested(), self.reference()
        return {name: paired(of, ends[reference]) for name, of in ends.items() if name != reference}

    @property
    def _of_accuracy(self) -> bool:
        return PROBLEMS[self.problem].metric == "test_accuracy"

    def _worth(self, loss: float, accuracy: float) -> float:
        return 100 * (1 - accuracy) if self._of_accuracy else loss

    def _guess(self) -> float:
        return self._worth(math.log(LANGUAGE.symbols), 0.1)

    def _held_out(self, run: History, epochs: int) -> float:
        if len(run.test_loss) < epochs or (run.stopped and epochs == len(run.test_loss)):
            return self._guess()
        return self._worth(run.test_loss[epochs - 1], run.test_accuracy[epochs - 1])

    def _tested(self, run: History) -> float:
        return self._guess() if run.stopped else self._worth(**run.measured["test"])

    def _finals(
        self, runs: Mapping[str, Sequence[History]] | None, value: Callable[[History], float]
    ) -> dict[str, dict[Hashable, float]]:
        return {
            label.split(", lr ")[0]: {run.recipe.seed: value(run) for run in of}
            for label, of in _or_load(runs, self.study).items()
        }


def _or_load(
    runs: Mapping[str, Sequence[History]] | None, study: str
) -> Mapping[str, Sequence[History]]:
    return load(study) if runs is None else runs


#: The nine cells.
CELLS = tuple(Cell(problem, epochs) for problem in PROBLEMS for epochs in BUDGETS)

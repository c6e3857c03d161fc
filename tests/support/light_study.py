"""The command of `tiny_study` where nothing is trained: its processes start without PyTorch."""

import sys
import threading
from types import SimpleNamespace
from unittest import mock

from lrlab.cli import main
from lrlab.studies import execution
from lrlab.studies.execution import Outcome, _perform
from lrlab.studies.study import Run
from lrlab.training import History
from tests.support.histories import NOWHERE, follow_run
from tests.support.tiny_study import FOREVER, STUDIES


def perform(run: Run, device: str, parent: int) -> Outcome:
    """Do what `execution` does for a run, but for the training; a worker finds it by its name."""
    with mock.patch.object(execution, "train", pretend):  # a single worker is the test's process
        return _perform(run, device, parent)


def pretend(run: Run, device: str, **options: object) -> History:
    """The history of a run that did what it should, or no end at all."""
    if run.recipe.epochs >= FOREVER:
        threading.Event().wait()
    return follow_run(run, provenance={**NOWHERE, "date": "today"})


def main_without_training() -> int:
    """The command."""
    execution._pytorch = lambda: SimpleNamespace(pick_device=str)
    execution._perform = perform
    return main(studies=STUDIES)


if __name__ == "__main__":
    from tests.support.light_study import main_without_training as command  # workers have no main

    sys.exit(command())

"""Runs that kill the worker that makes them; ``dask worker`` loads this beforehand.

Their label says when: ``kills``, always; ``kills once``, in the first worker that makes it.
"""

import os
import signal
from contextlib import suppress
from pathlib import Path

from lrlab.pytorch import Observer, Training
from lrlab.studies import execution

really = execution.train


class Deadly(Observer):
    """Kills the process in the second epoch."""

    def before_update(self, training: Training) -> None:
        if training.epoch == 1:
            os.kill(os.getpid(), signal.SIGKILL)


def train(run, device, *, observers, **options):
    """`execution.train`, with somebody deadly looking on."""
    deadly = run.setting.label == "kills"
    if run.setting.label == "kills once":
        with suppress(FileExistsError):
            Path("killed").touch(exist_ok=False)
            deadly = True
    return really(run, device, observers=[*observers, *[Deadly()] * deadly], **options)


def dask_setup(_):
    """Called by ``dask worker``; whoever merely imports this is not to be hit."""
    execution.train = train

"""The command of `tiny_study`, killed with its workers when its third record is half written."""

import itertools
import os
import signal
import sys
from types import SimpleNamespace

from lrlab.cli import main
from lrlab.studies import execution
from tests.support.tiny_study import STUDIES

if __name__ == "__main__":
    written, really = itertools.count(1), os.fsync

    def fsync(descriptor: int) -> None:
        if next(written) == 3:
            os.killpg(0, signal.SIGKILL)
        really(descriptor)

    os.fsync = fsync
    execution._pytorch = lambda: SimpleNamespace(pick_device=str)  # the workers alone train
    sys.exit(main(studies=STUDIES))

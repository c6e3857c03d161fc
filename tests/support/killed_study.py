"""The command of `tiny_study`, killed with its workers when its third record is half written."""

import itertools
import os
import signal
import sys

from lrlab.cli import main
from tests.support.tiny_study import STUDIES

if __name__ == "__main__":
    written, really = itertools.count(1), os.fsync

    def fsync(descriptor: int) -> None:
        if next(written) == 3:
            os.killpg(0, signal.SIGKILL)
        really(descriptor)

    os.fsync = fsync
    sys.exit(main(studies=STUDIES))

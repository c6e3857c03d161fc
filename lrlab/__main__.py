"""``python -m lrlab``: the command ``lrlab``."""

import sys

from lrlab.cli import main

if __name__ == "__main__":
    sys.exit(main())

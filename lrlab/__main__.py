"""The command ``lrlab``, also as ``python -m lrlab``."""

import sys


def main() -> int:
    """Carry out the command line of this process, see `lrlab.cli.main`."""
    try:
        from lrlab import cli  # late: this takes a moment, in which Ctrl-C may come
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())

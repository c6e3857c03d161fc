"""No test and no chapter downloads: what tries to fails, on every machine alike.

Pytest loads this before anything else (pyproject.toml), and what it starts inherits it. A folder of
the reader's own is out of sight too, or what needs it would pass on this machine alone.
"""

import os

CLOSED = "http://127.0.0.1:9"  # a port on which nobody listens
for protocol in ("http", "https", "all"):
    os.environ[f"{protocol}_proxy"] = os.environ[f"{protocol.upper()}_PROXY"] = CLOSED
os.environ["no_proxy"] = os.environ["NO_PROXY"] = "127.0.0.1,localhost"

os.environ["LRLAB_CACHE"] = os.path.join(os.devnull, "tests do not download")

# Where there is a folder of full data sets, a few tests compare with them.
os.environ.setdefault("LRLAB_FULL_SETS", os.environ.pop("LRLAB_DATA", ""))
FULL_SETS = os.environ["LRLAB_FULL_SETS"]

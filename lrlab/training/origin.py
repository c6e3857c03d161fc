"""Where a run is made: versions, device, data, date."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from typing import Any

import numpy as np


def provenance(framework: str, version: str, device: str, data: str) -> dict[str, Any]:
    """Describe where a run is made.

    Args:
        framework: ``"torch"`` or ``"keras"``.
        version: Its version.
        device: The hardware that computes, in words.
        data: Fingerprint of the data set.

    Returns:
        A plain dict that also holds the versions of Python, NumPy and lrlab and the date (UTC).
    """
    from lrlab import __version__

    return {
        "lrlab": __version__,
        framework: version,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "device": device,
        "data": data,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }

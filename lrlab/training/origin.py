"""Where a run is made: versions, device, data, date."""

from __future__ import annotations

import platform
from datetime import UTC, datetime

import numpy as np


def provenance(framework: str, framework_version: str, device: str, data: str) -> dict[str, str]:
    """Describe where a run is made.

    Args:
        framework: Name of the framework's package, ``"torch"`` or ``"keras"``.
        framework_version: Its version.
        device: The hardware that computes, in words.
        data: Fingerprint of the data set.

    Returns:
        A plain dict that also holds the versions of Python, NumPy and lrlab and the date (UTC).
    """
    return {
        "lrlab": _version(),
        framework: framework_version,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "device": device,
        "data": data,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def _version() -> str:
    """The version of lrlab; a checkout that is used without being installed has none."""
    # Only where something is trained: it takes time to import.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("lrlab")
    except PackageNotFoundError:
        return "not installed"

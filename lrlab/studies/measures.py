"""What is measured within a run, and how a record keeps it."""

from __future__ import annotations

from typing import Any

from lrlab.studies.study import Measure


def meter(measure: Measure) -> Any:
    """Return the observer that measures it, see `lrlab.pytorch.SharpnessMeter`."""
    from lrlab import pytorch

    if measure.what == "loss":
        return pytorch.LossMeter(every=measure.every)
    return pytorch.SharpnessMeter(
        every=measure.every,
        images=measure.images,
        preconditioned=measure.what != "sharpness",
    )


def columns(rows: list[dict[str, float]]) -> dict[str, list[float]]:
    """Return the rows of a meter by column, to six digits; the schedule knows the rates."""
    names = [name for name in rows[0] if name != "lr"] if rows else []
    return {name: [float(f"{row[name]:.6g}") for row in rows] for name in names}

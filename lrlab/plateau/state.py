"""What a plateau policy remembers from one epoch to the next."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lrlab.plateau.policy import ReduceOnPlateau


@dataclass(frozen=True)
class PlateauState:
    """What a `ReduceOnPlateau` remembers between two epochs; its ``start`` and ``update`` make it.

    Attributes:
        policy: The policy that it belongs to.
        lr: The rate to use next.
        best: The best metric so far; under Keras' convention None before the first one.
        wait: Bad epochs in a row that count towards the next cut.
        cooldown_left: Coming epochs that will not count, since the rate has just changed.
        spell: Epochs since the best metric last improved, whether they counted or not.
        epochs: Metrics received.
        non_finite_at: The first epoch, counted from 0, whose metric was NaN or infinite; None if
            there was none.
    """

    policy: ReduceOnPlateau = field(repr=False)
    lr: float
    best: float | None
    wait: int = 0
    cooldown_left: int = 0
    spell: int = 0
    epochs: int = 0
    non_finite_at: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as a plain dict that strict JSON can hold; the policy restores it."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        if self.best is not None and not math.isfinite(self.best):
            values["best"] = str(self.best)  # JSON has neither NaN nor infinities
        return {**values, "policy": self.policy.to_config()}

"""What is measured at the first steps of a training; `lrlab.pytorch` does it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass
class FirstSteps:
    """What was measured at each step, before its update; lists of one value a step.

    Attributes:
        lr: Rate η of the step.
        loss: Cross-entropy of the step's batch.
        grad_norm: Euclidean norm of the gradient g of all weights.
        curvature: Curvature of the batch's loss along the gradient, :math:`g^T H g / g^T g`.
        update_ratio: Length of the update divided by that of the weights,
            :math:`\\eta\\lVert g\\rVert / \\lVert w\\rVert`.
        stopped: Why it ended early; None if it did not.
    """

    lr: list[float] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    grad_norm: list[float] = field(default_factory=list)
    curvature: list[float] = field(default_factory=list)
    update_ratio: list[float] = field(default_factory=list)
    stopped: str | None = None

    @property
    def border(self) -> list[float]:
        """Rate 2/c above which a step raises the loss of its own batch, to second order.

        Infinite where the loss is not curved upwards.
        """
        return [2 / c if c > 0 else math.inf for c in self.curvature]

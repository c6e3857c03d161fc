"""The optimizers of `lrlab.optimizers` as Keras' own."""

from __future__ import annotations

from typing import Any

import keras

from lrlab.optimizers import Optimizer, twin
from lrlab.utils import checks


def make_optimizer(
    optimizer: Optimizer, lr: float | Any, clip_norm: float | None = None
) -> keras.optimizers.Optimizer:
    """Return the Keras optimizer that does what one of `lrlab.optimizers` does.

    Args:
        optimizer: An optimizer of convention ``"keras"``.
        lr: Rate until a callback sets another, or one of Keras' own schedules.
        clip_norm: Largest Euclidean norm of an update's gradient over all weights, greater than 0;
            a longer one is shortened to it. Keras calls it ``global_clipnorm``. None for any.

    Raises:
        ValueError: Keras has no such optimizer, see `lrlab.optimizers.twin`; or the norm breaks its
            rule.

    Example:
        >>> from lrlab.optimizers import RMSProp
        >>> made = make_optimizer(RMSProp(rho=0.95, convention="keras"), 0.01)
        >>> type(made).__name__, made.rho, made.epsilon
        ('RMSprop', 0.95, 1e-07)
    """
    name, arguments = twin(optimizer, "keras")
    clip_norm = checks.optional(checks.positive)("clip_norm", clip_norm)
    make = getattr(keras.optimizers, name)
    return make(learning_rate=lr, global_clipnorm=clip_norm, **arguments)

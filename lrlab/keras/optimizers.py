"""The update rules of `lrlab.optimizers` as Keras' own optimisers.

Example:
    >>> from lrlab.optimizers import RMSProp
    >>> optimizer = make_optimizer(RMSProp(rho=0.95, convention="keras"), 0.01)
    >>> type(optimizer).__name__, optimizer.rho, optimizer.epsilon
    ('RMSprop', 0.95, 1e-07)
"""

from __future__ import annotations

from typing import Any

from keras import optimizers

from lrlab.optimizers import (
    SGD,
    AdaDelta,
    AdaGrad,
    Adam,
    AdamW,
    Momentum,
    RMSProp,
    Rule,
    for_training,
)

OPTIMIZERS: dict[type, type[optimizers.Optimizer]] = {
    SGD: optimizers.SGD,
    Momentum: optimizers.SGD,
    AdaGrad: optimizers.Adagrad,
    RMSProp: optimizers.RMSprop,
    AdaDelta: optimizers.Adadelta,
    Adam: optimizers.Adam,
    AdamW: optimizers.AdamW,
}
# What Keras calls a parameter, where it has another name for it.
NAMES = {
    "initial_accumulator": "initial_accumulator_value",
    "eps": "epsilon",
    "beta1": "beta_1",
    "beta2": "beta_2",
}


def optimizer_arguments(rule: Rule) -> dict[str, Any]:
    """Return the parameters of a rule under the names that Keras' optimiser has for them.

    Args:
        rule: A rule of convention ``"keras"``.

    Raises:
        ValueError: It is no rule of `lrlab.optimizers`, of another convention, or without a bias
            correction, which Keras does not let one leave out.

    Example:
        >>> optimizer_arguments(AdaGrad(convention="keras"))["initial_accumulator_value"]
        0.1
    """
    values = for_training(rule, "keras")
    for name in ("class", "convention", "bias_correction", "dampening"):
        values.pop(name, None)  # a dampening is 0 in this convention
    return {NAMES.get(name, name): value for name, value in values.items()}


def make_optimizer(rule: Rule, lr: float | Any) -> optimizers.Optimizer:
    """Return the Keras optimiser that does what a rule does.

    Args:
        rule: A rule of convention ``"keras"``.
        lr: Rate until a callback sets another, or one of Keras' own schedules.

    Raises:
        ValueError: See `optimizer_arguments`.
    """
    return OPTIMIZERS[type(rule)](learning_rate=lr, **optimizer_arguments(rule))

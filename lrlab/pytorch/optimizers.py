"""The update rules of `lrlab.optimizers` as PyTorch's own optimisers.

Example:
    >>> import torch
    >>> from lrlab.optimizers import RMSProp
    >>> weights = torch.zeros(2, requires_grad=True)
    >>> optimizer = make_optimizer(RMSProp(rho=0.9), [weights], lr=0.01)
    >>> type(optimizer).__name__, optimizer.defaults["alpha"], optimizer.defaults["eps"]
    ('RMSprop', 0.9, 1e-08)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor, optim

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
from lrlab.utils import checks

OPTIMIZERS: dict[type, type[optim.Optimizer]] = {
    SGD: optim.SGD,
    Momentum: optim.SGD,
    AdaGrad: optim.Adagrad,
    RMSProp: optim.RMSprop,
    AdaDelta: optim.Adadelta,
    Adam: optim.Adam,
    AdamW: optim.AdamW,
}
# What torch calls a parameter, where it has another name for it.
NAMES = {"initial_accumulator": "initial_accumulator_value", "rho": "alpha"}


def optimizer_arguments(rule: Rule) -> dict[str, Any]:
    """Return the parameters of a rule under the names that torch's optimiser has for them.

    Args:
        rule: A rule of convention ``"pytorch"``.

    Raises:
        ValueError: It is no rule of `lrlab.optimizers`, of another convention, or without a bias
            correction, which torch does not let one leave out.

    Example:
        >>> optimizer_arguments(Adam(beta2=0.99))["betas"]
        (0.9, 0.99)
    """
    values = for_training(rule, "pytorch")
    for name in ("class", "convention", "bias_correction"):
        values.pop(name, None)
    if "beta1" in values:
        values["betas"] = (values.pop("beta1"), values.pop("beta2"))
    names = {} if isinstance(rule, AdaDelta) else NAMES  # which alone calls its rho a rho
    return {names.get(name, name): value for name, value in values.items()}


def make_optimizer(rule: Rule, parameters: Iterable[Tensor], *, lr: float) -> optim.Optimizer:
    """Return the torch optimiser that does what a rule does.

    Args:
        rule: A rule of convention ``"pytorch"``.
        parameters: What to train, or torch's parameter groups.
        lr: Rate until a schedule sets another, at least 0.

    Raises:
        ValueError: See `optimizer_arguments`; or the rate is negative.
    """
    arguments = optimizer_arguments(rule)
    return OPTIMIZERS[type(rule)](parameters, lr=checks.rate("lr", lr), **arguments)

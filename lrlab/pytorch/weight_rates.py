r"""The rate that each single weight really has under an adaptive optimizer.

Example:
    >>> import torch
    >>> weight = torch.zeros(2, requires_grad=True)
    >>> optimizer = torch.optim.Adagrad([weight], lr=0.1)
    >>> weight.grad = torch.tensor([0.01, 100.0])
    >>> optimizer.step()
    >>> weight_rates(optimizer)[0]
    tensor([1.0000e+01, 1.0000e-03])
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn, optim

from lrlab.data import Dataset
from lrlab.pytorch.loop import Observer, Training
from lrlab.training import Recipe

#: From a weight, its group and its state in the optimizer to what its gradient is divided by.
Divisor = Callable[[Tensor, dict[str, Any], dict[str, Any]], Tensor]


def weight_rates(optimizer: optim.Optimizer) -> list[Tensor]:
    r"""Return by what an optimizer multiplies each weight's gradient, from its present memory.

    For the rate η, and with what the last step left behind,

    .. math::
        \eta \text{ (SGD)},\qquad
        \frac{\eta}{\sqrt{v} + \epsilon} \text{ (AdaGrad, RMSProp)},\qquad
        \eta\,\frac{\sqrt{u + \epsilon}}{\sqrt{v + \epsilon}} \text{ (AdaDelta)},\qquad
        \frac{\eta}{\sqrt{\hat v} + \epsilon} \text{ (Adam, AdamW)}.

    AdaGrad, RMSProp and Adam have multiplied the gradient of the last step, in Adam its corrected
    average, by exactly this; AdaDelta will do so in the next step if v stays as it is. Momentum
    comes on top.

    Args:
        optimizer: ``SGD``, ``Adagrad``, ``RMSprop``, ``Adadelta``, ``Adam`` or ``AdamW`` of torch,
            after a step at least.

    Returns:
        A tensor for each parameter, in the order of the optimizer's groups, of the same shape: NaN
        for one that has no rate, since it is frozen or no step has found a gradient for it.

    Raises:
        ValueError: It is another optimizer, or has made no step.
    """
    found = _rates_of(optimizer)
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    return [found.get(weight, torch.full_like(weight, torch.nan)) for weight in weights]


def _rates_of(optimizer: optim.Optimizer) -> dict[Tensor, Tensor]:
    """The rates of every parameter that has one."""
    divisors = preconditioners(optimizer)
    return {
        weight: group["lr"] / divisors[weight]
        for group in optimizer.param_groups
        for weight in group["params"]
        if weight in divisors
    }


def divisor_of(optimizer: optim.Optimizer) -> Divisor:
    """Return what gives an optimizer's divisor of a weight, from its group and its memory.

    Raises:
        ValueError: The optimizer has none, or it is not known.
    """
    kind = type(optimizer).__name__
    if kind not in _DIVISORS:
        raise ValueError(f"optimizer must be one of {', '.join(_DIVISORS)}, received {kind}")
    return _DIVISORS[kind]


@torch.no_grad()
def preconditioners(optimizer: optim.Optimizer) -> dict[Tensor, Tensor]:
    """Return the rate divided by `weight_rates`, of the same shape, for each weight that has one.

    Args:
        optimizer: One of those that `weight_rates` knows, after a step at least.

    Raises:
        ValueError: It is another optimizer, or has made no step.
    """
    divisor = divisor_of(optimizer)
    kind = type(optimizer).__name__
    divisors, trained = {}, False
    for group in optimizer.param_groups:
        for weight in filter(lambda weight: weight.requires_grad, group["params"]):
            trained, state = True, optimizer.state.get(weight, {})
            if kind == "SGD" or int(state.get("step", 0)):
                divisors[weight] = divisor(weight, group, state)
    if trained and not divisors:
        raise ValueError(f"optimizer must have made a step, received {kind} before its first")
    return divisors


def measure_rates(
    model: nn.Module, dataset: Dataset, recipe: Recipe, *, steps: int, device: str = "auto"
) -> dict[str, np.ndarray]:
    """Train for some steps, and return every weight's own rate after them.

    Args:
        model: Network from images to logits; it is moved to the device and trained in place.
        dataset: Images and labels.
        recipe: How to train; its optimizer is of convention ``"pytorch"``.
        steps: How many steps, a positive integer, at most as many as the recipe has.
        device: A torch device, or ``"auto"``: a GPU if there is one.

    Returns:
        For each of the model's parameters, by name, its rates as an array of its shape. Those that
        are frozen have none, nor, but under `SGD` and `Momentum`, those without a gradient.

    Raises:
        ValueError: An argument breaks its rule.

    Example:
        >>> from lrlab import Constant, data
        >>> network = nn.Sequential(nn.Flatten(), nn.Linear(2, 3))
        >>> recipe = Recipe(Constant(0.5), epochs=1)
        >>> rates = measure_rates(network, data.load("blobs"), recipe, steps=1)
        >>> {name: values.shape for name, values in rates.items()}
        {'1.weight': (3, 2), '1.bias': (3,)}
    """
    training, last = Training(model, dataset, recipe, device=device), _LastStep(steps)
    training.run([last], steps=steps)
    named = model.named_parameters()
    return {name: last.rates[w].cpu().numpy() for name, w in named if w in last.rates}


class _LastStep(Observer):
    """Reads the rates after the last of some updates, before the schedule sets the next one."""

    def __init__(self, steps: int) -> None:
        self.left, self.rates = steps, dict[Tensor, Tensor]()

    def after_update(self, training: Training) -> None:
        self.left -= 1
        if self.left == 0:
            self.rates = _rates_of(training.optimizer)


def _sgd(weight: Tensor, group: dict[str, Any], state: dict[str, Any]) -> Tensor:
    return torch.ones_like(weight)


def _adagrad(weight: Tensor, group: dict[str, Any], state: dict[str, Any]) -> Tensor:
    return state["sum"].sqrt() + group["eps"]


def _rmsprop(weight: Tensor, group: dict[str, Any], state: dict[str, Any]) -> Tensor:
    v = state["square_avg"]
    if group["centered"]:
        v = v - state["grad_avg"] ** 2
    return v.sqrt() + group["eps"]


def _adadelta(weight: Tensor, group: dict[str, Any], state: dict[str, Any]) -> Tensor:
    u, v, eps = state["acc_delta"], state["square_avg"], group["eps"]
    return (v + eps).sqrt() / (u + eps).sqrt()


def _adam(weight: Tensor, group: dict[str, Any], state: dict[str, Any]) -> Tensor:
    v = state["max_exp_avg_sq"] if group["amsgrad"] else state["exp_avg_sq"]
    present = 1 - group["betas"][1] ** int(state["step"])
    return (v / present).sqrt() + group["eps"]


_DIVISORS = {
    "SGD": _sgd,
    "Adagrad": _adagrad,
    "RMSprop": _rmsprop,
    "Adadelta": _adadelta,
    "Adam": _adam,
    "AdamW": _adam,
}

"""What a scheduler sets in an optimizer's parameter groups, and each group's share of the rate."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from lrlab.utils import checks

Group = dict[str, Any]


def groups_of(optimizer: Any) -> list[Group]:
    """Return the parameter groups of an optimizer, if they are those that are trained.

    Raises:
        ValueError: It is no optimizer, or it hands the training on to one with other groups.
    """
    inner = getattr(optimizer, "optimizer", getattr(optimizer, "base_optimizer", None))
    remedy = "; give the one that it wraps" if isinstance(inner, Optimizer) else ""
    received = type(optimizer).__name__
    if not isinstance(optimizer, Optimizer):
        raise ValueError(f"optimizer must be a torch.optim.Optimizer, received {received}{remedy}")
    groups: list[Group] = optimizer.param_groups
    if any(group.get("lr") is None for group in groups):
        raise ValueError(
            f"optimizer must have a rate lr in every parameter group, received {received} without"
        )
    if isinstance(inner, Optimizer) and list(map(id, groups)) != list(map(id, inner.param_groups)):
        raise ValueError(
            "optimizer must have the parameter groups of the one that trains, received "
            f"{received} with groups of its own{remedy}"
        )
    return groups


def whole_rate(optimizer: Optimizer) -> float:
    """Return the rate of a group whose share is 1: what all have, or else the optimizer's own.

    An optimizer's own rate that no group has, and that is its class's default, was not given:
    then it is the largest of the groups'.
    """
    rates = {_made_with(group) for group in optimizer.param_groups}
    if len(rates) == 1:
        return rates.pop()
    own: Any = optimizer.defaults.get("lr")
    if isinstance(own, Tensor):
        own = own.item()
    parameter = inspect.signature(type(optimizer)).parameters.get("lr")
    was_given = isinstance(own, float | int) and (parameter is None or parameter.default != own)
    return float(own) if was_given or own in rates else max(rates)


def share_of(group: Group, whole: float | None) -> float:
    """Return by what a group multiplies its schedule's rate.

    Without an ``lr_scale`` it is the ratio of the rate that the group was made with to the whole
    one, or 1 if that is None. The ratio stays in the group, and so in the optimizer's state.

    Raises:
        ValueError: ``lr_scale`` is negative or no number, or missing where the whole rate is 0.
    """
    if "lr_scale" in group or whole is None:
        return checks.rate("lr_scale", group.get("lr_scale", 1.0))
    if "initial_scale" not in group:
        rate = _made_with(group)
        if rate != whole == 0:
            raise ValueError(
                "lr_scale must be given in every parameter group where the groups' rates differ "
                f"and the optimizer's own is 0, received a group of rate {rate} without one"
            )
        group["initial_scale"] = 1.0 if rate == whole else rate / whole
    return float(group["initial_scale"])


def _made_with(group: Group) -> float:
    """The rate that a group was made with; torch's schedulers note it there."""
    rate: Any = group.get("initial_lr", group["lr"])
    return float(rate)


def part_tensors(groups: Sequence[Group], courses: Sequence[Any]) -> None:
    """Give a group a tensor of its own for its rate where another one shares it on another course.

    Args:
        groups: The parameter groups.
        courses: What each group's rate follows.
    """
    held: dict[int, Any] = {}
    for group, course in zip(groups, courses, strict=True):
        lr = group["lr"]
        if isinstance(lr, Tensor) and held.setdefault(id(lr), course) != course:
            group["lr"] = lr.clone()


def check_momentum(groups: Sequence[Group]) -> None:
    """Refuse groups without momentum.

    Raises:
        ValueError: A group has neither ``betas`` nor ``momentum``.
    """
    for group in groups:
        if not {"betas", "momentum"} & group.keys():
            raise ValueError(
                "momentum must be None where a parameter group has neither momentum nor betas, "
                f"received one for a group of {', '.join(group)}"
            )


def set_momentum(groups: Sequence[Group], value: float) -> None:
    """Set the momentum of every group: the first of its ``betas``, if it has them."""
    for group in groups:
        if "betas" in group:
            first, *others = group["betas"]
            group["betas"] = (put(first, value), *others)
        else:
            group["momentum"] = put(group["momentum"], value)


def put(held: Any, value: float) -> Any:
    """Return a value, inside the tensor that was held before it if that is one.

    Steps that are compiled or captured in a graph go on looking at that tensor.
    """
    return held.fill_(value) if isinstance(held, Tensor) else value

"""Schedule-free optimizers, which torch does not have."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, optim

from lrlab import optimizers


class _ScheduleFree(optim.Optimizer):
    """What both do: move z, keep y in the network, and put x there to evaluate."""

    def __init__(self, params: Iterable[Any], lr: float, rule: optimizers.Optimizer) -> None:
        parameters = {"lr": lr, **optimizers.twin(rule, "pytorch")[1]}
        counts = {"steps": 0, "largest_lr": 0.0, "total": 0.0}
        super().__init__(params, {**parameters, **counts, "training": True})

    @torch.no_grad()
    def eval(self) -> None:
        """Put the averages x into the network: to evaluate it, or to save it when it is ready."""
        for group in self.param_groups:
            for weight in group["params"] if group["training"] else ():
                if state := self.state.get(weight):
                    state["y"] = weight.clone()
                    weight.lerp_(state["z"], 1 - 1 / _beta(group))
            group["training"] = False

    @torch.no_grad()
    def train(self) -> None:
        """Put back, bit for bit, the weights y that `eval` has taken away."""
        for group in self.param_groups:
            for weight in () if group["training"] else group["params"]:
                if "y" in (state := self.state.get(weight, {})):
                    weight.copy_(state.pop("y"))
            group["training"] = True

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Make a step with the gradients that the weights y have.

        Args:
            closure: Computes the loss again, and its gradients.

        Raises:
            RuntimeError: The averages are in the network.
        """
        if not all(group["training"] for group in self.param_groups):
            raise RuntimeError(
                "step must follow train(): eval() has put the averages into the network, and "
                "gradients are to be taken elsewhere"
            )
        with torch.enable_grad():
            loss = None if closure is None else closure()
        for group in self.param_groups:
            lr, beta = float(group["lr"]), _beta(group)
            share = _count(group, lr)
            for weight in group["params"]:
                if weight.grad is not None:
                    state = self.state[weight]
                    if not state:
                        state["z"] = weight.clone()
                    along = self._direction(weight, state, group)
                    along = along.add(weight, alpha=group["weight_decay"])
                    weight.lerp_(state["z"], share).sub_(along, alpha=lr * (1 - beta * (1 - share)))
                    state["z"].sub_(along, alpha=lr)
        return loss

    def _direction(self, weight: Tensor, state: dict[str, Any], group: dict[str, Any]) -> Tensor:
        """Where z goes at a rate of 1, but for weight decay."""
        raise NotImplementedError


def _beta(group: dict[str, Any]) -> float:
    return float(group["betas"][0] if "betas" in group else group["momentum"])


def _count(group: dict[str, Any], lr: float) -> float:
    """Count a step, and return its share of the average."""
    before, group["largest_lr"] = group["largest_lr"], max(lr, group["largest_lr"])
    rise = before / group["largest_lr"] if group["largest_lr"] else 1.0
    age = group["steps"] / (group["steps"] + 1)
    group["total"] = 1 + group["total"] * age ** group["r"] * rise ** group["weight_lr_power"]
    group["steps"] += 1
    return float(1 / group["total"])


class ScheduleFreeSGD(_ScheduleFree):
    r"""`lrlab.optimizers.ScheduleFreeSGD` as a torch optimizer.

    The network holds the weights y, at which gradients are taken. `eval` puts the averages x there
    and `train` takes them out again, each without effect where it has been done; an optimizer
    begins in training. A saved state says which of both the network holds. Where a network
    normalises by batches, its statistics are those of y: with x in it, send some batches through
    it in training mode before it is evaluated.

    Args:
        params: What to train, or torch's parameter groups.
        lr: Rate η, at least 0.
        momentum: Interpolation β, in (0, 1).
        weight_decay: Coefficient λ.
        r: Power r of the step's number in its weight.
        weight_lr_power: Power p of the largest rate so far in a step's weight.

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> weight = torch.ones(1, requires_grad=True)
        >>> optimizer = ScheduleFreeSGD([weight], lr=0.25, momentum=0.5)
        >>> for _ in range(2):
        ...     weight.grad = torch.ones(1)
        ...     optimizer.step()
        >>> optimizer.eval()
        >>> weight.item()
        0.625
        >>> optimizer.train()
        >>> weight.item()
        0.5625

    References:
        Defazio et al. 2024, arXiv:2405.15682.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 1.0,
        *,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        r: float = 0.0,
        weight_lr_power: float = 2.0,
    ) -> None:
        rule = optimizers.ScheduleFreeSGD(
            momentum=momentum, weight_decay=weight_decay, r=r, weight_lr_power=weight_lr_power
        )
        super().__init__(params, lr, rule)

    def _direction(self, weight: Tensor, state: dict[str, Any], group: dict[str, Any]) -> Tensor:
        return weight.grad  # type: ignore[return-value]


class ScheduleFreeAdamW(_ScheduleFree):
    r"""`lrlab.optimizers.ScheduleFreeAdamW` as a torch optimizer, used like `ScheduleFreeSGD`.

    Args:
        params: What to train, or torch's parameter groups.
        lr: Rate η, at least 0.
        betas: Interpolation β₁, in (0, 1), and decay rate β₂ of the mean square.
        eps: Constant ε.
        weight_decay: Coefficient λ.
        r: Power r of the step's number in its weight.
        weight_lr_power: Power p of the largest rate so far in a step's weight.

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> weight = torch.ones(2, requires_grad=True)
        >>> optimizer = ScheduleFreeAdamW([weight], lr=0.5)
        >>> weight.grad = torch.tensor([0.01, -100.0])
        >>> optimizer.step()
        >>> weight.detach().round(decimals=3)
        tensor([0.5000, 1.5000])

    References:
        Defazio et al. 2024, arXiv:2405.15682.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 0.0025,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        r: float = 0.0,
        weight_lr_power: float = 2.0,
    ) -> None:
        rule = optimizers.ScheduleFreeAdamW(
            beta1=betas[0],
            beta2=betas[1],
            eps=eps,
            weight_decay=weight_decay,
            r=r,
            weight_lr_power=weight_lr_power,
        )
        super().__init__(params, lr, rule)

    def _direction(self, weight: Tensor, state: dict[str, Any], group: dict[str, Any]) -> Tensor:
        grad, beta2 = weight.grad, group["betas"][1]
        if "v" not in state:
            state["v"] = torch.zeros_like(weight)
        v = state["v"].mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        return grad / ((v / (1 - beta2 ** group["steps"])).sqrt() + group["eps"])

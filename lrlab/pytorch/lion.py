"""Lion, which torch does not have."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, optim

from lrlab import optimizers


class Lion(optim.Optimizer):
    r"""`lrlab.optimizers.Lion` as a torch optimizer.

    Args:
        params: What to train, or torch's parameter groups.
        lr: Rate η, at least 0.
        betas: Part β₁ of the memory in the direction, and decay rate β₂ of the memory.
        weight_decay: Coefficient λ.

    Raises:
        ValueError: A parameter breaks its rule.

    Example:
        >>> weight = torch.ones(2, requires_grad=True)
        >>> optimizer = Lion([weight], lr=0.5)
        >>> weight.grad = torch.tensor([0.01, -9.0])
        >>> optimizer.step()
        >>> weight.detach()
        tensor([0.5000, 1.5000])

    References:
        Chen et al. 2023, arXiv:2302.06675, algorithm 2.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 1e-4,
        *,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> None:
        rule = optimizers.Lion(beta1=betas[0], beta2=betas[1], weight_decay=weight_decay)
        super().__init__(params, {"lr": lr, **optimizers.twin(rule, "pytorch")[1]})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Make a step with the gradients that the weights have.

        Args:
            closure: Computes the loss again, and its gradients.
        """
        with torch.enable_grad():
            loss = None if closure is None else closure()
        for group in self.param_groups:
            lr, (beta1, beta2) = float(group["lr"]), group["betas"]
            for weight in group["params"]:
                if weight.grad is not None:
                    state = self.state[weight]
                    if not state:
                        state["m"] = torch.zeros_like(weight)
                    direction = state["m"].lerp(weight.grad, 1 - beta1).sign_()
                    weight.mul_(1 - lr * group["weight_decay"]).sub_(direction, alpha=lr)
                    state["m"].lerp_(weight.grad, 1 - beta2)
        return loss

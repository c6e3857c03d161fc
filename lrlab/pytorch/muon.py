"""Muon for a network's hidden matrices and AdamW for the rest, as one torch optimizer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn, optim
from torch.nn.modules.conv import _ConvNd

from lrlab import optimizers


def muon_groups(model: nn.Module) -> list[dict[str, Any]]:
    """Return a network's weights in two groups: those for Muon, and the rest.

    For Muon are the weights of linear and convolution layers, except those of the last such layer
    and those that an embedding shares. All else is the rest: biases, gains, embeddings, parameters
    that a module holds by itself, and the last layer, whose gradients are of another kind.

    Args:
        model: A network whose layers are registered in the order in which they follow one another.

    Returns:
        Two of torch's parameter groups, told apart by ``use_muon``; either may be empty.

    Example:
        >>> network = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 8), nn.Linear(8, 3))
        >>> hidden, rest = muon_groups(network)
        >>> [tuple(weight.shape) for weight in hidden["params"]], len(rest["params"])
        ([(8, 2), (8, 8)], 4)
    """
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Linear | _ConvNd)]
    shared = {id(layer.weight) for layer in model.modules() if isinstance(layer, nn.Embedding)}
    hidden = {id(layer.weight) for layer in layers} - {id(layer.weight) for layer in layers[-1:]}
    for_muon = [weight for weight in model.parameters() if id(weight) in hidden - shared]
    rest = [weight for weight in model.parameters() if id(weight) not in hidden - shared]
    return [{"params": for_muon, "use_muon": True}, {"params": rest, "use_muon": False}]


class Muon(optim.Optimizer):
    r"""`lrlab.optimizers.Muon` as a torch optimizer that trains the rest of a network, too.

    ``torch.optim.Muon`` takes matrices alone, and leaves the rest to a second optimizer with a
    second scheduler. Here the rest is a parameter group, whose ``lr_scale`` is the rule's
    ``rest_scale``: one schedule serves both. The kernel of a convolution is flattened to one row
    per output. The iteration is computed as precisely as the weights, and not in bfloat16.

    Args:
        params: Parameter groups, each with ``use_muon`` True or False, such as `muon_groups`
            returns them; momentum, weight decay and the like that they hold go before the rule's.
        lr: Rate η, at least 0.
        rule: The hyperparameters, of convention ``"pytorch"``.

    Raises:
        ValueError: A group does not say whether to use Muon, or has weights without two axes for
            it; or the rule is of Keras.

    Example:
        >>> network = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 3))
        >>> optimizer = Muon(muon_groups(network), lr=0.02)
        >>> [(group["lr"], group["weight_decay"]) for group in optimizer.param_groups]
        [(0.02, 0.1), (0.0003, 0.01)]

    References:
        Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.02,
        *,
        rule: optimizers.Muon | None = None,
    ) -> None:
        self.rule = optimizers.Muon() if rule is None else rule
        own, rest = (optimizers.twin(one, "pytorch")[1] for one in (self.rule, self.rule.rest))
        del own["adjust_lr_fn"], rest["amsgrad"]  # of the rule, not of a group
        scale = self.rule.rest_scale
        groups = []
        for group in params:
            muon = group.get("use_muon") if isinstance(group, dict) else None
            if not isinstance(muon, bool):
                raise ValueError(
                    "params must be groups that say True or False under use_muon, such as "
                    "muon_groups(model), since not every matrix is for Muon"
                )
            defaults = {"lr_scale": 1.0, **own} if muon else {"lr_scale": scale, **rest}
            full = defaults | group
            groups.append({"lr": full["lr_scale"] * lr, **full, "params": list(full["params"])})
            shapes = [tuple(weight.shape) for weight in groups[-1]["params"] if weight.ndim < 2]
            if muon and shapes:
                raise ValueError(f"params must be matrices to use Muon, received {shapes[0]}")
        super().__init__(groups, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Make a step with the gradients that the weights have.

        Args:
            closure: Computes the loss again, and its gradients.
        """
        with torch.enable_grad():
            loss = None if closure is None else closure()
        for group in self.param_groups:
            move, lr = self._along_muon if group["use_muon"] else _along_adam, float(group["lr"])
            for weight in group["params"]:
                if weight.grad is not None:
                    update = move(weight, weight.grad, self.state[weight], group)
                    weight.mul_(1 - lr * group["weight_decay"]).sub_(update, alpha=lr)
        return loss

    def _along_muon(
        self, weight: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]
    ) -> Tensor:
        if not state:
            state["m"] = torch.zeros_like(weight)
        m = state["m"].lerp_(grad, 1 - group["momentum"])
        direction = (grad.lerp(m, group["momentum"]) if group["nesterov"] else m).flatten(1)
        x = direction / direction.norm().clamp(min=_EPS)
        x = _newton_schulz(x, group["ns_steps"]) * self.rule.scale(*x.shape)
        return x.view_as(weight)


_EPS = 1e-7


def _newton_schulz(x: Tensor, steps: int) -> Tensor:
    """`lrlab.optimizers.newton_schulz` on the device."""
    tall, (a, b, c) = x.shape[0] > x.shape[1], optimizers.NEWTON_SCHULZ
    x = x.T if tall else x
    for _ in range(steps):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return (x.T if tall else x).contiguous()


def _along_adam(
    weight: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]
) -> Tensor:
    (beta1, beta2), eps = group["betas"], group["eps"]
    if not state:
        state.update(m=torch.zeros_like(weight), v=torch.zeros_like(weight), steps=0)
    state["steps"] += 1
    m = state["m"].lerp_(grad, 1 - beta1) / (1 - beta1 ** state["steps"])
    v = state["v"].mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
    return m / ((v / (1 - beta2 ** state["steps"])).sqrt() + eps)

"""The optimizers of `lrlab.optimizers` as PyTorch's own, or as ours where it has none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor, nn, optim

from lrlab import optimizers
from lrlab.optimizers import Optimizer, twin
from lrlab.pytorch.lion import Lion
from lrlab.pytorch.muon import Muon, muon_groups
from lrlab.pytorch.schedule_free import ScheduleFreeAdamW, ScheduleFreeSGD
from lrlab.utils import checks

_OURS: dict[str, Any] = {cls.__name__: cls for cls in (Lion, ScheduleFreeAdamW, ScheduleFreeSGD)}


def make_optimizer(
    optimizer: Optimizer, parameters: Iterable[Tensor] | Iterable[dict[str, Any]], *, lr: float
) -> optim.Optimizer:
    """Return the torch optimizer that does what one of `lrlab.optimizers` does.

    Args:
        optimizer: An optimizer of convention ``"pytorch"``.
        parameters: What to train, or torch's parameter groups; for `lrlab.optimizers.Muon` groups
            as `muon_groups` makes them.
        lr: Rate until a schedule sets another, at least 0.

    Raises:
        ValueError: Torch has no such optimizer, see `lrlab.optimizers.twin`; the rate is negative;
            or the groups are none for Muon.

    Example:
        >>> import torch
        >>> from lrlab.optimizers import RMSProp
        >>> weights = torch.zeros(2, requires_grad=True)
        >>> made = make_optimizer(RMSProp(rho=0.9), [weights], lr=0.01)
        >>> type(made).__name__, made.defaults["alpha"], made.defaults["eps"]
        ('RMSprop', 0.9, 1e-08)
    """
    name, arguments = twin(optimizer, "pytorch")
    if isinstance(optimizer, optimizers.AdamW) and not optimizer.decay_vectors:
        parameters = _by_axes(parameters)
    if isinstance(optimizer, optimizers.Muon):
        return Muon(parameters, checks.rate("lr", lr), rule=optimizer)
    make = _OURS.get(name) or getattr(optim, name)
    return make(parameters, lr=checks.rate("lr", lr), **arguments)


def _by_axes(parameters: Iterable[Any]) -> list[dict[str, Any]]:
    """Split groups into weights of two axes or more, and vectors, which do not decay."""
    parameters = list(parameters)
    if not all(isinstance(group, dict) for group in parameters):
        parameters = [{"params": parameters}]
    groups = []
    for group in parameters:
        weights = list(group["params"])
        layers = [weight for weight in weights if weight.dim() > 1]
        vectors = [weight for weight in weights if weight.dim() < 2]
        groups += [{**group, "params": layers}] if layers else []
        groups += [{**group, "params": vectors, "weight_decay": 0.0}] if vectors else []
    return groups


def parameters_for(
    optimizer: Optimizer, model: nn.Module
) -> Iterable[Tensor] | Iterable[dict[str, Any]]:
    """Return what `make_optimizer` takes to train a network: its weights, for Muon in groups."""
    muon = isinstance(optimizer, optimizers.Muon)
    return muon_groups(model) if muon else model.parameters()

"""The optimizers of `lrlab.optimizers` as PyTorch's own, or as ours where it has none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor, optim

from lrlab.optimizers import Optimizer, twin
from lrlab.pytorch.lion import Lion
from lrlab.pytorch.schedule_free import ScheduleFreeAdamW, ScheduleFreeSGD
from lrlab.utils import checks

_OURS: dict[str, Any] = {cls.__name__: cls for cls in (Lion, ScheduleFreeAdamW, ScheduleFreeSGD)}


def make_optimizer(
    optimizer: Optimizer, parameters: Iterable[Tensor] | Iterable[dict[str, Any]], *, lr: float
) -> optim.Optimizer:
    """Return the torch optimizer that does what one of `lrlab.optimizers` does.

    Args:
        optimizer: An optimizer of convention ``"pytorch"``.
        parameters: What to train, or torch's parameter groups.
        lr: Rate until a schedule sets another, at least 0.

    Raises:
        ValueError: Torch has no such optimizer, see `lrlab.optimizers.twin`; or the rate is
            negative.

    Example:
        >>> import torch
        >>> from lrlab.optimizers import RMSProp
        >>> weights = torch.zeros(2, requires_grad=True)
        >>> made = make_optimizer(RMSProp(rho=0.9), [weights], lr=0.01)
        >>> type(made).__name__, made.defaults["alpha"], made.defaults["eps"]
        ('RMSprop', 0.9, 1e-08)
    """
    name, arguments = twin(optimizer, "pytorch")
    make = _OURS.get(name) or getattr(optim, name)
    return make(parameters, lr=checks.rate("lr", lr), **arguments)

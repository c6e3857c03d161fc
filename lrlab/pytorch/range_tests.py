"""The learning-rate range test: on a data set of lrlab, or with an optimizer and batches of one's
own.

A copy is trained, so that nothing has to be put back but the random generators.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn, optim

from lrlab.data import Dataset
from lrlab.pytorch.device import pick_device
from lrlab.pytorch.evaluation import place_of
from lrlab.pytorch.generators import same_generators
from lrlab.pytorch.loop import Observer, Training
from lrlab.pytorch.parameter_groups import groups_of
from lrlab.pytorch.schedulers import ScheduleLR
from lrlab.training import RangeRecorder, RangeTest, Recipe


def range_test(
    model: nn.Module,
    dataset: Dataset,
    recipe: Recipe,
    *,
    low: float = 1e-7,
    high: float = 10.0,
    steps: int = 100,
    beta: float = 0.98,
    stop_at: float = 4.0,
    device: str = "auto",
) -> RangeTest:
    r"""Let the rate of a short training grow until it diverges, to find a rate for the real one.

    Update k of the K, counted from 0, has the rate :math:`\eta_k = a\,(b/a)^{k/(K-1)}` from
    ``low`` a to ``high`` b. The loss of its batch is measured before it, in training mode. The test
    stops when a loss is not finite, or when the smoothed loss exceeds ``stop_at`` times its
    minimum.

    A copy of the model is trained. Model and random generators are left as they were, also by an
    interruption.

    Args:
        model: As in `fit`; it stays where and as it is.
        dataset: Training examples and labels, a batch of them at least.
        recipe: What the rate is sought for: optimizer, batch size, clipping and seed. Its schedule
            and epochs do not count, nor does its watch.
        low: First rate, greater than 0.
        high: Last rate, greater than ``low``.
        steps: How many updates, at least 10; they go on over as many epochs as it takes.
        beta: Weight of the past in the smoothed losses, in [0, 1).
        stop_at: By what factor the smoothed loss may rise above its minimum, greater than 1.
        device: A torch device, or ``"auto"``: a GPU if there is one.

    Returns:
        Rates and losses, and what each rule makes of them.

    Raises:
        ValueError: An argument breaks its rule; the examples are fewer than a batch; the model
            cannot be copied; or the loss is not finite from the beginning.

    Example:
        >>> from lrlab import Constant, data
        >>> network = nn.Sequential(nn.Flatten(), nn.Linear(2, 3))
        >>> recipe = Recipe(Constant(1), epochs=1, batch_size=32)
        >>> found = range_test(network, data.load("blobs"), recipe, low=1e-4, high=100)
        >>> 0.01 < found.steepest() < 10
        True

    References:
        Smith 2017, arXiv:1506.01186.
    """
    recorder = RangeRecorder(low=low, high=high, steps=steps, beta=beta, stop_at=stop_at)
    planned = recorder.recipe(recipe, dataset.epoch_size)
    with same_generators(pick_device(device)):
        training = Training(_copied(model), dataset, planned, device=device)
        training.run([_Meter(recorder)], steps=recorder.steps)
    return recorder.result()


class _Meter(Observer):
    """Notes rate and loss before each update."""

    def __init__(self, recorder: RangeRecorder) -> None:
        self._recorder = recorder

    def before_update(self, training: Training) -> None:
        self._recorder.record(training.lr, training.loss.item())
        training.stopped = self._recorder.stopped


def range_test_of(
    model: nn.Module,
    optimizer: optim.Optimizer,
    batches: Iterable[Any],
    loss_of: Callable[[nn.Module, Any], Tensor],
    *,
    low: float = 1e-7,
    high: float = 10.0,
    steps: int = 100,
    beta: float = 0.98,
    stop_at: float = 4.0,
) -> RangeTest:
    """Do a `range_test` with a model, an optimizer and batches of one's own.

    Copies of model and optimizer are trained, from the optimizer's present state on, in the modes
    (training or evaluation) in which the modules are. Model, optimizer, random generators and those
    of a ``DataLoader`` are left as they were, also by an interruption.

    Several parameter groups keep the ratios of their rates, as under `ScheduleLR`; the rates of the
    test are those of a group whose share is 1.

    Args:
        model: Any network, in training mode as a whole or in parts.
        optimizer: Any of torch's that trains the model's weights and takes no closure.
        batches: A ``DataLoader``, a list or the like; it is begun anew where it ends.
        loss_of: From the model that is trained and a batch to its mean loss, a scalar tensor.
        low: First rate, greater than 0.
        high: Last rate, greater than ``low``.
        steps: How many updates, at least 10.
        beta: Weight of the past in the smoothed losses, in [0, 1).
        stop_at: By what factor the smoothed loss may rise above its minimum, greater than 1.

    Returns:
        Rates and losses, and what each rule makes of them.

    Raises:
        ValueError: An argument breaks its rule; model or optimizer cannot be copied; there are too
            few batches; ``loss_of`` calls another model than it is handed; or the loss is not
            finite from the beginning.

    Example:
        >>> model = nn.Linear(1, 1)
        >>> optimizer = optim.SGD(model.parameters())
        >>> loader = [(torch.ones(8, 1), torch.full((8, 1), 3.0))]  # or a DataLoader
        >>> loss_of = lambda model, batch: nn.functional.mse_loss(model(batch[0]), batch[1])
        >>> found = range_test_of(model, optimizer, loader, loss_of)
        >>> round(found.steepest(), 3)  # of a bowl, on which 0.5 is the largest rate
        0.066
    """
    recorder = RangeRecorder(low=low, high=high, steps=steps, beta=beta, stop_at=stop_at)
    _check(model, optimizer)
    trained, theirs = _copied(model, optimizer)
    scheduler = ScheduleLR(theirs, recorder.schedule(1))
    with same_generators(place_of(model), _generators(batches)), _untouched(model):
        for lr, batch in recorder.over(batches):
            loss = loss_of(trained, batch)
            if not isinstance(loss, Tensor) or loss.numel() != 1 or not loss.requires_grad:
                raise ValueError(
                    "loss_of must return the loss of a batch, a scalar tensor with its graph, "
                    f"received {loss!r}"
                )
            recorder.record(lr, loss.item())
            if recorder.stopped:
                break
            theirs.zero_grad()
            loss.backward()
            theirs.step()
            scheduler.step()
    return recorder.result()


def _check(model: nn.Module, optimizer: optim.Optimizer) -> None:
    held = {id(weight) for group in groups_of(optimizer) for weight in group["params"]}
    if not any(id(weight) in held for weight in model.parameters() if weight.requires_grad):
        raise ValueError(
            f"optimizer must hold weights of the model that require a gradient, received "
            f"{type(optimizer).__name__} without"
        )
    if not any(module.training for module in model.modules()):
        raise ValueError(
            "model must be in training mode, at least in parts: call model.train() before the test"
        )


def _copied(model: nn.Module, optimizer: optim.Optimizer | None = None) -> Any:
    """Copies of a model, and of an optimizer that then trains the copy."""
    memo: dict[int, Any] = {}
    try:
        trained = copy.deepcopy(model, memo)
        if optimizer is None:
            return trained
        theirs = copy.deepcopy(optimizer, memo)
        # Torch copies the groups and the state. A class of its own may have more than these, and a
        # scheduler has put a step of its own into the instance.
        more = vars(optimizer).keys() - vars(theirs).keys() - {"step"}
        vars(theirs).update(copy.deepcopy({name: vars(optimizer)[name] for name in more}, memo))
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            "model must be one that copy.deepcopy can copy, since a range test trains a copy, "
            f"received {type(model).__name__}: {error}"
        ) from error
    return trained, theirs


@contextmanager
def _untouched(model: nn.Module) -> Iterator[None]:
    """Refuse that anybody calls a model, before it computes and keeps anything."""

    def refuse(module: nn.Module, inputs: Any) -> None:
        raise ValueError(
            "loss_of must call the model that it is handed, a copy, received a call of the original"
        )

    hooks = [module.register_forward_pre_hook(refuse) for module in model.modules()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _generators(batches: Any) -> list[torch.Generator]:
    """The generators that a ``DataLoader`` was given."""
    parts = (batches, getattr(batches, "sampler", None))
    found = [getattr(part, "generator", None) for part in parts]
    return [each for each in found if isinstance(each, torch.Generator)]

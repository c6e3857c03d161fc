"""How the loss bends where a training stands, and the first steps measured one by one."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from lrlab.data import Dataset
from lrlab.optimizers import SGD
from lrlab.pytorch.loop import Observer, Training
from lrlab.training import FirstSteps, Recipe
from lrlab.utils import instance


def first_steps(
    model: nn.Module, dataset: Dataset, recipe: Recipe, *, steps: int, device: str = "auto"
) -> FirstSteps:
    r"""Train for some steps, and measure the loss under the feet before each of them.

    A step of rate η along the gradient changes the loss of its batch, to second order, by
    :math:`-\eta\lVert g\rVert^2 (1 - \eta c/2)` with the curvature c along the gradient: it rises
    if :math:`\eta > 2/c`. The product Hg takes a second pass backwards, no matrix
    (Pearlmutter 1994). Frozen weights are left out of everything.

    Args:
        model: Network from images to logits; it is moved to the device and trained in place.
        dataset: Images and labels.
        recipe: How to train. The numbers are those of a step along the gradient, so the optimizer
            is plain `lrlab.optimizers.SGD` and no gradient is clipped.
        steps: How many steps, a positive integer, at most as many as the recipe has.
        device: A torch device, or ``"auto"``: a GPU if there is one.

    Returns:
        The measurements; where the loss is no longer finite they end, and ``stopped`` says so.

    Raises:
        ValueError: An argument breaks its rule.

    Example:
        >>> from lrlab import Constant, data
        >>> network = nn.Sequential(nn.Flatten(), nn.Linear(2, 3))
        >>> recipe = Recipe(Constant(0.1), epochs=1)
        >>> measured = first_steps(network, data.load("blobs"), recipe, steps=3)
        >>> len(measured.loss), measured.lr
        (3, [0.1, 0.1, 0.1])

    References:
        Pearlmutter 1994, doi:10.1162/neco.1994.6.1.147.
    """
    instance(Recipe, words="a Recipe")("recipe", recipe)
    if recipe.optimizer != SGD() or recipe.clip_norm is not None:
        raise ValueError(
            "recipe must have the optimizer SGD() and no clip_norm for these measures, received "
            f"{recipe.optimizer!r} and {recipe.clip_norm!r}"
        )
    measured = FirstSteps()
    with _as_written():
        training = Training(model, dataset, recipe, device=device)
        training.run([_Meter(measured)], steps=steps)
    return measured


def _as_written() -> AbstractContextManager[Any]:
    """Compute what ``torch.compile`` has compiled as it was written: that has second derivatives.

    Torch 2.5 cannot yet be told to.
    """
    set_stance = getattr(torch.compiler, "set_stance", None)
    return set_stance("force_eager") if set_stance else nullcontext()


class _Meter(Observer):
    """Notes loss, gradient and curvature before each update."""

    def __init__(self, measured: FirstSteps) -> None:
        self.measured = measured

    def before_update(self, training: Training) -> None:
        measured, loss = self.measured, training.loss.item()
        if not math.isfinite(loss):
            step = training.epoch * training.steps + training.step
            text = f"diverged: the loss is no longer finite in step {step}"
            measured.stopped = training.stopped = text
            return
        weights = [w for w in training.model.parameters() if w.requires_grad]
        norm, curvature = along_gradient(training.loss, weights)
        size = torch.stack([(w.detach() * w.detach()).sum() for w in weights]).sum().sqrt()
        measured.lr.append(training.lr)
        measured.loss.append(loss)
        measured.grad_norm.append(norm)
        measured.curvature.append(curvature)
        measured.update_ratio.append((training.lr * norm / size).item())


def along_gradient(loss: Tensor, weights: list[nn.Parameter]) -> tuple[float, float]:
    r"""Return the gradient's Euclidean norm, and the curvature along the gradient.

    The curvature is :math:`g^T H g / g^T g`, with H the Hessian; NaN where the gradient is 0.

    Args:
        loss: A scalar with its graph, which is kept.
        weights: What the loss is a function of; frozen ones are left out, and to those on which it
            does not depend it has the gradient 0.

    Raises:
        ValueError: There is no weight that requires a gradient.
    """
    weights = [weight for weight in weights if weight.requires_grad]
    if not weights:
        raise ValueError("weights must hold one that requires a gradient, received none")

    def gradient(of: Tensor, create_graph: bool) -> tuple[Tensor, ...]:
        return torch.autograd.grad(
            of,
            weights,
            retain_graph=True,
            create_graph=create_graph,
            allow_unused=True,
            materialize_grads=True,
        )

    gradients = gradient(loss, create_graph=True)
    g = [each.detach() for each in gradients]
    along = torch.stack([(a * b).sum() for a, b in zip(gradients, g, strict=True)]).sum()
    # A network whose hidden units are all off has a loss without second derivative.
    bent = gradient(along, create_graph=False) if along.requires_grad else [0 * a for a in g]
    squared = torch.stack([(a * a).sum() for a in g]).sum()
    product = torch.stack([(a * b).sum() for a, b in zip(bent, g, strict=True)]).sum()
    return squared.sqrt().item(), (product / squared).item()

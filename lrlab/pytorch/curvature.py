"""The first steps of a training, measured one by one: why they are the dangerous ones."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

from lrlab.data import Dataset
from lrlab.pytorch.device import pick_device, to_device
from lrlab.schedules import Schedule
from lrlab.training import FirstSteps
from lrlab.utils import checks


def first_steps(
    model: nn.Module,
    dataset: Dataset,
    *,
    schedule: Schedule,
    steps: int,
    batch_size: int = 128,
    seed: int = 0,
    device: str = "auto",
) -> FirstSteps:
    r"""Train by plain SGD, step by step, and measure the loss under the feet.

    A step of rate η along the gradient changes the loss of its batch, to second order, by
    :math:`-\eta\lVert g\rVert^2 (1 - \eta c/2)` with the curvature c along the gradient: it rises
    if :math:`\eta > 2/c`. The product Hg takes a second pass backwards, no matrix
    (Pearlmutter 1994).

    Args:
        model: Network from images to logits; it is moved to the device and trained in place.
        dataset: Images and labels.
        schedule: The rate over time in epochs, set at every step.
        steps: How many steps, a positive integer; after an epoch the order is drawn anew.
        batch_size: Images in an update.
        seed: Seed of the order of the images; it is the order of `lrlab.pytorch.fit`.
        device: A torch device, or ``"auto"``: a GPU if there is one.

    Returns:
        The measurements; where the loss is no longer finite they end, and ``stopped`` says so.

    Raises:
        ValueError: An argument breaks its rule.

    Example:
        >>> from lrlab import Constant, data
        >>> network = nn.Sequential(nn.Flatten(), nn.Linear(2, 3))
        >>> blobs = data.load("blobs")
        >>> measured = first_steps(network, blobs, schedule=Constant(0.1), steps=3)
        >>> len(measured.loss), measured.lr
        (3, [0.1, 0.1, 0.1])

    References:
        Pearlmutter 1994, doi:10.1162/neco.1994.6.1.147.
    """
    if not isinstance(schedule, Schedule):
        raise ValueError(f"schedule must be a schedule of lrlab, received {schedule!r}")
    steps, batch_size = checks.count("steps", steps), checks.count("batch_size", batch_size)
    shuffle = torch.Generator().manual_seed(checks.whole("seed", seed))
    place = pick_device(device)
    model.to(place).train()
    images, labels = to_device(dataset.x_train, dataset.y_train, place)
    per_epoch = -(-len(images) // batch_size)
    measured, batches = FirstSteps(), iter(())
    for step in range(steps):
        if step % per_epoch == 0:
            order = torch.randperm(len(images), generator=shuffle).to(place)
            batches = iter(order.split(batch_size))
        batch = next(batches)
        loss = functional.cross_entropy(model(images[batch]), labels[batch])
        if not math.isfinite(loss.item()):
            measured.stopped = f"diverged: the loss is no longer finite in step {step}"
            break
        _measure_and_step(list(model.parameters()), loss, schedule(step / per_epoch), measured)
    return measured


def _measure_and_step(
    weights: list[nn.Parameter], loss: torch.Tensor, lr: float, measured: FirstSteps
) -> None:
    gradients = torch.autograd.grad(loss, weights, create_graph=True)
    g = [gradient.detach() for gradient in gradients]
    along = sum((a * b).sum() for a, b in zip(gradients, g, strict=True))
    # A network whose hidden units are all off has a loss without second derivative.
    bent = torch.autograd.grad(along, weights, allow_unused=True, materialize_grads=True)
    squared = sum((a * a).sum() for a in g)
    curvature = sum((a * b).sum() for a, b in zip(bent, g, strict=True)) / squared
    with torch.no_grad():
        size = sum((w * w).sum() for w in weights).sqrt()
        for w, a in zip(weights, g, strict=True):
            w -= lr * a
    measured.lr.append(lr)
    measured.loss.append(loss.item())
    measured.grad_norm.append(squared.sqrt().item())
    measured.curvature.append(curvature.item())
    measured.update_ratio.append((lr * squared.sqrt() / size).item())

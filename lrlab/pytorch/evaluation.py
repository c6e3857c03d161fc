"""What a network says about images or sequences, and how good that is."""

from __future__ import annotations

from itertools import chain

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lrlab.data import Dataset
from lrlab.pytorch.device import inputs_to_device, to_device
from lrlab.training import Evaluation, check_logits

# Not in inference mode, here and below: what a network then keeps of an evaluation, such as the
# angles of positions, could not be trained with.
EVALUATION_BATCH = 1_000  # images; larger ones leave the cache of a CPU


def evaluate(model: nn.Module, dataset: Dataset) -> Evaluation:
    """Return the loss and the accuracy of a classifier on the test images, or of a language model.

    Args:
        model: The network, on whatever device; it is put into evaluation mode.
        dataset: Whose test images are classified, or whose test sequences are predicted.
    """
    return evaluate_on_device(model, *to_device(dataset.x_test, dataset.y_test, place_of(model)))


@torch.no_grad()
def evaluate_on_device(model: nn.Module, inputs: Tensor, labels: Tensor) -> Evaluation:
    """Return the loss and the accuracy on what `lrlab.pytorch.to_device` gives.

    Args:
        model: The network; it is put into evaluation mode.
        inputs: Images or sequences, on the model's device.
        labels: Their classes, on the model's device.
    """
    model.eval()
    loss = torch.zeros((), device=inputs.device)
    correct = torch.zeros((), device=inputs.device)
    for x, y in zip(inputs.split(EVALUATION_BATCH), labels.split(EVALUATION_BATCH), strict=True):
        outputs = model(x)
        loss += cross_entropy(outputs, y, reduction="sum")
        correct += (outputs.argmax(dim=-1) == y).sum()
    return Evaluation(loss.item() / labels.numel(), correct.item() / labels.numel())


def cross_entropy(outputs: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
    """Return the cross-entropy over all labels, whatever their shape.

    Args:
        outputs: Logits, shape ``(*labels.shape, classes)``.
        labels: Classes, shape ``(N,)`` of images, ``(N, length)`` of sequences.
        reduction: As torch has it.
    """
    return functional.cross_entropy(outputs.flatten(0, -2), labels.flatten(), reduction=reduction)


@torch.no_grad()
def logits(model: nn.Module, images: np.ndarray) -> np.ndarray:
    """Return a network's outputs for many images or sequences, batch by batch.

    Args:
        model: The network, on whatever device; it is put into evaluation mode.
        images: uint8, shape ``(N, height, width, channels)`` or ``(N, length)``, as in a `Dataset`.

    Returns:
        float32 array of shape ``(N, classes)`` or ``(N, length, classes)``.
    """
    model.eval()
    inputs = inputs_to_device(images, place_of(model))
    return torch.cat([model(batch) for batch in inputs.split(EVALUATION_BATCH)]).cpu().numpy()


def place_of(model: nn.Module) -> torch.device:
    """Return the device on which a network lies; the CPU for one without weights."""
    values = chain(model.parameters(), model.buffers())
    return next((value.device for value in values), torch.device("cpu"))


def check_outputs(model: nn.Module, example: Tensor, classes: int) -> None:
    """Refuse a model that does not suit the labels, see `lrlab.training.check_logits`.

    Args:
        model: The network; it is put into evaluation mode.
        example: One image, shape ``(1, channels, height, width)``, or one sequence, shape
            ``(1, length)``, on the model's device.
        classes: Number of classes.

    Raises:
        ValueError: The model gives no logits, or has fewer outputs than classes.
    """
    model.eval()
    with torch.no_grad():
        length = example.shape[1] if example.dim() == 2 else None
        # Zeros: a model of too few symbols is not to stumble over one that it does not know.
        check_logits(model(torch.zeros_like(example)), classes, length)

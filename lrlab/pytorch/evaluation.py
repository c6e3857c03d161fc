"""What a network says about images, and how good that is."""

from __future__ import annotations

from itertools import chain

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lrlab.data import Dataset
from lrlab.pytorch.device import images_to_device, to_device
from lrlab.training import Evaluation, check_logits

# Not in inference mode, here and below: what a network then keeps of an evaluation, such as the
# angles of positions, could not be trained with.
EVALUATION_BATCH = 1_000  # images; larger ones leave the cache of a CPU


def evaluate(model: nn.Module, dataset: Dataset) -> Evaluation:
    """Return the loss and the accuracy of a classifier on the test images.

    Args:
        model: The network, on whatever device; it is put into evaluation mode.
        dataset: Whose test images are classified.
    """
    return evaluate_on_device(model, *to_device(dataset.x_test, dataset.y_test, place_of(model)))


@torch.no_grad()
def evaluate_on_device(model: nn.Module, images: Tensor, labels: Tensor) -> Evaluation:
    """Return the loss and the accuracy on float images ``(N, channels, height, width)``.

    Args:
        model: The network; it is put into evaluation mode.
        images: The images, on the model's device.
        labels: Classes, shape ``(N,)``, on the model's device.
    """
    model.eval()
    loss = torch.zeros((), device=images.device)
    correct = torch.zeros((), device=images.device)
    for x, y in zip(images.split(EVALUATION_BATCH), labels.split(EVALUATION_BATCH), strict=True):
        outputs = model(x)
        loss += functional.cross_entropy(outputs, y, reduction="sum")
        correct += (outputs.argmax(dim=1) == y).sum()
    return Evaluation(loss.item() / len(labels), correct.item() / len(labels))


@torch.no_grad()
def logits(model: nn.Module, images: np.ndarray) -> np.ndarray:
    """Return a network's outputs for many images, batch by batch.

    Args:
        model: The network, on whatever device; it is put into evaluation mode.
        images: uint8, shape ``(N, height, width, channels)``, as in a `Dataset`.

    Returns:
        float32 array of shape ``(N, classes)``.
    """
    model.eval()
    pixels = images_to_device(images, place_of(model))
    return torch.cat([model(batch) for batch in pixels.split(EVALUATION_BATCH)]).cpu().numpy()


def place_of(model: nn.Module) -> torch.device:
    """Return the device on which a network lies; the CPU for one without weights."""
    values = chain(model.parameters(), model.buffers())
    return next((value.device for value in values), torch.device("cpu"))


def check_outputs(model: nn.Module, image: Tensor, classes: int) -> None:
    """Refuse a model that does not suit the labels, see `lrlab.training.check_logits`.

    Args:
        model: The network; it is put into evaluation mode.
        image: One image, shape ``(1, channels, height, width)``, on the model's device.
        classes: Number of classes.

    Raises:
        ValueError: The model gives no logits, or has fewer outputs than classes.
    """
    model.eval()
    with torch.no_grad():
        check_logits(model(image), classes)

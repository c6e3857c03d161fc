"""What a network says about images, and how good that is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lrlab.pytorch.snapshots import load_snapshot

EVALUATION_BATCH = 1_000  # images; larger ones leave the cache of a CPU


@torch.inference_mode()
def evaluate(model: nn.Module, images: Tensor, labels: Tensor) -> tuple[float, float]:
    """Return the mean cross-entropy and the accuracy in [0, 1] of a classifier.

    Args:
        model: The network; it is put into evaluation mode.
        images: Float images ``(N, channels, height, width)`` on the model's device.
        labels: Classes, shape ``(N,)``.
    """
    model.eval()
    loss = torch.zeros((), device=images.device)
    correct = torch.zeros((), device=images.device)
    for x, y in zip(images.split(EVALUATION_BATCH), labels.split(EVALUATION_BATCH), strict=True):
        logits = model(x)
        loss += functional.cross_entropy(logits, y, reduction="sum")
        correct += (logits.argmax(dim=1) == y).sum()
    return loss.item() / len(labels), correct.item() / len(labels)


def _check_outputs(model: nn.Module, image: Tensor, classes: int) -> None:
    """A label past the last output is a cryptic error, on a GPU one that ends the process."""
    model.eval()
    with torch.inference_mode():
        shape = tuple(model(image).shape)
    if len(shape) != 2 or shape[1] < classes:
        raise ValueError(
            f"model must give logits of shape (N, {classes}) for this data set, gives (N, "
            + ", ".join(map(str, shape[1:]))
            + ")"
        )


@torch.inference_mode()
def logits(model: nn.Module, images: Tensor) -> np.ndarray:
    """Return a network's outputs for many images, batch by batch.

    Args:
        model: The network; it is put into evaluation mode.
        images: Float images ``(N, channels, height, width)`` on the model's device.

    Returns:
        float32 array of shape ``(N, classes)``.
    """
    model.eval()
    return torch.cat([model(batch) for batch in images.split(EVALUATION_BATCH)]).cpu().numpy()


def member_logits(
    paths: Iterable[Path | str], model: nn.Module, images: Tensor
) -> Iterator[np.ndarray]:
    """Give the outputs of one snapshot after the other.

    One network serves them all, so that the device holds one member's weights at a time, and its
    outputs leave the device before the next is loaded.

    Args:
        paths: The snapshots, see `lrlab.training.snapshot_paths`.
        model: A network of their layers; its weights are overwritten.
        images: Float images ``(N, channels, height, width)`` on the model's device, see
            `lrlab.pytorch.to_device`.

    Yields:
        float32 arrays of shape ``(N, classes)``, for `lrlab.ensembles.Ensemble`.

    Raises:
        SnapshotError: A snapshot cannot be used, when its turn comes.
    """
    for path in paths:
        yield logits(load_snapshot(path, model), images)

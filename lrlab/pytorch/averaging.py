"""The snapshots of one run as members of an ensemble: outputs, averages, distances, lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, update_bn

from lrlab.pytorch.device import inputs_to_device, to_device
from lrlab.pytorch.evaluation import EVALUATION_BATCH, evaluate_on_device, logits, place_of
from lrlab.pytorch.snapshots import bare, load_snapshot
from lrlab.utils import checks


def member_logits(
    paths: Iterable[Path | str], model: nn.Module, images: np.ndarray
) -> Iterator[np.ndarray]:
    """Give the outputs of one snapshot after the other.

    One network serves them all, so that the device holds one member's weights at a time, and its
    outputs leave the device before the next is loaded.

    Args:
        paths: The snapshots, see `lrlab.training.snapshot_paths`.
        model: A network of their layers, on whatever device; its weights are overwritten.
        images: uint8, shape ``(N, height, width, channels)``, as in a `Dataset`.

    Yields:
        float32 arrays of shape ``(N, classes)``, for `lrlab.ensembles.Ensemble`.

    Raises:
        SnapshotError: A snapshot cannot be used, when its turn comes.
    """
    for path in paths:
        yield logits(load_snapshot(path, model), images)


def average_weights(
    paths: Iterable[Path | str], model: nn.Module, images: np.ndarray | None = None
) -> nn.Module:
    r"""Return one network whose weights are the mean of the snapshots', :math:`\frac1M\sum_m w_m`.

    At inference it costs what a single network costs. A network with batch normalisation needs the
    statistics of the averaged weights: they are taken anew from the training images.

    Args:
        paths: One or more snapshots.
        model: A network of their layers; its weights are overwritten.
        images: Training images, uint8 as in a `Dataset`, for the statistics; needed only where
            there is batch normalisation.

    Returns:
        A new network in evaluation mode, the one inside of ``torch.compile`` and the like.

    Raises:
        ValueError: There is no snapshot, or there is batch normalisation and no images.
        SnapshotError: A snapshot cannot be used.

    References:
        Izmailov, Podoprikhin, Garipov, Vetrov, Wilson 2018, arXiv:1803.05407.
    """
    model = bare(model)
    averaged = AveragedModel(model)
    for path in paths:
        averaged.update_parameters(load_snapshot(path, model))
    if not averaged.n_averaged:
        raise ValueError("paths must name one or more snapshots, received none")
    if any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in averaged.modules()):
        if images is None:
            raise ValueError("images must be given for a network with batch normalisation")
        pixels = inputs_to_device(images, place_of(model))
        with torch.inference_mode():
            update_bn(pixels.split(EVALUATION_BATCH), averaged)
    return averaged.module.eval()


def weight_distances(paths: Iterable[Path | str], model: nn.Module) -> np.ndarray:
    r"""Return how far snapshots lie from one another, :math:`\lVert w_i - w_j \rVert_2`.

    All trained weights count, the running statistics of batch normalisation do not.

    Args:
        paths: The snapshots.
        model: A network of their layers; its weights are overwritten.

    Returns:
        A symmetric matrix of shape ``(members, members)``.
    """
    weights = []
    for path in paths:
        parameters = load_snapshot(path, model).parameters()
        # Not parameters_to_vector, which refuses weights that lie pixel by pixel.
        weights.append(torch.cat([p.detach().double().flatten() for p in parameters]))
    return np.array([[(one - other).norm().item() for other in weights] for one in weights])


class Line(NamedTuple):
    """What is met on the straight way from one network's weights to another's.

    Args:
        position: Share of the way, from 0 to 1, shape ``(points,)``.
        loss: Mean cross-entropy there.
        accuracy: Share of images classified correctly there, in [0, 1].
    """

    position: np.ndarray
    loss: np.ndarray
    accuracy: np.ndarray

    @property
    def barrier(self) -> float:
        """How far the loss rises at most above the straight line between its ends, at least 0."""
        ends = np.interp(self.position, [0, 1], self.loss[[0, -1]])
        return float((self.loss - ends).max())


def along_line(
    first: Path | str,
    last: Path | str,
    model: nn.Module,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    points: int = 11,
) -> Line:
    r"""Evaluate the networks of weights :math:`(1 - u)\, w_1 + u\, w_2` for u from 0 to 1.

    Running statistics of batch normalisation are interpolated like weights.

    Args:
        first: The snapshot at u = 0.
        last: The snapshot at u = 1.
        model: A network of their layers; its weights are overwritten.
        images: uint8, shape ``(N, height, width, channels)``, as in a `Dataset`.
        labels: Their classes, shape ``(N,)``.
        points: How many networks, evenly spaced, both ends included; at least 2.

    Raises:
        ValueError: There are fewer than 2 points.
        SnapshotError: A snapshot cannot be used.

    References:
        Goodfellow, Vinyals, Saxe 2015, arXiv:1412.6544 (the line); Entezari, Sedghi, Saukh,
        Neyshabur 2022, arXiv:2110.06296 (the barrier).
    """
    if checks.count("points", points) < 2:
        raise ValueError(f"points must be at least 2, received {points}")
    ends = []
    for path in (first, last):
        state = load_snapshot(path, model).state_dict()
        ends.append({name: value.clone() for name, value in state.items()})
    position = np.linspace(0, 1, points)
    pixels, classes = to_device(images, labels, place_of(model))
    found = []
    for u in position:
        between = {
            name: torch.lerp(start, ends[1][name], float(u)) if start.is_floating_point() else start
            for name, start in ends[0].items()
        }
        model.load_state_dict(between)
        found.append(evaluate_on_device(model, pixels, classes))
    loss, accuracy = np.array(found).T
    return Line(position, loss, accuracy)

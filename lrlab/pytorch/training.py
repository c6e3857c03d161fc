"""Training in PyTorch, with the data on the device and the used rate on record."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lrlab import checks
from lrlab.data import Dataset
from lrlab.history import History, provenance, run_config
from lrlab.plateau import ReduceOnPlateau
from lrlab.progress import bar
from lrlab.pytorch.bridge import ScheduleLR
from lrlab.pytorch.optimizers import make_optimizer
from lrlab.pytorch.plateau import PlateauLR
from lrlab.pytorch.snapshots import Keeper, Snapshots
from lrlab.rule_config import for_training
from lrlab.schedule_base import Schedule
from lrlab.updates import Momentum, Rule

EVALUATION_BATCH = 1_000  # images; larger ones leave the cache of a CPU


def fit(
    model: nn.Module,
    dataset: Dataset,
    *,
    epochs: int,
    schedule: Schedule,
    batch_size: int = 128,
    momentum: float = 0.0,
    optimizer: Rule | None = None,
    per: str = "epoch",
    clip_norm: float | None = None,
    seed: int = 0,
    device: str = "auto",
    deterministic: bool = False,
    plateau: ReduceOnPlateau | None = None,
    monitor: str = "test_loss",
    watch_from: int = 0,
    snapshots: Snapshots | None = None,
) -> History:
    r"""Train a classifier on cross-entropy, by SGD or another rule, and return the run's record.

    The rate is set before the update that uses it: :math:`\eta(e)` in epoch e, or with
    ``per="step"`` :math:`\eta(e + k/n)` in update k of n. After each update it is read back
    from the optimiser, and that is what the history holds. Pixels are scaled to [−1, 1] (mean
    and deviation 0.5). Nothing waits for the device within an epoch.

    Args:
        model: Network from float images ``(N, channels, height, width)`` to logits
            ``(N, classes)``; it is moved to the device and trained in place.
        dataset: Images and labels.
        epochs: Passes through the training images, a positive integer. A run whose loss is no
            longer finite ends earlier and says so in ``History.stopped``.
        schedule: The rate over time in epochs.
        batch_size: Images in an update; the last batch of an epoch holds the rest.
        momentum: Heavy-ball momentum in [0, 1).
        optimizer: Update rule of `lrlab.updates` of convention ``"pytorch"``, in the place of SGD
            with or without momentum, which then is to be 0. Torch's own optimiser carries it out.
        per: Set the rate once an ``"epoch"`` or at every ``"step"``.
        clip_norm: Largest Euclidean norm of an update's gradient, greater than 0; a longer one is
            shortened to it (Pascanu et al. 2013, arXiv:1211.5063). None for any.
        seed: Seed of the order of the images, the same order on every device.
        device: A torch device, or ``"auto"``: a GPU if there is one.
        deterministic: On a GPU, use only algorithms that repeat to the last bit (slower).
        plateau: Policy that lowers the schedule's rates, see `PlateauLR`; None for none.
        monitor: The metric that it watches: ``"train_loss"``, ``"test_loss"`` or
            ``"test_accuracy"``, which takes a policy of mode ``"max"``.
        watch_from: First epoch that it watches, an integer of at least 0; the schedule is at
            ``plateau.lr`` there.
        snapshots: Where to keep the network at the ends of cycles, and the run's state to go on
            from after an interruption, see `Snapshots`; None to keep nothing.

    Returns:
        The history, one entry an epoch.

    Raises:
        ValueError: An argument breaks its rule, or the model has fewer outputs than classes.
        SnapshotError: The folder of the snapshots belongs to another run, or is damaged.
    """
    config = run_config(
        dataset,
        model=type(model).__name__,
        epochs=epochs,
        schedule=schedule,
        batch_size=batch_size,
        momentum=momentum,
        per=per,
        seed=seed,
        plateau=plateau,
        monitor=monitor,
        watch_from=watch_from,
    )
    if clip_norm is not None:
        config["clip_norm"] = clip_norm = checks.positive("clip_norm", clip_norm)
    if optimizer is not None:
        config["optimizer"] = for_training(optimizer, "pytorch", momentum=momentum)
    steps = config["steps_per_epoch"]
    place = pick_device(device)
    # Pixel by pixel, as the images lie in memory, a CPU convolves a fifth faster.
    layout = torch.channels_last if place.type == "cpu" else torch.preserve_format
    model.to(place, memory_format=layout)
    train = to_device(dataset.x_train, dataset.y_train, place)
    test = to_device(dataset.x_test, dataset.y_test, place)
    _check_outputs(model, test[0][:1], dataset.classes)
    rule = optimizer or Momentum(momentum=momentum)
    optimizer = make_optimizer(rule, model.parameters(), lr=0.0)
    rates = {"schedule": schedule, "steps_per_epoch": steps if per == "step" else 1}
    if plateau is None:
        scheduler = ScheduleLR(optimizer, **rates)
    else:
        scheduler = PlateauLR(optimizer, plateau, watch_from=watch_from, **rates)
    made = provenance("torch", torch.__version__, device_name(place), dataset.fingerprint)
    history = History(config, made)
    shuffle = torch.Generator().manual_seed(seed)
    keeper = None
    if snapshots is not None:
        parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler}
        keeper = Keeper(snapshots, history, parts, shuffle)
    left = range(history.epochs, epochs)
    with _deterministic(deterministic), bar(left, "training", "epoch") as progress:
        for epoch in progress:
            start = time.perf_counter()
            batches = torch.randperm(len(train[0]), generator=shuffle).to(place).split(batch_size)
            model.train()
            total = torch.zeros((), device=place)
            for step, batch in enumerate(batches):
                images, labels = train[0][batch], train[1][batch]
                total += len(batch) * _update(model, optimizer, images, labels, clip_norm)
                history.record_lr(epoch + step / steps, optimizer.param_groups[0]["lr"])
                if per == "step" and step < steps - 1:
                    scheduler.step()
            test_loss, test_accuracy = evaluate(model, *test)
            history.record_epoch(
                train_loss=total.item() / len(train[0]),
                test_loss=test_loss,
                test_accuracy=test_accuracy,
                seconds=time.perf_counter() - start,
            )
            progress.set_postfix_str(f"test accuracy {test_accuracy:.3f}")
            if history.stopped:
                break
            scheduler.step(*([] if plateau is None else [getattr(history, monitor)[-1]]))
            if keeper is not None:
                keeper.end_epoch()
    return history


def _update(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    images: Tensor,
    labels: Tensor,
    clip_norm: float | None,
) -> Tensor:
    """One step of the optimiser; the mean loss stays on the device."""
    loss = functional.cross_entropy(model(images), labels)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    if clip_norm is not None:
        nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
    optimizer.step()
    return loss.detach()


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


def to_device(
    images: np.ndarray, labels: np.ndarray, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Put a data set on a device, once and for all.

    Args:
        images: uint8, shape ``(N, height, width, channels)``.
        labels: Integers, shape ``(N,)``.
        device: Where to.

    Returns:
        float32 images in [−1, 1], shape ``(N, channels, height, width)`` though still in memory
        pixel by pixel, and int64 labels.
    """
    pixels = torch.from_numpy(np.ascontiguousarray(images)).to(device).permute(0, 3, 1, 2)
    return pixels.float().sub_(127.5).div_(127.5), torch.from_numpy(labels).to(device)


def pick_device(device: str = "auto") -> torch.device:
    """Return the named device; ``"auto"`` is a GPU if torch sees one, else the CPU.

    Raises:
        ValueError: There is no such device.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"device {device!r} is not to be had here: {error}") from error


def device_name(device: torch.device) -> str:
    """Return the name of the hardware, and on a CPU how many threads torch uses."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    name = f"{platform.machine()} {device.type}"
    return f"{name}, {torch.get_num_threads()} threads" if device.type == "cpu" else name


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


@contextmanager
def _deterministic(wanted: bool) -> Iterator[None]:
    if not wanted:
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what cuBLAS asks for
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with a single thread: several runs side by side then share the cores well."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)

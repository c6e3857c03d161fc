"""Training in PyTorch, with the data on the device and the used rate on record."""

from __future__ import annotations

import time

import torch
from torch import Tensor, nn
from torch.nn import functional

from lrlab.data import Dataset
from lrlab.optimizers import Momentum, Rule, for_training
from lrlab.plateau import ReduceOnPlateau
from lrlab.pytorch.device import _deterministic, device_name, pick_device, to_device
from lrlab.pytorch.evaluation import _check_outputs, evaluate
from lrlab.pytorch.optimizers import make_optimizer
from lrlab.pytorch.schedulers import PlateauLR, ScheduleLR
from lrlab.pytorch.snapshots import Keeper, Snapshots
from lrlab.schedules import Schedule
from lrlab.training import History, provenance, run_config
from lrlab.utils import bar, checks


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
        optimizer: Rule of `lrlab.optimizers` of convention ``"pytorch"``, in the place of SGD
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

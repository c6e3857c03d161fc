"""Training in PyTorch, with the data on the device and the used rate on record."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn
from tqdm import tqdm

from lrlab.data import Dataset
from lrlab.pytorch.device import device_name
from lrlab.pytorch.loop import Observer, Training
from lrlab.pytorch.snapshots import SnapshotKeeper, bare
from lrlab.training import History, Recipe, Snapshots, provenance
from lrlab.utils import bar


def fit(
    model: nn.Module,
    dataset: Dataset,
    recipe: Recipe,
    *,
    device: str = "auto",
    snapshots: Snapshots | None = None,
    observers: Iterable[Observer] = (),
) -> History:
    """Train a classifier on cross-entropy and return the record of the run.

    The rate is set before the update that uses it, and read back from the optimizer after it: that
    is what the history holds. Pixels are scaled to [−1, 1] (mean and deviation 0.5). Nothing waits
    for the device within an epoch.

    Args:
        model: Network from float images ``(N, channels, height, width)`` to logits
            ``(N, classes)``, or from int32 sequences ``(N, length)`` to logits
            ``(N, length, classes)``; it is moved to the device and trained in place.
        dataset: Images or sequences, and labels.
        recipe: What to do. A run whose loss is no longer finite ends earlier and says so in
            ``History.stopped``.
        device: A torch device, or ``"auto"``: a GPU if there is one. The order of the images is the
            same on every device.
        snapshots: Where to keep the network at the ends of cycles, and the run's state to go on
            from after an interruption; None to keep nothing.
        observers: What else looks on, see `Observer`.

    Returns:
        The history, one entry per epoch.

    Raises:
        ValueError: An argument breaks its rule, or the model has fewer outputs than classes.
        SnapshotError: The folder of the snapshots belongs to another run, or is damaged.

    Example:
        >>> from lrlab import Constant, data
        >>> network = nn.Sequential(nn.Flatten(), nn.Linear(2, 3))
        >>> history = fit(network, data.load("blobs"), Recipe(Constant(0.5), epochs=9))
        >>> history.lr[-1], history.test_accuracy[-1] > 0.5
        (0.5, True)
    """
    training = Training(model, dataset, recipe, device=device)
    place = device_name(training.device)
    history = History(
        recipe,
        network=type(bare(model)).__name__,
        dataset=dataset.name,
        train_images=dataset.epoch_size,
        provenance=provenance("torch", torch.__version__, place, dataset.fingerprint),
    )
    kept = [] if snapshots is None else [SnapshotKeeper(snapshots, history, training)]
    with bar(range(training.epoch, recipe.epochs), "training", "epoch") as progress:
        training.run([Recorder(history, progress), *observers, *kept])
    if hasattr(training.optimizer, "eval"):  # the network is handed over as it was judged
        training.optimizer.eval()
    history.stopped = training.stopped  # by the recorder or another observer
    return history


class Recorder(Observer):
    """Notes the rates and the curves, shows the progress, and ends a run that diverged."""

    def __init__(self, history: History, progress: tqdm) -> None:
        self.history, self.progress = history, progress

    def after_update(self, training: Training) -> None:
        """Note the rate that the update used."""
        self.history.record_lr(training.t, training.lr)

    def after_epoch(self, training: Training) -> None:
        """Note the epoch's losses and accuracy."""
        metrics = training.metrics()
        self.history.record_epoch(**metrics)
        training.stopped = self.history.stopped
        self.progress.update()
        self.progress.set_postfix_str(f"test accuracy {metrics['test_accuracy']:.3f}")

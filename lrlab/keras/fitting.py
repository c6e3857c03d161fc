"""Training in Keras through ``model.fit``, with the used rate on record."""

from __future__ import annotations

import platform
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from tqdm import tqdm

from lrlab.data import Dataset
from lrlab.keras.callbacks import PlateauCallback, RateRecorder, ScheduleCallback
from lrlab.keras.evaluation import EVALUATION_BATCH, check_outputs, to_floats
from lrlab.keras.optimizers import make_optimizer
from lrlab.keras.schedules import KerasSchedule
from lrlab.optimizers import Momentum, Optimizer, twin
from lrlab.plateau import ReduceOnPlateau
from lrlab.schedules import Schedule
from lrlab.training import History, provenance, run_config
from lrlab.utils import bar, checks

# The curves of a `History`, and what Keras calls them.
LOGS = {"train_loss": "loss", "test_loss": "val_loss", "test_accuracy": "val_accuracy"}


def fit(
    model: keras.Model,
    dataset: Dataset,
    *,
    epochs: int,
    schedule: Schedule,
    batch_size: int = 128,
    momentum: float = 0.0,
    optimizer: Optimizer | None = None,
    per: str = "epoch",
    seed: int = 0,
    how: str = "callback",
    plateau: ReduceOnPlateau | None = None,
    monitor: str = "test_loss",
    watch_from: int = 0,
) -> History:
    r"""Train a classifier on cross-entropy and return the record of the run.

    The rate is set before the update that uses it: :math:`\eta(e)` in epoch e, or with
    ``per="step"`` :math:`\eta(e + k/n)` in update k of n. It is read back from the optimiser at
    every update, and that is what the history holds. Pixels are scaled to [−1, 1] (mean and
    deviation 0.5). The train loss is the mean over the images of the epoch, as they were met,
    the test loss and accuracy the mean over the test images after it: a last incomplete batch
    counts by its size. All of this agrees with `lrlab.pytorch.fit`, but for the order of the
    images, which each framework draws for itself, float32, in which Keras adds up, and momentum
    at a rate that changes: Keras' velocity holds the rates of the gradients in it
    (:math:`v \leftarrow \mu v - \eta g`), so that a new rate takes hold gradually; PyTorch's
    velocity is multiplied by the present rate.

    Args:
        model: Network from float images ``(N, height, width, channels)`` to logits
            ``(N, classes)``; it is compiled anew and trained in place.
        dataset: Images and labels.
        epochs: Passes through the training images, a positive integer. A run whose loss is no
            longer finite ends earlier and says so in ``History.stopped``.
        schedule: The rate over time in epochs.
        batch_size: Images in an update; the last batch of an epoch holds the rest.
        momentum: Heavy-ball momentum in [0, 1).
        optimizer: Optimizer of `lrlab.optimizers` of convention ``"keras"``, in the place of SGD
            with or without momentum, which then is to be 0. Keras' own optimiser carries it out.
        per: Set the rate once an ``"epoch"`` or at every ``"step"``.
        seed: Seed of the order of the images. The generators of Python and NumPy are left as
            they were; those of Keras and its backend stay seeded.
        how: Set the rate by a ``"callback"`` (`ScheduleCallback`), or let the ``"optimizer"``
            look it up (`KerasSchedule`), which a saved model keeps.
        plateau: Policy that lowers the schedule's rates, see `PlateauCallback`; None for none.
        monitor: The metric that it watches: ``"train_loss"``, ``"test_loss"`` or
            ``"test_accuracy"``, which takes a policy of mode ``"max"``.
        watch_from: First epoch that it watches, an integer of at least 0; the schedule is at
            ``plateau.lr`` there.

    Returns:
        The history, one entry an epoch.

    Raises:
        ValueError: An argument breaks its rule, or the model has fewer outputs than classes.

    Example:
        >>> from lrlab import Constant, data
        >>> network = [keras.Input((1, 1, 2)), keras.layers.Flatten(), keras.layers.Dense(3)]
        >>> blobs = data.load("blobs")
        >>> history = fit(keras.Sequential(network), blobs, epochs=9, schedule=Constant(0.5))
        >>> history.lr[-1], history.test_accuracy[-1] > 0.5
        (0.5, True)
    """
    config = run_config(
        dataset,
        model=model.name,
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
    if optimizer is not None:
        twin(optimizer, "keras")  # refuses what the framework does not have
        if momentum:
            rule = "momentum must be 0 beside an optimizer, which brings its own"
            raise ValueError(f"{rule}, received {momentum!r}")
        config["optimizer"] = optimizer.to_config()
    config["how"] = checks.choice("how", how, ("callback", "optimizer"))
    if plateau is not None and how != "callback":
        raise ValueError(f"how must be 'callback' for a plateau policy, received {how!r}")
    test = to_floats(dataset.x_test), dataset.y_test
    check_outputs(model, test[0][:1], dataset.classes)
    if plateau is not None:
        watch = {"monitor": LOGS[monitor], "watch_from": watch_from}
        rate, setters = 0.0, [PlateauCallback(plateau, schedule=schedule, per=per, **watch)]
    elif how == "callback":
        rate, setters = 0.0, [ScheduleCallback(schedule, per=per)]
    else:
        steps = config["steps_per_epoch"]
        rate = KerasSchedule(schedule, epochs=epochs, steps_per_epoch=steps, per=per)
        setters = []
    optimizer = optimizer or Momentum(momentum=momentum, convention="keras")
    model.compile(
        optimizer=make_optimizer(optimizer, rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    history = History(config, made_by(model, dataset))
    with _seeded(seed), bar(range(epochs), "training", "epoch") as progress:
        model.fit(
            to_floats(dataset.x_train),
            dataset.y_train,
            batch_size=batch_size,
            epochs=epochs,
            shuffle=True,
            validation_data=test,
            validation_batch_size=EVALUATION_BATCH,
            callbacks=[*setters, _Recorder(history, progress)],
            verbose=0,
        )
    return history


class _Recorder(RateRecorder):
    """Notes the rates and the curves, shows the progress, and ends a run that diverged."""

    def __init__(self, history: History, progress: tqdm):
        super().__init__(history)
        self._progress = progress

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        super().on_epoch_begin(epoch, logs)
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        super().on_epoch_end(epoch, logs)
        curves = {curve: logs[name] for curve, name in LOGS.items()}
        self.history.record_epoch(**curves, seconds=time.perf_counter() - self._start)
        self._progress.update()
        self._progress.set_postfix_str(f"test accuracy {logs['val_accuracy']:.3f}")
        if self.history.stopped:
            self.model.stop_training = True


def made_by(model: keras.Model, dataset: Dataset) -> dict[str, Any]:
    """Describe where a run is made, the backend and its version included.

    Args:
        model: The network, built; it lies on the device that computes.
        dataset: The images.

    Returns:
        What `lrlab.training.provenance` returns, with the backend's version under its name.
    """
    backend = keras.backend.backend()
    place = str(model.weights[0].value.device).split("device:")[-1].lower()
    device = f"{platform.machine()} {place}"
    made = provenance("keras", keras.__version__, device, dataset.fingerprint)
    return {**made, backend: sys.modules[backend].__version__}


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Keras can only seed everything at once; the user's own generators are put back."""
    before = random.getstate(), np.random.get_state()  # noqa: NPY002 (what Keras seeds)
    keras.utils.set_random_seed(seed)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002

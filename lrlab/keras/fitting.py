"""Training in Keras through ``model.fit``, with the used rate on record."""

from __future__ import annotations

import platform
import random
import re
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras import ops
from tqdm import tqdm

from lrlab.data import Dataset, as_inputs
from lrlab.keras.batches import ShuffledBatches
from lrlab.keras.callbacks import RateRecorder, ScheduleCallback
from lrlab.keras.evaluation import EVALUATION_BATCH, check_outputs
from lrlab.keras.optimizers import leave_out, make_optimizer
from lrlab.keras.plateau import PlateauCallback
from lrlab.keras.snapshot_files import load_run
from lrlab.keras.snapshots import Saver
from lrlab.training import History, Recipe, RunFolder, Snapshots, provenance
from lrlab.utils import bar, instance

# The curves of a `History`, and what Keras calls them.
LOGS = {"train_loss": "loss", "test_loss": "val_loss", "test_accuracy": "val_accuracy"}


def fit(
    model: keras.Model,
    dataset: Dataset,
    recipe: Recipe,
    *,
    device: str = "auto",
    snapshots: Snapshots | None = None,
    observers: Iterable[keras.callbacks.Callback] = (),
) -> History:
    r"""Train a classifier on cross-entropy and return the record of the run.

    The rate is set before the update that uses it, and read back from the optimizer at every
    update: that is what the history holds. Pixels are scaled to [−1, 1] (mean and deviation 0.5).
    The train loss is the mean over the images of the epoch, as they were met, the test loss and
    accuracy the mean over the test images after it: a last incomplete batch counts by its size.
    All of this agrees with `lrlab.pytorch.fit`, but for the order of the images, which each
    framework draws for itself, float32, in which Keras adds up, and momentum at a rate that
    changes: Keras' velocity holds the rates of the gradients in it
    (:math:`v \leftarrow \mu v - \eta g`), so that a new rate takes hold gradually; PyTorch's
    velocity is multiplied by the present rate.

    Args:
        model: Network from float images ``(N, height, width, channels)`` to logits
            ``(N, classes)``, or from int32 sequences ``(N, length)`` to logits
            ``(N, length, classes)``; it is compiled anew and trained in place.
        dataset: Images or sequences, and labels.
        recipe: What to do; its optimizer is of convention ``"keras"``. A run whose loss is no
            longer finite ends earlier and says so in ``History.stopped``.
        device: ``"auto"`` alone: Keras' backend has placed the model when it was made.
        snapshots: Where to keep the network at the ends of cycles, and the run's state to go on
            from after an interruption; None to keep nothing. Without a watching policy only.
        observers: Callbacks that look on; they are called before a snapshot is saved.

    Returns:
        The history, one entry per epoch.

    Raises:
        ValueError: An argument breaks its rule, Keras cannot do what is asked for, or the model has
            fewer outputs than classes.
        SnapshotError: The folder of the snapshots belongs to another run, or is damaged.

    Example:
        >>> from lrlab import Constant, data
        >>> network = [keras.Input((1, 1, 2)), keras.layers.Flatten(), keras.layers.Dense(3)]
        >>> recipe = Recipe(Constant(0.5), epochs=9)
        >>> history = fit(keras.Sequential(network), data.load("blobs"), recipe)
        >>> history.lr[-1], history.test_accuracy[-1] > 0.5
        (0.5, True)
    """
    _check(recipe, device, snapshots)
    test = as_inputs(dataset.x_test), dataset.y_test
    check_outputs(model, dataset)
    optimizer = make_optimizer(recipe.optimizer, 0.0, clip_norm=recipe.clip_norm)
    leave_out(recipe.optimizer, optimizer, model)
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    history = History(
        recipe,
        network=re.sub(r"_\d+$", "", model.name),  # Keras numbers those without a name
        dataset=dataset.name,
        train_images=dataset.epoch_size,
        provenance=_made_by(model, dataset),
    )
    keepers = [] if snapshots is None else [_Keeper(snapshots, history)]
    for keeper in keepers:
        keeper.go_on(model)
    batches = ShuffledBatches(
        as_inputs(dataset.x_train),
        dataset.y_train,
        passes=dataset.passes,
        batch_size=recipe.batch_size,
        seed=recipe.seed,
        initial_epoch=history.epochs,
    )
    left = range(history.epochs, recipe.epochs)
    with own_generators(), bar(left, "training", "epoch") as progress:
        model.fit(
            batches,
            epochs=recipe.epochs,
            initial_epoch=history.epochs,
            shuffle=False,
            validation_data=test,
            validation_batch_size=EVALUATION_BATCH,
            callbacks=[_setter(recipe), _Recorder(history, progress), *observers, *keepers],
            verbose=0,
        )
    if history.epochs < recipe.epochs and history.stopped is None:
        history.stopped = f"an observer ended the training in epoch {history.epochs}"
    return history


def _check(recipe: Recipe, device: str, snapshots: Snapshots | None) -> None:
    """Refuse by name what Keras cannot do."""
    instance(Recipe, words="a Recipe")("recipe", recipe)
    if device != "auto":
        raise ValueError(
            f"device must be 'auto' in Keras, whose backend places a model when it is made, "
            f"received {device!r}"
        )
    if snapshots is None:
        return
    instance(Snapshots, words="a Snapshots")("snapshots", snapshots)
    if recipe.watch is not None:
        raise ValueError(
            "snapshots must be None in Keras where a policy watches, whose state they do not keep"
        )


def _setter(recipe: Recipe) -> ScheduleCallback:
    watch = recipe.watch
    if watch is None:
        return ScheduleCallback(recipe.schedule, per=recipe.per)
    return PlateauCallback(
        watch.policy,
        monitor=LOGS[watch.metric],
        schedule=recipe.schedule,
        first_epoch=watch.first_epoch,
        per=recipe.per,
    )


class _Recorder(RateRecorder):
    """Notes the rates and the curves, shows the progress, and ends a run that diverged."""

    def __init__(self, history: History, progress: tqdm) -> None:
        super().__init__()
        self.history, self.lr_changes, self._progress = history, history.lr_changes, progress

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        super().on_epoch_begin(epoch, logs)
        _seed_epoch(self.history.recipe.seed, epoch)
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        super().on_epoch_end(epoch, logs)
        if len(self._used) < self.params["steps"]:
            return  # an observer ended the training in the middle of the epoch
        if not self._any_update:  # mixed precision skipped them all; this rate stood ready
            self.history.record_lr(float(epoch), float(ops.convert_to_numpy(self._used[0])))
        curves = {curve: (logs or {})[name] for curve, name in LOGS.items()}
        self.history.record_epoch(**curves, seconds=time.perf_counter() - self._start)
        self._progress.update()
        self._progress.set_postfix_str(f"test accuracy {curves['test_accuracy']:.3f}")
        if self.history.stopped:
            self.model.stop_training = True


class _Keeper(keras.callbacks.Callback):
    """Keeps the snapshots of a run, and its history with its state."""

    def __init__(self, snapshots: Snapshots, history: History) -> None:
        super().__init__()
        self.history = history
        self._saver = Saver(extra=lambda: {"history": history.to_json()})
        self._folder = RunFolder(
            snapshots,
            history.identity(),
            schedule=history.schedule,
            epochs=history.recipe.epochs,
            suffix=".keras",
        )

    def go_on(self, model: keras.Model) -> None:
        """Put model and history into the state in which an interrupted run stood."""
        if state := self._folder.state():
            load_run(self._folder.resume, model, state)
            before = History.from_json(state["history"])
            before.recipe = self.history.recipe  # it may have more epochs than before
            vars(self.history).update(vars(before))

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._saver.begin(self, self._folder, self.model.optimizer)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._saver.begin_epoch(epoch)

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._saver.begin_batch(batch)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if not self.history.stopped:
            self._saver.end_epoch()


def _made_by(model: keras.Model, dataset: Dataset) -> dict[str, str]:
    """Where a run is made, the backend and its version included."""
    backend = keras.backend.backend()
    place = str(model.weights[0].value.device).split("device:")[-1].lower()
    device = f"{platform.machine()} {place}"
    made = provenance("keras", keras.__version__, device, dataset.fingerprint)
    return {**made, backend: sys.modules[backend].__version__}


def _seed_epoch(seed: int, epoch: int) -> None:
    """Seed what some backends draw from for dropout, so that a resumed run draws the same."""
    keras.utils.set_random_seed(int(np.random.SeedSequence((seed, epoch)).generate_state(1)[0]))


@contextmanager
def own_generators() -> Iterator[None]:
    """Put the generators of Python and NumPy back: Keras can only seed everything at once."""
    before = random.getstate(), np.random.get_state()  # noqa: NPY002 (what Keras seeds)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002

"""Snapshots of a model at the ends of cycles, and what it takes to go on after an interruption.

In the folder of a run, ``resume.keras`` is the model after its last finished epoch, and every
``snapshot-K.keras`` what that was at the end of a cycle. All are complete models as Keras saves
them, optimizer included, and appear whole.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from lrlab.keras.callbacks import ScheduleCallback, check_steps, fetch_state
from lrlab.keras.moving_average import MovingAverage
from lrlab.keras.optimizers import kept_optimizers
from lrlab.keras.snapshot_files import build_optimizer, digest, load_run, model_state, save_model
from lrlab.schedules import Schedule
from lrlab.training import RunFolder, SnapshotError, Snapshots, read_run


class Saver:
    """Saves a run after each epoch, and a snapshot where a cycle ends; no callback by itself.

    Args:
        extra: Gives what else is to be saved with the run's state, as plain values.

    Attributes:
        lrs: The rate by the number of the epoch, read back just before the epoch's first update.
    """

    def __init__(self, extra: Callable[[], dict[str, Any]] = dict) -> None:
        self.extra = extra
        self.lrs: dict[int, float] = {}

    def begin(
        self,
        callback: keras.callbacks.Callback,
        folder: RunFolder,
        optimizer: keras.optimizers.Optimizer,
    ) -> None:
        """Look at the folder when the training of a callback begins."""
        self._model, self._steps = callback.model, callback.params["steps"]
        self._optimizer = optimizer
        if self._steps is None:
            check_steps(callback)  # refuses it
        _check_optimizers(self._model, optimizer)
        self._folder, self._average = folder, MovingAverage(self._model)
        self._before: dict[str, Any] | None = folder.state()
        self.lrs = {int(epoch): float(lr) for epoch, lr in self._before.get("lrs", [])}

    def begin_epoch(self, epoch: int) -> None:
        """See that a run goes on where it stood, or save with what a new one begins."""
        self._epoch = epoch
        self._average.look()
        if self._before:
            self._check_goes_on(self._before, epoch)
        elif self._before is not None and self._model.built:
            build_optimizer(self._model)  # what is interrupted in its first epoch begins with this
            self._save([self._folder.resume], epoch)
        self._before = None

    def begin_batch(self, batch: int) -> None:
        """Note the rate of an epoch's first update."""
        self._batch = batch
        if batch == 0:
            fetch_state(self._model)
            self._average.put_back()
            self.lrs[self._epoch] = float(self._optimizer.learning_rate.numpy())

    def end_batch(self, batch: int) -> None:
        """Keep the weights after an epoch's last update, which may be exchanged before it ends."""
        self._batch = batch
        if batch + 1 >= self._steps:
            fetch_state(self._model)
            self._average.keep()

    def end_epoch(self) -> None:
        """Save the model, and the snapshot if a cycle ends."""
        if self._batch + 1 < self._steps:
            return  # some callback stopped the training in the middle
        done, resume = self._epoch + 1, self._folder.resume
        snapshots = self._folder.snapshots(done)
        if self._average.look():
            self._save(snapshots, done)
            with self._average.trained():
                self._save([resume], done)
        else:
            self._average.keep()
            # The snapshot first: if a kill comes between, the epoch is made again and so is it.
            self._save([*snapshots, resume], done)

    def _save(self, paths: list[Path], done: int) -> None:
        if "initial_weights" not in self._folder.config:
            self._folder.begin(digest(self._model))
        state = {
            **self._folder.described(done),
            **model_state(self._model),
            "lrs": list(self.lrs.items()),
            **self.extra(),
        }
        save_model(self._model, dict.fromkeys(paths, state))

    def _check_goes_on(self, state: dict[str, Any], epoch: int) -> None:
        path = self._folder.resume
        if epoch != state["epoch"]:
            raise SnapshotError(
                f"initial_epoch must be {state['epoch']} to go on from {path}, received {epoch}. "
                "To begin anew, name another folder"
            )
        if digest(self._model) != state["variables"]:
            raise SnapshotError(
                f"{path} is a model after {state['updates']} updates, and this is not that model. "
                "Go on with the one that resume(folder, make) gives"
            )


def _check_optimizers(model: keras.Model, optimizer: keras.optimizers.Optimizer) -> None:
    """Refuse optimizers whose state Keras would not save, or would not load again."""
    kept = kept_optimizers(model)
    if all(other is not optimizer for other in kept.values()):
        raise ValueError(
            "optimizer must be an attribute of the model for its state to be saved with it, "
            f"received {optimizer.name!r}, which is none"
        )
    own = "optimizer"  # that of compile, whose variables are known
    late = [place for place, one in kept.items() if not one.built and not place.startswith(own)]
    if late:
        raise ValueError(
            "optimizer must be built where the model is made, with build(variables), for its state "
            f"to be resumed, received {', '.join(late)} without variables"
        )


class SnapshotCallback(ScheduleCallback):
    r"""Sets the rate of a `CyclicCosine` and saves the model at the end of every cycle.

    The rate in epoch e is :math:`\frac{\eta}{2} (1 + \cos \frac{\pi (e \bmod c)}{c})` for cycles
    of c epochs, set before the update that uses it as by `ScheduleCallback`; the optimizer keeps
    it in float32. Snapshot K is saved when the K-th cycle's last epoch ends, the cycles counted
    from epoch 0 wherever ``initial_epoch`` is. Epochs after the last complete cycle are trained
    and leave none. Training that stops early leaves the snapshots of its complete cycles; an epoch
    that was stopped in the middle is not saved.

    A folder belongs to one run. After an interruption, in the middle of a cycle too, `resume`
    gives the model and the epoch to go on with; with the images in `ShuffledBatches` the run ends
    with the same snapshots to the last bit as an uninterrupted one (same machine and threads).

    List this callback after those that change weights when an epoch ends. After
    ``keras.callbacks.SwapEMAWeights`` the snapshots hold the average, before it the trained
    weights; ``resume.keras`` has the trained weights either way. The next epoch begins with exactly
    these, where the exchange alone, which in TensorFlow rounds, would change their last bits.

    Args:
        schedule: The rate over time in epochs; its cycles are whole numbers of epochs long, unless
            ``ends`` are given.
        folder: Where the snapshots of this run lie; it is created when missing.
        per: Set the rate once an ``"epoch"`` or at every ``"step"``.
        ends: After how many epochs to take a snapshot; by default at the ends of the cycles.
        optimizer: Which optimizer's rate to set, see `ScheduleCallback`. All that the model keeps
            are saved.

    Raises:
        ValueError: An argument breaks its rule. When training begins: the schedule has no such
            cycles, ``epochs`` does not complete the first, the number of batches is unknown, the
            model does not keep the optimizer, or keeps one beside that of ``compile`` whose
            variables are not built; or see `ScheduleCallback`.
        SnapshotError: When training begins: the folder belongs to another run, or this is not how
            the run goes on.

    Example:
        >>> import tempfile
        >>> from lrlab import CyclicCosine
        >>> folder = tempfile.TemporaryDirectory()
        >>> def make():
        ...     model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        ...     model.compile(keras.optimizers.SGD(), loss="mse")
        ...     return model
        >>> data = keras.ops.zeros((4, 1))
        >>> for epochs in (2, 4):  # the second time it goes on
        ...     model, epoch = resume(folder.name, make)
        ...     cycles = SnapshotCallback(CyclicCosine(0.5, cycle_epochs=2), folder.name)
        ...     run = {"epochs": epochs, "initial_epoch": epoch, "callbacks": [cycles]}
        ...     _ = model.fit(data, data, shuffle=False, verbose=0, **run)
        ...     print(epoch, cycles.lrs)
        0 {0: 0.5, 1: 0.25}
        2 {0: 0.5, 1: 0.25, 2: 0.5, 3: 0.25}
        >>> sorted(path.name for path in Path(folder.name).iterdir())
        ['resume.keras', 'snapshot-1.keras', 'snapshot-2.keras']
        >>> folder.cleanup()

    References:
        Huang, Li, Pleiss, Liu, Hopcroft, Weinberger 2017, arXiv:1704.00109, eq. 2.
    """

    def __init__(
        self,
        schedule: Schedule,
        folder: Path | str,
        *,
        per: str = "epoch",
        ends: tuple[int, ...] | None = None,
        optimizer: keras.optimizers.Optimizer | None = None,
    ) -> None:
        super().__init__(schedule, per=per, optimizer=optimizer)
        self._snapshots, self._saver = Snapshots(folder, ends=ends), Saver()

    @property
    def lrs(self) -> dict[int, float]:
        """The rate by the number of the epoch, read back just before the epoch's first update.

        After `resume` it holds those of the epochs before as well.
        """
        return self._saver.lrs

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Check the cycles and the folder, and tell which epochs leave no snapshot."""
        super().on_train_begin(logs)
        config = {"schedule": self.schedule.to_config(), "per": self.per}
        folder = RunFolder(
            self._snapshots,
            config,
            schedule=self.schedule,
            epochs=self.params["epochs"],
            suffix=".keras",
        )
        self._saver.begin(self, folder, self._optimizer)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Set the rate of the epoch."""
        self._saver.begin_epoch(epoch)
        super().on_epoch_begin(epoch, logs)

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Set the rate of the update, and note that of the first."""
        super().on_train_batch_begin(batch, logs)
        self._saver.begin_batch(batch)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep the weights that the epoch's last update has left."""
        self._saver.end_batch(batch)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Put the rate among the logs, save the model, and the snapshot if a cycle ends."""
        super().on_epoch_end(epoch, logs)
        self._saver.end_epoch()


def resume(folder: Path | str, make: Callable[[], keras.Model]) -> tuple[keras.Model, int]:
    """Return the model of a run as it was after the last finished epoch, and the next epoch.

    All that training changes comes back to the last bit: weights, statistics of batch
    normalisation, the optimizer's variables (momentum, moving averages, accumulated gradients, the
    scale of the loss) and the generators of the model's layers, which dropout draws from. What is
    no variable of the model or its optimizer does not: generators of your own, Keras' global one,
    the state of other callbacks, and under a distribution strategy what the replicas hold apart
    (the statistics of batch normalisation are then those of the first). The epoch is
    ``initial_epoch`` of ``fit`` and of `ShuffledBatches`.

    Args:
        folder: The folder of a `SnapshotCallback`.
        make: Makes the compiled model of the run, whatever its weights; any class of model, layer
            or loss will do, in the scope of a distribution strategy too.

    Returns:
        The model that ``make`` returned, and the number of the epoch to go on with, which is 0 in
        an empty folder.

    Raises:
        SnapshotError: The folder's ``resume.keras`` is damaged, changed or not of this package, or
            the model is another one.
    """
    path = Path(folder) / "resume.keras"
    state = read_run(path) if path.exists() else None
    model = make()
    if state is None:
        return model, 0
    load_run(path, model, state)
    return model, state["epoch"]

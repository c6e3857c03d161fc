"""Snapshots of a model at the ends of cycles, and what it takes to go on after an interruption.

In the folder of a run, ``resume.keras`` is the model after its last finished epoch, and every
``snapshot-K.keras`` what that was at the end of a cycle. All are complete models as Keras saves
them, optimizer included, and appear whole.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from lrlab.keras.callbacks import ScheduleCallback, check_steps, fetch_state
from lrlab.keras.snapshot_files import REMEDY, load_model, read_state, save_model
from lrlab.schedules import Schedule
from lrlab.training import Recipe, SnapshotError, Snapshots, snapshot_path, warn_of_rest
from lrlab.utils import differences, remove_abandoned, whole

RESUME = "resume.keras"


class Saver:
    """Saves a run after each epoch, and a snapshot where a cycle ends; no callback by itself.

    Args:
        snapshots: Where, and when.
        schedule: The schedule of the run.
        config: What makes the run the one that it is, as plain values.
        extra: Gives what else is to be saved with the run's state, as plain values.

    Attributes:
        lrs: The rate by the number of the epoch, read back just before the epoch's first update.
    """

    def __init__(
        self,
        snapshots: Snapshots,
        schedule: Schedule,
        config: dict[str, Any],
        extra: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        self.snapshots, self.schedule, self.config, self.extra = snapshots, schedule, config, extra
        self.folder = Path(snapshots.folder)
        self.lrs: dict[int, float] = {}

    def begin(self, callback: keras.callbacks.Callback) -> None:
        """Look at the folder when the training of a callback begins."""
        check_steps(callback)
        self._model, self._params = callback.model, callback.params
        epochs = self._params["epochs"]
        self._ends = self.snapshots.ends_of(self.schedule, epochs)
        if self.snapshots.ends is None:
            warn_of_rest(self._ends, epochs)
        remove_abandoned(self.folder)
        self._before = self._saved_state()

    def begin_epoch(self, epoch: int) -> None:
        """See that a run that was interrupted goes on where it stood."""
        self._epoch = epoch
        if self._before is not None:
            self._check_goes_on(self._before, epoch)
            self._before = None

    def begin_batch(self, batch: int) -> None:
        """Note the rate of an epoch's first update."""
        self._batch = batch
        if batch == 0:
            fetch_state(self._model)
            self.lrs[self._epoch] = float(self._model.optimizer.learning_rate)

    def end_epoch(self) -> None:
        """Save the model, and the snapshot if a cycle ends."""
        if self._batch + 1 < self._params["steps"]:
            return  # some callback stopped the training in the middle
        self.save(self._epoch + 1)

    def save(self, done: int) -> None:
        """Save the model after so many epochs, and the snapshot if a cycle ends."""
        state = {
            "config": self.config,
            "ends": list(self._ends),
            "epoch": done,
            "updates": _updates(self._model),
            "lrs": list(self.lrs.items()),
            "generators": [v.numpy().tolist() for v in _generators(self._model)],
            **self.extra(),
        }
        save_model(self._model, state, self.folder / RESUME)
        self._leave_snapshot(done)

    def _leave_snapshot(self, epochs: int) -> None:
        """Copy the model after so many epochs, if that is where a cycle ends."""
        if epochs in self._ends:
            path = snapshot_path(self.folder, self._ends.index(epochs) + 1, ".keras")
            with whole(path) as partial:
                shutil.copyfile(self.folder / RESUME, partial)

    def _saved_state(self) -> dict[str, Any] | None:
        """Return where this run stood, or None at its beginning."""
        path = self.folder / RESUME
        if not path.exists():
            if any(self.folder.glob("snapshot-*.keras")):
                raise SnapshotError(
                    f"{self.folder} holds snapshots but no {RESUME}, so they are another run's. "
                    "Name another folder"
                )
            return None
        state = read_state(path)
        _check_same(path, state, self.config, self._ends, self._params["epochs"])
        self.lrs = {int(epoch): float(lr) for epoch, lr in state["lrs"]}
        self._leave_snapshot(state["epoch"])  # a kill may have come between the two files
        return state

    def _check_goes_on(self, state: dict[str, Any], epoch: int) -> None:
        path, updates = self.folder / RESUME, _updates(self._model)
        if epoch != state["epoch"]:
            raise SnapshotError(
                f"initial_epoch must be {state['epoch']} to go on from {path}, received {epoch}. "
                "To begin anew, name another folder"
            )
        if updates != state["updates"]:
            raise SnapshotError(
                f"{path} is a model after {state['updates']} updates, this one has made {updates}. "
                "Go on with the model that resume(folder, make) gives"
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
    List this callback after those that change weights when an epoch ends.

    Args:
        schedule: The rate over time in epochs; its cycles are whole numbers of epochs long, unless
            ``ends`` are given.
        folder: Where the snapshots of this run lie; it is created when missing.
        per: Set the rate once an ``"epoch"`` or at every ``"step"``.
        ends: After how many epochs to take a snapshot; by default at the ends of the cycles.

    Raises:
        ValueError: An argument breaks its rule. When training begins: the schedule has no such
            cycles, ``epochs`` does not complete the first, the number of batches is unknown, or
            see `ScheduleCallback`.
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
    ) -> None:
        super().__init__(schedule, per=per)
        config = {"schedule": schedule.to_config(), "per": per}
        self._saver = Saver(Snapshots(folder, ends=ends), schedule, config)

    @property
    def lrs(self) -> dict[int, float]:
        """The rate by the number of the epoch, read back just before the epoch's first update.

        After `resume` it holds those of the epochs before as well.
        """
        return self._saver.lrs

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Check the cycles and the folder, and tell which epochs leave no snapshot."""
        super().on_train_begin(logs)
        self._saver.begin(self)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Set the rate of the epoch."""
        self._saver.begin_epoch(epoch)
        super().on_epoch_begin(epoch, logs)

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Set the rate of the update, and note that of the first."""
        super().on_train_batch_begin(batch, logs)
        self._saver.begin_batch(batch)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Save the model, and the snapshot if a cycle ends."""
        self._saver.end_epoch()


def resume(folder: Path | str, make: Callable[[], keras.Model]) -> tuple[keras.Model, int]:
    """Return the model of a run as it was after the last finished epoch, and the next epoch.

    It is compiled as it was, with the state of its optimizer and of the generators that dropout
    draws from. The epoch is ``initial_epoch`` of ``fit`` and of `ShuffledBatches`.

    Args:
        folder: The folder of a `SnapshotCallback`.
        make: Makes the compiled model that the run begins with.

    Returns:
        The model and the number of the epoch to go on with; what ``make`` returns and 0 if no
        epoch has been finished.

    Raises:
        SnapshotError: The folder's ``resume.keras`` is damaged or not of this package.
    """
    path = Path(folder) / RESUME
    if not path.exists():
        return make(), 0
    state = read_state(path)
    model = load_model(path, compiled=True)
    _set_generators(model, state)
    return model, state["epoch"]


def restore(
    snapshots: Snapshots, model: keras.Model, recipe: Recipe, config: dict[str, Any]
) -> dict[str, Any] | None:
    """Put a compiled model into the state that a run left after its last finished epoch.

    Args:
        snapshots: Where the run keeps its snapshots.
        model: A model of the same layers and the same optimizer; it is changed in place.
        recipe: What the run is to do.
        config: What makes the run the one that it is.

    Returns:
        What was saved beside the model; None, and no change, if no epoch has been finished.

    Raises:
        SnapshotError: The folder's ``resume.keras`` is damaged, not of this package, or of another
            run.
    """
    ends, path = snapshots.ends_of(recipe.schedule, recipe.epochs), Path(snapshots.folder) / RESUME
    if not path.exists():
        return None
    state = read_state(path)
    _check_same(path, state, config, ends, recipe.epochs)
    saved = load_model(path, compiled=True)
    model.optimizer.build(model.trainable_variables)
    pairs = [(model.weights, saved.weights), (_generators(model), _generators(saved))]
    pairs.append((model.optimizer.variables, saved.optimizer.variables))
    if any([v.shape for v in ours] != [v.shape for v in theirs] for ours, theirs in pairs):
        raise SnapshotError(f"{path} is of another network or optimizer. {REMEDY}")
    for ours, theirs in pairs:
        for variable, value in zip(ours, theirs, strict=True):
            variable.assign(value)
    _set_generators(model, state)
    return state


def _updates(model: keras.Model) -> int:
    return int(model.optimizer.iterations)


def _generators(model: keras.Model) -> list[keras.Variable]:
    """The states of a model's random generators, which are variables that Keras does not save."""
    return [v for v in model.variables if v.name == "seed_generator_state"]


def _set_generators(model: keras.Model, state: dict[str, Any]) -> None:
    for variable, value in zip(_generators(model), state["generators"], strict=True):
        variable.assign(value)


def _check_same(
    path: Path, state: dict[str, Any], config: dict[str, Any], ends: tuple[int, ...], epochs: int
) -> None:
    """Refuse to continue a run that was to do something else up to now."""
    done, found = state["epoch"], differences(state["config"], config)
    if [end for end in state["ends"] if end <= done] != [end for end in ends if end <= done]:
        found.append(f"ends was {state['ends']} and is {list(ends)}")
    if done > epochs:
        found.append(f"{done} epochs are finished and {epochs} asked for")
    if found:
        raise SnapshotError(
            f"{path} belongs to another run: {'; '.join(found)}. Name another folder"
        )

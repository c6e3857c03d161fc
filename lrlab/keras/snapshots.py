"""Snapshots of a model at the ends of cycles, and what it takes to go on after an interruption.

In the folder of a run, ``resume.keras`` is the model after its last finished epoch, and every
``snapshot-K.keras`` what that was at the end of a cycle. All are complete models as Keras saves
them, optimiser included, appear whole, and hold an entry more, ``lrlab.json``: what Keras does not
save. It is the epoch, the rates up to there, and the states of the generators that dropout and the
like draw from (keras-team/keras#19796).
"""

from __future__ import annotations

import json
import shutil
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras

from lrlab.keras.callbacks import ScheduleCallback, check_steps, fetch_state
from lrlab.schedules import CyclicCosine
from lrlab.training import SnapshotError, cycle_ends, snapshot_path, warn_of_rest
from lrlab.utils import remove_abandoned, whole

RESUME = "resume.keras"
STATE = "lrlab.json"
_REMEDY = "Delete the file and train anew, or name another folder"


class SnapshotCallback(ScheduleCallback):
    r"""Sets the rate of a `CyclicCosine` and saves the model at the end of every cycle.

    The rate in epoch e is :math:`\frac{\eta}{2} (1 + \cos \frac{\pi (e \bmod c)}{c})` for cycles
    of c epochs, set before the update that uses it as by `ScheduleCallback`; the optimiser keeps
    it in float32. Snapshot K is saved when the K-th cycle's last epoch ends, the cycles counted
    from epoch 0 wherever ``initial_epoch`` is. Epochs after the last complete cycle are trained
    and leave none. Training that stops early leaves the snapshots of its complete cycles; an epoch
    that was stopped in the middle is not saved.

    A folder belongs to one run. After an interruption, in the middle of a cycle too, `resume`
    gives the model and the epoch to go on with; with the images in `ShuffledBatches` the run ends
    with the same snapshots to the last bit as an uninterrupted one (same machine and threads).
    List this callback after those that change weights when an epoch ends.

    Args:
        schedule: The rate over time in epochs; its cycles are whole numbers of epochs long.
        folder: Where the snapshots of this run lie; it is created when missing.
        per: Set the rate once an ``"epoch"`` or at every ``"step"``.

    Attributes:
        lrs: The rate by the number of the epoch, read back from the optimiser just before the
            epoch's first update; after `resume`, those of the epochs before as well.

    Raises:
        ValueError: An argument breaks its rule. When training begins: the schedule has no such
            cycles, ``epochs`` does not complete the first, the number of batches is unknown, or
            see `ScheduleCallback`.
        SnapshotError: When training begins: the folder belongs to another run, or this is not how
            the run goes on.

    Example:
        >>> import tempfile
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

    def __init__(self, schedule: CyclicCosine, folder: Path | str, *, per: str = "epoch"):
        super().__init__(schedule, per=per)
        self.folder = Path(folder)
        self.lrs: dict[int, float] = {}

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Check the cycles and the folder, and tell which epochs leave no snapshot."""
        super().on_train_begin(logs)
        check_steps(self)
        epochs = self.params["epochs"]
        self._ends = cycle_ends(self.schedule, epochs)
        warn_of_rest(self._ends, epochs)
        remove_abandoned(self.folder)
        self._before = self._saved_state()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Set the rate of the epoch."""
        if self._before is not None:
            self._check_goes_on(self._before, epoch)
            self._before = None
        super().on_epoch_begin(epoch, logs)

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Set the rate of the update, and note that of the first."""
        super().on_train_batch_begin(batch, logs)
        self._batch = batch
        if batch == 0:
            fetch_state(self.model)
            self.lrs[self._epoch] = float(self.model.optimizer.learning_rate)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Save the model, and the snapshot if a cycle ends."""
        if self._batch + 1 < self.params["steps"]:
            return  # some callback stopped the training in the middle
        state = self._config() | {
            "epoch": epoch + 1,
            "updates": _updates(self.model),
            "lrs": list(self.lrs.items()),
            "generators": [v.numpy().tolist() for v in _generators(self.model)],
        }
        with whole(self.folder / RESUME) as partial:
            with _without_numpy_warning():
                self.model.save(partial)
            with zipfile.ZipFile(partial, "a") as archive:
                archive.writestr(STATE, json.dumps(state))
        self._leave_snapshot(epoch + 1)

    def _config(self) -> dict[str, Any]:
        return {"schedule": self.schedule.to_config(), "per": self.per}

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
        state = _read_state(path)
        for name, asked in self._config().items():
            if state[name] != asked:
                raise SnapshotError(
                    f"{path} belongs to another run: {name} was {state[name]!r} and is {asked!r}. "
                    "Name another folder"
                )
        self.lrs = dict(map(tuple, state["lrs"]))
        self._leave_snapshot(state["epoch"])  # a kill may have come between the two files
        return state

    def _check_goes_on(self, state: dict[str, Any], epoch: int) -> None:
        path, updates = self.folder / RESUME, _updates(self.model)
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


def resume(folder: Path | str, make: Callable[[], keras.Model]) -> tuple[keras.Model, int]:
    """Return the model of a run as it was after the last finished epoch, and the next epoch.

    It is compiled as it was, with the state of its optimiser and of the generators that dropout
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
    state = _read_state(path)
    model = _load(path, compiled=True)
    for variable, value in zip(_generators(model), state["generators"], strict=True):
        variable.assign(value)
    return model, state["epoch"]


def load_snapshot(path: Path | str) -> keras.Model:
    """Load a snapshot, or any other model in a ``.keras`` file.

    Every byte is checked. Keras' safe mode stays as it is, by default on: code in a file, such as
    that of a ``Lambda`` layer, is refused.

    Args:
        path: The file.

    Returns:
        The model, which is not compiled. To train it further, `resume` the run.

    Raises:
        SnapshotError: The file is missing, damaged, or no model that Keras loads.
    """
    return _load(Path(path), compiled=False)


def _updates(model: keras.Model) -> int:
    return int(model.optimizer.iterations)


def _generators(model: keras.Model) -> list[keras.Variable]:
    """The states of a model's random generators, which are variables that Keras does not save."""
    return [v for v in model.variables if v.name == "seed_generator_state"]


def _read_state(path: Path) -> dict[str, Any]:
    _check_bytes(path)
    try:
        with zipfile.ZipFile(path) as archive:
            return json.loads(archive.read(STATE))
    except (KeyError, ValueError) as error:
        raise SnapshotError(
            f"{path} was not saved by SnapshotCallback: it has no {STATE}. {_REMEDY}"
        ) from error


def _check_bytes(path: Path) -> None:
    """Compare every checksum: a reader of the archive looks only at those of what it reads."""
    if not path.is_file():
        raise SnapshotError(f"{path} does not exist, or is no file")
    try:
        with zipfile.ZipFile(path) as archive:
            sound = archive.testzip() is None
    except Exception:  # a damaged byte leads zipfile into errors of many kinds
        sound = False
    if not sound:
        raise SnapshotError(f"{path} is damaged, or no .keras file. {_REMEDY}")


@contextmanager
def _without_numpy_warning() -> Iterator[None]:
    """Keras 3.15 converts what it saves and loads in a way that NumPy 2 deprecates."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        yield


def _load(path: Path, *, compiled: bool) -> keras.Model:
    _check_bytes(path)
    try:
        with _without_numpy_warning():
            return keras.saving.load_model(path, compile=compiled)
    except Exception as error:  # a foreign file leads Keras into errors of any kind
        first_line = str(error).strip().partition("\n")[0]
        raise SnapshotError(
            f"{path} holds no model that Keras loads safely here: {first_line}"
        ) from error

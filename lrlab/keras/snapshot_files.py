"""What a ``.keras`` file of a run holds: the whole model, and an entry more for the run's state.

The entry, ``lrlab.json``, has what Keras does not save: the epoch, the rates up to there, and the
states of the generators that dropout and the like draw from (keras-team/keras#19796).
"""

from __future__ import annotations

import json
import shutil
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras

from lrlab.training import SnapshotError
from lrlab.utils import whole

STATE = "lrlab.json"
REMEDY = "Delete the file and train anew, or name another folder"


def save_model(model: keras.Model, state: dict[str, Any], path: Path) -> None:
    """Write a model and the state of its run to a file, whole or not at all.

    Args:
        model: The model; it is saved with its optimizer.
        state: Plain values that JSON can hold.
        path: The file.
    """
    # Keras saves to no other suffix than its own, so a scratch file comes first.
    with tempfile.TemporaryDirectory() as scratch:
        saved = Path(scratch, "model.keras")
        with _without_numpy_warning():
            model.save(saved)
        with zipfile.ZipFile(saved, "a") as archive:
            archive.writestr(STATE, json.dumps(state))
        with whole(path) as partial:
            shutil.copyfile(saved, partial)


def load_snapshot(path: Path | str, model: keras.Model | None = None) -> keras.Model:
    """Load a snapshot, or any other model in a ``.keras`` file.

    The checksums of the file are compared. Keras' safe mode stays as it is, by default on: code in
    a file, such as that of a ``Lambda`` layer, is refused.

    Args:
        path: The file.
        model: A model of the same layers, whose weights are overwritten; None makes a new one.

    Returns:
        The model; a new one is not compiled. To train it further, `resume` the run.

    Raises:
        SnapshotError: The file is missing, damaged, no model that Keras loads, or of other layers.
    """
    path = Path(path)
    if model is None:
        return load_model(path, compiled=False)
    _check_bytes(path)
    try:
        with _without_numpy_warning():
            model.load_weights(path)
    except Exception as error:  # other layers lead Keras into errors of any kind
        raise SnapshotError(f"{path} is of another network: {_first_line(error)}") from error
    return model


def read_state(path: Path) -> dict[str, Any]:
    """Return the state that `save_model` wrote beside a model.

    Raises:
        SnapshotError: The file is missing, damaged, or has no state.
    """
    _check_bytes(path)
    try:
        with zipfile.ZipFile(path) as archive:
            state: dict[str, Any] = json.loads(archive.read(STATE))
            return state
    except (KeyError, ValueError) as error:
        raise SnapshotError(
            f"{path} was not saved by SnapshotCallback: it has no {STATE}. {REMEDY}"
        ) from error


def load_model(path: Path, *, compiled: bool) -> keras.Model:
    """Return the model of a file.

    Raises:
        SnapshotError: The file is missing, damaged, or no model that Keras loads.
    """
    _check_bytes(path)
    try:
        with _without_numpy_warning():
            return keras.saving.load_model(path, compile=compiled)
    except Exception as error:  # a foreign file leads Keras into errors of any kind
        raise SnapshotError(
            f"{path} holds no model that Keras loads safely here: {_first_line(error)}"
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
        raise SnapshotError(f"{path} is damaged, or no .keras file. {REMEDY}")


@contextmanager
def _without_numpy_warning() -> Iterator[None]:
    """Keras 3.15 converts what it saves and loads in a way that NumPy 2 deprecates."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        yield


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]

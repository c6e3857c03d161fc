"""What a ``.keras`` file of a run holds: the whole model, and an entry more for the run's state.

The entry has what Keras does not save: the epoch, the rates up to there, and the states of the
generators that dropout and the like draw from (keras-team/keras#19796).
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from lrlab.keras.optimizers import kept_optimizers, unwrapped
from lrlab.training import REMEDY, SnapshotError, check_snapshot, sealed


def save_model(model: keras.Model, files: dict[Path, dict[str, Any]]) -> None:
    """Write a model to files, each with a state of its run, and each whole or not at all.

    Args:
        model: The model; it is saved with its optimizer.
        files: Plain values that JSON can hold, by the path of the file.
    """
    # Keras saves to no other suffix than its own, so a scratch file comes first.
    with tempfile.TemporaryDirectory() as scratch:
        saved = Path(scratch, "model.keras")
        with _without_numpy_warning():
            model.save(saved)
        for path, state in files.items():
            with sealed(path, state) as partial:
                shutil.copyfile(saved, partial)


def model_state(model: keras.Model) -> dict[str, Any]:
    """Return what is to be saved beside a model, and by which a later one is known as the same."""
    counts = [ops.copy(unwrapped(one).iterations) for one in kept_optimizers(model).values()]
    return {
        "updates": max(int(ops.convert_to_numpy(count)) for count in counts),
        "generators": [v.numpy().tolist() for v in _generators(model)],
        "variables": digest(model),
    }


def digest(model: keras.Model) -> str:
    """Return a digest of all that training changes in a compiled model, its rates excepted."""
    rates = {id(unwrapped(one).learning_rate) for one in kept_optimizers(model).values()}
    found = hashlib.sha256()
    for variable in [*model.variables, *_optimizer_variables(model)]:
        if id(variable) not in rates:
            value = variable.numpy()
            found.update(f"{value.dtype} {value.shape} ".encode() + value.tobytes())
    return found.hexdigest()[:16]


def load_snapshot(path: Path | str, model: keras.Model | None = None) -> keras.Model:
    """Load a snapshot, or any other model in a ``.keras`` file.

    The checksums of the file are compared. Keras' safe mode stays as it is, by default on: code in
    a file, such as that of a ``Lambda`` layer, is refused.

    Args:
        path: The file.
        model: A model of the same layers, whose weights are overwritten; its optimizer stays as it
            is. None makes a new model, of the classes that Keras knows.

    Returns:
        The model; a new one is not compiled. To train it further, `resume` the run.

    Raises:
        SnapshotError: The file is missing, damaged, changed, no model that Keras loads, of other
            layers, or another snapshot than its name and its folder say; the model is then as it
            was.
    """
    path = Path(path)
    check_snapshot(path)
    if model is None:
        return load_model(path)
    _build(path, model)
    optimizer = copied(_optimizer_variables(model))
    with _all_or_nothing(model):
        _load_weights(path, model)
    assign(optimizer)
    return model


def load_model(path: Path) -> keras.Model:
    """Return the model of a file, not compiled.

    Raises:
        SnapshotError: The file holds no model that Keras loads.
    """
    try:
        with _without_numpy_warning():
            return keras.saving.load_model(path, compile=False)
    except Exception as error:  # a foreign file leads Keras into errors of any kind
        raise SnapshotError(
            f"{path} holds no model that Keras loads safely here: {_first_line(error)}"
        ) from error


def load_run(path: Path, model: keras.Model, state: dict[str, Any]) -> None:
    """Put a compiled model into the state in which a run was saved, in all that training changes.

    Args:
        path: The file.
        model: A model of the same layers and the same optimizer; it is built if it was not.
        state: What lies in the file beside the model.

    Raises:
        SnapshotError: The model is another one, or does not come back as it was; it is then left
            as it was.
    """
    _build(path, model)
    build_optimizer(model)
    with _all_or_nothing(model):
        _load_weights(path, model)
        # Other numbers of generators or of the optimizer's variables show in the digest.
        assign(zip(_generators(model), state["generators"], strict=False))
        if digest(model) != state["variables"]:
            raise SnapshotError(f"{path} is of another network or optimizer. {REMEDY}")


def _build(path: Path, model: keras.Model) -> None:
    """Give a model that nobody has called yet its weights, of the shapes that a file tells."""
    if not model.built:
        with zipfile.ZipFile(path) as archive, suppress(KeyError):
            model.build_from_config(json.loads(archive.read("config.json"))["build_config"])


def build_optimizer(model: keras.Model) -> None:
    """Make the optimizer's variables, where those of a distributed model lie."""
    if model.optimizer is not None and not model.optimizer.built:
        strategy = getattr(model, "distribute_strategy", None)  # with TensorFlow alone
        with strategy.scope() if strategy else nullcontext():
            model.optimizer.build(model.trainable_variables)


def copied(variables: Iterable[keras.Variable]) -> list[tuple[keras.Variable, np.ndarray]]:
    """Return variables with copies of their values, see `assign`."""
    return [(v, np.array(v.numpy())) for v in variables]


def assign(values: Iterable[tuple[keras.Variable, Any]]) -> None:
    """Give variables their values."""
    for variable, value in values:
        variable.assign(value)


def _optimizer_variables(model: keras.Model) -> list[keras.Variable]:
    own = getattr(model, "optimizer", None)  # which may hold several, and something itself
    optimizers = [*([own] if own else []), *kept_optimizers(model).values()]
    return list({id(v): v for one in optimizers for v in one.variables}.values())


def _generators(model: keras.Model) -> list[keras.Variable]:
    """The states of a model's random generators, which are variables that Keras does not save."""
    return [v for v in model.variables if v.name == "seed_generator_state"]


@contextmanager
def _all_or_nothing(model: keras.Model) -> Iterator[None]:
    """Leave a model as it was if a file turns out not to be its own."""
    before = copied([*model.variables, *_optimizer_variables(model)])
    try:
        yield
    except SnapshotError:
        assign(before)
        raise


def _load_weights(path: Path, model: keras.Model) -> None:
    """Load the weights, and the optimizer's variables if there are as many."""
    try:
        with _without_numpy_warning():
            warnings.filterwarnings("ignore", "Skipping variable loading for opt", UserWarning)
            model.load_weights(path)
    except Exception as error:  # other layers lead Keras into errors of any kind
        raise SnapshotError(f"{path} is of another network: {_first_line(error)}") from error


@contextmanager
def _without_numpy_warning() -> Iterator[None]:
    """Keras 3.15 converts what it saves and loads in a way that NumPy 2 deprecates."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        yield


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]

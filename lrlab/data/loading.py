"""Find a data set by its name, read it, and check it."""

from __future__ import annotations

import re
import stat
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lrlab.data.dataset import DataError, Dataset
from lrlab.data.download import download
from lrlab.data.embedded import EMBEDDED, are_first_images, path_of_first_images
from lrlab.data.folders import cache_folder, is_there, own_folder
from lrlab.data.markov import LANGUAGE
from lrlab.data.sources import SOURCES
from lrlab.utils import checks

ARRAYS = ("x_train", "y_train", "x_test", "y_test")


def load(name: str, limit: int | None = None, *, test_limit: int | None = None) -> Dataset:
    """Load a data set by name.

    It is looked for in this order: the file ``NAME.npz`` in the folder that the environment
    variable ``LRLAB_DATA`` names; what needs no download; the cache; a download, which fills the
    cache. No download is needed for ``"blobs"``, ``"digits"``, ``"markov"``, and the first 8,000
    training and 2,000 test images of ``"fashion_mnist"``, so up to ``limit=8_000,
    test_limit=2_000``. The same images come from wherever they are found.

    To bring your own, write ``NAME.npz`` with the arrays ``x_train`` and ``x_test`` (uint8, of
    shape ``(N, H, W)`` or ``(N, H, W, C)`` with 1 to 4 channels), ``y_train`` and ``y_test``
    (integers counted from 0, of shape ``(N,)``) and, if the classes have names, ``class_names``
    (text).

    Args:
        name: ``"blobs"``, ``"digits"``, ``"fashion_mnist"``, ``"cifar10"``, ``"markov"`` or your
            own.
        limit: Number of training images to keep, the first ones; None keeps all. Of ``"markov"``
            there are as many sequences as you ask for, by default 48,000 and 1,000 to test on.
        test_limit: The same for the test images.

    Returns:
        The data set, in memory.

    Raises:
        ValueError: The name is unknown, or a limit is not a positive integer or above the number
            of images.
        DataError: A file cannot be downloaded, read or used; the message says which one and what to
            do about it.

    Example:
        >>> load("digits")
        <Dataset digits: 1497 training and 300 test images of shape (8, 8, 1), 10 classes>
        >>> load("digits", limit=100, test_limit=50)
        <Dataset digits: 100 training and 50 test images of shape (8, 8, 1), 10 classes>
        >>> load("fashion_mnist", limit=8_000, test_limit=2_000)
        <Dataset fashion_mnist: 8000 training and 2000 test images of shape (28, 28, 1), 10 classes>
    """
    limit = None if limit is None else checks.count("limit", limit)
    test_limit = None if test_limit is None else checks.count("test_limit", test_limit)
    dataset = _find(name, limit, test_limit)
    for argument, value, split in (("limit", limit, "train"), ("test_limit", test_limit, "test")):
        if value is None:
            continue
        if value > (there := len(getattr(dataset, f"y_{split}"))):
            raise ValueError(
                f"{argument} must be at most {there}, the number of {split} images of {name}, "
                f"received {value}"
            )
        # Copies, so that the images left out do not stay in memory behind a view.
        parts = {f"{axis}_{split}": getattr(dataset, f"{axis}_{split}")[:value] for axis in "xy"}
        dataset = replace(dataset, **{key: part.copy() for key, part in parts.items()})
    return dataset


def _find(name: str, limit: int | None, test_limit: int | None) -> Dataset:
    own = own_folder()
    # A name is never a path: load("../x") must not read outside the folder.
    valid = isinstance(name, str) and re.fullmatch(r"\w[\w.-]*", name)
    if valid and own and is_there(path := own / f"{name}.npz", "Correct LRLAB_DATA, or unset it"):
        return _read(path, name, "LRLAB_DATA", "Replace it, or unset LRLAB_DATA to do without it")
    if valid and name in EMBEDDED:
        return EMBEDDED[name]()
    if valid and name == "markov":
        return LANGUAGE.dataset(limit, test_limit)
    if valid and are_first_images(name, limit, test_limit):
        return _read(path_of_first_images(name), name, "embedded", "Install lrlab again")
    if not valid or name not in SOURCES:
        known = ", ".join(sorted([*EMBEDDED, *SOURCES, "markov"]))
        raise ValueError(
            f"name must be one of {known}, or that of a file NAME.npz in the folder LRLAB_DATA, "
            f"received {name!r}"
        )
    path, source = cache_folder() / f"{name}.npz", "cache"
    if not is_there(path, "Set LRLAB_CACHE to a folder that you can read and write"):
        download(name, path)
        source = "download"
    return _read(path, name, source, "Delete it: the next call downloads it again")


def _read(path: Path, name: str, source: str, remedy: str) -> Dataset:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # to open a pipe would wait for a writer
            raise ValueError("it is not a plain file")
        with path.open("rb") as file:
            if not zipfile.is_zipfile(file):
                raise ValueError("it is not a whole .npz file")
            file.seek(0)
            with np.load(file, allow_pickle=False) as archive:
                # NumPy stops at the last value that a header announces, so a damaged header would
                # get past the checksums, which are compared at the end of an array.
                if damaged := archive.zip.testzip():
                    raise ValueError(f"{damaged} in it is damaged")
                return _checked(archive, name, source)
    # Not a narrower class: what zipfile, zlib and NumPy raise on damaged bytes has no common one.
    except Exception as error:
        problem = str(error) or type(error).__name__
        raise DataError(f"cannot use {path}: {problem}. {remedy}") from error


def _checked(archive: Mapping[str, np.ndarray], name: str, source: str) -> Dataset:
    if missing := [key for key in ARRAYS if key not in archive]:
        raise ValueError(f"it lacks {', '.join(missing)}")
    arrays: dict[str, Any] = {key: np.asarray(archive[key]) for key in ARRAYS}
    for split in ("train", "test"):
        x, y = arrays[f"x_{split}"], arrays[f"y_{split}"]
        if x.dtype != np.uint8:
            raise ValueError(f"x_{split} must be uint8, 0 to 255, received {x.dtype}")
        if x.ndim == 3:
            x = x[..., np.newaxis]
        if x.ndim != 4 or not 1 <= x.shape[-1] <= 4:
            raise ValueError(
                f"x_{split} must have shape (N, H, W) or (N, H, W, C) with 1 to 4 channels, "
                f"received {x.shape}"
            )
        if not x.size:
            raise ValueError(f"x_{split} must not be empty, received shape {x.shape}")
        if y.dtype.kind not in "iu" or y.shape != x.shape[:1]:
            raise ValueError(
                f"y_{split} must be one integer for each of the {len(x)} images, "
                f"received {y.dtype} of shape {y.shape}"
            )
        arrays[f"x_{split}"] = np.ascontiguousarray(x)
        arrays[f"y_{split}"] = np.ascontiguousarray(y, np.int64)

    shapes = [arrays[key].shape[1:] for key in ("x_train", "x_test")]
    expected = SOURCES[name].image_shape if name in SOURCES else shapes[0]
    if shapes != [expected, expected]:
        raise ValueError(
            f"its images must all have shape {expected}, received {shapes[0]} for training and "
            f"{shapes[1]} for testing"
        )
    labels = np.concatenate([arrays["y_train"], arrays["y_test"]])
    class_names = _class_names(archive, name, labels)
    if labels.min() < 0 or labels.max() >= len(class_names):
        raise ValueError(
            f"its labels must be 0 to {len(class_names) - 1}, "
            f"received {labels.min()} to {labels.max()}"
        )
    return Dataset(name, **arrays, class_names=class_names, source=source)


def _class_names(
    archive: Mapping[str, np.ndarray], name: str, labels: np.ndarray
) -> tuple[str, ...]:
    if "class_names" in archive:
        names = np.asarray(archive["class_names"])
        if names.dtype.kind != "U" or names.ndim != 1:
            raise ValueError(
                f"class_names must be a list of text, received {names.dtype} of shape {names.shape}"
            )
        return tuple(names.tolist())
    if name in SOURCES:
        return SOURCES[name].class_names
    # Labels that are not counted from 0 (years, say) would ask for millions of names: there
    # cannot be more classes than images.
    return tuple(str(label) for label in range(min(labels.max() + 1, len(labels))))

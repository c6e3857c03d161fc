"""What needs no download: data sets made from scikit-learn's, the first images of a larger one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lrlab.data.dataset import Dataset


def _blobs() -> Dataset:
    """Three overlapping clouds of points, for models that train in a blink.

    A point is an image of one pixel, and its two channels are the point's coordinates. Both
    channels have the same scale: 0 is the smallest of all coordinates and 255 the largest.
    """
    from sklearn.datasets import make_blobs

    points, labels = make_blobs(1000, centers=3, cluster_std=2.0, random_state=2)
    pixels = np.rint(255 * (points - points.min()) / np.ptp(points)).astype(np.uint8)
    return _split("blobs", pixels.reshape(-1, 1, 1, 2), labels, test_size=500)


def _digits() -> Dataset:
    """Handwritten digits; the grey levels 0 to 16 are stretched to 0 to 255."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    pixels = np.rint(images * (255 / 16)).astype(np.uint8)
    return _split("digits", pixels.reshape(-1, 8, 8, 1), labels, test_size=300)


def _split(name: str, images: np.ndarray, labels: np.ndarray, test_size: int) -> Dataset:
    from sklearn.model_selection import train_test_split

    # The images are shuffled with a fixed seed, so that the first ones are a fair sample too, and
    # each class has the same proportion in both parts.
    x_train, x_test, y_train, y_test = train_test_split(
        images, labels, test_size=test_size, stratify=labels, random_state=0
    )
    class_names = tuple(str(label) for label in range(labels.max() + 1))
    return Dataset(name, x_train, y_train, x_test, y_test, class_names, "embedded")


EMBEDDED = {"blobs": _blobs, "digits": _digits}

# For each larger data set of which the first images travel with the package: how many to train on,
# and how many to test on. `python -m tools.images` writes the files; licences lie beside them.
FIRST_IMAGES = {"fashion_mnist": (8_000, 2_000)}


def path_of_first_images(name: str) -> Path:
    """Return the file in which the first images of a data set travel."""
    return Path(__file__).with_name(f"{name}.npz")


def are_first_images(name: str, limit: int | None, test_limit: int | None) -> bool:
    """Whether the images asked for are among those that travel with the package."""
    if name not in FIRST_IMAGES or limit is None or test_limit is None:
        return False
    train, test = FIRST_IMAGES[name]
    return limit <= train and test_limit <= test

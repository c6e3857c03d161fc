"""The embedded data sets are scikit-learn's, split into fair samples, and never change."""

from collections import Counter

import numpy as np
import pytest

from lrlab.data.loading import load


@pytest.mark.parametrize(
    ("name", "train", "test", "shape", "classes", "fingerprint"),
    [
        ("digits", 1497, 300, (8, 8, 1), 10, "989d4d6cffa796fb"),
        ("blobs", 500, 500, (1, 1, 2), 3, "6eaa1e86d7995f9f"),
    ],
)
def test_embedded(name, train, test, shape, classes, fingerprint):
    dataset = load(name)
    assert (dataset.name, dataset.source) == (name, "embedded")
    for x, y, count in (
        (dataset.x_train, dataset.y_train, train),
        (dataset.x_test, dataset.y_test, test),
    ):
        assert (x.shape, x.dtype) == ((count, *shape), np.uint8)
        assert (y.shape, y.dtype) == ((count,), np.int64)
    assert dataset.image_shape == shape
    assert dataset.classes == classes
    assert dataset.class_names == tuple("0123456789"[:classes])
    assert dataset.fingerprint == fingerprint, "recorded runs name their data by this"
    assert load(name).fingerprint == fingerprint
    assert 0 == dataset.x_train.min() < dataset.x_train.max() > 200


@pytest.mark.parametrize("name", ["digits", "blobs"])
def test_embedded_split_is_stratified_and_mixed(name):
    dataset = load(name)
    share = np.bincount(np.concatenate([dataset.y_train, dataset.y_test]))
    share = share / share.sum()
    for y in (dataset.y_train, dataset.y_test):
        np.testing.assert_allclose(np.bincount(y), share * len(y), atol=1)
    # The first images are a fair sample: within four standard deviations of it.
    first = np.bincount(dataset.y_train[:200])
    np.testing.assert_allclose(first, share * 200, atol=4 * np.sqrt(200 * share.max()))


def images_with_labels(x, y):
    return Counter((image.tobytes(), int(label)) for image, label in zip(x, y, strict=True))


def embedded_pairs(name):
    dataset = load(name)
    return images_with_labels(dataset.x_train, dataset.y_train) + images_with_labels(
        dataset.x_test, dataset.y_test
    )


def test_digits_are_scikit_learns():
    from sklearn.datasets import load_digits

    original = load_digits()
    levels = [0, 16, 32, 48, 64, 80, 96, 112, 128, 143, 159, 175, 191, 207, 223, 239, 255]
    expected = Counter(
        (bytes(levels[int(grey)] for grey in image), int(label))
        for image, label in zip(original.data, original.target, strict=True)
    )
    assert sum(expected.values()) == 1797
    assert embedded_pairs("digits") == expected


def test_blobs_keep_the_geometry_of_scikit_learns():
    from sklearn.datasets import make_blobs

    points, labels = make_blobs(1000, centers=3, n_features=2, cluster_std=2.0, random_state=2)
    low, high = min(map(min, points)), max(map(max, points))
    expected = Counter(
        (bytes(round(255 * (value - low) / (high - low)) for value in point), int(label))
        for point, label in zip(points, labels, strict=True)
    )
    assert embedded_pairs("blobs") == expected

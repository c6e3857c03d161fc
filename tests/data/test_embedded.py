"""What needs no download: scikit-learn's data, split into fair samples; the first images."""

from collections import Counter

import numpy as np
import pytest

from lrlab.data import loading
from lrlab.data.dataset import DataError
from lrlab.data.loading import ARRAYS, load


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


# The first images of Fashion-MNIST, which travel with the package.


def test_the_first_images_never_change():
    dataset = load("fashion_mnist", 8_000, test_limit=2_000)
    assert (dataset.name, dataset.source) == ("fashion_mnist", "embedded")
    assert (dataset.x_train.shape, dataset.x_test.shape) == ((8_000, 28, 28, 1), (2_000, 28, 28, 1))
    assert (dataset.class_names[0], dataset.classes) == ("T-shirt/top", 10)
    assert dataset.fingerprint == "a27f15daebc6d4e4", "stored outputs rest on these images"


def test_the_first_images_are_those_of_the_full_set(full_set):
    embedded = load("fashion_mnist", 8_000, test_limit=2_000)
    full_set("fashion_mnist")
    full = load("fashion_mnist")
    assert full.source == "LRLAB_DATA"
    for key in ARRAYS:
        first = getattr(embedded, key)
        np.testing.assert_array_equal(first, getattr(full, key)[: len(first)], strict=True)


@pytest.mark.parametrize("limits", [(1, 1), (np.int64(8_000), 2_000), (7_999, 1_999)])
def test_images_that_travel_need_no_download(limits):
    limit, test_limit = limits
    dataset = load("fashion_mnist", limit, test_limit=test_limit)
    assert dataset.source == "embedded"
    assert (len(dataset.y_train), len(dataset.y_test)) == limits


@pytest.mark.parametrize(
    ("limit", "test_limit"),
    [(8_001, 2_000), (8_000, 2_001), (None, 2_000), (8_000, None), (None, None)],
)
def test_one_image_more_is_a_download(limit, test_limit):
    with pytest.raises(DataError, match="cannot download"):
        load("fashion_mnist", limit, test_limit=test_limit)


def test_an_installation_without_its_images(monkeypatch, tmp_path):
    monkeypatch.setattr(loading, "path_of_first_images", lambda name: tmp_path / f"{name}.npz")
    message = f"cannot use {tmp_path}/fashion_mnist.npz: .*No such file.* Install lrlab again"
    with pytest.raises(DataError, match=message):
        load("fashion_mnist", 10, test_limit=10)

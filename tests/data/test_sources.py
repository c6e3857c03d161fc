"""The table of sources: its hashes, its formats, and the real images where they are at hand."""

import hashlib
import io
import struct

import numpy as np
import pytest

from lrlab.data.loading import load
from lrlab.data.sources import SOURCES
from tests.support.small_images import PUBLISHED


@pytest.mark.parametrize("name", SOURCES)
def test_table(name):
    source = SOURCES[name]
    assert source.base_url.startswith("http")
    assert source.base_url.endswith("/")
    assert len(source.class_names) == len(set(source.class_names)) == 10
    assert len(source.files) > 0
    for published in source.files.values():
        assert hashlib.md5().digest_size == len(bytes.fromhex(published.md5))


@pytest.mark.parametrize("name", SOURCES)
def test_the_published_files_become_their_arrays_and_nothing_else(name, tmp_path, monkeypatch):
    arrays, files = PUBLISHED[name]
    folder = tmp_path / "one" / "two"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    converted = SOURCES[name].convert({file: io.BytesIO(body) for file, body in files.items()})
    assert converted.keys() == arrays.keys()
    for key, array in arrays.items():
        np.testing.assert_array_equal(converted[key], array, strict=True)
    assert list(folder.parent.rglob("*")) == [folder], "an archive does not choose where to write"


@pytest.mark.parametrize(
    ("name", "train", "shape"),
    [("fashion_mnist", 60_000, (28, 28, 1)), ("cifar10", 50_000, (32, 32, 3))],
)
def test_the_full_sets(full_set, name, train, shape):
    full_set(name)
    dataset = load(name)
    assert dataset.x_train.shape == (train, *shape)
    assert dataset.x_test.shape == (10_000, *shape)
    assert np.bincount(dataset.y_train).tolist() == [train // 10] * 10
    assert np.bincount(dataset.y_test).tolist() == [1_000] * 10


def test_the_fingerprint_of_fashion_mnist_is_that_of_the_published_files(full_set):
    """The witness is the widely published MD5 of the publisher's four files, decompressed."""
    full_set("fashion_mnist")
    dataset = load("fashion_mnist")
    assert dataset.fingerprint == SOURCES["fashion_mnist"].fingerprint
    for array, magic, md5 in (
        (dataset.x_train[..., 0], 2051, "f4a8712d7a061bf5bd6d2ca38dc4d50a"),
        (dataset.y_train, 2049, "9018921c3c673c538a1fc5bad174d6f9"),
        (dataset.x_test[..., 0], 2051, "8181f5470baa50b63fa0f6fddb340f0a"),
        (dataset.y_test, 2049, "15d484375f8d13e6eb1aabb0c3f46965"),
    ):
        header = struct.pack(f">{1 + array.ndim}I", magic, *array.shape)
        assert hashlib.md5(header + array.astype(np.uint8).tobytes()).hexdigest() == md5

"""lrlab.data.load: limits, and where a data set is looked for in which order."""

import re

import numpy as np
import pytest

from lrlab.data.dataset import DataError
from lrlab.data.loading import load
from tests.support.small_images import arrays

# Limits.


def test_limit_keeps_the_first_training_images():
    whole, limited = load("digits"), load("digits", 100)
    np.testing.assert_array_equal(limited.x_train, whole.x_train[:100], strict=True)
    np.testing.assert_array_equal(limited.y_train, whole.y_train[:100], strict=True)
    np.testing.assert_array_equal(limited.x_test, whole.x_test, strict=True)
    np.testing.assert_array_equal(limited.y_test, whole.y_test, strict=True)
    assert limited.class_names == whole.class_names
    assert limited.x_train.base is None, "a view would keep all images in memory"
    assert limited.fingerprint != whole.fingerprint


def test_test_limit_keeps_the_first_test_images():
    whole, limited = load("digits"), load("digits", test_limit=np.int64(7))
    np.testing.assert_array_equal(limited.x_train, whole.x_train, strict=True)
    np.testing.assert_array_equal(limited.x_test, whole.x_test[:7], strict=True)
    np.testing.assert_array_equal(limited.y_test, whole.y_test[:7], strict=True)
    assert limited.fingerprint != whole.fingerprint
    assert len(load("digits", 9, test_limit=7).x_train) == 9


def test_limit_of_all_changes_nothing():
    assert load("digits", 1497, test_limit=300).fingerprint == load("digits").fingerprint


@pytest.mark.parametrize("value", [0, -1, True, 10.0, "10", np.nan])
@pytest.mark.parametrize("limit", ["limit", "test_limit"])
def test_a_bad_limit_is_refused_before_anything_is_downloaded(limit, value):
    message = f"^{limit} must be a positive integer, received {re.escape(repr(value))}$"
    with pytest.raises(ValueError, match=message):
        load("cifar10", **{limit: value})


def test_a_limit_above_the_number_of_images():
    message = "^limit must be at most 1497, the number of train images of digits, received 1498$"
    with pytest.raises(ValueError, match=message):
        load("digits", 1498)
    message = "^test_limit must be at most 300, the number of test images of digits, received 301$"
    with pytest.raises(ValueError, match=message):
        load("digits", test_limit=301)


# Where a data set is looked for.


def test_own_file_comes_first(own, cache):
    cache.mkdir(parents=True)
    np.savez(cache / "cifar10.npz", **arrays((32, 32, 3)))
    for name, before in (("digits", "embedded"), ("cifar10", "cache")):
        assert load(name).source == before
        np.savez(own / f"{name}.npz", **arrays((32, 32, 3)))
        assert load(name).source == "LRLAB_DATA"


def test_own_file_comes_before_the_images_that_travel_and_these_before_the_cache(own, cache):
    cache.mkdir(parents=True)
    np.savez(cache / "fashion_mnist.npz", **arrays((28, 28)))
    assert load("fashion_mnist", 2, test_limit=2).source == "embedded"
    assert load("fashion_mnist", 2).source == "cache"
    np.savez(own / "fashion_mnist.npz", **arrays((28, 28)))
    assert load("fashion_mnist", 2, test_limit=2).source == "LRLAB_DATA"


def test_cache_is_used(cache):
    cache.mkdir(parents=True)
    np.savez(cache / "fashion_mnist.npz", **arrays((28, 28)))
    dataset = load("fashion_mnist", 2)
    assert (dataset.source, len(dataset.x_train)) == ("cache", 2)


def test_damaged_file_in_the_cache(cache):
    cache.mkdir(parents=True)
    path = cache / "fashion_mnist.npz"
    path.write_bytes(b"half")
    message = f"cannot use {path}: it is not a whole .*Delete it: the next call downloads it again"
    with pytest.raises(DataError, match=message):
        load("fashion_mnist")
    assert path.exists(), "the reader decides"


def test_own_names_are_not_looked_for_in_the_cache(cache):
    cache.mkdir(parents=True)
    np.savez(cache / "mine.npz", **arrays())
    with pytest.raises(ValueError, match="name must be one of"):
        load("mine")

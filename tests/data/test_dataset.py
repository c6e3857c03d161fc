"""A data set: what it says of itself, its fingerprint, images held out, pixels as numbers."""

import hashlib
import subprocess
import sys
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from lrlab.data.dataset import Dataset, as_floats
from lrlab.data.loading import load
from tests.support.small_images import arrays


def small(**changes):
    return Dataset("small", **arrays(labels="int64") | changes, class_names=("a",), source="test")


def test_it_is_frozen_and_short_to_print():
    dataset = small()
    with pytest.raises(FrozenInstanceError):
        dataset.name = "other"
    assert repr(dataset) == (
        "<Dataset small: 5 training and 3 test images of shape (4, 3, 2), 1 classes>"
    )
    assert repr(small(per_epoch=4)).endswith("1 classes, 4 in an epoch>")
    assert dataset == dataset
    assert dataset != small()


@pytest.mark.parametrize("order", [np.ascontiguousarray, np.asfortranarray])
def test_the_fingerprint_is_that_of_type_shape_and_bytes_of_the_four_arrays(order):
    digest = hashlib.sha256()
    for key, kind, shape in (
        ("x_train", "|u1", "(5, 4, 3, 2)"),
        ("y_train", "<i8", "(5,)"),
        ("x_test", "|u1", "(3, 4, 3, 2)"),
        ("y_test", "<i8", "(3,)"),
    ):
        digest.update((kind + shape).encode())
        digest.update(arrays()[key].astype(kind).tobytes())
    dataset = small(x_train=order(arrays()["x_train"]))
    assert dataset.fingerprint == digest.hexdigest()[:16]


@pytest.mark.parametrize(
    ("per_epoch", "epochs"),
    [
        (None, [[range(5)]] * 3),
        (5, [[range(5)]] * 3),
        (2, [[range(2)], [range(2, 4)], [range(2)]]),  # the last image is never taken
        (4, [[range(4)]] * 3),
        (6, [[range(5), range(1)]] * 3),
        (10, [[range(5), range(5)]] * 3),
    ],
)
def test_an_epoch_takes_as_many_examples_as_asked_for(per_epoch, epochs):
    dataset = small(per_epoch=per_epoch)
    assert [dataset.passes(epoch) for epoch in range(3)] == epochs
    assert dataset.epoch_size == sum(map(len, epochs[0]))


@pytest.mark.parametrize("per_epoch", [0, -5, 2.5, True])
def test_an_epoch_takes_a_positive_number_of_examples(per_epoch):
    with pytest.raises(ValueError, match="per_epoch must be a positive integer"):
        small(per_epoch=per_epoch)


@pytest.mark.parametrize(
    ("per_epoch", "left"),
    [(None, None), (2, 2), (3, 3), (4, None), (5, None), (6, 6), (10, 10)],
)
def test_what_is_held_out_makes_no_example_be_taken_twice(per_epoch, left):
    """Of five images three are left; a number above five asks for several passes."""
    for part in small(per_epoch=per_epoch).hold_out(2):
        assert part.per_epoch == left


# Held-out images.


@pytest.mark.parametrize("size", [1, 2, np.int64(4)])
def test_held_out_are_the_last_training_images(size):
    dataset = small()
    rest, held = dataset.hold_out(size)
    for part in (rest, held):
        np.testing.assert_array_equal(part.x_train, dataset.x_train[: 5 - size], strict=True)
        np.testing.assert_array_equal(part.y_train, dataset.y_train[: 5 - size], strict=True)
        assert (part.name, part.class_names, part.source) == ("small", ("a",), "test")
    np.testing.assert_array_equal(rest.x_test, dataset.x_test, strict=True)
    np.testing.assert_array_equal(rest.y_test, dataset.y_test, strict=True)
    np.testing.assert_array_equal(held.x_test, dataset.x_train[5 - size :], strict=True)
    np.testing.assert_array_equal(held.y_test, dataset.y_train[5 - size :], strict=True)
    assert len({dataset.fingerprint, rest.fingerprint, held.fingerprint}) == 3


def test_what_is_left_is_the_data_set_with_that_limit():
    rest, _ = load("digits", 120).hold_out(20)
    assert rest.fingerprint == load("digits", 100).fingerprint


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (0, "size must be a positive integer, received 0"),
        (-1, "size must be a positive integer, received -1"),
        (2.0, "size must be a positive integer, received 2.0"),
        (True, "size must be a positive integer, received True"),
        (5, "size must be less than the 5 training images, received 5"),
        (6, "size must be less than the 5 training images, received 6"),
    ],
)
def test_sizes_that_leave_nothing_are_refused(size, message):
    with pytest.raises(ValueError, match=message):
        small().hold_out(size)


# Pixels as numbers.


def test_every_pixel_is_the_float32_nearest_to_its_place_between_the_ends():
    pixels = np.arange(256, dtype=np.uint8).reshape(2, 8, 16, 1)
    floats = as_floats(pixels)
    exact = np.array([(2 * k - 255) / 255 for k in range(256)])
    np.testing.assert_array_equal(floats.ravel(), exact.astype(np.float32), strict=True)
    assert floats.shape == pixels.shape
    assert (floats.min(), floats.max()) == (-1, 1)
    assert pixels.ravel().tolist() == list(range(256)), "the images themselves are left alone"


@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.int64, bool])
def test_numbers_that_are_no_pixels_are_refused(dtype):
    with pytest.raises(
        ValueError, match=f"images must be uint8, 0 to 255, received {np.dtype(dtype)}"
    ):
        as_floats(np.ones((1, 2, 2, 1), dtype))


def test_import_is_light():
    code = (
        "import sys; import lrlab.data; "
        "print({'pooch', 'requests', 'sklearn', 'torch', 'keras', 'tensorflow'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"

"""Files of one's own: what they may look like, and every way in which a file can be bad."""

import os
import zipfile

import numpy as np
import pytest

from lrlab.data.dataset import DataError
from lrlab.data.loading import ARRAYS, load
from tests.support.small_images import arrays


@pytest.mark.parametrize(
    ("shape", "labels", "save"),
    [
        ((4, 3), "uint8", np.savez),
        ((4, 3, 1), "int32", np.savez_compressed),
        ((4, 3, 3), ">i8", np.savez),
        ((1, 1, 2), "uint64", np.savez_compressed),
        ((5, 2, 4), "int64", np.savez),
    ],
)
def test_own_file(own, shape, labels, save):
    original = arrays(shape, labels=labels)
    save(own / "mine-2.v1.npz", **original)
    dataset = load("mine-2.v1")
    assert (dataset.name, dataset.source) == ("mine-2.v1", "LRLAB_DATA")
    assert dataset.image_shape == (*shape, 1)[:3]
    assert dataset.class_names == ("0", "1", "2")
    for split in ("train", "test"):
        x, y = getattr(dataset, f"x_{split}"), getattr(dataset, f"y_{split}")
        assert (x.dtype, y.dtype) == (np.uint8, np.int64)
        assert x.flags.c_contiguous
        np.testing.assert_array_equal(x.reshape(-1, *shape), original[f"x_{split}"])
        np.testing.assert_array_equal(y, original[f"y_{split}"])


def test_own_file_in_fortran_order(own):
    original = {key: np.asfortranarray(array) for key, array in arrays().items()}
    np.savez(own / "mine.npz", **original)
    dataset = load("mine")
    np.testing.assert_array_equal(dataset.x_train, arrays()["x_train"], strict=True)
    assert dataset.x_train.flags.c_contiguous


def test_own_class_names(own):
    np.savez(own / "mine.npz", **arrays(), class_names=["cat", "dog", "Häher", "never seen"])
    dataset = load("mine")
    assert dataset.class_names == ("cat", "dog", "Häher", "never seen")
    assert dataset.classes == 4
    assert all(type(name) is str for name in dataset.class_names)


def test_a_class_that_only_the_test_images_show_counts(own):
    original = arrays()
    original["y_test"] = np.array([0, 1, 7])
    np.savez(own / "mine.npz", **original)
    assert load("mine").classes == 8


@pytest.mark.parametrize(
    ("name", "shape", "first", "last"),
    [
        ("fashion_mnist", (28, 28), "T-shirt/top", "Ankle boot"),
        ("cifar10", (32, 32, 3), "airplane", "truck"),
    ],
)
def test_known_name_brings_its_class_names(own, name, shape, first, last):
    np.savez(own / f"{name}.npz", **arrays(shape))
    names = load(name).class_names
    assert (names[0], names[-1], len(names)) == (first, last, 10)

    np.savez(own / f"{name}.npz", **arrays(shape), class_names=["x", "y", "z"])
    assert load(name).class_names == ("x", "y", "z")


# Bad files.


def unreadable(folder, match, name="mine"):
    path = folder / f"{name}.npz"
    with pytest.raises(DataError, match=match) as caught:
        load(name)
    assert str(caught.value).startswith(f"cannot use {path}: ")
    assert "Replace it, or unset LRLAB_DATA" in str(caught.value)
    assert caught.value.__cause__ is not None
    assert path.exists(), "a file of the user's is never deleted"


def without(*keys):
    return lambda good: {key: array for key, array in good.items() if key not in keys}


def having(**changes):
    """A change that calls each function on its array, or puts the value in its place."""
    return lambda good: (
        good
        | {
            key: change(good[key]) if callable(change) else change
            for key, change in changes.items()
        }
    )


def one_channel_more(x):
    return np.concatenate([x, x[..., :1]], axis=-1)


BAD = {
    "one missing": (without("y_test"), "it lacks y_test"),
    "two missing": (without("x_train", "y_train"), "it lacks x_train, y_train"),
    "float images": (
        having(x_train=lambda x: x / 255),
        "x_train must be uint8, 0 to 255, received float64",
    ),
    "signed images": (having(x_test=lambda x: x.view(np.int8)), "x_test must be uint8"),
    "flat images": (
        having(x_train=lambda x: x.reshape(5, -1)),
        r"x_train must have shape \(N, H, W\) or .*received \(5, 24\)",
    ),
    "one number an image": (having(x_train=lambda x: x[:, 0, 0, 0]), r"x_train must .*\(5,\)"),
    "flat images of two numbers": (
        having(x_train=lambda x: x[:, 0, 0]),
        r"x_train must have shape .*received \(5, 2\)",
    ),
    "films": (having(x_test=lambda x: x[:, None]), r"x_test must .*received \(3, 1, 4, 3, 2\)"),
    "channels first": (
        having(x_test=lambda x: np.resize(x, (3, 3, 32, 32))),
        r"x_test must have shape .*1 to 4 channels, received \(3, 3, 32, 32\)",
    ),
    "no channel": (having(x_test=lambda x: x[..., :0]), "x_test must have shape"),
    "no training images": (
        having(x_train=lambda x: x[:0], y_train=lambda y: y[:0]),
        r"x_train must not be empty, received shape \(0, 4, 3, 2\)",
    ),
    "no test images": (
        having(x_test=lambda x: x[:0], y_test=lambda y: y[:0]),
        "x_test must not be empty",
    ),
    "no pixels": (
        having(x_train=lambda x: x[:, :0], x_test=lambda x: x[:, :0]),
        "x_train must not be empty",
    ),
    "label too few": (
        having(y_train=lambda y: y[:-1]),
        r"y_train must be one integer for each of the 5 images, received uint8 of shape \(4,\)",
    ),
    "column of labels": (having(y_test=lambda y: y[:, None]), r"received uint8 of shape \(3, 1\)"),
    "float labels": (having(y_train=lambda y: y * 1.0), "one integer for each .*received float64"),
    "true or false": (having(y_test=lambda y: y > 0), "one integer for each .*received bool"),
    "text labels": (having(y_test=lambda y: y.astype("U")), "one integer for each .*received <U3"),
    "negative label": (
        having(y_train=np.array([0, 1, -1, 2, 0])),
        "its labels must be 0 to 2, received -1 to 2",
    ),
    "huge label": (
        having(y_test=np.array([0, 1, 2**63], np.uint64)),
        "its labels must be 0 to 2, received -9223372036854775808 to 2",
    ),
    "labels not counted from 0": (
        having(y_test=np.array([2023, 2024, 2025])),
        "its labels must be 0 to 7, received 0 to 2025",
    ),
    "other test images": (
        having(x_test=one_channel_more),
        r"must all have shape \(4, 3, 2\), received \(4, 3, 2\) for training and \(4, 3, 3\) for",
    ),
    "too few class names": (
        having(class_names=["cat", "dog"]),
        "its labels must be 0 to 1, received 0 to 2",
    ),
    "numbers for class names": (
        having(class_names=[1, 2, 3]),
        "class_names must be a list of text, received int64",
    ),
    "one class name": (having(class_names="cat"), r"class_names must be .* of shape \(\)"),
    "table of class names": (having(class_names=[["a"], ["b"]]), r"class_names .*\(2, 1\)"),
}


@pytest.mark.parametrize(("change", "match"), BAD.values(), ids=BAD)
def test_bad_arrays(own, change, match):
    np.savez(own / "mine.npz", **arrays())
    assert load("mine").classes == 3, "the file is good before the change"
    np.savez(own / "mine.npz", **change(arrays()))
    unreadable(own, match)


def test_other_images_under_a_known_name(own):
    np.savez(own / "cifar10.npz", **arrays((28, 28)))
    unreadable(own, r"must all have shape \(32, 32, 3\), received \(28, 28, 1\)", "cifar10")
    original = arrays((32, 32, 3))
    original["y_train"][0] = 99
    np.savez(own / "cifar10.npz", **original)
    unreadable(own, "its labels must be 0 to 9, received 0 to 99", "cifar10")


class Trap:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark):
        self.mark = str(mark)

    def __reduce__(self):
        return os.mkdir, (self.mark,)


def test_no_pickle_is_loaded(own, tmp_path):
    mark = tmp_path / "unpickled"
    trap = np.array([Trap(mark)], object)
    for key in (*ARRAYS, "class_names"):
        np.savez(own / "mine.npz", **(arrays() | {key: trap}))
        unreadable(own, "allow_pickle=False")
    np.array(trap).dump(own / "mine.npz")
    unreadable(own, "it is not a whole .npz file")
    assert not mark.exists()
    np.load(own / "mine.npz", allow_pickle=True)
    assert mark.exists(), "the trap works"


def test_foreign_files(own):
    path = own / "mine.npz"
    for content in (b"", b"hello", b"PK\x03\x04 and then something else", b"\x1f\x8b" + bytes(99)):
        path.write_bytes(content)
        unreadable(own, "it is not a whole .npz file")
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    unreadable(own, "it is not a whole .npz file")


def test_a_zip_of_other_things(own):
    with zipfile.ZipFile(own / "mine.npz", "w") as archive:
        archive.writestr("readme.txt", "nothing here")
    unreadable(own, "it lacks x_train, y_train, x_test, y_test")
    with zipfile.ZipFile(own / "mine.npz", "w") as archive:
        for key in ARRAYS:
            archive.writestr(key, "no array")
    unreadable(own, "x_train must be uint8")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_cut_short_anywhere(own, save):
    path = own / "mine.npz"
    save(path, **arrays())
    content = path.read_bytes()
    cuts = range(0, len(content), 37)
    assert len(cuts) > 20
    for cut in cuts:
        path.write_bytes(content[:cut])
        unreadable(own, "it is not a whole .npz file")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_damaged_anywhere(own, save):
    """Whatever byte is hit, the arrays are the right ones or the file is refused."""
    path = own / "mine.npz"
    save(path, **arrays())
    content = path.read_bytes()
    fingerprint = load("mine").fingerprint
    refused = 0
    positions = range(0, len(content), 3)
    for position in positions:
        damaged = bytearray(content)
        damaged[position] ^= 0b100
        path.write_bytes(damaged)
        try:
            assert load("mine").fingerprint == fingerprint
        except DataError:
            refused += 1
    assert refused > len(positions) / 2


def test_damaged_header_that_hides_half_of_the_pixels(own):
    # NumPy would read the smaller shape, stop there, and never come to the checksum.
    path = own / "mine.npz"
    np.savez(path, **arrays())
    content = path.read_bytes()
    assert content.count(b"4, 3, 2)") == 2
    path.write_bytes(content.replace(b"4, 3, 2)", b"4, 3, 1)"))
    unreadable(own, "x_train.npy in it is damaged")

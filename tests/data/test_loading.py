"""lrlab.data: embedded sets, own files, the cache, limits, and every way a file can be bad."""

import hashlib
import os
import re
import struct
import subprocess
import sys
from collections import Counter
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pytest

from lrlab import data
from lrlab.data import loading

REAL = os.environ.get("LRLAB_DATA", "")


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    """No own folder, an empty cache, and a proxy nobody listens on: no test goes outside."""
    monkeypatch.delenv("LRLAB_DATA", raising=False)
    monkeypatch.setenv("LRLAB_CACHE", str(tmp_path / "cache"))
    for variable in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")


@pytest.fixture
def own(tmp_path, monkeypatch):
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.setenv("LRLAB_DATA", str(folder))
    return folder


def arrays(shape=(4, 3, 2), train=5, test=3, labels="uint8"):
    """Four arrays of a small data set of three classes; no two images are equal."""
    images = np.arange((train + test) * np.prod(shape)).reshape(-1, *shape).astype(np.uint8)
    y = (np.arange(train + test) % 3).astype(labels)
    return {
        "x_train": images[:train],
        "y_train": y[:train],
        "x_test": images[train:],
        "y_test": y[train:],
    }


# Embedded sets.


@pytest.mark.parametrize(
    ("name", "train", "test", "shape", "classes", "fingerprint"),
    [
        ("digits", 1497, 300, (8, 8, 1), 10, "989d4d6cffa796fb"),
        ("blobs", 500, 500, (1, 1, 2), 3, "6eaa1e86d7995f9f"),
    ],
)
def test_embedded(name, train, test, shape, classes, fingerprint):
    dataset = data.load(name)
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
    assert data.load(name).fingerprint == fingerprint
    assert 0 == dataset.x_train.min() < dataset.x_train.max() > 200


@pytest.mark.parametrize("name", ["digits", "blobs"])
def test_embedded_split_is_stratified_and_mixed(name):
    dataset = data.load(name)
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
    dataset = data.load(name)
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


# Limits.


def test_limit_keeps_the_first_training_images():
    whole, limited = data.load("digits"), data.load("digits", 100)
    np.testing.assert_array_equal(limited.x_train, whole.x_train[:100], strict=True)
    np.testing.assert_array_equal(limited.y_train, whole.y_train[:100], strict=True)
    np.testing.assert_array_equal(limited.x_test, whole.x_test, strict=True)
    np.testing.assert_array_equal(limited.y_test, whole.y_test, strict=True)
    assert limited.class_names == whole.class_names
    assert limited.x_train.base is None, "a view would keep all images in memory"
    assert limited.fingerprint != whole.fingerprint


def test_test_limit_keeps_the_first_test_images():
    whole, limited = data.load("digits"), data.load("digits", test_limit=np.int64(7))
    np.testing.assert_array_equal(limited.x_train, whole.x_train, strict=True)
    np.testing.assert_array_equal(limited.x_test, whole.x_test[:7], strict=True)
    np.testing.assert_array_equal(limited.y_test, whole.y_test[:7], strict=True)
    assert limited.fingerprint != whole.fingerprint
    assert len(data.load("digits", 9, test_limit=7).x_train) == 9


def test_limit_of_all_changes_nothing():
    assert data.load("digits", 1497, test_limit=300).fingerprint == data.load("digits").fingerprint


@pytest.mark.parametrize("value", [0, -1, 1498, True, 10.0, "10", np.nan])
def test_bad_limit(value):
    message = (
        "must be an integer from 1 to 1497, the number of train images of digits, "
        f"received {value!r}"
    )
    with pytest.raises(ValueError, match=re.escape("limit " + message)):
        data.load("digits", value)


def test_bad_test_limit():
    with pytest.raises(ValueError, match=r"test_limit must be an integer from 1 to 300, .* test "):
        data.load("digits", test_limit=301)


# Bring your own.


@pytest.mark.parametrize("labels", ["uint8", "int32", ">i8", "uint64"])
@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 1), (4, 3, 3), (1, 1, 2), (5, 2, 4)])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_own_file(own, save, shape, labels):
    original = arrays(shape, labels=labels)
    save(own / "mine-2.v1.npz", **original)
    dataset = data.load("mine-2.v1")
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
    dataset = data.load("mine")
    np.testing.assert_array_equal(dataset.x_train, arrays()["x_train"], strict=True)
    assert dataset.x_train.flags.c_contiguous


def test_own_class_names(own):
    np.savez(own / "mine.npz", **arrays(), class_names=["cat", "dog", "Häher", "never seen"])
    dataset = data.load("mine")
    assert dataset.class_names == ("cat", "dog", "Häher", "never seen")
    assert dataset.classes == 4
    assert all(type(name) is str for name in dataset.class_names)


def test_a_class_that_only_the_test_images_show_counts(own):
    original = arrays()
    original["y_test"] = np.array([0, 1, 7])
    np.savez(own / "mine.npz", **original)
    assert data.load("mine").classes == 8


@pytest.mark.parametrize(
    ("name", "shape", "first", "last"),
    [
        ("fashion_mnist", (28, 28), "T-shirt/top", "Ankle boot"),
        ("cifar10", (32, 32, 3), "airplane", "truck"),
    ],
)
def test_known_name_brings_its_class_names(own, name, shape, first, last):
    np.savez(own / f"{name}.npz", **arrays(shape))
    names = data.load(name).class_names
    assert (names[0], names[-1], len(names)) == (first, last, 10)

    np.savez(own / f"{name}.npz", **arrays(shape), class_names=["x", "y", "z"])
    assert data.load(name).class_names == ("x", "y", "z")


def test_own_file_comes_first(own, tmp_path):
    (tmp_path / "cache").mkdir()
    np.savez(tmp_path / "cache" / "cifar10.npz", **arrays((32, 32, 3)))
    for name, before in (("digits", "embedded"), ("cifar10", "cache")):
        assert data.load(name).source == before
        np.savez(own / f"{name}.npz", **arrays((32, 32, 3)))
        assert data.load(name).source == "LRLAB_DATA"


def test_empty_variable_counts_as_not_set(monkeypatch, tmp_path):
    np.savez(tmp_path / "digits.npz", **arrays())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LRLAB_DATA", "")
    assert data.load("digits").source == "embedded"


def test_own_folder_may_start_at_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("LRLAB_DATA", "~")
    np.savez(tmp_path / "mine.npz", **arrays())
    assert data.load("mine").source == "LRLAB_DATA"


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_own_folder_that_is_none(monkeypatch, tmp_path, kind):
    (tmp_path / "file").touch()
    monkeypatch.setenv("LRLAB_DATA", str(tmp_path / kind))
    message = f"LRLAB_DATA names .*{kind}, which is not a folder. Correct it or unset it"
    with pytest.raises(data.DataError, match=message):
        data.load("digits")


@pytest.mark.parametrize(
    "name", ["mnist", "Digits", "", ".", "..", "../own/mine", "./mine", "/mine", "mine\n", None, 3]
)
def test_unknown_name(own, name):
    np.savez(own / "mine.npz", **arrays())
    message = (
        "name must be one of blobs, cifar10, digits, fashion_mnist, or that of a file NAME.npz in "
        f"the folder LRLAB_DATA, received {name!r}"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        data.load(name)


# Bad files.


def unreadable(folder, match, name="mine", remedy="Replace it, or unset LRLAB_DATA"):
    path = folder / f"{name}.npz"
    with pytest.raises(data.DataError, match=match) as caught:
        data.load(name)
    assert str(caught.value).startswith(f"cannot use {path}: ")
    assert remedy in str(caught.value)
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
    assert data.load("mine").classes == 3, "the file is good before the change"
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
    for key in (*loading.ARRAYS, "class_names"):
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
    path.unlink()
    path.mkdir()
    unreadable(own, "Is a directory|Permission denied")


def test_a_zip_of_other_things(own):
    import zipfile

    with zipfile.ZipFile(own / "mine.npz", "w") as archive:
        archive.writestr("readme.txt", "nothing here")
    unreadable(own, "it lacks x_train, y_train, x_test, y_test")
    with zipfile.ZipFile(own / "mine.npz", "w") as archive:
        for key in loading.ARRAYS:
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
    fingerprint = data.load("mine").fingerprint
    refused = 0
    positions = range(0, len(content), 3)
    for position in positions:
        damaged = bytearray(content)
        damaged[position] ^= 0b100
        path.write_bytes(damaged)
        try:
            assert data.load("mine").fingerprint == fingerprint
        except data.DataError:
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


# The cache.


def test_cache_is_used(tmp_path):
    (tmp_path / "cache").mkdir()
    np.savez(tmp_path / "cache" / "fashion_mnist.npz", **arrays((28, 28)))
    dataset = data.load("fashion_mnist", 2)
    assert (dataset.source, len(dataset.x_train)) == ("cache", 2)


def test_damaged_file_in_the_cache(tmp_path):
    folder = tmp_path / "cache"
    folder.mkdir()
    (folder / "fashion_mnist.npz").write_bytes(b"half")
    unreadable(folder, "not a whole", "fashion_mnist", "Delete it: the next call downloads it")


def test_own_names_are_not_looked_for_in_the_cache(tmp_path):
    (tmp_path / "cache").mkdir()
    np.savez(tmp_path / "cache" / "mine.npz", **arrays())
    with pytest.raises(ValueError, match="name must be one of"):
        data.load("mine")


# The small parts.


def test_dataset_is_frozen_and_short_to_print():
    dataset = data.load("digits", 10)
    with pytest.raises(FrozenInstanceError):
        dataset.name = "other"
    assert repr(dataset) == (
        "<Dataset digits: 10 training and 300 test images of shape (8, 8, 1), 10 classes>"
    )
    assert dataset == dataset
    assert dataset != data.load("digits", 10)


def test_fingerprint_is_that_of_the_four_arrays(own):
    original = arrays()
    np.savez(own / "mine.npz", **original)
    digest = hashlib.sha256()
    for key, kind, shape in (
        ("x_train", "|u1", "(5, 4, 3, 2)"),
        ("y_train", "<i8", "(5,)"),
        ("x_test", "|u1", "(3, 4, 3, 2)"),
        ("y_test", "<i8", "(3,)"),
    ):
        digest.update((kind + shape).encode())
        digest.update(original[key].astype(kind).tobytes())
    assert data.load("mine").fingerprint == digest.hexdigest()[:16]


def test_import_is_light():
    code = (
        "import sys; import lrlab.data; "
        "print({'pooch', 'requests', 'sklearn', 'torch', 'keras', 'tensorflow'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


# The real images, where they are at hand.


def real(name, monkeypatch):
    if not (REAL and (Path(REAL) / f"{name}.npz").exists()):
        pytest.skip(f"LRLAB_DATA names no folder with {name}.npz")
    monkeypatch.setenv("LRLAB_DATA", REAL)
    return data.load(name)


def test_real_fashion_mnist(monkeypatch):
    dataset = real("fashion_mnist", monkeypatch)
    assert dataset.x_train.shape == (60000, 28, 28, 1)
    assert dataset.x_test.shape == (10000, 28, 28, 1)
    assert np.bincount(dataset.y_train).tolist() == [6000] * 10
    assert np.bincount(dataset.y_test).tolist() == [1000] * 10
    # The fingerprint that a download must have, and, as its witness, the widely published MD5 of
    # the publisher's four files after decompression.
    assert dataset.fingerprint == data.SOURCES["fashion_mnist"].fingerprint
    for array, magic, md5 in (
        (dataset.x_train[..., 0], 2051, "f4a8712d7a061bf5bd6d2ca38dc4d50a"),
        (dataset.y_train, 2049, "9018921c3c673c538a1fc5bad174d6f9"),
        (dataset.x_test[..., 0], 2051, "8181f5470baa50b63fa0f6fddb340f0a"),
        (dataset.y_test, 2049, "15d484375f8d13e6eb1aabb0c3f46965"),
    ):
        header = struct.pack(f">{1 + array.ndim}I", magic, *array.shape)
        assert hashlib.md5(header + array.astype(np.uint8).tobytes()).hexdigest() == md5


def test_real_cifar10(monkeypatch):
    dataset = real("cifar10", monkeypatch)
    assert dataset.x_train.shape == (50000, 32, 32, 3)
    assert dataset.x_test.shape == (10000, 32, 32, 3)
    assert np.bincount(dataset.y_train).tolist() == [5000] * 10
    assert np.bincount(dataset.y_test).tolist() == [1000] * 10

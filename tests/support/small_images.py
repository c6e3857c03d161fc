"""Small data sets, as arrays and as the files that their publishers would offer."""

import gzip
import io
import struct
import tarfile

import numpy as np


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


def random_arrays(image_shape, train, test):
    rng = np.random.default_rng(7)
    return {
        "x_train": rng.integers(0, 256, (train, *image_shape), np.uint8),
        "y_train": rng.integers(0, 10, train),
        "x_test": rng.integers(0, 256, (test, *image_shape), np.uint8),
        "y_test": rng.integers(0, 10, test),
    }


def _fashion_mnist_files(images):
    """The four files, written value by value from the description of the IDX format."""
    files = {}
    for split, prefix in (("train", "train"), ("test", "t10k")):
        x, y = images[f"x_{split}"], images[f"y_{split}"]
        pixels = struct.pack(">IIII", 2051, len(x), 28, 28) + bytes(x.ravel().tolist())
        labels = struct.pack(">II", 2049, len(y)) + bytes(y.tolist())
        files[f"{prefix}-images-idx3-ubyte.gz"] = gzip.compress(pixels, mtime=0)
        files[f"{prefix}-labels-idx1-ubyte.gz"] = gzip.compress(labels, mtime=0)
    return files


def _cifar10_files(images):
    """The archive, pixel by pixel, its members out of order and beside others."""

    def batch(split, start, stop):
        content = bytearray()
        for k in range(start, stop):
            content.append(images[f"y_{split}"][k])
            for channel in range(3):
                for row in range(32):
                    for column in range(32):
                        content.append(images[f"x_{split}"][k, row, column, channel])
        return bytes(content)

    cuts = [0, 2, 3, 6, 7, 9]
    members = {
        "cifar-10-batches-bin/batches.meta.txt": b"airplane\n",
        "cifar-10-batches-bin/test_batch.bin": batch("test", 0, 2),
        "../../evil.bin": b"must not reach the disk",
    }
    for n in (2, 5, 1, 4, 3):
        content = batch("train", cuts[n - 1], cuts[n])
        members[f"cifar-10-batches-bin/data_batch_{n}.bin"] = content
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        folder = tarfile.TarInfo("a folder.bin")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return {"cifar-10-binary.tar.gz": file.getvalue()}


FASHION = random_arrays((28, 28, 1), train=7, test=3)
CIFAR10 = random_arrays((32, 32, 3), train=9, test=2)
FASHION_FILES = _fashion_mnist_files(FASHION)
PUBLISHED = {
    "fashion_mnist": (FASHION, FASHION_FILES),
    "cifar10": (CIFAR10, _cifar10_files(CIFAR10)),
}

"""Where the public data sets live, and how their files become arrays."""

from __future__ import annotations

import gzip
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np


class Published(NamedTuple):
    """What is known of a file before it comes.

    Args:
        md5: Its MD5, in hexadecimal digits, as the publisher gives it.
        size: Its size in bytes.
    """

    md5: str
    size: int


@dataclass(frozen=True)
class Source:
    """The public home of a data set and the way from its files to arrays.

    Args:
        base_url: Address of the folder that holds the files, with the slash at its end.
        files: What is known of each file, by its name.
        convert: Function from the open files, by their names, to the arrays ``x_train``,
            ``y_train``, ``x_test``, ``y_test``: images uint8 of shape ``(N, H, W, C)``, labels
            int64 of shape ``(N,)``.
        image_shape: Height, width and channels of an image.
        class_names: Name of each class, in the order of the labels.
        fingerprint: Fingerprint that the data set must have; None leaves it unchecked.
    """

    base_url: str
    files: dict[str, Published]
    convert: Callable[[Mapping[str, IO[bytes]]], dict[str, np.ndarray]]
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    fingerprint: str | None = None


def _convert_fashion_mnist(files: Mapping[str, IO[bytes]]) -> dict[str, np.ndarray]:
    arrays = {}
    for split, prefix in (("train", "train"), ("test", "t10k")):
        arrays[f"x_{split}"] = _read_idx(files[f"{prefix}-images-idx3-ubyte.gz"])[..., np.newaxis]
        arrays[f"y_{split}"] = _read_idx(files[f"{prefix}-labels-idx1-ubyte.gz"]).astype(np.int64)
    return arrays


def _read_idx(file: IO[bytes]) -> np.ndarray:
    # IDX: two zero bytes, the type (8 is uint8), the number of dimensions, then the length of
    # each as a big-endian 32-bit integer, then the values in C order.
    content = gzip.decompress(file.read())
    rank = content[3]
    shape = np.frombuffer(content, ">u4", count=rank, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape)


def _convert_cifar10(files: Mapping[str, IO[bytes]]) -> dict[str, np.ndarray]:
    batches = {}
    # One pass over the compressed stream, in memory: nothing is unpacked to a path that the
    # archive chooses, and the stream is never rewound.
    with tarfile.open(fileobj=files["cifar-10-binary.tar.gz"], mode="r|gz") as archive:
        for member in archive:
            if member.name.endswith(".bin") and (file := archive.extractfile(member)):
                batches[Path(member.name).stem] = file.read()
    train = b"".join(batches[f"data_batch_{number}"] for number in range(1, 6))
    arrays = {}
    for split, content in (("train", train), ("test", batches["test_batch"])):
        # A record is the label and then the red, the green and the blue plane of 32 × 32 bytes.
        records = np.frombuffer(content, np.uint8).reshape(-1, 1 + 3 * 32 * 32)
        planes = records[:, 1:].reshape(-1, 3, 32, 32)
        arrays[f"x_{split}"] = np.ascontiguousarray(planes.transpose(0, 2, 3, 1))
        arrays[f"y_{split}"] = records[:, 0].astype(np.int64)
    return arrays


SOURCES = {
    "fashion_mnist": Source(
        base_url="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        files={
            "train-images-idx3-ubyte.gz": Published("8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26_421_880),
            "train-labels-idx1-ubyte.gz": Published("25c81989df183df01b3e8a0aad5dffbe", 29_515),
            "t10k-images-idx3-ubyte.gz": Published("bef4ecab320f06d8554ea6380940ec79", 4_422_102),
            "t10k-labels-idx1-ubyte.gz": Published("bb300cfdad3c16e7a12a480ee83cd310", 5_148),
        },
        convert=_convert_fashion_mnist,
        image_shape=(28, 28, 1),
        class_names=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        fingerprint="e82adc0c97c6273e",
    ),
    "cifar10": Source(
        base_url="https://www.cs.toronto.edu/~kriz/",
        files={
            "cifar-10-binary.tar.gz": Published("c32a1d4ab5d03f1284b67883e8d87530", 170_052_171)
        },
        convert=_convert_cifar10,
        image_shape=(32, 32, 3),
        class_names=(
            "airplane",
            "automobile",
            "bird",
            "cat",
            "deer",
            "dog",
            "frog",
            "horse",
            "ship",
            "truck",
        ),
    ),
}

"""Fetch a public data set, check it, and keep it as one ``.npz`` file.

The table :data:`SOURCES` says where each data set lives, which hash its publisher gives for each
file, and which function turns the files into arrays. :func:`download` does the rest; whatever
goes wrong, it raises :class:`DataError` and leaves nothing half-written behind.
"""

import gzip
import hashlib
import os
import sys
import tarfile
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

TIMEOUT = 30  # seconds of silence after which a server is given up


class DataError(RuntimeError):
    """A data set cannot be had; the message names the file and the remedy."""


@dataclass(frozen=True)
class Source:
    """The public home of a data set and the way from its files to arrays.

    Args:
        base_url: Address of the folder that holds the files, with the slash at its end.
        files: Hash that the publisher gives for each file, as ``{name: "algorithm:digest"}``.
        convert: Function from the folder of downloaded files to the arrays ``x_train``,
            ``y_train``, ``x_test``, ``y_test``: images uint8 of shape ``(N, H, W, C)``, labels
            int64 of shape ``(N,)``.
        image_shape: Height, width and channels of an image.
        class_names: Name of each class, in the order of the labels.
        fingerprint: :func:`fingerprint` that the arrays must have; None leaves it unchecked.
    """

    base_url: str
    files: dict[str, str]
    convert: Callable[[Path], dict[str, np.ndarray]]
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    fingerprint: str | None = None


def fingerprint(
    x_train: np.ndarray, y_train: np.ndarray, x_test: np.ndarray, y_test: np.ndarray
) -> str:
    """Identify a data set by its content.

    Args:
        x_train: Training images.
        y_train: Training labels.
        x_test: Test images.
        y_test: Test labels.

    Returns:
        The first 16 hexadecimal digits of the SHA-256 over type, shape and bytes of the four
        arrays. Another encoding of the same images, or another order, gives another fingerprint.

    Example:
        >>> x, y = np.zeros((2, 1, 1, 1), np.uint8), np.array([0, 1], np.int64)
        >>> fingerprint(x, y, x, y)
        '105afd6a3e437f10'
    """
    digest = hashlib.sha256()
    for array in (x_train, y_train, x_test, y_test):
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()[:16]


def cache_folder() -> Path:
    """Return the folder of downloaded data sets: ``LRLAB_CACHE``, else the system's cache.

    Returns:
        A path, which need not exist yet.

    Example:
        >>> import os
        >>> from unittest import mock
        >>> with mock.patch.dict(os.environ, LRLAB_CACHE="elsewhere"):
        ...     cache_folder().name
        'elsewhere'
    """
    folder = os.environ.get("LRLAB_CACHE")
    return Path(folder).expanduser() if folder else Path(_import_pooch().os_cache("lrlab"))


def download(name: str, target: Path) -> None:
    """Download a data set of :data:`SOURCES` and store its arrays in one ``.npz`` file.

    Everything happens in a temporary folder beside ``target``, which goes whatever happens;
    the finished file is moved into place in one step. So a reader never meets half a file, and
    of two processes that download at the same time the later one wins with equal content.

    Args:
        name: Key of :data:`SOURCES`.
        target: Where to store the arrays. The folder is made when it is missing.

    Raises:
        DataError: If there is no connection, the server refuses, the transfer breaks off, the
            content is not what was published, or the folder cannot be written to.
    """
    source = SOURCES[name]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=target.parent) as temporary:
            folder = Path(temporary)
            for file, known_hash in source.files.items():
                _retrieve(name, f"{source.base_url}{file}", known_hash, folder / file)
            arrays = source.convert(folder)
            # The publishers give MD5 only, for which a forger can make a match, and one of them
            # plain HTTP only: where the content is known, look at it too.
            if source.fingerprint not in (None, found := fingerprint(**arrays)):
                raise DataError(
                    f"the images from {source.base_url} are not those of {name}: their "
                    f"fingerprint is {found}, expected {source.fingerprint}. {_remedy(name)}"
                )
            np.savez(folder / target.name, **arrays)
            os.replace(folder / target.name, target)
    except OSError as error:
        raise DataError(
            f"cannot write {target}: {error.strerror or error}. Make room there, or set "
            "LRLAB_CACHE to a folder that you can write to"
        ) from error


def _retrieve(name: str, url: str, known_hash: str, path: Path) -> None:
    pooch = _import_pooch()
    from requests.exceptions import RequestException  # after pooch, which brings it

    responses = []
    downloader = pooch.HTTPDownloader(
        progressbar=sys.stderr.isatty(),
        chunk_size=2**16,
        timeout=TIMEOUT,
        hooks={"response": lambda response, **_: responses.append(response)},
    )
    try:
        pooch.retrieve(url, known_hash, path.name, path.parent, downloader=downloader)
    except (RequestException, ValueError) as error:
        raise DataError(f"cannot download {url}: {_reason(error)}. {_remedy(name)}") from error
    finally:
        for response in responses:  # pooch leaves one open when a transfer breaks off
            response.close()


def _reason(error: Exception) -> str:
    from requests import exceptions

    match error:
        case exceptions.HTTPError():
            return f"the server answered {error.response.status_code} {error.response.reason}"
        case exceptions.ConnectionError() | exceptions.Timeout():
            return "the server cannot be reached or stopped answering (is there a network?)"
        case exceptions.RequestException():
            return f"the transfer broke off before its end ({type(error).__name__})"
        case _:  # pooch's ValueError
            return "the hash of what came differs from the published one"


def _remedy(name: str) -> str:
    return (
        f"Try again later, or put {name}.npz with the arrays x_train, y_train, x_test and y_test "
        "into a folder and set LRLAB_DATA to that folder"
    )


def _import_pooch():
    with warnings.catch_warnings():
        # In a notebook without ipywidgets tqdm, which pooch imports, warns that it draws its bars
        # as text. We draw none there, so the warning would only stain the chapter.
        warnings.filterwarnings("ignore", message="IProgress not found")
        import pooch
    # Pooch reports each download on stderr, which a notebook would store as an output.
    pooch.get_logger().setLevel("WARNING")
    return pooch


def _convert_fashion_mnist(folder: Path) -> dict[str, np.ndarray]:
    arrays = {}
    for split, prefix in (("train", "train"), ("test", "t10k")):
        arrays[f"x_{split}"] = _read_idx(folder / f"{prefix}-images-idx3-ubyte.gz")[..., np.newaxis]
        arrays[f"y_{split}"] = _read_idx(folder / f"{prefix}-labels-idx1-ubyte.gz").astype(np.int64)
    return arrays


def _read_idx(path: Path) -> np.ndarray:
    # IDX: two zero bytes, the type (8 is uint8), the number of dimensions, then the length of
    # each as a big-endian 32-bit integer, then the values in C order.
    content = gzip.decompress(path.read_bytes())
    rank = content[3]
    shape = np.frombuffer(content, ">u4", count=rank, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape)


def _convert_cifar10(folder: Path) -> dict[str, np.ndarray]:
    batches = {}
    # One pass over the compressed stream, in memory: nothing is unpacked to a path that the
    # archive chooses, and the stream is never rewound.
    with tarfile.open(folder / "cifar-10-binary.tar.gz", "r|gz") as archive:
        for member in archive:
            if member.name.endswith(".bin"):
                batches[Path(member.name).stem] = archive.extractfile(member).read()
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
            "train-images-idx3-ubyte.gz": "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "train-labels-idx1-ubyte.gz": "md5:25c81989df183df01b3e8a0aad5dffbe",
            "t10k-images-idx3-ubyte.gz": "md5:bef4ecab320f06d8554ea6380940ec79",
            "t10k-labels-idx1-ubyte.gz": "md5:bb300cfdad3c16e7a12a480ee83cd310",
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
        files={"cifar-10-binary.tar.gz": "md5:c32a1d4ab5d03f1284b67883e8d87530"},
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

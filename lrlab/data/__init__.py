"""Data sets as four NumPy arrays: images uint8 ``(N, H, W, C)`` and labels int64 ``(N,)``.

======================== ============ ============ ======= ======== ========================
name                     train        test         classes image    origin
======================== ============ ============ ======= ======== ========================
``blobs``                500          500          3       1×1×2    embedded (scikit-learn)
``digits``               1,497        300          10      8×8×1    embedded (scikit-learn)
``fashion_mnist``        60,000       10,000       10      28×28×1  download, 30 MB; see below
``cifar10``              50,000       10,000       10      32×32×3  download, 170 MB
``markov``               48,000       1,000        24      32       drawn, see `MarkovLanguage`
======================== ============ ============ ======= ======== ========================

An example of ``markov`` is a sequence of 32 symbols with the 32 that follow them, and its classes
are the 24 symbols. An epoch takes 2,400 sequences, each time new ones.

The first 8,000 training and 2,000 test images of ``fashion_mnist`` travel with the package (MIT
licence, © 2017 Zalando SE, by Han Xiao, Kashif Rasul and Roland Vollgraf); asking for no more than
these needs no download.

A file ``NAME.npz`` in the folder named by the environment variable ``LRLAB_DATA`` comes before
all of these, and adds names of its own. Downloads are kept in ``LRLAB_CACHE``, or else in the
system's folder for caches. No pickle is ever loaded.
"""

from lrlab.data.dataset import DataError, Dataset, as_floats, as_inputs
from lrlab.data.loading import load
from lrlab.data.markov import LANGUAGE, MarkovLanguage

__all__ = [
    "LANGUAGE",
    "DataError",
    "Dataset",
    "MarkovLanguage",
    "as_floats",
    "as_inputs",
    "load",
]

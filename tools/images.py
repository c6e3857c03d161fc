"""Write the images that travel with the package: the first ones of a larger data set.

    python -m tools.images

The whole data set is found where `lrlab.data.load` finds it: in the folder ``LRLAB_DATA``, in the
cache, or by a download. The same images give the same bytes, as far as zlib is the same.
"""

import numpy as np

from lrlab.data import load
from lrlab.data.embedded import FIRST_IMAGES, path_of_first_images

if __name__ == "__main__":
    for name, (train, test) in FIRST_IMAGES.items():
        whole = load(name)
        np.savez_compressed(
            path_of_first_images(name),
            x_train=whole.x_train[:train],
            y_train=whole.y_train[:train],
            x_test=whole.x_test[:test],
            y_test=whole.y_test[:test],
        )

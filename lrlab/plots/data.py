"""Images of a data set."""

from __future__ import annotations

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from lrlab.data import Dataset
from lrlab.plots.style import WIDTH, styled, title_over


def samples(dataset: Dataset, *, title: str) -> Figure:
    """Draw the first training image of each class, with the class's name.

    Args:
        dataset: Images, labels and names; ten classes fill two rows.
        title: What the figure shows.

    Returns:
        The figure, open in pyplot.
    """
    with styled():
        rows = -(-dataset.classes // 5)
        figure, grid = plt.subplots(rows, 5, figsize=(WIDTH, 0.5 + 1.35 * rows), squeeze=False)
        for axes in grid.flat:
            axes.axis("off")
        for label, axes in zip(range(dataset.classes), grid.flat, strict=False):
            image = dataset.x_train[dataset.y_train == label][0]
            axes.imshow(image, cmap="gray_r")
            axes.set_title(dataset.class_names[label], fontsize=9, loc="center")
        title_over(figure, title)
    return figure

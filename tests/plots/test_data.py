"""Images of a data set: one of each class."""

import numpy as np
import pytest

from lrlab import plots
from lrlab.data import load

pytestmark = pytest.mark.usefixtures("clean_plots")


def test_samples_shows_every_class_once():
    digits = load("digits")
    figure = plots.samples(digits, title="")
    assert [axes.get_title() for axes in figure.axes] == [str(label) for label in range(10)]
    for label, axes in enumerate(figure.axes):
        shown = axes.images[0].get_array()
        first = next(x for x, y in zip(digits.x_train, digits.y_train, strict=True) if y == label)
        np.testing.assert_array_equal(shown.squeeze(), first.squeeze())

"""The initial weights: distributions as documented, one seed one set of numbers."""

import numpy as np
import pytest

from lrlab.networks.initial_weights import SCHEMES, draw

SHAPES = {"conv": (60, 50, 5, 5), "dense": (300, 400)}  # large, so that extremes come close


@pytest.mark.parametrize(
    ("scheme", "layer", "bound", "bias_bound"),
    [
        ("kaiming_uniform", "conv", (50 * 25) ** -0.5, (50 * 25) ** -0.5),
        ("kaiming_uniform", "dense", 400**-0.5, 400**-0.5),
        ("glorot_uniform", "conv", (6 / (110 * 25)) ** 0.5, 0),
        ("glorot_uniform", "dense", (6 / 700) ** 0.5, 0),
    ],
)
def test_values_fill_the_documented_range(scheme, layer, bound, bias_bound):
    kernel, bias = draw(SHAPES, scheme, seed=0)[layer]
    assert kernel.shape == SHAPES[layer]
    assert kernel.dtype == bias.dtype == np.float32
    assert bound * 0.999 < np.abs(kernel).max() <= bound * 1.000001
    assert kernel.std() == pytest.approx(bound / 3**0.5, rel=0.01)
    assert abs(kernel.mean()) < 0.01 * bound
    assert np.abs(bias).max() <= bias_bound * 1.000001
    assert (np.abs(bias).max() > 0.8 * bias_bound) == (bias_bound > 0)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_seed_is_one_set_of_weights(scheme):
    first, again, other = (draw(SHAPES, scheme, seed) for seed in (3, 3, 4))
    for layer in SHAPES:
        assert np.array_equal(first[layer][0], again[layer][0])
        assert not np.array_equal(first[layer][0], other[layer][0])


def test_an_unknown_scheme_is_refused():
    with pytest.raises(ValueError, match="init must be one of kaiming_uniform, glorot_uniform"):
        draw(SHAPES, "xavier", 0)

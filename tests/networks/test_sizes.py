"""The sizes of AlexNet: as printed, in proportion to its width, down to the smallest image."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrlab.networks.sizes import alexnet, scaled


def test_the_network_as_described():
    size = alexnet((32, 32, 3), width=1)
    maps, strides, pooled = zip(*size.convolutions, strict=True)
    assert maps == (64, 192, 384, 256, 256)
    assert strides == (2, 1, 1, 1, 1)
    assert pooled == (True, True, False, False, True)
    assert size.features == 2 * 2 * 256
    assert size.hidden == (1024, 1024)


def test_a_width_is_a_factor_of_all_maps_and_hidden_units():
    size = alexnet((32, 32, 3), width=3 / 64)
    assert [maps for maps, _, _ in size.convolutions] == [3, 9, 18, 12, 12]
    assert size.features == 2 * 2 * 12
    assert size.hidden == (48, 48)


@given(st.integers(15, 80), st.integers(15, 80), st.integers(1, 4))
def test_features_are_what_the_layers_leave_over(height, columns, channels):
    sides = []
    for side in (height, columns):
        for stride, pooled in [(2, True), (1, True), (1, False), (1, False), (1, True)]:
            side = (side + 2 * 1 - 3) // stride + 1
            side = (side - 2) // 2 + 1 if pooled else side
        sides.append(side)
    assert alexnet((height, columns, channels), width=1 / 64).features == sides[0] * sides[1] * 4


@given(st.integers(1, 2000), st.fractions(Fraction(1, 4096), 4).map(float))
def test_scaled_is_the_nearest_positive_integer(size, width):
    exact = Fraction(width * size)
    result = scaled(size, width)
    assert result >= 1
    assert abs(result - exact) <= Fraction(1, 2) or (result == 1 and exact < 1)
    assert scaled(size, 1.0) == size


# 64 is 2 to a power, so that these products are exact: a half, just more, and between.
@pytest.mark.parametrize(
    ("width", "expected"),
    [(1 / 1024, 1), (1 / 128, 1), (1 / 64, 1), (3 / 128, 2), (5 / 128, 2), (11 / 256, 3), (2, 128)],
)
def test_scaled_rounds_a_half_to_the_even_number(width, expected):
    assert scaled(64, width) == expected


@pytest.mark.parametrize("shape", [(14, 32, 3), (32, 14, 3), (1, 1, 1)])
def test_images_that_leave_nothing_to_the_dense_layers_are_refused(shape):
    with pytest.raises(ValueError, match="image_shape must be 15 × 15 or more, received"):
        alexnet(shape, width=1)


def test_the_smallest_images_leave_one_pixel():
    assert alexnet((15, 15, 1), width=1).features == 256


@pytest.mark.parametrize("shape", [(32, 32), (32, 32, 0), 32])
def test_what_is_no_image_shape_is_refused(shape):
    with pytest.raises(ValueError, match="image_shape"):
        alexnet(shape, width=1)


@pytest.mark.parametrize("width", [0, -1.0, float("nan"), float("inf"), True, "1", None])
def test_what_is_no_width_is_refused(width):
    with pytest.raises(ValueError, match="width must be a finite real number greater than 0"):
        alexnet((32, 32, 3), width=width)

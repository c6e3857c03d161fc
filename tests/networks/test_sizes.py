"""The sizes of the networks: as printed, in proportion to a width, down to the smallest image."""

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrlab.networks.sizes import alexnet_sizes, decoder_shapes, lenet_sizes, scaled


def test_lenet_as_described():
    size = lenet_sizes((28, 28, 1))
    assert [tuple(layer) for layer in size.convolutions] == [
        (6, 5, 2, 1, True),
        (16, 5, 0, 1, True),
    ]
    assert size.features == 5 * 5 * 16
    assert size.hidden == (120, 84)


def test_alexnet_as_described():
    size = alexnet_sizes((32, 32, 3), width=1)
    maps, kernels, paddings, strides, pooled = zip(*size.convolutions, strict=True)
    assert maps == (64, 192, 384, 256, 256)
    assert kernels == (3,) * 5
    assert paddings == (1,) * 5
    assert strides == (2, 1, 1, 1, 1)
    assert pooled == (True, True, False, False, True)
    assert size.features == 2 * 2 * 256
    assert size.hidden == (1024, 1024)


def test_a_width_is_a_factor_of_all_maps_and_hidden_units():
    size = alexnet_sizes((32, 32, 3), width=3 / 64)
    assert [layer.maps for layer in size.convolutions] == [3, 9, 18, 12, 12]
    assert size.features == 2 * 2 * 12
    assert size.hidden == (48, 48)


def test_decoder_as_described():
    shapes = decoder_shapes(9, 7, layers=3, width=12, heads=3)
    assert list(shapes)[:8] == ["symbols", "places", *list(shapes)[2:8]]
    assert (shapes["symbols"], shapes["places"], shapes["head"]) == ((12, 9), (12, 7), (9, 12))
    for i in (1, 2, 3):
        squares = {shapes[f"block{i}.{part}"] for part in ("query", "key", "value", "output")}
        assert squares == {(12, 12)}
        assert (shapes[f"block{i}.expand"], shapes[f"block{i}.contract"]) == ((48, 12), (12, 48))
    assert len(shapes) == 3 + 3 * 6


# Closed forms: 5×5 without padding takes 4 from a side and pooling drops an odd pixel; a stride of
# 2 keeps an odd pixel, and AlexNet's three poolings drop it.
@given(st.integers(12, 80), st.integers(12, 80), st.integers(1, 4))
def test_features_are_what_the_convolutions_leave_of_an_image(height, columns, channels):
    sides = [(side // 2 - 4) // 2 for side in (height, columns)]
    assert lenet_sizes((height, columns, channels)).features == 16 * sides[0] * sides[1]
    shape = height + 3, columns + 3, channels
    sides = [(side + 1) // 2 // 8 for side in shape[:2]]
    assert alexnet_sizes(shape, width=1 / 64).features == 4 * sides[0] * sides[1]


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


SIZES = {
    "lenet": (lenet_sizes, 12, 16),
    "alexnet": (lambda shape: alexnet_sizes(shape, width=1), 15, 256),
}


@pytest.mark.parametrize(("count", "smallest", "maps"), SIZES.values(), ids=SIZES)
def test_the_smallest_images_leave_one_pixel_and_smaller_ones_are_refused(count, smallest, maps):
    assert count((smallest, smallest, 1)).features == maps
    for shape in [(smallest - 1, 32, 3), (32, smallest - 1, 3), (1, 1, 1)]:
        message = f"image_shape must be {smallest} × {smallest} or more, received {shape}"
        with pytest.raises(ValueError, match=re.escape(message)):
            count(shape)


@pytest.mark.parametrize("count", [lenet_sizes, lambda shape: alexnet_sizes(shape, width=1)])
@pytest.mark.parametrize("shape", [(32, 32), (32, 32, 0), 32])
def test_what_is_no_image_shape_is_refused(count, shape):
    with pytest.raises(ValueError, match="image_shape"):
        count(shape)


@pytest.mark.parametrize("width", [0, -1.0, float("nan"), float("inf"), True, "1", None])
def test_what_is_no_width_is_refused(width):
    with pytest.raises(ValueError, match="width must be a finite real number greater than 0"):
        alexnet_sizes((32, 32, 3), width=width)

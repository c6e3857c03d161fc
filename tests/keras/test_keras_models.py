"""LeNet is the document's, and the same network as in PyTorch."""

import keras
import numpy as np
import pytest
import torch

from lrlab import pytorch
from lrlab.initial import SCHEMES
from lrlab.keras import LeNet, initialise


@pytest.fixture
def images():
    def make(*shape, count=5):
        return np.random.default_rng(0).uniform(-1, 1, (count, *shape)).astype(np.float32)

    return make


def test_parameter_count_and_name():
    network = LeNet()
    assert network.count_params() == 156 + 2416 + 48120 + 10164 + 850 == 61_706
    assert network.name == "LeNet"


# (12, 14, 1) has maps of 1 × 1 · 16 after the last pooling, (12, 20, 2) of 1 × 3, (15, 29, 1)
# rows and columns that pooling leaves over: nothing square, where axes could be mistaken.
@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (12, 14, 1), (12, 20, 2), (15, 29, 1)])
@pytest.mark.parametrize("init", SCHEMES)
def test_it_computes_what_the_network_in_pytorch_computes(shape, init, images):
    x = images(*shape)
    ours = LeNet(image_shape=shape, classes=7, init=init, seed=3)(x)
    theirs = pytorch.LeNet(image_shape=shape, classes=7, init=init, seed=3)
    with torch.no_grad():
        expected = theirs(torch.from_numpy(x.transpose(0, 3, 1, 2))).numpy()
    assert expected.shape == (5, 7)
    assert np.abs(expected).max() > 0.05
    np.testing.assert_allclose(keras.ops.convert_to_numpy(ours), expected, rtol=1e-5, atol=1e-6)


def test_a_seed_is_one_network():
    kernels = [LeNet(seed=seed).get_layer("dense3").kernel.numpy() for seed in (1, 1, 2)]
    assert (kernels[0] == kernels[1]).all()
    assert (kernels[0] != kernels[2]).all()


@pytest.mark.parametrize("name", ["conv1", "conv2", "dense1", "dense2", "dense3"])
def test_glorot_uniform_is_what_keras_does_by_default(name):
    layer = LeNet().get_layer(name)
    own = keras.initializers.GlorotUniform(seed=0)(layer.kernel.shape).numpy()
    kernel = layer.kernel.numpy()
    bound = np.abs(own).max()
    assert np.abs(kernel).max() == pytest.approx(bound, rel=0.04)
    assert kernel.std() == pytest.approx(own.std(), rel=0.15)
    assert not layer.bias.numpy().any()


def test_the_users_default_order_of_axes_does_not_matter():
    before = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_first")
    try:
        assert LeNet(image_shape=(32, 32, 3)).get_layer("dense1").kernel.shape == (576, 120)
    finally:
        keras.config.set_image_data_format(before)


def test_layers_without_maps_before_them_are_only_turned(images):
    """A network that flattens nothing, or nothing but a vector."""
    layers = [keras.layers.Dense(4), keras.layers.Flatten(), keras.layers.Dense(2)]
    network = keras.Sequential([keras.Input((3,)), *layers])
    initialise(network, "kaiming_uniform", 5)
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2))
    pytorch.initialise(theirs, "kaiming_uniform", 5)
    x = images(3)
    with torch.no_grad():
        expected = theirs(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(network(x).numpy(), expected, rtol=1e-5, atol=1e-6)


def test_images_that_pooling_would_use_up_are_refused():
    for shape in [(11, 28, 1), (28, 11, 1)]:
        with pytest.raises(ValueError, match="image_shape must be 12 × 12 or more, received"):
            LeNet(image_shape=shape)


def test_an_unknown_scheme_and_a_network_without_weights_are_refused():
    with pytest.raises(ValueError, match=r"scheme must be one of .* received 'zeros'"):
        LeNet(init="zeros")
    network = keras.Sequential([keras.layers.Dense(2)], name="later")
    with pytest.raises(ValueError, match="network must be built, received 'later' without"):
        initialise(network, "glorot_uniform", 0)

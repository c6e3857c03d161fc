"""What the networks are in Keras alone; tests/backends compares them with PyTorch's."""

import keras
import numpy as np
import pytest

from lrlab.keras.networks import AlexNet, LeNet, initialise


@pytest.mark.parametrize("name", ["conv1", "conv2", "dense1", "dense2", "dense3"])
def test_glorot_uniform_is_what_keras_does_by_default(name):
    layer = LeNet(init="glorot_uniform").get_layer(name)
    own = keras.initializers.GlorotUniform(seed=0)(layer.kernel.shape).numpy()
    kernel = layer.kernel.numpy()
    assert np.abs(kernel).max() == pytest.approx(np.abs(own).max(), rel=0.04)
    assert kernel.std() == pytest.approx(own.std(), rel=0.15)
    assert not layer.bias.numpy().any()


@pytest.mark.parametrize(
    ("network", "arguments"), [(LeNet, {}), (AlexNet, {"width": 1 / 8})], ids=["LeNet", "AlexNet"]
)
def test_the_users_default_order_of_axes_does_not_matter(network, arguments):
    x = np.random.default_rng(0).uniform(-1, 1, (5, 32, 48, 3)).astype(np.float32)
    expected = network(image_shape=(32, 48, 3), **arguments)(x).numpy()
    before = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_first")
    try:
        logits = network(image_shape=(32, 48, 3), **arguments)(x).numpy()
    finally:
        keras.config.set_image_data_format(before)
    assert (logits == expected).all()


def test_a_network_without_weights_is_refused():
    network = keras.Sequential([keras.layers.Dense(2)], name="later")
    with pytest.raises(ValueError, match="network must be built, received 'later' without"):
        initialise(network, "glorot_uniform", 0)

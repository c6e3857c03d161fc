"""LeNet and AlexNet are those described, and the same networks as in PyTorch."""

import keras
import numpy as np
import pytest
import torch

from lrlab import Constant, pytorch
from lrlab.data import Dataset
from lrlab.keras.fitting import fit
from lrlab.keras.networks import AlexNet, LeNet, initialise
from lrlab.networks import SCHEMES


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


@pytest.mark.parametrize(
    ("network", "arguments"), [(LeNet, {}), (AlexNet, {"width": 1 / 8})], ids=["LeNet", "AlexNet"]
)
def test_the_users_default_order_of_axes_does_not_matter(network, arguments, images):
    x = images(32, 48, 3)
    expected = network(image_shape=(32, 48, 3), **arguments)(x).numpy()
    before = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_first")
    try:
        logits = network(image_shape=(32, 48, 3), **arguments)(x).numpy()
    finally:
        keras.config.set_image_data_format(before)
    assert (logits == expected).all()


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


# --- AlexNet -------------------------------------------------------------------------------------

NORMS = [f"norm{i}" for i in range(1, 6)]


def both(**arguments):
    return AlexNet(**arguments), pytorch.AlexNet(**arguments)


def torchs(x):
    return torch.from_numpy(x.transpose(0, 3, 1, 2))


@pytest.mark.parametrize("width", [1.0, 1 / 2, 1 / 3, 1 / 8, 3 / 128, 1 / 1000])
def test_alexnet_has_the_parameters_that_it_has_in_pytorch(width):
    """PyTorch's number is checked by hand, next to that network."""
    ours, theirs = both(width=width)
    assert ours.name == type(theirs).__name__ == "AlexNet"
    counts = [sum(int(np.prod(v.shape)) for v in ours.trainable_variables)]
    counts.append(ours.count_params() - counts[0])
    running = [b.numel() for n, b in theirs.named_buffers() if "running" in n]
    assert counts == [sum(p.numel() for p in theirs.parameters()), sum(running)]


def test_alexnet_comes_as_in_pytorch():
    assert AlexNet.__kwdefaults__ == pytorch.AlexNet.__init__.__kwdefaults__
    assert AlexNet().count_params() == 4_362_186 + 2_304


# Sides of the first convolution: even and odd, where padding differs; 15 is the smallest, and
# (15, 29) leaves 1 × 1 map to the dense layers, (33, 50) 2 × 3.
@pytest.mark.parametrize(
    ("shape", "width"),
    [((32, 32, 3), 1.0), ((32, 32, 3), 1 / 8), ((15, 29, 1), 1 / 16), ((33, 50, 2), 1 / 24)],
)
@pytest.mark.parametrize("init", SCHEMES)
@pytest.mark.parametrize("training", [False, True])
def test_alexnet_computes_what_it_computes_in_pytorch(shape, width, init, training, images):
    x = images(*shape, count=8)
    ours, theirs = both(image_shape=shape, width=width, classes=7, init=init, seed=3)
    with torch.no_grad():
        expected = theirs.train(training)(torchs(x)).numpy()
    logits = keras.ops.convert_to_numpy(ours(x, training=training))
    assert expected.shape == (8, 7)
    assert np.abs(expected).max() > 0.02
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=3e-6)


@pytest.mark.parametrize("shape", [(32, 32, 3), (15, 29, 1), (33, 50, 2)])
@pytest.mark.parametrize("training", [False, True])
def test_alexnet_does_so_with_normalisations_that_have_learnt(shape, training, images):
    """As drawn, they shrink the signal in evaluation, and biases make up most of the logits."""
    x = images(*shape, count=8)
    ours, theirs = both(image_shape=shape, width=1 / 8, classes=7, seed=3)
    rng = np.random.default_rng(1)
    for name in NORMS:
        other = theirs.get_submodule(name)
        low, high = (0.5, -0.5, -0.1, 0.05), (1.5, 0.5, 0.1, 0.2)
        drawn = rng.uniform(low, high, (other.num_features, 4)).astype(np.float32).T
        ours.get_layer(name).set_weights(list(drawn))
        names = ("weight", "bias", "running_mean", "running_var")
        states = {n: torch.from_numpy(values) for n, values in zip(names, drawn, strict=True)}
        other.load_state_dict(states, strict=False)
    with torch.no_grad():
        expected = theirs.train(training)(torchs(x)).numpy()
    assert expected.std(axis=0).min() > 0.01
    logits = keras.ops.convert_to_numpy(ours(x, training=training))
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=2e-6)


def test_running_variances_are_the_known_difference(images):
    """The same running means; PyTorch takes in the unbiased variance, Keras the biased one."""
    x = images(32, 32, 3, count=4)
    ours, theirs = both(width=1 / 8)
    ours(x, training=True)
    theirs.train()(torchs(x))
    for name, side in zip(NORMS, (16, 8, 4, 4, 4), strict=True):
        mine, other = ours.get_layer(name), theirs.get_submodule(name)
        mean = mine.moving_mean.numpy()
        np.testing.assert_allclose(mean, other.running_mean.numpy(), rtol=1e-4, atol=1e-6)
        taken_in = [v - 0.9 for v in (mine.moving_variance.numpy(), other.running_var.numpy())]
        n = len(x) * side * side
        np.testing.assert_allclose(taken_in[0] / taken_in[1], 1 - 1 / n, atol=1e-4)
        assert 1 / n > 5e-4  # what is tested is larger than the tolerance


def test_alexnet_learns_what_it_learns_in_pytorch():
    """Three updates, each with all images, since each framework orders them for itself."""
    pixels = np.random.default_rng(0).integers(0, 256, (24, 32, 32, 3), dtype=np.uint8)
    labels = np.arange(24) % 3
    noise = Dataset("noise", pixels, labels, pixels, labels, ("a", "b", "c"), "made here")
    ours, theirs = both(width=1 / 16, classes=3, seed=2)
    before = ours.get_layer("norm1").beta.numpy()
    settings = {"epochs": 3, "batch_size": 24, "schedule": Constant(0.1)}
    history = fit(ours, noise, **settings)
    expected = pytorch.fit(theirs, noise, device="cpu", **settings)
    np.testing.assert_allclose(history.train_loss, expected.train_loss, rtol=1e-5)
    assert expected.train_loss[0] - expected.train_loss[-1] > 0.005
    for name in NORMS:
        mine, other = ours.get_layer(name), theirs.get_submodule(name)
        for x, y in [(mine.gamma, other.weight), (mine.beta, other.bias)]:
            np.testing.assert_allclose(x.numpy(), y.detach().numpy(), rtol=1e-4, atol=1e-6)
    assert np.abs(ours.get_layer("norm1").beta.numpy() - before).max() > 1e-4
    # In evaluation the running variances differ, and so do the losses, though by little.
    difference = np.abs(np.array(history.test_loss) / expected.test_loss - 1)
    assert difference.max() < 1e-3


def test_a_seed_is_one_alexnet():
    kernels = [AlexNet(width=1 / 16, seed=s).get_layer("dense8").kernel.numpy() for s in (1, 1, 2)]
    assert (kernels[0] == kernels[1]).all()
    assert (kernels[0] != kernels[2]).all()


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        (
            "image_shape",
            (32, 14, 3),
            r"image_shape must be 15 × 15 or more, received \(32, 14, 3\)",
        ),
        ("classes", 0, "classes must be a positive integer"),
        ("width", float("inf"), "width must be a finite real number greater than 0, received inf"),
        ("seed", -1, "seed must be an integer of at least 0"),
        ("init", "xavier", "scheme must be one of"),
    ],
)
def test_bad_arguments_of_alexnet(argument, value, message):
    with pytest.raises(ValueError, match=message):
        AlexNet(**{argument: value})

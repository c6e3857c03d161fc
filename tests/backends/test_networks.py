"""LeNet and AlexNet: the same weights, logits, updates and refusals in PyTorch and in Keras.

The oracle is either network written out in float64, with ReLU before the pooling and the
normalisation step by step, from the numbers that `lrlab.networks.draw` gives.
"""

import keras
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import lrlab.keras as lrkeras
from lrlab import pytorch
from lrlab.networks import SCHEMES, draw


class InPyTorch:
    LeNet, AlexNet, initialise = pytorch.LeNet, pytorch.AlexNet, staticmethod(pytorch.initialise)
    name = staticmethod(lambda network: type(network).__name__)
    defaults = staticmethod(lambda network: network.__init__.__kwdefaults__)

    @staticmethod
    def logits(network, x, training=False):
        with torch.no_grad():
            return network.train(training)(_channels_first(x, torch.float32)).numpy()

    @staticmethod
    def counts(network):
        running = [b.numel() for n, b in network.named_buffers() if "running" in n]
        return sum(p.numel() for p in network.parameters()), sum(running)

    @staticmethod
    def update(network, x, y, lr):
        network.zero_grad()
        logits = network.train()(_channels_first(x, torch.float32))
        functional.cross_entropy(logits, torch.from_numpy(y)).backward()
        torch.optim.SGD(network.parameters(), lr).step()

    @staticmethod
    def set_normalisation(network, name, numbers):
        keys = ("weight", "bias", "running_mean", "running_var")
        states = {k: torch.from_numpy(v) for k, v in zip(keys, numbers, strict=True)}
        network.get_submodule(name).load_state_dict(states, strict=False)

    @staticmethod
    def running(network, name):
        norm = network.get_submodule(name)
        return norm.running_mean.numpy(), norm.running_var.numpy()

    @staticmethod
    def dense():
        return nn.Sequential(nn.Linear(3, 4, bias=False), nn.Linear(4, 2))


class InKeras:
    LeNet, AlexNet = staticmethod(lrkeras.LeNet), staticmethod(lrkeras.AlexNet)
    initialise = staticmethod(lrkeras.initialise)
    name = staticmethod(lambda network: network.name)
    defaults = staticmethod(lambda network: network.__kwdefaults__)

    @staticmethod
    def logits(network, x, training=False):
        return keras.ops.convert_to_numpy(network(x, training=training))

    @staticmethod
    def counts(network):
        trained = sum(int(np.prod(v.shape)) for v in network.trainable_variables)
        return trained, network.count_params() - trained

    @staticmethod
    def update(network, x, y, lr):
        if not network.compiled:
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            network.compile(keras.optimizers.SGD(lr), loss=loss)
        network.train_on_batch(x, y)

    @staticmethod
    def set_normalisation(network, name, numbers):
        network.get_layer(name).set_weights(list(numbers))

    @staticmethod
    def running(network, name):
        norm = network.get_layer(name)
        return norm.moving_mean.numpy(), norm.moving_variance.numpy()

    @staticmethod
    def dense():
        """The same network; to flatten vectors changes nothing."""
        first, second = keras.layers.Dense(4, use_bias=False), keras.layers.Dense(2)
        return keras.Sequential([keras.Input((3,)), first, keras.layers.Flatten(), second])


both = pytest.mark.parametrize("framework", [InPyTorch, InKeras])


def images(shape, count=8):
    """Random images, with another mean and deviation in each channel."""
    x = np.random.default_rng(0).uniform(-1, 1, (count, *shape))
    return (x * np.arange(1, shape[2] + 1) / shape[2] + 0.1).astype(np.float32)


def _channels_first(x, dtype):
    return torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2))).to(dtype)


# --- the oracle ----------------------------------------------------------------------------------

NORMS = [f"norm{i}" for i in range(1, 6)]
STEPS = [(2, True), (1, True), (1, False), (1, False), (1, True)]  # AlexNet's strides, poolings
MAPS, UNITS = (64, 192, 384, 256, 256), 1024


def lenet_shapes(shape, classes):
    rows, columns = ((side // 2 - 4) // 2 for side in shape[:2])
    return {
        "conv1": (6, shape[2], 5, 5),
        "conv2": (16, 6, 5, 5),
        "dense1": (120, 16 * rows * columns),
        "dense2": (84, 120),
        "dense3": (classes, 84),
    }


def alexnet_shapes(shape, classes, width):
    maps, units = [max(1, round(m * width)) for m in MAPS], max(1, round(UNITS * width))
    rows, columns = ((side + 1) // 2 // 8 for side in shape[:2])
    pairs = zip(maps, [shape[2], *maps[:-1]], strict=True)
    shapes = {f"conv{i}": (m, inputs, 3, 3) for i, (m, inputs) in enumerate(pairs, start=1)}
    features = maps[-1] * rows * columns
    return shapes | {
        "dense6": (units, features),
        "dense7": (units, units),
        "dense8": (classes, units),
    }


class Oracle:
    """A network written out; its parameters are float64 tensors, by name."""

    def __init__(self, shapes, init, seed):
        drawn = draw(shapes, init, seed)
        self.w = {n: torch.from_numpy(kernel).double() for n, (kernel, _) in drawn.items()}
        self.b = {n: torch.from_numpy(bias).double() for n, (_, bias) in drawn.items()}
        self.norms = {}
        if "conv5" in shapes:
            for i, name in enumerate(NORMS, start=1):
                numbers = torch.tensor([1, 0, 0, 1.0]).double()[:, None]
                self.norms[name] = numbers.repeat(1, len(self.b.pop(f"conv{i}")))

    def logits(self, x, training=False):
        a = _channels_first(x, torch.float64)
        a = self._alexnet(a, training) if self.norms else self._lenet(a)
        *hidden, last = [name for name in self.w if name.startswith("dense")]
        a = a.flatten(1)
        for name in hidden:
            a = functional.relu(a @ self.w[name].T + self.b[name])
        return a @ self.w[last].T + self.b[last]

    def _lenet(self, a):
        for name, padding in (("conv1", 2), ("conv2", 0)):
            a = functional.conv2d(a, self.w[name], self.b[name], padding=padding)
            a = functional.max_pool2d(functional.relu(a), 2)
        return a

    def _alexnet(self, a, training):
        self.seen = {}
        for i, (stride, pooled) in enumerate(STEPS, start=1):
            a = functional.conv2d(a, self.w[f"conv{i}"], stride=stride, padding=1)
            gamma, beta, mean, variance = self.norms[f"norm{i}"]
            if training:
                mean, variance = a.mean(dim=(0, 2, 3)), a.var(dim=(0, 2, 3), correction=0)
                self.seen[f"norm{i}"] = mean, variance, a[:, 0].numel()
            a = (a - mean[:, None, None]) / (variance[:, None, None] + 1e-5).sqrt()
            a = functional.relu(a * gamma[:, None, None] + beta[:, None, None])
            a = functional.max_pool2d(a, 2) if pooled else a
        return a

    def update(self, x, y, lr):
        tensors = [*self.w.values(), *self.b.values(), *self.norms.values()]
        for tensor in tensors:
            tensor.requires_grad_(True)
        functional.cross_entropy(self.logits(x, training=True), torch.from_numpy(y)).backward()
        with torch.no_grad():
            for tensor in tensors:
                tensor -= lr * tensor.grad  # of running statistics, in training mode, it is 0
                tensor.grad = None
                tensor.requires_grad_(False)


def agree(framework, network, oracle, x, training=False, atol=2e-6):
    logits, expected = framework.logits(network, x, training), oracle.logits(x, training).numpy()
    assert logits.shape == expected.shape == (len(x), 7)
    assert expected.std(axis=0).min() > 1e-3  # images make a difference, not the biases alone
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=atol)


# --- what is computed ----------------------------------------------------------------------------


# (12, 14, 1) has maps of 1 × 1 · 16 after the last pooling, (12, 20, 2) of 1 × 3, (15, 29, 1)
# rows and columns that pooling leaves over: nothing square, where axes could be mistaken.
@both
@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (12, 14, 1), (12, 20, 2), (15, 29, 1)])
@pytest.mark.parametrize("init", SCHEMES)
def test_lenet_is_the_network_described(framework, shape, init):
    network = framework.LeNet(image_shape=shape, classes=7, init=init, seed=3)
    agree(framework, network, Oracle(lenet_shapes(shape, 7), init, 3), images(shape))


# Sides of the first convolution: even and odd, where padding differs; 15 is the smallest, and
# (15, 29) leaves 1 × 1 map to the dense layers, (33, 50) 2 × 3.
@both
@pytest.mark.parametrize(
    ("shape", "width", "init"),
    [
        ((32, 32, 3), 1.0, "kaiming_uniform"),
        ((32, 32, 3), 1 / 8, "glorot_uniform"),
        ((15, 29, 1), 1 / 16, "kaiming_uniform"),
        ((33, 50, 2), 1 / 24, "glorot_uniform"),
    ],
)
@pytest.mark.parametrize("training", [False, True])
def test_alexnet_is_the_network_described(framework, shape, width, init, training):
    settings = {"image_shape": shape, "classes": 7, "width": width, "init": init, "seed": 3}
    network = framework.AlexNet(**settings)
    oracle = Oracle(alexnet_shapes(shape, 7, width), init, 3)
    # As they start, normalisations shrink the signal in evaluation: give them what they may learn.
    rng = np.random.default_rng(1)
    for name, numbers in oracle.norms.items():
        low, high = (0.5, -0.5, -0.1, 0.05), (1.5, 0.5, 0.1, 0.2)
        learnt = rng.uniform(low, high, (numbers.shape[1], 4)).astype(np.float32).T.copy()
        framework.set_normalisation(network, name, learnt)
        oracle.norms[name] = torch.from_numpy(learnt).double()
    agree(framework, network, oracle, images(shape), training, atol=1e-5)


@both
@pytest.mark.parametrize("name", ["LeNet", "AlexNet"])
def test_three_updates_change_it_as_they_change_the_oracle(framework, name):
    shape, y = (32, 32, 3), np.arange(8) % 7
    network, shapes = framework.LeNet, lenet_shapes(shape, 7)
    settings = {"image_shape": shape, "classes": 7, "seed": 2}
    if name == "AlexNet":
        network, shapes = framework.AlexNet, alexnet_shapes(shape, 7, 1 / 16)
        settings["width"] = 1 / 16
    network, oracle = network(**settings), Oracle(shapes, "kaiming_uniform", 2)
    before = oracle.logits(images(shape), training=True)
    for _ in range(3):
        framework.update(network, images(shape), y, lr=0.1)
        oracle.update(images(shape), y, lr=0.1)
    assert (oracle.logits(images(shape), training=True) - before).abs().mean() > 0.01
    agree(framework, network, oracle, images(shape), training=True, atol=1e-5)


@both
def test_a_normalisation_takes_in_a_tenth_of_each_batch(framework):
    """PyTorch takes in the unbiased variance, Keras the biased one: the known difference."""
    x = images((32, 32, 3), count=4)
    network = framework.AlexNet(width=1 / 8, seed=3)
    oracle = Oracle(alexnet_shapes((32, 32, 3), 10, 1 / 8), "kaiming_uniform", 3)
    framework.logits(network, x, training=True)
    oracle.logits(x, training=True)
    for name, side in zip(NORMS, (16, 8, 4, 4, 4), strict=True):
        mean, variance, n = oracle.seen[name]
        assert n == 4 * side * side
        taken_in = variance * (n / (n - 1) if framework is InPyTorch else 1)
        running_mean, running_variance = framework.running(network, name)
        np.testing.assert_allclose(running_mean, 0.1 * mean, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(running_variance - 0.9, 0.1 * taken_in, rtol=1e-4, atol=2e-7)
        assert 1 / n > 5e-4  # what is tested is larger than the tolerance


# --- what it consists of -------------------------------------------------------------------------


@both
def test_lenets_parameters_are_counted_by_hand(framework):
    network = framework.LeNet()
    assert framework.name(network) == "LeNet"
    # 25·6+6, 6·25·16+16, 400·120+120, 120·84+84, 84·10+10
    assert framework.counts(network) == (156 + 2416 + 48120 + 10164 + 850, 0) == (61_706, 0)


@both
@pytest.mark.parametrize(
    ("width", "maps", "units"),
    [
        (1.0, (64, 192, 384, 256, 256), 1024),
        (1 / 2, (32, 96, 192, 128, 128), 512),
        (1 / 3, (21, 64, 128, 85, 85), 341),
        (1 / 8, (8, 24, 48, 32, 32), 128),
        (1 / 1000, (1, 1, 1, 1, 1), 1),
    ],
)
def test_alexnets_parameters_are_counted_by_hand(framework, width, maps, units):
    a, b, c, d, e = maps
    kernels = 9 * (3 * a + a * b + b * c + c * d + d * e)  # no biases
    dense = (4 * e + 1) * units + (units + 1) * units + (units + 1) * 10
    network = framework.AlexNet(width=width)
    assert framework.name(network) == "AlexNet"
    counts = kernels + 2 * sum(maps) + dense, 2 * sum(maps)
    assert framework.counts(network) == counts
    assert width < 1 or counts[0] == 4_362_186


@pytest.mark.parametrize("name", ["LeNet", "AlexNet"])
def test_both_frameworks_have_the_same_defaults(name):
    here, there = (f.defaults(getattr(f, name)) for f in (InPyTorch, InKeras))
    assert here == there
    assert here["init"] == "kaiming_uniform"


@both
@pytest.mark.parametrize("name", ["LeNet", "AlexNet"])
def test_a_seed_is_one_network(framework, name):
    settings = {"image_shape": (15, 15, 1)} | ({"width": 1 / 16} if name == "AlexNet" else {})
    networks = [getattr(framework, name)(seed=seed, **settings) for seed in (1, 1, 2)]
    first, again, other = (framework.logits(n, images((15, 15, 1))) for n in networks)
    assert (first == again).all()
    assert (first != other).all()


@both
@pytest.mark.parametrize("init", SCHEMES)
def test_initialise_draws_a_bias_also_where_a_layer_has_none(framework, init):
    """So that a bias more or less leaves every kernel where it was."""
    network, x = framework.dense(), images((1, 1, 3)).reshape(8, 3)
    framework.initialise(network, init, 5)
    (first, _), (second, bias) = draw({"first": (4, 3), "second": (2, 4)}, init, 5).values()
    logits = network(torch.from_numpy(x)).detach() if framework is InPyTorch else network(x)
    expected = x @ first.T @ second.T + bias
    np.testing.assert_allclose(np.asarray(logits), expected, rtol=1e-5, atol=1e-6)


# --- what is refused -----------------------------------------------------------------------------


@both
@pytest.mark.parametrize(
    ("name", "argument", "value", "message"),
    [
        ("LeNet", "image_shape", (11, 28, 1), r"12 × 12 or more, received \(11, 28, 1\)"),
        ("LeNet", "image_shape", (28, 11, 1), r"12 × 12 or more, received \(28, 11, 1\)"),
        ("LeNet", "image_shape", (28, 28), r"image_shape must be \(height, width, channels\)"),
        ("LeNet", "classes", 0, "classes must be a positive integer, received 0"),
        ("LeNet", "seed", -1, "seed must be an integer of at least 0, received -1"),
        ("LeNet", "init", "zeros", "init must be one of kaiming_uniform, .* received 'zeros'"),
        ("AlexNet", "image_shape", (32, 14, 3), r"15 × 15 or more, received \(32, 14, 3\)"),
        ("AlexNet", "image_shape", (32, 32, 0), r"image_shape\[2\] must be a positive integer"),
        ("AlexNet", "classes", 2.0, "classes must be a positive integer, received 2.0"),
        ("AlexNet", "width", 0, "width must be a finite real number greater than 0, received 0"),
        ("AlexNet", "seed", -1, "seed must be an integer of at least 0, received -1"),
        ("AlexNet", "init", "xavier", "init must be one of kaiming_uniform, .*, received 'xavier'"),
    ],
)
def test_refused(framework, name, argument, value, message):
    with pytest.raises(ValueError, match=message):
        getattr(framework, name)(**{argument: value})

"""LeNet is the document's, AlexNet the one described, and both start as asked."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from lrlab import Constant
from lrlab.data import Dataset
from lrlab.pytorch.fitting import fit
from lrlab.pytorch.networks import AlexNet, LeNet, initialise


def test_parameter_count():
    counts = [p.numel() for p in LeNet().parameters()]
    # 25·6+6, 6·25·16+16, 400·120+120, 120·84+84, 84·10+10
    assert sum(counts) == 156 + 2416 + 48120 + 10164 + 850 == 61_706


def test_forward_is_the_documents_network():
    """The same function written out with ReLU before pooling, as the document has it."""
    network = LeNet(seed=3)
    x = torch.randn(5, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    w = dict(network.named_parameters())
    a = functional.relu(functional.conv2d(x, w["conv1.weight"], w["conv1.bias"], padding=2))
    a = functional.max_pool2d(a, 2)
    a = functional.relu(functional.conv2d(a, w["conv2.weight"], w["conv2.bias"]))
    a = functional.max_pool2d(a, 2).flatten(1)
    a = functional.relu(a @ w["dense1.weight"].T + w["dense1.bias"])
    a = functional.relu(a @ w["dense2.weight"].T + w["dense2.bias"])
    a = a @ w["dense3.weight"].T + w["dense3.bias"]
    torch.testing.assert_close(network(x), a)


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (12, 14, 1)])
def test_other_image_shapes(shape):
    height, width, channels = shape
    network = LeNet(image_shape=shape, classes=7)
    assert network(torch.zeros(2, channels, height, width)).shape == (2, 7)


def test_images_that_pooling_would_use_up_are_refused():
    with pytest.raises(ValueError, match="image_shape must be 12 × 12 or more"):
        LeNet(image_shape=(11, 28, 1))


def test_a_seed_is_one_network_and_leaves_torchs_own_seed_alone():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first, again, other = LeNet(seed=1), LeNet(seed=1), LeNet(seed=2)
    torch.testing.assert_close(first.state_dict(), again.state_dict(), rtol=0, atol=0)
    assert not torch.equal(first.conv1.weight, other.conv1.weight)
    assert before.shape == torch.get_rng_state().shape


@pytest.mark.parametrize("layer", [nn.Linear(400, 120), nn.Conv2d(16, 32, 5)])
def test_kaiming_uniform_is_what_torch_does_by_default(layer):
    own = LeNet(image_shape=(28, 28, 1)).dense1 if isinstance(layer, nn.Linear) else None
    bound = layer.weight[0].numel() ** -0.5
    for weight in [layer.weight] + ([own.weight] if own else []):
        assert bound * 0.99 < weight.abs().max() <= bound
        assert abs(weight.std() / (bound / 3**0.5) - 1) < 0.03
    assert bound * 0.85 < layer.bias.abs().max() <= bound


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("image_shape", (28, 28), r"image_shape must be \(height, width, channels\)"),
        ("image_shape", (28, 28, 0), r"image_shape\[2\] must be a positive integer"),
        ("classes", 0, "classes must be a positive integer"),
        ("seed", -1, "seed must be an integer of at least 0"),
        ("init", "xavier", "scheme must be one of"),
    ],
)
def test_bad_arguments(argument, value, message):
    with pytest.raises(ValueError, match=message):
        LeNet(**{argument: value})


# --- AlexNet -------------------------------------------------------------------------------------

NARROW = 1 / 16


def batch(*shape, count=6):
    """Images in the order of torch, with another mean and deviation in each channel."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (count, *shape)) * np.arange(1, shape[2] + 1) + 0.3
    return torch.from_numpy(x.astype(np.float32)).permute(0, 3, 1, 2)


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
def test_alexnet_parameter_count(width, maps, units):
    a, b, c, d, e = maps
    kernels = 9 * (3 * a + a * b + b * c + c * d + d * e)
    dense = (4 * e + 1) * units + (units + 1) * units + (units + 1) * 10
    network = AlexNet(width=width)
    trained = sum(p.numel() for p in network.parameters())
    assert trained == kernels + 2 * sum(maps) + dense
    running = {n: b.numel() for n, b in network.named_buffers() if "running" in n}
    assert len(running) == 10
    assert sum(running.values()) == 2 * sum(maps)


def test_alexnet_as_it_comes():
    network = AlexNet()
    assert sum(p.numel() for p in network.parameters()) == 4_362_186
    named = AlexNet(
        image_shape=(32, 32, 3), classes=10, width=1, init="kaiming_uniform", seed=0
    ).state_dict()
    torch.testing.assert_close(network.state_dict(), named, rtol=0, atol=0)


@pytest.mark.parametrize("shape", [(32, 32, 3), (15, 29, 1)])
@pytest.mark.parametrize("training", [True, False])
def test_alexnet_forward_is_the_network_described(training, shape):
    """The same function written out, normalisation too, and with ReLU before pooling."""
    network = AlexNet(image_shape=shape, classes=7, width=NARROW, seed=3).train(training)
    x = a = batch(*shape)
    w = dict(network.named_parameters())
    torch.manual_seed(0)
    with torch.no_grad():
        for i, (stride, pooled) in enumerate([(2, 1), (1, 1), (1, 0), (1, 0), (1, 1)], start=1):
            w[f"norm{i}.weight"].uniform_(0.5, 1.5)
            w[f"norm{i}.bias"].uniform_(-0.5, 0.5)
            a = functional.conv2d(a, w[f"conv{i}.weight"], stride=stride, padding=1)
            norm = network.get_submodule(f"norm{i}")
            norm.running_mean.uniform_(-0.1, 0.1)
            norm.running_var.uniform_(0.05, 0.2)
            mean, variance = norm.running_mean, norm.running_var
            if training:
                mean, variance = a.mean(dim=(0, 2, 3)), a.var(dim=(0, 2, 3), correction=0)
            mean, variance = mean[:, None, None], variance[:, None, None]
            a = (a - mean) / (variance + 1e-5).sqrt()
            a = a * w[f"norm{i}.weight"][:, None, None] + w[f"norm{i}.bias"][:, None, None]
            a = functional.relu(a)
            a = functional.max_pool2d(a, 2) if pooled else a
        a = a.flatten(1)
        a = functional.relu(a @ w["dense6.weight"].T + w["dense6.bias"])
        a = functional.relu(a @ w["dense7.weight"].T + w["dense7.bias"])
        a = a @ w["dense8.weight"].T + w["dense8.bias"]
        logits = network(x)
    assert logits.shape == (6, 7)
    assert logits.std(dim=0).min() > 0.01  # images make a difference, not the biases alone
    torch.testing.assert_close(logits, a, rtol=1e-4, atol=1e-5)


def test_alexnet_keeps_a_tenth_of_a_batchs_statistics_the_unbiased_variance_among_them():
    network = AlexNet(width=NARROW).train()
    x = batch(32, 32, 3)
    network(x)
    with torch.no_grad():
        first = network.conv1(x)
    mean, variance = first.mean(dim=(0, 2, 3)), first.var(dim=(0, 2, 3), correction=1)
    torch.testing.assert_close(network.norm1.running_mean, 0.1 * mean)
    torch.testing.assert_close(network.norm1.running_var, 0.9 + 0.1 * variance)


@pytest.mark.parametrize("shape", [(32, 32, 3), (15, 15, 1), (15, 47, 2)])
def test_alexnet_on_other_image_shapes(shape):
    network = AlexNet(image_shape=shape, classes=7, width=NARROW)
    assert network(batch(*shape)).shape == (6, 7)


def test_alexnet_does_not_depend_on_the_order_of_axes_in_memory():
    """`fit` changes it on a CPU: the same logits and the same gradients, with ReLU in place."""
    networks = [AlexNet(width=NARROW, seed=1)]
    networks.append(copy.deepcopy(networks[0]).to(memory_format=torch.channels_last))
    x = batch(32, 32, 3)
    for network, images in zip(networks, (x.contiguous(), x), strict=True):
        assert images.is_contiguous() == (network is networks[0])
        functional.cross_entropy(network.train()(images), torch.arange(6)).backward()
    gradients = [{n: p.grad for n, p in network.named_parameters()} for network in networks]
    assert len(gradients[0]) == 5 + 10 + 6
    assert min(gradient.abs().max() for gradient in gradients[0].values()) > 0
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-6, check_stride=False)


def test_alexnet_trains_on_images_of_its_size():
    images = np.random.default_rng(0).integers(0, 256, (40, 32, 32, 3), dtype=np.uint8)
    labels = np.arange(40) % 2
    noise = Dataset("noise", images, labels, images[:10], labels[:10], ("a", "b"), "made here")
    network = AlexNet(classes=2, width=NARROW)
    settings = {"epochs": 4, "batch_size": 20, "schedule": Constant(0.1), "device": "cpu"}
    history = fit(network, noise, **settings)
    assert network.conv2.weight.is_contiguous(memory_format=torch.channels_last)
    assert history.config["model"] == "AlexNet"
    assert history.train_loss[-1] < history.train_loss[0] - 0.01
    assert network.norm1.num_batches_tracked == 8


def test_alexnets_convolutions_have_drawn_kernels_and_no_bias():
    network = AlexNet(width=1 / 4, seed=5)
    for i in range(1, 6):
        layer = network.get_submodule(f"conv{i}")
        bound = layer.weight[0].numel() ** -0.5
        assert layer.bias is None
        assert bound * 0.98 < layer.weight.abs().max() <= bound
    other = AlexNet(width=1 / 4, seed=5, init="glorot_uniform").conv1.weight.abs().max().item()
    assert other == pytest.approx((6 / (9 * (3 + 16))) ** 0.5, rel=0.03)


def test_a_layer_after_one_without_bias_is_drawn_as_after_one_with_it():
    """So that a bias more or less leaves every kernel where it was."""
    without, with_bias = (
        nn.Sequential(nn.Linear(3, 4, bias=bias), nn.Linear(4, 2)) for bias in (False, True)
    )
    for network in (without, with_bias):
        initialise(network, "kaiming_uniform", 7)
    expected = with_bias.state_dict()
    del expected["0.bias"]
    torch.testing.assert_close(without.state_dict(), expected, rtol=0, atol=0)


def test_a_seed_is_one_alexnet():
    first, again, other = (AlexNet(width=NARROW, seed=seed) for seed in (1, 1, 2))
    torch.testing.assert_close(first.state_dict(), again.state_dict(), rtol=0, atol=0)
    assert not torch.equal(first.dense8.weight, other.dense8.weight)


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("image_shape", (32, 32), r"image_shape must be \(height, width, channels\)"),
        (
            "image_shape",
            (14, 32, 3),
            r"image_shape must be 15 × 15 or more, received \(14, 32, 3\)",
        ),
        ("classes", 0, "classes must be a positive integer"),
        ("width", 0, "width must be a finite real number greater than 0, received 0"),
        ("seed", -1, "seed must be an integer of at least 0"),
        ("init", "xavier", "scheme must be one of"),
    ],
)
def test_bad_arguments_of_alexnet(argument, value, message):
    with pytest.raises(ValueError, match=message):
        AlexNet(**{argument: value})

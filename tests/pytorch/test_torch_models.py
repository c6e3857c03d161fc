"""LeNet is the document's, and starts as asked."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from lrlab.pytorch import LeNet


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

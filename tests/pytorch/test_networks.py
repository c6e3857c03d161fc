"""What the networks are in PyTorch alone; tests/backends compares them with Keras'."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from lrlab.pytorch.networks import AlexNet, LeNet, initialise


def test_torchs_own_seed_is_left_alone():
    network = LeNet(seed=1)
    before = torch.get_rng_state()
    initialise(network, "glorot_uniform", 3)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("layer", [nn.Linear(400, 120), nn.Conv2d(16, 32, 5)])
def test_kaiming_uniform_is_what_torch_does_by_default(layer):
    own = copy.deepcopy(layer)
    initialise(own, "kaiming_uniform", 0)
    bound = layer.weight[0].numel() ** -0.5
    for weight in (layer.weight, own.weight):
        assert bound * 0.99 < weight.abs().max() <= bound
        assert abs(weight.std() / (bound / 3**0.5) - 1) < 0.03
    for bias in (layer.bias, own.bias):
        assert bound * 0.85 < bias.abs().max() <= bound


def test_alexnet_does_not_depend_on_the_order_of_axes_in_memory():
    """`fit` changes it on a CPU: the same logits and the same gradients, with ReLU in place."""
    networks = [AlexNet(width=1 / 16, seed=1)]
    networks.append(copy.deepcopy(networks[0]).to(memory_format=torch.channels_last))
    rng = np.random.default_rng(0)
    pixels = torch.from_numpy(rng.uniform(-1, 1, (6, 32, 32, 3)).astype(np.float32))
    x = pixels.permute(0, 3, 1, 2)
    for network, images in zip(networks, (x.contiguous(), x), strict=True):
        assert images.is_contiguous() == (network is networks[0])
        functional.cross_entropy(network.train()(images), torch.arange(6)).backward()
    gradients = [{n: p.grad for n, p in network.named_parameters()} for network in networks]
    assert len(gradients[0]) == 5 + 10 + 6
    assert min(gradient.abs().max() for gradient in gradients[0].values()) > 0
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-6, check_stride=False)

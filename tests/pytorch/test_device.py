"""Where a network computes: devices by name, pixels on them, threads, runs that repeat on a GPU."""

import numpy as np
import pytest
import torch

from lrlab import Constant
from lrlab.data import load
from lrlab.pytorch.device import (
    deterministic,
    device_name,
    inputs_to_device,
    one_thread,
    pick_device,
    sees_cuda,
    to_device,
)
from lrlab.pytorch.fitting import fit
from lrlab.training import Recipe
from tests.support.backends import PyTorch

CPU = torch.device("cpu")


def test_pixels_are_scaled_and_their_axes_turned():
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 2, 2)
    images[0, 0, 0] = [0, 255]
    found = inputs_to_device(images, CPU)
    assert (found.shape, found.dtype) == ((2, 2, 3, 2), torch.float32)
    assert found[0, :, 0, 0].tolist() == [-1, 1]
    assert found[1, 1, 2, 0] == pytest.approx(images[1, 2, 0, 1] / 127.5 - 1)
    again, labels = to_device(images, np.array([3, 4]), CPU)
    assert torch.equal(again, found)
    assert (labels.tolist(), labels.dtype) == ([3, 4], torch.int64)


def test_a_device_is_picked_by_its_name():
    assert pick_device("cpu") == CPU
    there = sees_cuda() or torch.backends.mps.is_available()
    assert (pick_device() == CPU) is not there
    with pytest.raises(ValueError, match="device 'abacus' is not to be had here"):
        pick_device("abacus")


def test_one_thread_is_set_back_and_named():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with one_thread():
            assert torch.get_num_threads() == 1
            assert device_name(CPU).endswith(" cpu, 1 threads")
        assert torch.get_num_threads() == 2
        assert device_name(CPU).endswith(" cpu, 2 threads")
    finally:
        torch.set_num_threads(before)


def test_deterministic_is_set_back():
    with deterministic():
        assert torch.are_deterministic_algorithms_enabled()
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.skipif(not sees_cuda(), reason="no GPU")
def test_a_gpu_repeats_what_it_does_and_agrees_with_the_cpu():
    digits, recipe = load("digits", 300, test_limit=100), Recipe(Constant(0.2), epochs=3)

    def losses(device):
        return fit(PyTorch.linear(), digits, recipe, device=device).train_loss

    with deterministic():
        first, again = losses("cuda"), losses("cuda")
    assert first == again
    np.testing.assert_allclose(first, losses("cpu"), rtol=1e-3)

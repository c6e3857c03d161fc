"""Where a network computes: the device, its name, its threads."""

from __future__ import annotations

import os
import platform
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from lrlab.data import as_inputs


def inputs_to_device(examples: np.ndarray, device: torch.device) -> Tensor:
    """Put images on a device, scaled, or sequences as they are.

    Args:
        examples: Images, uint8 of shape ``(N, height, width, channels)``, or sequences of symbols,
            uint8 of shape ``(N, length)``.
        device: Where to.

    Returns:
        float32 images in [−1, 1], shape ``(N, channels, height, width)`` though still in memory
        pixel by pixel; or int32 sequences.
    """
    inputs = torch.from_numpy(as_inputs(examples)).to(device)
    return inputs if inputs.dim() == 2 else inputs.permute(0, 3, 1, 2)


def to_device(
    examples: np.ndarray, labels: np.ndarray, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Put images or sequences and their labels on a device, once and for all.

    Args:
        examples: Images or sequences, as in a `lrlab.data.Dataset`.
        labels: Integers, one for each image or for each symbol.
        device: Where to.

    Returns:
        The examples as `inputs_to_device` gives them, and int64 labels.
    """
    return inputs_to_device(examples, device), torch.from_numpy(labels).to(device)


def sees_cuda() -> bool:
    """Return whether torch can compute on a GPU of NVIDIA's.

    A build for such GPUs warns where there is no driver, which on a machine without one is no news.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "CUDA initialization", UserWarning)
        return torch.cuda.is_available()


def pick_device(device: str = "auto") -> torch.device:
    """Return the named device; ``"auto"`` is a GPU if torch sees one, else the CPU.

    Raises:
        ValueError: There is no such device.
    """
    if device == "auto":
        if sees_cuda():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError) as error:
        told = str(error).partition("\n")[0]  # dozens of lines follow it for some
        raise ValueError(f"device {device!r} is not to be had here: {told}") from error


def device_name(device: torch.device) -> str:
    """Return the name of the hardware, and on a CPU how many threads torch uses."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    name = f"{platform.machine()} {device.type}"
    return f"{name}, {torch.get_num_threads()} threads" if device.type == "cpu" else name


@contextmanager
def deterministic() -> Iterator[None]:
    """Use only algorithms that repeat to the last bit, which on a GPU are slower."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what cuBLAS asks for
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with a single thread: several runs side by side then share the cores well."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)

"""The random generators that a training draws from."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def random_state(device: torch.device) -> dict[str, Any]:
    """Return the states of what dropout and the like draw from: torch, NumPy and Python.

    Args:
        device: The device whose generator counts beside those of the CPU.
    """
    numpy: Any = np.random.get_state()  # noqa: NPY002 (the global one)
    states = {
        "cpu": torch.get_rng_state(),
        "numpy": (numpy[0], numpy[1].tolist(), *numpy[2:]),  # plain values
        "python": random.getstate(),
    }
    if device.type != "cpu":
        states[device.type] = torch.get_device_module(device).get_rng_state(device)
    return states


def set_random_state(states: dict[str, Any], device: torch.device) -> None:
    """Put the generators into the states that `random_state` returned."""
    torch.set_rng_state(states["cpu"])
    np.random.set_state(states["numpy"])  # noqa: NPY002
    random.setstate(states["python"])
    if device.type in states.keys() - {"cpu"}:
        torch.get_device_module(device).set_rng_state(states[device.type], device)


@contextmanager
def same_generators(device: torch.device, own: Iterable[torch.Generator] = ()) -> Iterator[None]:
    """Put the generators back at the end, however the block ends.

    Args:
        device: The device whose generator counts beside those of the CPU.
        own: Further generators.
    """
    before, states = random_state(device), [(each, each.get_state()) for each in own]
    try:
        yield
    finally:
        set_random_state(before, device)
        for each, state in states:
            each.set_state(state)

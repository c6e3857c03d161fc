"""What is measured of a network does not depend on what is wrapped around it."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from lrlab import Constant, Recipe
from lrlab.data import load
from lrlab.optimizers import Adam
from lrlab.pytorch import (
    evaluate,
    first_steps,
    initialise,
    logits,
    measure_rates,
    sharpness,
    to_device,
)

BLOBS = load("blobs", 100, test_limit=50)


def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 3))


def compiled(model):
    """With gradients made in advance, as by default, but without a compiler for the machine."""
    return torch.compile(model, backend="aot_eager")


def partly_compiled(model):
    model[1] = compiled(model[1])
    return model


def frozen_below(wrap):
    def wrapped(model):
        model[1].requires_grad_(False)
        return wrap(model)

    return wrapped


WRAPPERS = {
    "compiled": compiled,
    "partly compiled": partly_compiled,
    "parallel": nn.DataParallel,
    "averaged": AveragedModel,
    "compiled parallel": lambda model: compiled(nn.DataParallel(model)),
}


def measured(model):
    """All measures as arrays, by name."""
    recipe = Recipe(Constant(0.1), epochs=1, batch_size=50)
    found = {"evaluation": evaluate(model, BLOBS), "logits": logits(model, BLOBS.x_test)}
    if hasattr(torch.compiler, "set_stance"):
        steps = first_steps(model, BLOBS, recipe, steps=2, device="cpu")
        found |= {name: getattr(steps, name) for name in ("loss", "grad_norm", "curvature")}
        images = to_device(BLOBS.x_train, BLOBS.y_train, torch.device("cpu"))
        found["sharpness"] = sharpness(model, *images).value
    adam = Recipe(Constant(0.1), epochs=1, batch_size=50, optimizer=Adam())
    rates = measure_rates(model, BLOBS, adam, steps=2, device="cpu")
    initialise(model, "glorot_uniform", seed=3)
    for name, weight in model.named_parameters():
        assert (name in rates) == weight.requires_grad
        plain = name.replace("_orig_mod.", "").removeprefix("module.")
        found |= {plain: weight.detach(), f"rates of {plain}": rates.get(name, 0.0)}
    return found


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=list(WRAPPERS))
@pytest.mark.parametrize("frozen", [False, True])
def test_measures_are_those_of_the_network_inside(wrap, frozen):
    if frozen:
        wrap = frozen_below(wrap)
    bare = frozen_below(lambda model: model)(network()) if frozen else network()
    expected, found = measured(bare), measured(wrap(network()))
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-7, err_msg=name)

"""The first steps of a training: curvature against a whole Hessian, steps against `fit`."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional

from lrlab import Constant, LinearDecay, data
from lrlab.optimizers import Momentum
from lrlab.pytorch.curvature import first_steps
from lrlab.pytorch.device import to_device
from lrlab.pytorch.fitting import fit
from lrlab.pytorch.networks import initialise
from lrlab.training import Recipe

BLOBS = data.load("blobs")
RECIPE = Recipe(Constant(0.1), epochs=1, batch_size=100)


def network():
    layers = [nn.Flatten(), nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 3)]
    model = nn.Sequential(*layers)
    initialise(model, "kaiming_uniform", seed=0)
    return model


def test_the_first_step_is_measured_as_the_whole_hessian_says():
    model = network()
    images, labels = to_device(BLOBS.x_train, BLOBS.y_train, torch.device("cpu"))
    names = [name for name, _ in model.named_parameters()]
    sizes = [weight.numel() for weight in model.parameters()]
    flat = torch.cat([weight.detach().ravel() for weight in model.parameters()])

    def loss_of(vector):
        parts = zip(names, vector.split(sizes), model.parameters(), strict=True)
        weights = {name: part.view_as(weight) for name, part, weight in parts}
        return functional.cross_entropy(torch.func.functional_call(model, weights, images), labels)

    g = torch.autograd.functional.jacobian(loss_of, flat)
    hessian = torch.autograd.functional.hessian(loss_of, flat)
    recipe = Recipe(Constant(0.3), epochs=1, batch_size=500)
    measured = first_steps(model, BLOBS, recipe, steps=1, device="cpu")
    (curvature,) = measured.curvature
    assert curvature == pytest.approx((g @ hessian @ g / (g @ g)).item(), rel=1e-4)
    assert measured.grad_norm == pytest.approx([g.norm().item()], rel=1e-5)
    assert measured.update_ratio == pytest.approx([0.3 * (g.norm() / flat.norm()).item()], rel=1e-5)
    assert measured.loss == pytest.approx([loss_of(flat).item()], rel=1e-6)
    assert measured.border == pytest.approx([2 / curvature])
    after = torch.cat([weight.detach().ravel() for weight in model.parameters()])
    torch.testing.assert_close(after, flat - 0.3 * g)


def test_the_steps_are_those_of_fit():
    falling = LinearDecay(0.5, total_epochs=2)
    recipe = Recipe(falling, epochs=2, per="step", batch_size=100, seed=3)
    ours, theirs = network(), network()
    measured = first_steps(ours, BLOBS, recipe, steps=10)
    history = fit(theirs, BLOBS, recipe)
    assert measured.lr == [lr for _, lr in history.lr_changes]
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_it_ends_where_the_loss_is_no_longer_finite():
    measured = first_steps(network(), BLOBS, Recipe(Constant(1e38), epochs=2), steps=5)
    assert measured.stopped == "diverged: the loss is no longer finite in step 1"
    assert len(measured.loss) == len(measured.curvature) == 1


def test_weights_of_zero_have_a_curvature_and_a_loss_bent_downwards_has_no_border():
    model = network()
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
    measured = first_steps(model, BLOBS, Recipe(Constant(0.1), epochs=1, batch_size=500), steps=1)
    assert math.isfinite(measured.curvature[0])
    assert measured.update_ratio == [math.inf]
    measured.curvature[0] = -1.0
    assert measured.border == [math.inf]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipe": 0.1}, "recipe must be a Recipe, received 0.1"),
        (
            {"recipe": replace(RECIPE, optimizer=Momentum())},
            r"must have the optimizer SGD\(\) and no clip_norm for .* Mom",
        ),
        ({"recipe": replace(RECIPE, clip_norm=1.0)}, r"no clip_norm for .* and 1\.0"),
        ({"steps": 0}, "steps must be a positive integer, received 0"),
        ({"steps": 6}, "steps must be at most the 5 of the recipe's 1 epochs, received 6"),
        ({"device": "abacus"}, "device 'abacus'"),
    ],
)
def test_bad_arguments_are_refused(changes, message):
    arguments = {"recipe": RECIPE, "steps": 1} | changes
    with pytest.raises(ValueError, match=message):
        first_steps(network(), BLOBS, arguments.pop("recipe"), **arguments)

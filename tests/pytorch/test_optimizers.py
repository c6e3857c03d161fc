"""Training with an optimizer: the weights are those that it gives in NumPy, update by update.

That each optimiser is ours, whatever the parameters, is in tests/optimizers/test_in_frameworks.py.
"""

import copy
import dataclasses

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from lrlab import Constant, CosineDecay
from lrlab.data import Dataset
from lrlab.optimizers import (
    TWINS,
    AdaGrad,
    Adam,
    AdamW,
    Muon,
    RMSProp,
)
from lrlab.pytorch.fitting import fit
from lrlab.pytorch.optimizers import make_optimizer
from lrlab.training import Recipe, lr_deviation
from tests.support.optimizer_samples import telling

TRAINED = list(telling("pytorch"))
SCHEDULE = CosineDecay(0.05, total_epochs=3)


def points(n=30):
    """Images of two pixels in three classes, too small to be downloaded."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (n + 5, 1, 2, 1), dtype=np.uint8)
    y = rng.integers(0, 3, n + 5)
    return Dataset("points", x[:n], y[:n], x[n:], y[n:], tuple("abc"), "embedded")


class Double(nn.Module):
    """A softmax regression that computes in float64, whatever the images are in."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        start = torch.randn(2, 3, generator=generator, dtype=torch.float64)
        self.weight = nn.Parameter(start)

    def forward(self, images):
        return images.flatten(1).double() @ self.weight


def by_hand(optimizer, *, per):
    """The weights after three epochs, by the optimizer in NumPy, and the gradient written out."""
    dataset, size = points(), 8
    x = dataset.x_train.reshape(-1, 2).astype(np.float32) / np.float32(127.5) - 1
    w = Double().weight.detach().numpy().copy()
    state, generator = optimizer.start(w), torch.Generator().manual_seed(4)
    for epoch in range(3):
        order = torch.randperm(len(x), generator=generator).numpy()
        batches = np.split(order, range(size, len(x), size))
        for step, batch in enumerate(batches):
            logits = x[batch].astype(float) @ w
            p = np.exp(logits - logits.max(axis=1, keepdims=True))
            p /= p.sum(axis=1, keepdims=True)
            p[np.arange(len(batch)), dataset.y_train[batch]] -= 1
            grad = x[batch].T.astype(float) @ p / len(batch)
            t = epoch + (step / len(batches) if per == "step" else 0)
            w, state = optimizer.step(w, grad, state, SCHEDULE(t))
    return optimizer.evaluated(w, state)


def run(optimizer, model=None, *, schedule=SCHEDULE, **options):
    arguments = {"epochs": 3, "batch_size": 8, "seed": 4} | options
    recipe = Recipe(schedule, optimizer=optimizer, **arguments)
    return fit(model or Double(), points(), recipe, device="cpu")


@pytest.mark.parametrize("per", ["epoch", "step"])
@pytest.mark.parametrize("optimizer", TRAINED, ids=lambda optimizer: type(optimizer).__name__)
def test_a_trained_network_has_the_weights_of_its_optimizer(optimizer, per):
    model = Double()
    start = model.weight.detach().numpy().copy()
    history = run(optimizer, model, per=per)
    trained, expected = model.weight.detach().numpy(), by_hand(optimizer, per=per)
    assert np.abs(expected - start).min() > 1e-3
    np.testing.assert_allclose(trained - start, expected - start, rtol=1e-5)
    assert lr_deviation(history) == 0
    assert len(history.lr_changes) == (12 if per == "step" else 3)
    assert history.recipe.optimizer == optimizer


def test_the_optimizers_of_that_test_are_all_there_are():
    assert {type(optimizer) for optimizer in TRAINED} == set(TWINS) - {Muon}


def test_gradients_are_clipped_before_an_optimizer_sees_them():
    optimizer = AdaGrad(initial_accumulator=0.5)
    assert run(optimizer, clip_norm=0.1).test_loss != run(optimizer).test_loss


def test_an_optimizer_that_diverges_stops_the_run():
    history = run(RMSProp(eps=1e-3), schedule=Constant(1e300), epochs=9)
    assert history.stopped.startswith("diverged: the loss is no longer finite in epoch")
    assert history.epochs < 9


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (Adam(convention="keras"), "must be of convention 'pytorch' here"),
        (Adam(bias_correction=False), "optimizer must have bias_correction"),
    ],
)
def test_fit_refuses_what_torch_does_not_have(optimizer, message):
    with pytest.raises(ValueError, match=message):
        run(optimizer)


def test_parameter_groups_pass_through():
    a, b = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(2))
    groups = [{"params": [a]}, {"params": [b], "lr_scale": 0.1}]
    optimizer = make_optimizer(AdamW(), groups, lr=0.25)
    assert [group["lr"] for group in optimizer.param_groups] == [0.25, 0.25]
    assert optimizer.param_groups[1]["lr_scale"] == 0.1
    assert isinstance(optimizer, torch.optim.AdamW)
    with pytest.raises(ValueError, match=r"lr must be .*of at least 0, received -0\.1"):
        make_optimizer(dataclasses.replace(AdamW()), [a], lr=-0.1)


def test_cross_entropy_of_the_oracle():
    """The gradient written out above is torch's."""
    model = Double()
    x = torch.tensor([[0.5, -1.0], [1.0, 0.25]])
    loss = functional.cross_entropy(model(x), torch.tensor([2, 0]))
    loss.backward()
    p = torch.softmax(x.double() @ model.weight.detach(), dim=1)
    p[0, 2] -= 1
    p[1, 0] -= 1
    torch.testing.assert_close(model.weight.grad, x.double().T @ p / 2)


@pytest.mark.parametrize("groups", ["tensors", "groups"])
def test_weight_decay_may_leave_vectors_alone(groups):
    """Over a gradient of 0, in groups of one's own as well."""
    weights = [torch.full(shape, 2.0, requires_grad=True) for shape in ((2, 3), (3,), (1, 4), ())]
    given = weights
    if groups == "groups":
        given = [{"params": weights[:2], "weight_decay": 1.0}, {"params": weights[2:]}]
    made = make_optimizer(AdamW(weight_decay=0.5, decay_vectors=False), given, lr=0.1)
    for weight in weights:
        weight.grad = torch.zeros_like(weight)
    made.step()
    expected = [1.8 if groups == "groups" else 1.9, 2.0, 1.9, 2.0]
    assert [weight.max().item() for weight in weights] == pytest.approx(expected)


def test_fit_leaves_vectors_alone_too():
    """Without images that differ nothing is learned of them, and the kernels decay."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(2, 4), nn.LayerNorm(4), nn.Linear(4, 3))
    ends = []
    for decays in (True, False):
        own = copy.deepcopy(network)
        optimizer = AdamW(weight_decay=0.5, decay_vectors=decays)
        fit(own, points(), Recipe(Constant(0.01), epochs=2, optimizer=optimizer), device="cpu")
        ends.append(own)
    gains = [own[2].weight.detach() for own in ends]
    assert (gains[1] > gains[0]).all()
    assert (ends[0][1].weight.abs().sum() - ends[1][1].weight.abs().sum()).abs() < 0.02

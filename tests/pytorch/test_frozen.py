"""Networks with frozen layers and parts that are not used: trained and measured without them."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from lrlab import Constant, data
from lrlab.optimizers import SGD, AdaDelta, AdaGrad, Adam, AdamW, Momentum, RMSProp
from lrlab.pytorch import along_gradient, evaluate, first_steps, fit, logits, measure_rates
from lrlab.pytorch.device import to_device
from lrlab.pytorch.evaluation import place_of
from lrlab.pytorch.weight_rates import weight_rates
from lrlab.training import Recipe

BLOBS = data.load("blobs")


class Parts(nn.Module):
    """A frozen layer, a trained one, and one that the outputs do not depend on."""

    def __init__(self):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.frozen, self.trained, self.unused = (
                nn.Linear(2, 4),
                nn.Linear(4, 3),
                nn.Linear(3, 2),
            )
        self.frozen.requires_grad_(False)

    def forward(self, x):
        return self.trained(self.frozen(x.flatten(1)))


class Rest(nn.Module):
    """The trained layer alone, fed with what the frozen one makes of the images."""

    def __init__(self, parts):
        super().__init__()
        self.frozen, self.trained = [parts.frozen], nn.Linear(4, 3)
        self.trained.load_state_dict(parts.trained.state_dict())

    def forward(self, x):
        return self.trained(self.frozen[0](x.flatten(1)))


STATELESS, WITH_STATE = SGD(weight_decay=0.1), [Adam(), AdamW(), RMSProp(), AdaGrad(), AdaDelta()]


def recipe(optimizer=STATELESS, **changes):
    return Recipe(Constant(0.1), epochs=2, batch_size=100, optimizer=optimizer, **changes)


@pytest.mark.parametrize("optimizer", [STATELESS, Momentum(), AdamW()], ids=str)
def test_they_are_trained_like_the_rest_alone(optimizer):
    parts = Parts()
    rest, start = Rest(parts), {n: w.clone() for n, w in parts.state_dict().items()}
    histories = [fit(model, BLOBS, recipe(optimizer, clip_norm=0.5), device="cpu")
                 for model in (parts, rest)]  # fmt: skip
    assert histories[0].train_loss == histories[1].train_loss
    for name, value in parts.state_dict().items():
        moved = not torch.equal(value, start[name])
        assert moved == name.startswith("trained"), name


@pytest.mark.parametrize("optimizer", [STATELESS, *WITH_STATE], ids=str)
def test_rates_are_those_of_the_weights_that_are_trained(optimizer):
    parts = Parts()
    rest = Rest(parts)
    rates = measure_rates(parts, BLOBS, recipe(optimizer), steps=3, device="cpu")
    expected = measure_rates(rest, BLOBS, recipe(optimizer), steps=3, device="cpu")
    unused = {"unused.weight", "unused.bias"} if optimizer is STATELESS else set()
    assert rates.keys() == expected.keys() | unused
    for name, values in expected.items():
        np.testing.assert_array_equal(rates[name], values)


def test_each_parameter_of_an_optimizer_has_rates_and_they_are_none_if_it_is_not_trained():
    used, unused, frozen = (torch.ones(n, requires_grad=n < 3) for n in (1, 2, 3))
    optimizer = torch.optim.Adagrad([used, unused, frozen], lr=0.5)
    with pytest.raises(ValueError, match="must have made a step, received Adagrad before its"):
        weight_rates(optimizer)
    used.grad = torch.full((1,), 2.0)
    optimizer.step()
    rates = weight_rates(optimizer)
    assert rates[0].item() == pytest.approx(0.25)
    assert [values.shape for values in rates] == [(1,), (2,), (3,)]
    assert all(values.isnan().all() for values in rates[1:])
    assert weight_rates(torch.optim.Adam([frozen]))[0].isnan().all()


def test_first_steps_are_those_of_the_rest_alone():
    parts = Parts()
    rest, start = Rest(parts), {n: w.clone() for n, w in parts.state_dict().items()}
    measured, expected = (
        first_steps(model, BLOBS, recipe(SGD()), steps=3, device="cpu") for model in (parts, rest)
    )
    for name in ("lr", "loss", "grad_norm", "curvature"):
        assert getattr(measured, name) == getattr(expected, name)
    unfrozen = torch.cat([w.ravel() for n, w in start.items() if not n.startswith("frozen")])
    ratio = 0.1 * measured.grad_norm[0] / unfrozen.norm().item()
    assert measured.update_ratio[0] == pytest.approx(ratio)


def test_along_the_gradient_of_the_weights_that_have_one():
    parts = Parts()
    images, labels = to_device(BLOBS.x_train[:50], BLOBS.y_train[:50], torch.device("cpu"))
    loss = functional.cross_entropy(parts(images), labels)
    found = along_gradient(loss, list(parts.parameters()))
    assert found == along_gradient(loss, list(parts.trained.parameters()))
    with pytest.raises(ValueError, match="weights must hold one that requires a gradient"):
        along_gradient(loss, list(parts.frozen.parameters()))


def test_a_loss_that_is_a_plane_is_not_curved():
    weight = nn.Parameter(torch.ones(3))
    assert along_gradient((2 * weight).sum(), [weight]) == (pytest.approx(12**0.5), 0.0)


@pytest.mark.parametrize(
    "model",
    [nn.Flatten(), nn.Sequential(nn.Flatten(), nn.Linear(2, 3)).requires_grad_(False)],
    ids=["without weights", "all frozen"],
)
@pytest.mark.parametrize("train", [fit, measure_rates, first_steps])
def test_a_network_with_nothing_to_train_is_refused(train, model):
    steps = {} if train is fit else {"steps": 1}
    message = f"weights that require a gradient, received {type(model).__name__} without"
    with pytest.raises(ValueError, match=message):
        train(model, BLOBS, recipe(SGD()), device="cpu", **steps)


def test_a_network_without_weights_is_evaluated():
    class Fixed(nn.Flatten):
        """Two outputs for the two pixels; a third that is always the least."""

        def forward(self, x):
            return functional.pad(super().forward(x), (0, 1), value=-9.0)

    outputs = logits(Fixed(), BLOBS.x_test)
    right = (outputs.argmax(axis=1) == BLOBS.y_test).mean()
    assert evaluate(Fixed(), BLOBS).accuracy == pytest.approx(right)


def test_a_network_lies_where_its_buffers_are_if_it_has_no_weights():
    model = nn.Flatten()
    assert place_of(model).type == "cpu"
    model.register_buffer("mean", torch.zeros(2, device="meta"))
    assert place_of(model).type == "meta"

"""Each weight's own rate: what the optimiser's last step was, divided by what it multiplied."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lrlab import Constant, LinearDecay
from lrlab.data import load
from lrlab.optimizers import SGD, AdaDelta, AdaGrad, Adam, AdamW, Momentum, RMSProp
from lrlab.pytorch.fitting import fit
from lrlab.pytorch.optimizers import make_optimizer
from lrlab.pytorch.weight_rates import measure_rates, weight_rates
from lrlab.training import Recipe
from tests.support.backends import PyTorch

LR = 0.125
SHAPE = (3, 4)


def trained(ours, steps=30, seed=0):
    """The optimiser after some steps on gradients of all sizes, with what the last one did."""
    rng = np.random.default_rng(seed)
    weight = torch.zeros(SHAPE, dtype=torch.float64, requires_grad=True)
    made = make_optimizer(ours, [weight], lr=LR)
    state, w = ours.start(np.zeros(SHAPE)), np.zeros(SHAPE)
    sizes = 10 ** rng.uniform(-3, 3, SHAPE)
    for _ in range(steps):
        grad = sizes * rng.normal(size=SHAPE)
        weight.grad = torch.tensor(grad)
        made.step()
        before = w
        w, state = ours.step(w, grad, state, LR)
    return made, w - before, grad, state


@pytest.mark.parametrize("ours", [SGD(), Momentum(momentum=0)], ids=str)
def test_without_a_memory_of_sizes_every_weight_has_the_same_rate(ours):
    made, *_ = trained(ours)
    (rates,) = weight_rates(made)
    assert rates.shape == SHAPE
    assert set(rates.ravel().tolist()) == {LR}


@pytest.mark.parametrize(
    "ours",
    [
        AdaGrad(initial_accumulator=0.5, eps=0.01),
        RMSProp(rho=0.8, eps=0.01),
        RMSProp(rho=0.8, eps=0.01, centered=True),
    ],
    ids=str,
)
def test_the_last_step_was_the_rate_times_the_gradient(ours):
    made, moved, grad, _ = trained(ours)
    (rates,) = weight_rates(made)
    np.testing.assert_allclose(-rates.numpy() * grad, moved, rtol=1e-7)
    assert rates.max() / rates.min() > 100


@pytest.mark.parametrize("steps", [1, 30])
@pytest.mark.parametrize(
    "ours",
    [Adam(eps=0.01), Adam(beta1=0.5, beta2=0.8), Adam(beta2=0.9, amsgrad=True), AdamW()],
    ids=str,
)
def test_adams_last_step_was_the_rate_times_the_corrected_mean(ours, steps):
    made, moved, _, state = trained(ours, steps)
    (rates,) = weight_rates(made)
    decay = 0.0 if type(ours) is Adam else LR * ours.weight_decay
    mean = state.m / (1 - ours.beta1**steps)
    if not decay:
        np.testing.assert_allclose(-rates.numpy() * mean, moved, rtol=1e-7)
    else:  # AdamW also shrinks the weights, by what they were before
        (weight,) = made.param_groups[0]["params"]
        before = (weight.detach().numpy() + rates.numpy() * mean) / (1 - decay)
        np.testing.assert_allclose(weight.detach().numpy() - before, moved, rtol=1e-6, atol=1e-12)


def test_adadeltas_rate_is_the_quotient_of_its_averages():
    ours = AdaDelta(rho=0.8, eps=0.01)
    made, _, _, state = trained(ours)
    (rates,) = weight_rates(made)
    expected = LR * np.sqrt((state.u + 0.01) / (state.v + 0.01))
    np.testing.assert_allclose(rates.numpy(), expected, rtol=1e-9)


def test_a_tensor_for_each_parameter_of_each_group():
    a, b, c = (torch.ones(n, requires_grad=True) for n in (1, 2, 3))
    optimizer = torch.optim.Adagrad([{"params": [a, b]}, {"params": [c], "lr": 0.5}], lr=0.1)
    for weight in (a, b, c):
        weight.grad = torch.full_like(weight, 2.0)
    optimizer.step()
    rates = weight_rates(optimizer)
    assert [values.shape[0] for values in rates] == [1, 2, 3]
    assert [values[0].item() for values in rates] == pytest.approx([0.05, 0.05, 0.25])


def test_rates_refused():
    weight = torch.ones(1, requires_grad=True)
    with pytest.raises(ValueError, match=r"must be one of SGD, Adagrad, .*received Rprop"):
        weight_rates(torch.optim.Rprop([weight]))
    with pytest.raises(ValueError, match="must have made a step, received Adam before its first"):
        weight_rates(torch.optim.Adam([weight]))
    assert weight_rates(torch.optim.SGD([weight], lr=0.5))[0].item() == 0.5


# --- measured in training ------------------------------------------------------------------------

DIGITS = load("digits", 300, test_limit=100)


RECIPE = Recipe(Constant(0.01), epochs=2, batch_size=100, optimizer=Adam(), seed=3)


def measure(network=None, *, steps=5, **changes):
    network = network or PyTorch.linear()
    return measure_rates(network, DIGITS, replace(RECIPE, **changes), steps=steps, device="cpu")


def test_it_trains_as_fit_does():
    """Six steps are two epochs here, the second in an order of its own."""
    ours, theirs = PyTorch.linear(), PyTorch.linear()
    rates = measure(ours, steps=6)
    fit(theirs, DIGITS, RECIPE, device="cpu")
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict(), rtol=0, atol=0)
    shapes = {name: values.shape for name, values in rates.items()}
    assert shapes == {"2.weight": (10, 64), "2.bias": (10,)}
    assert all((values > 0).all() for values in rates.values())


@pytest.mark.parametrize(
    ("name", "value"),
    [("optimizer", AdaGrad()), ("schedule", Constant(0.02)), ("steps", 4), ("seed", 1)],
)
def test_every_argument_counts(name, value):
    assert (measure(**{name: value})["2.bias"] != measure()["2.bias"]).all()


def test_measure_refuses():
    with pytest.raises(ValueError, match="recipe must be a Recipe, received 'adam'"):
        measure_rates(PyTorch.linear(), DIGITS, "adam", steps=1)
    with pytest.raises(ValueError, match=r"steps must be at most the 6 of .* 2 epochs, received 7"):
        measure(steps=7)


def test_they_are_those_of_the_last_step_and_not_of_the_next():
    schedule = LinearDecay(0.5, total_epochs=1)
    recipe = Recipe(schedule, epochs=1, batch_size=100, per="step", optimizer=SGD())
    rates = measure_rates(PyTorch.linear(), DIGITS, recipe, steps=3, device="cpu")
    assert {float(value) for values in rates.values() for value in values.ravel()} == {
        float(np.float32(schedule(2 / 3)))
    }

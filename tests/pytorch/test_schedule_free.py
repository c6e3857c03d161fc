"""Schedule-free optimizers in torch: the published package, both sets of weights, saved states."""

import io
from dataclasses import replace

import numpy as np
import pytest
import schedulefree
import torch
from torch import nn

from lrlab import Constant, LinearDecay, warmup
from lrlab.data import load
from lrlab.optimizers import ScheduleFreeAdamW as Rule
from lrlab.pytorch import ScheduleLR, Training, evaluate, fit, load_snapshot, make_optimizer
from lrlab.pytorch.schedule_free import ScheduleFreeAdamW, ScheduleFreeSGD
from lrlab.training import Recipe, Snapshots
from tests.support.backends import PyTorch

MAKERS = {
    "SGD": (ScheduleFreeSGD, schedulefree.SGDScheduleFree, {}),
    "SGD, all options": (
        ScheduleFreeSGD,
        schedulefree.SGDScheduleFree,
        {"momentum": 0.7, "weight_decay": 0.1, "r": 0.5, "weight_lr_power": 1.0},
    ),
    "AdamW": (ScheduleFreeAdamW, schedulefree.AdamWScheduleFree, {}),
    "AdamW, all options": (
        ScheduleFreeAdamW,
        schedulefree.AdamWScheduleFree,
        {"betas": (0.7, 0.9), "eps": 0.01, "weight_decay": 0.1, "r": 0.5, "weight_lr_power": 1.0},
    ),
}
both = pytest.mark.parametrize("cls", [ScheduleFreeSGD, ScheduleFreeAdamW])
X = torch.randn(64, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def network(dtype=torch.float64):
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2)).to(dtype)


def weights(model):
    return [weight.detach().clone() for weight in model.parameters()]


def equal(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def train(model, optimizer, steps, first=0):
    """Updates at rates that rise and fall, on a batch of its own each."""
    for k in range(first, first + steps):
        for group in optimizer.param_groups:
            group["lr"] = 0.02 * min(k / 50, 1, (300 - k) / 150)
        x = X[8 * (k % 8) :][:8].to(model[0].weight.dtype)
        optimizer.zero_grad()
        (model(x) - x[:, :2].sin()).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize(("ours", "theirs", "options"), MAKERS.values(), ids=MAKERS)
def test_300_steps_are_those_of_the_package(ours, theirs, options):
    paths = []
    for make in (ours, theirs):
        model, start = network(), weights(network())
        optimizer = make(model.parameters(), **options)
        optimizer.train()
        train(model, optimizer, 300)
        trained = weights(model)
        optimizer.eval()
        paths.append([*trained, *weights(model)])
    for a, b, before in zip(*paths, start * 2, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-11)
        assert (a - before).abs().max() > 0.01


@both
def test_what_eval_puts_in_train_takes_out_bit_for_bit(cls):
    model = network(torch.float32)
    optimizer = cls(model.parameters())
    optimizer.eval()  # before the first step both are the start
    assert equal(weights(model), weights(network(torch.float32)))
    optimizer.train()
    train(model, optimizer, 30)
    y = weights(model)
    for _ in range(3):
        optimizer.eval()
        x = weights(model)
        assert not any(torch.equal(a, b) for a, b in zip(x, y, strict=True))
        optimizer.eval()
        assert equal(weights(model), x)
        optimizer.train()
        assert equal(weights(model), y)
        optimizer.train()
        assert equal(weights(model), y)


@both
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_a_saved_state_goes_on_bit_for_bit(cls, mode):
    model = network(torch.float32)
    optimizer = cls(model.parameters(), weight_lr_power=1.0)
    train(model, optimizer, 40)
    getattr(optimizer, mode)()
    file = io.BytesIO()
    torch.save([model.state_dict(), optimizer.state_dict()], file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    other = network(torch.float32)
    resumed = cls(other.parameters())
    for thing, state in zip((other, resumed), saved, strict=True):
        thing.load_state_dict(state)
    for one, its in ((model, optimizer), (other, resumed)):
        its.train()
        train(one, its, 40, first=40)
        its.eval()
    assert equal(weights(model), weights(other))


@both
def test_a_step_with_the_averages_in_the_network_is_refused(cls):
    model = network()
    optimizer = cls(model.parameters())
    optimizer.eval()
    before = weights(model)
    with pytest.raises(RuntimeError, match=r"^step must follow train\(\): eval\(\) has put"):
        train(model, optimizer, 1)
    assert equal(weights(model), before)
    optimizer.train()
    train(model, optimizer, 3)
    assert not equal(weights(model), before)


@both
def test_gradients_are_left_as_they_are_and_a_closure_is_called(cls):
    model = network()
    optimizer = cls(model.parameters(), lr=0.01, weight_decay=0.5)

    def closure():
        optimizer.zero_grad()
        loss = model(X).square().mean()
        loss.backward()
        grads.append(model[0].weight.grad.clone())
        return loss

    grads = []
    losses = [optimizer.step(closure).item() for _ in range(9)]
    assert torch.equal(model[0].weight.grad, grads[-1])
    assert losses[-1] < losses[0]


def test_what_has_no_gradient_stays():
    used, unused = (torch.ones(1, requires_grad=True) for _ in range(2))
    optimizer = ScheduleFreeAdamW([used, unused], lr=0.5, weight_decay=0.1)
    used.grad = torch.ones(1)
    optimizer.step()
    optimizer.eval()
    optimizer.train()
    assert (used.item() < 1, unused.item()) == (True, 1)


@both
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"r": -1}, "r must be .* of at least 0, received -1"),
        ({"weight_decay": -1}, "weight_decay must be"),
    ],
)
def test_parameters_out_of_range_are_refused(cls, options, message):
    with pytest.raises(ValueError, match=message):
        cls([torch.ones(1, requires_grad=True)], **options)


def test_each_group_has_its_share_of_the_rate():
    a, b = (torch.ones(1, requires_grad=True) for _ in range(2))
    groups = [{"params": [a]}, {"params": [b], "lr_scale": 0.5}]
    optimizer = make_optimizer(Rule(), groups, lr=0.0)
    scheduler = ScheduleLR(optimizer, LinearDecay(0.5, total_epochs=4))
    a.grad, b.grad = torch.ones(1), torch.ones(1)
    optimizer.step()
    scheduler.step()
    assert [round(1 - weight.item(), 6) for weight in (a, b)] == [0.5, 0.25]


# --- in fit ---------------------------------------------------------------------------------------

DIGITS = load("digits", 300, test_limit=100)
RECIPE = Recipe(warmup(Constant(0.01), 1), epochs=3, optimizer=Rule(), per="step")


def test_fit_judges_keeps_and_leaves_the_averages(tmp_path):
    model = PyTorch.linear()
    history = fit(model, DIGITS, RECIPE, device="cpu", snapshots=Snapshots(tmp_path, ends=[2, 3]))
    for number, epoch in ((1, 1), (2, 2)):
        kept = load_snapshot(tmp_path / f"snapshot-{number}.pt", PyTorch.linear())
        assert evaluate(kept, DIGITS).loss == pytest.approx(history.test_loss[epoch], rel=1e-6)
    np.testing.assert_array_equal(PyTorch.weights(kept), PyTorch.weights(model))


def test_evaluations_snapshots_and_an_interruption_change_nothing(tmp_path):
    whole = PyTorch.linear()
    fit(whole, DIGITS, RECIPE, device="cpu")
    kept = Snapshots(tmp_path, ends=[1])
    for epochs in (2, 3, 3):  # the third time there is nothing left to do
        parts = PyTorch.linear()
        fit(parts, DIGITS, replace(RECIPE, epochs=epochs), device="cpu", snapshots=kept)
    np.testing.assert_array_equal(PyTorch.weights(parts), PyTorch.weights(whole))
    plain = PyTorch.linear()
    training = Training(plain, DIGITS, RECIPE, device="cpu")
    training.run([])  # without an evaluation
    training.optimizer.eval()
    np.testing.assert_array_equal(PyTorch.weights(plain), PyTorch.weights(whole))

"""Muon in torch: which weights it takes, the rule and torch's AdamW step by step, one schedule."""

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from lrlab import Constant, LinearDecay, warmup
from lrlab.data import load
from lrlab.optimizers import AdamW
from lrlab.optimizers import Muon as Rule
from lrlab.pytorch import LeNet, ScheduleLR, fit, fit_many, make_optimizer, measure_rates
from lrlab.pytorch.muon import Muon, muon_groups
from lrlab.training import Recipe, Snapshots, lr_deviation


def names(model):
    """The names of the weights that Muon takes; the others are all in the rest."""
    hidden, rest = muon_groups(model)
    named = {weight: name for name, weight in model.named_parameters()}
    assert {*hidden["params"], *rest["params"]} == set(named)
    assert len(hidden["params"]) + len(rest["params"]) == len(named)
    assert (hidden["use_muon"], rest["use_muon"]) == (True, False)
    return [named[weight] for weight in hidden["params"]]


class Language(nn.Module):
    """An embedding, positions of its own, a gain, and a last layer that may share the embedding."""

    def __init__(self, tied):
        super().__init__()
        self.embedding = nn.Embedding(5, 4)
        self.positions = nn.Parameter(torch.zeros(3, 4))
        self.hidden = nn.Linear(4, 4)
        self.norm = nn.LayerNorm(4)
        self.head = nn.Linear(4, 5, bias=False)
        if tied:
            self.head.weight = self.embedding.weight


def test_muon_takes_the_matrices_of_hidden_layers():
    assert names(LeNet()) == [
        name for name, w in list(LeNet().named_parameters())[:-2] if w.ndim > 1
    ]
    assert len(names(LeNet())) == 4
    for tied in (False, True):
        assert names(Language(tied)) == ["hidden.weight"]
    shared = nn.Sequential(nn.Embedding(4, 4), nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2))
    shared[1].weight = shared[0].weight
    assert names(shared) == ["2.weight"]
    assert names(nn.Sequential(nn.Flatten(), nn.Linear(2, 3))) == []
    assert names(nn.LayerNorm(3)) == []


def network():
    torch.manual_seed(1)
    layers = [nn.Conv2d(1, 3, 2), nn.Flatten(), nn.Tanh(), nn.Linear(12, 5), nn.Tanh()]
    return nn.Sequential(*layers, nn.Linear(5, 2)).double()


X = torch.randn(64, 1, 3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
SCHEDULE = warmup(LinearDecay(0.05, total_epochs=290), 10)


def batch(k):
    return X[8 * (k % 8) :][:8]


def backward(model, k):
    model.zero_grad()
    (model(batch(k)) - batch(k).flatten(1)[:, :2].sin()).square().mean().backward()


@pytest.mark.parametrize(
    "rule",
    [
        Rule(),
        Rule(
            momentum=0.8,
            nesterov=False,
            ns_steps=3,
            scaling="match_rms_adamw",
            weight_decay=0.3,
            rest=AdamW(beta1=0.7, beta2=0.9, eps=1e-4, weight_decay=0.2),
            rest_scale=0.5,
        ),
    ],
    ids=["defaults", "all options"],
)
def test_300_steps_are_those_of_the_rule_and_of_torchs_adamw(rule):
    ours, theirs = network(), network()
    optimizer = make_optimizer(rule, muon_groups(ours), lr=0.0)
    scheduler = ScheduleLR(optimizer, SCHEDULE)
    hidden, rest = (group["params"] for group in muon_groups(theirs))
    adam = make_optimizer(rule.rest, rest, lr=0.0)
    states = [rule.start(weight.detach().flatten(1).numpy()) for weight in hidden]
    for k in range(300):
        lr = SCHEDULE(k)
        assert [group["lr"] for group in optimizer.param_groups] == [lr, lr * rule.rest_scale]
        backward(ours, k)
        optimizer.step()
        scheduler.step()
        backward(theirs, k)
        adam.param_groups[0]["lr"] = lr * rule.rest_scale
        adam.step()
        for number, weight in enumerate(hidden):
            flat = (part.detach().flatten(1).numpy() for part in (weight, weight.grad))
            moved, states[number] = rule.step(*flat, states[number], lr)
            weight.data = torch.tensor(moved).view_as(weight)
    for one, other, start in zip(
        ours.parameters(), theirs.parameters(), network().parameters(), strict=True
    ):
        assert (one - start).abs().max() > 1e-3
        torch.testing.assert_close(one, other, rtol=1e-7, atol=1e-9)


def test_a_saved_state_goes_on_bit_for_bit():
    def trained(model, optimizer, steps):
        for k in steps:
            backward(model, k)
            optimizer.step()
        return torch.cat([weight.detach().flatten() for weight in model.parameters()])

    model, other = network(), network()
    optimizer = Muon(muon_groups(model))
    trained(model, optimizer, range(9))
    file = io.BytesIO()
    torch.save([model.state_dict(), optimizer.state_dict()], file)
    file.seek(0)
    resumed = Muon(muon_groups(other), rule=Rule(momentum=0.5))
    for thing, state in zip((other, resumed), torch.load(file, weights_only=True), strict=True):
        thing.load_state_dict(state)
    end = trained(model, optimizer, range(9, 20))
    assert torch.equal(trained(other, resumed, range(9, 20)), end)


def test_a_group_may_have_its_own_and_a_closure_is_called():
    hidden, other = (nn.Parameter(torch.eye(2)) for _ in range(2))
    groups = [
        {"params": [hidden], "use_muon": True, "momentum": 0.5, "lr_scale": 2.0},
        {"params": [other], "use_muon": False, "weight_decay": 0.5},
    ]
    optimizer = Muon(groups, lr=0.25)
    first, second = optimizer.param_groups
    assert (first["momentum"], first["weight_decay"], first["lr"]) == (0.5, 0.1, 0.5)
    assert (second["betas"], second["weight_decay"], second["lr"]) == ((0.9, 0.999), 0.5, 0.00375)

    def closure():
        optimizer.zero_grad()
        loss = hidden.square().sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 2
    assert torch.equal(other, torch.eye(2))  # no gradient


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([nn.Parameter(torch.eye(2))], r"^params must be groups that say True or False under use_"),
        ([{"params": [nn.Parameter(torch.eye(2))]}], "params must be groups that say"),
        (
            [{"params": [nn.Parameter(torch.ones(3))], "use_muon": True}],
            r"^params must be matrices to use Muon, received \(3,\)$",
        ),
    ],
)
def test_what_does_not_say_what_it_is_is_refused(groups, message):
    with pytest.raises(ValueError, match=message):
        make_optimizer(Rule(), groups, lr=0.1)


# --- in fit ---------------------------------------------------------------------------------------

DIGITS = load("digits", 300, test_limit=100)
FALLING = LinearDecay(0.05, total_epochs=3)
RECIPE = Recipe(FALLING, epochs=3, batch_size=20, optimizer=Rule(rest_scale=0.1), per="step")


def small():
    torch.manual_seed(2)
    layers = [nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 16), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(16, 10))


def test_fit_trains_with_both_and_goes_on_after_an_interruption(tmp_path):
    whole = small()
    history = fit(whole, DIGITS, RECIPE, device="cpu")
    assert lr_deviation(history) == 0
    assert history.test_loss[-1] < 0.7 * history.test_loss[0]
    for epochs in (2, 3):
        parts = small()
        recipe = replace(RECIPE, epochs=epochs)
        fit(parts, DIGITS, recipe, device="cpu", snapshots=Snapshots(tmp_path, ends=[1]))
    for one, other in zip(whole.parameters(), parts.parameters(), strict=True):
        np.testing.assert_array_equal(one.detach().numpy(), other.detach().numpy())


def test_a_network_without_hidden_layers_is_trained_by_the_rest():
    def linear():
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))

    ends = []
    for optimizer, lr in ((Rule(rest_scale=0.5), 0.02), (AdamW(), 0.01)):
        model = linear()
        recipe = Recipe(Constant(lr), epochs=2, optimizer=optimizer)
        assert fit(model, DIGITS, recipe, device="cpu").lr[0] == lr
        ends.append(model[1].weight.detach())
    torch.testing.assert_close(*ends, rtol=1e-4, atol=1e-6)


def test_what_cannot_be_done_with_it_says_so():
    with pytest.raises(ValueError, match="recipes must have SGD or Momentum as their optimizer"):
        fit_many([small()], DIGITS, [RECIPE], device="cpu")
    with pytest.raises(
        ValueError, match=r"optimizer must be one of SGD, Adagrad, .* received Muon"
    ):
        measure_rates(small(), DIGITS, RECIPE, steps=1, device="cpu")

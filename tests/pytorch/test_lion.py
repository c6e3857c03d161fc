"""Lion in torch: the rule, step by step, and saved states."""

from copy import deepcopy

import numpy as np
import pytest
import torch

from lrlab import optimizers
from lrlab.pytorch.lion import Lion

RNG = np.random.default_rng(2)
START, NOISE = RNG.normal(size=(3, 2)), RNG.normal(0.1, 1, (300, 3, 2))
LRS = RNG.uniform(0, 0.1, 300)


def trained(optimizer, weight, steps):
    for k in steps:
        weight.grad = torch.tensor(NOISE[k]) + 0.5 * weight.detach()
        optimizer.param_groups[0]["lr"] = LRS[k]
        optimizer.step()
    return weight.detach().clone()


def weight_at_start():
    return torch.tensor(START, requires_grad=True)


@pytest.mark.parametrize(
    ("own", "theirs"),
    [
        ({}, {}),
        (
            {"beta1": 0.6, "beta2": 0.9, "weight_decay": 0.2},
            {"betas": (0.6, 0.9), "weight_decay": 0.2},
        ),
    ],
)
def test_300_steps_are_those_of_the_rule(own, theirs):
    weight, rule = weight_at_start(), optimizers.Lion(**own)
    optimizer = Lion([weight], **theirs)
    w, state = START, rule.start(START)
    for k in range(300):
        w, state = rule.step(w, NOISE[k] + 0.5 * w, state, LRS[k])
        ours = trained(optimizer, weight, [k])
        np.testing.assert_allclose(ours.numpy(), w, rtol=1e-11, atol=1e-12)


def test_a_saved_state_goes_on_bit_for_bit():
    weight = weight_at_start()
    optimizer = Lion([weight], betas=(0.6, 0.9))
    again = trained(optimizer, weight, range(40)).requires_grad_()
    resumed = Lion([again])
    resumed.load_state_dict(deepcopy(optimizer.state_dict()))
    end = trained(optimizer, weight, range(40, 80))
    assert torch.equal(trained(resumed, again, range(40, 80)), end)


def test_a_closure_is_called_and_what_has_no_gradient_stays():
    used, unused = (torch.ones(1, requires_grad=True) for _ in range(2))
    optimizer = Lion([used, unused], lr=0.25, weight_decay=0.5)

    def closure():
        optimizer.zero_grad()
        loss = used.square().sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 1
    assert (used.item(), unused.item()) == (1 - 0.25 - 0.125, 1)


def test_a_parameter_out_of_range_is_refused():
    with pytest.raises(ValueError, match=r"beta1 must be .* in \(0, 1\), received 1"):
        Lion([torch.ones(1, requires_grad=True)], betas=(1, 0.9))

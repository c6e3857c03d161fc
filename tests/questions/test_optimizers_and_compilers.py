"""The code of the page "Questions" does what the page says: optimizers and compilers."""

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler

from lrlab import CosineDecay, ReduceOnPlateau
from lrlab.pytorch import PlateauLR, ScheduleLR
from tests.questions.conftest import cosine, rates


@pytest.mark.parametrize(
    ("rule", "left"),
    [(torch.optim.AdamW, 0.999), (torch.optim.Adam, 0.99), (torch.optim.SGD, 0.999)],
)
def test_adam_rescales_a_decay_that_is_added_to_the_gradient(rule, left) -> None:
    weight = torch.ones(1, requires_grad=True)
    optimizer = rule([weight], lr=0.01, weight_decay=0.1)
    weight.grad = torch.zeros(1)
    optimizer.step()
    np.testing.assert_allclose(weight.item(), left, rtol=1e-6)


def one_cycle(optimizer, **options):
    return lr_scheduler.OneCycleLR(optimizer, 0.001, total_steps=13, **options)


PLAIN = {"rate = torch.tensor(0.001)": "rate = 0.001"}
POLICY = ReduceOnPlateau(0.001, factor=0.5, patience=1)
PAGE_SCHEDULER = "CosineAnnealingLR(optimizer, T_max=epochs * n)"


def counting(compiled: list):
    """What stands in the place of a compiler."""

    def count(graph, inputs):
        compiled.append(graph)
        return graph.forward

    return count


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, of torch.jit
@pytest.mark.parametrize(
    ("changes", "other", "expected"),
    [
        ({}, cosine(240), 1),
        (PLAIN, cosine(240), 2),
        ({}, lambda o: ScheduleLR(o, CosineDecay(0.001, total_epochs=30), steps_per_epoch=8), 1),
        ({}, lambda o: lr_scheduler.ReduceLROnPlateau(o, patience=0), 1),
        ({}, lambda o: PlateauLR(o, POLICY), 1),
        ({}, one_cycle, 2),
        ({}, lambda o: one_cycle(o, cycle_momentum=False), 1),
    ],
    ids=[
        "tensor",
        "number",
        "ScheduleLR",
        "ReduceLROnPlateau",
        "PlateauLR",
        "one cycle",
        "rate alone",
    ],
)
def test_compilations_are_as_counted(page, changes, other, expected) -> None:
    compiled, used = [], []

    def make(optimizer):
        scheduler = other(optimizer)
        watching = isinstance(scheduler, lr_scheduler.ReduceLROnPlateau | PlateauLR)
        page.names["metric"] = [1.0] * watching
        return scheduler

    def last(scheduler) -> float:
        return float(scheduler.get_last_lr()[0])

    torch._dynamo.reset()
    page.names |= {"counting": counting(compiled), "make": make, "used": used, "last": last}
    driven = {
        PAGE_SCHEDULER: "make(optimizer)",
        "optimizer.step)": "optimizer.step, backend=counting)",
        "scheduler.step()": "scheduler.step(*metric); used.append(last(scheduler))",
    }
    page.run("q-compile", changes=driven | changes)
    assert len(set(used)) > 3
    assert len(compiled) == expected


def test_a_compiled_model_is_not_concerned(page) -> None:
    compiled = []
    torch._dynamo.reset()
    page.names["model"] = torch.compile(page.names["model"], backend=counting(compiled))
    changes = {"torch.compile(optimizer.step)": "optimizer.step"}
    page.run("q-compile", changes=PLAIN | changes)
    assert len(compiled) == 1


@pytest.mark.parametrize("own_tensors", [False, True])
def test_groups_share_a_tensor(own_tensors) -> None:
    groups = [{"params": [torch.zeros(1, requires_grad=True)]} for _ in range(2)]
    if own_tensors:
        groups = [group | {"lr": torch.tensor(0.1)} for group in groups]
    optimizer = torch.optim.AdamW(groups, lr=torch.tensor(0.1))
    lr_scheduler.LambdaLR(optimizer, [lambda k: 1.0, lambda k: 0.5])
    found = [float(group["lr"]) for group in optimizer.param_groups]
    np.testing.assert_allclose(found, [0.1 if own_tensors else 0.05, 0.05], rtol=1e-6)


def test_schedule_lr_parts_a_shared_tensor() -> None:
    groups = [{"params": [torch.zeros(1, requires_grad=True)]} for _ in range(2)]
    groups[1]["lr_scale"] = 0.5
    optimizer = torch.optim.AdamW(groups, lr=torch.tensor(0.1))
    ScheduleLR(optimizer, CosineDecay(0.1, total_epochs=10))
    found = [float(group["lr"]) for group in optimizer.param_groups]
    np.testing.assert_allclose(found, [0.1, 0.05], rtol=1e-6)


def test_a_tensor_goes_weight_by_weight() -> None:
    weights, rate = [torch.zeros(1, requires_grad=True)], torch.tensor(0.1)
    with pytest.raises(ValueError, match="capturable=False and foreach=True"):
        torch.optim.AdamW(weights, lr=rate, foreach=True)
    torch.optim.AdamW(weights, lr=rate, foreach=True, capturable=True)


def test_two_optimizers_follow_one_shape(page) -> None:
    page.run("q-muon")  # one update is made
    muon, adamw = (np.ravel(rates(one, 239)) for one in page.names["schedulers"])
    np.testing.assert_allclose(muon, adamw, rtol=1e-12)
    expected = page.names["shape"](np.arange(1, 240) / 8)
    np.testing.assert_allclose(muon, expected, rtol=1e-12)
    assert muon.max() == 0.003
    for name in ("muon", "adamw"):
        assert page.names[name].param_groups[0]["weight_decay"] == 0.1


def test_muon_takes_matrices_and_its_default_decay_is_another() -> None:
    with pytest.raises(ValueError, match="2D"):
        torch.optim.Muon(torch.nn.Conv2d(1, 1, 3, bias=False).parameters())
    matrix = torch.nn.Linear(2, 2, bias=False).weight
    rules = torch.optim.Muon, torch.optim.AdamW
    decays = [rule([matrix]).param_groups[0]["weight_decay"] for rule in rules]
    assert decays == [0.1, 0.01]


def test_muon_steps_as_far_whatever_the_gradients_length() -> None:
    gradient, steps = torch.randn(4, 4, generator=torch.Generator().manual_seed(0)), []
    for factor in (1.0, 1000.0):
        weight = torch.zeros(4, 4, requires_grad=True)
        weight.grad = factor * gradient
        torch.optim.Muon([weight], lr=0.1).step()
        steps.append(weight.detach().numpy())
    np.testing.assert_allclose(*steps, rtol=0.02, atol=1e-3)

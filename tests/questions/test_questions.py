"""The code of the page "Questions" does what the page says."""

import warnings
from copy import deepcopy

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler

from lrlab import CosineDecay, ReduceOnPlateau
from lrlab.pytorch import PlateauLR, rates_of
from tests.conftest import ROOT
from tests.support.page_code import PageCode


@pytest.fixture
def page() -> PageCode:
    torch.manual_seed(0)
    code = PageCode(ROOT / "book" / "reference" / "questions.md")
    code.run("q-setup")
    return code


def rates(scheduler, steps: int) -> list[list[float]]:
    """The rate of each group in the updates to come."""
    used = []
    for _ in range(steps):
        used.append([group["lr"] for group in scheduler.optimizer.param_groups])
        scheduler.optimizer.step()
        scheduler.step()
    return used


def test_a_trapezoid_goes_on_longer(page) -> None:
    page.run("q-longer")
    longer, planned = page.names["longer"], page.names["planned"]
    assert np.array_equal(longer(np.arange(7)), planned(np.arange(7)))
    used = np.ravel(rates(page.names["scheduler"], 24))
    np.testing.assert_allclose(used, longer(np.arange(6, 30)), rtol=1e-12)
    assert used[20] == 0.1 > used[-1] > 0
    with pytest.raises(ValueError, match="schedule"):
        page.run("q-longer", changes={' | {"schedule": longer.to_config()}': ""})


def test_a_skipped_update_is_no_step(page) -> None:
    page.run("q-scaler")
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    scheduler = page.names["ScheduleLR"](optimizer, page.names["schedule"])
    scaler, moved = torch.amp.GradScaler("cpu"), []
    for factor in (float("inf"), 1.0, float("inf"), 1.0, 1.0):
        before = weight.item()
        scaler.scale(factor * weight.sum()).backward()
        page.names["update"](scaler, optimizer, scheduler)
        moved.append(before - weight.item())
    expected = page.names["schedule"](np.arange(3))
    np.testing.assert_allclose(np.array(moved)[[1, 3, 4]], expected, rtol=1e-6)
    assert moved[0] == moved[2] == 0


def test_a_range_test_leaves_the_model_alone(page) -> None:
    model, optimizer = page.names["model"], page.names["optimizer"]
    before = deepcopy((model.state_dict(), optimizer.state_dict(), torch.get_rng_state()))
    page.run("q-range-test")
    suggestions = page.names["found"].suggestions()
    assert set(suggestions) == {"steepest", "minimum_tenth", "valley"}
    assert len(set(suggestions.values())) == 3
    after = (model.state_dict(), optimizer.state_dict(), torch.get_rng_state())
    assert all(torch.equal(after[0][name], value) for name, value in before[0].items())
    assert after[1] == before[1]
    assert torch.equal(after[2], before[2])


def test_a_ramp_and_a_cosine_are_one_function(page) -> None:
    page.run("q-warmup")
    scheduler = page.names["scheduler"]
    used = np.ravel(rates(scheduler, 5 * 8))
    times = np.arange(40) / 8
    ramp, cosine = 0.01 + 0.03 * times, 0.05 * (1 + np.cos(np.pi * (times - 3) / 27))
    np.testing.assert_allclose(used, np.where(times < 3, ramp, cosine), rtol=1e-12)


def test_a_milestone_of_0_gives_the_second_schedulers_rates() -> None:
    def chain(optimizer):
        ramp = lr_scheduler.LinearLR(optimizer, 0.1, total_iters=5)
        return lr_scheduler.SequentialLR(
            optimizer, [ramp, lr_scheduler.CosineAnnealingLR(optimizer, 20)], [0]
        )

    with warnings.catch_warnings(action="ignore"):  # false, about the order
        used = rates_of(chain, lr=1.0, steps=20)
    expected = CosineDecay(1.0, total_epochs=20)(np.arange(20))
    np.testing.assert_allclose(used, expected, rtol=1e-12)


def test_a_group_that_comes_later_has_its_share(page) -> None:
    page.run("q-layers")
    whole = page.names["schedule"](np.arange(1, 30))
    used = rates(page.names["scheduler"], 29)
    np.testing.assert_allclose(used, np.stack([whole, 0.1 * whole], axis=1), rtol=1e-12)


def one_cycle(optimizer, **options):
    return lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=13, **options)


PLAIN = {"rate = torch.tensor(0.1)": "rate = 0.1"}
POLICY = ReduceOnPlateau(0.1, factor=0.5, patience=1)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, of torch.jit
@pytest.mark.parametrize(
    ("changes", "other", "expected"),
    [
        ({}, None, 1),
        (PLAIN, None, 2),
        ({}, lambda o: lr_scheduler.ReduceLROnPlateau(o, patience=0), 1),
        ({}, lambda o: PlateauLR(o, POLICY), 1),
        ({}, one_cycle, 2),
        ({}, lambda o: one_cycle(o, cycle_momentum=False), 1),
    ],
    ids=["tensor", "number", "ReduceLROnPlateau", "PlateauLR", "one cycle", "rate alone"],
)
def test_compilations_are_as_counted(page, changes, other, expected) -> None:
    compiled = []

    def counting(graph, inputs):  # in the place of a compiler
        compiled.append(graph)
        return graph.forward

    torch._dynamo.reset()
    page.names["counting"] = counting
    page.run(
        "q-compile", changes={"optimizer.step)": "optimizer.step, backend=counting)"} | changes
    )
    optimizer, scheduler = page.names["optimizer"], page.names["scheduler"]
    scheduler = other(optimizer) if other else scheduler
    watching = isinstance(scheduler, lr_scheduler.ReduceLROnPlateau | PlateauLR)
    rates = set()
    for _ in range(12):
        for weight in page.names["model"].parameters():
            weight.grad = torch.ones_like(weight)
        page.names["update"]()
        scheduler.step(*[1.0] * watching)
        rates.add(float(optimizer.param_groups[0]["lr"]))
    assert len(rates) > 3
    assert len(compiled) == expected


def test_two_optimizers_follow_one_shape(page) -> None:
    page.run("q-muon")
    muon, adamw = (np.ravel(rates(one, 30)) for one in page.names["schedulers"])
    np.testing.assert_allclose(muon, adamw, rtol=1e-12)
    expected = np.r_[0, 1, 2, 3 * (1 - np.arange(27) / 27)] / 1000
    np.testing.assert_allclose(muon, expected, rtol=1e-12)

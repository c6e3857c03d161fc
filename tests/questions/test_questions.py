"""The code of the page "Questions" does what the page says: counting, rates and schedules."""

import warnings
from copy import deepcopy

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler

from lrlab import CosineDecay, LinearDecay, warmup
from lrlab.pytorch import ScheduleLR, rates_of
from tests.questions.conftest import cosine, rates, some_optimizer

# The lines of a page that make a scheduler by plain PyTorch and by lrlab: a test leaves one out.
COSINE_PER_UPDATE = "scheduler = CosineAnnealingLR(optimizer, T_max=epochs * n)\n"
OURS_PER_UPDATE = "scheduler = ScheduleLR(optimizer, schedule, steps_per_epoch=n)  # or this\n"


@pytest.mark.parametrize("left_out", [COSINE_PER_UPDATE, OURS_PER_UPDATE])
def test_a_horizon_is_counted_in_updates(page, left_out) -> None:
    page.names["every"] = 3  # batches: 8 of them are 3 updates
    page.run("q-count", changes={left_out: ""})
    used = np.ravel(rates(page.names["scheduler"], 90))
    expected = page.names["schedule"](np.arange(90) / 3)
    np.testing.assert_allclose(used, expected, rtol=1e-10, atol=1e-15)


def test_a_horizon_in_epochs_that_is_stepped_per_batch() -> None:
    up_and_down = rates(lr_scheduler.CosineAnnealingLR(some_optimizer(), 3), 13)
    np.testing.assert_allclose(np.ravel(up_and_down)[::3], [1, 0, 1, 0, 1], atol=1e-12)
    with pytest.raises(ValueError, match="Tried to step 4 times"):
        rates(lr_scheduler.OneCycleLR(some_optimizer(), 1.0, 3), 13)


def shape(horizon: int):
    return lambda k: 1 - k / horizon


def line(horizon: int):
    return lambda optimizer: lr_scheduler.LambdaLR(optimizer, shape(horizon))


def resumed(before, after, steps: int, *, loaded_first: bool = False) -> np.ndarray:
    """The next rates of a run that was saved after so many steps."""
    optimizer = some_optimizer()
    scheduler = before(optimizer)
    rates(scheduler, steps)
    states = deepcopy((optimizer.state_dict(), scheduler.state_dict()))
    optimizer = some_optimizer()
    if loaded_first:
        optimizer.load_state_dict(states[0])
    scheduler = after(optimizer)
    if not loaded_first:
        optimizer.load_state_dict(states[0])
    scheduler.load_state_dict(states[1])
    return np.ravel(rates(scheduler, 3))


def test_a_cosine_keeps_its_horizon_and_a_lambda_takes_the_new_one() -> None:
    old = CosineDecay(1.0, total_epochs=10)(np.arange(6, 9))
    np.testing.assert_allclose(resumed(cosine(10), cosine(20), 6), old, rtol=1e-12)
    new = [0.4, 1 - 7 / 20, 1 - 8 / 20]  # the first is the optimizer's own
    np.testing.assert_allclose(resumed(line(10), line(20), 6), new, rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "first"),
    [(line(10), 1.0), (lambda optimizer: lr_scheduler.OneCycleLR(optimizer, 1.0, 10), 1 / 25)],
)
def test_a_scheduler_is_built_before_the_optimizer_is_loaded(make, first) -> None:
    whole = np.ravel(rates(make(some_optimizer()), 9))
    np.testing.assert_allclose(resumed(make, make, 6), whole[6:], rtol=1e-12)
    late = resumed(make, make, 6, loaded_first=True)
    np.testing.assert_allclose(late, [first, *whole[7:]], rtol=1e-12)


def test_a_trapezoid_goes_on_longer_in_plain_pytorch(page) -> None:
    page.run("q-longer-plain")
    used = np.ravel(rates(page.names["scheduler"], 24))
    np.testing.assert_allclose(used, [0.1] * 21 + [0.075, 0.05, 0.025], rtol=1e-12)


def test_a_trapezoid_goes_on_longer(page) -> None:
    page.run("q-longer")
    longer, planned, n = (page.names[name] for name in ("longer", "planned", "n"))
    times = np.arange(30 * n) / n
    assert np.array_equal(longer(times[: 6 * n]), planned(times[: 6 * n]))
    used = np.ravel(rates(page.names["scheduler"], 24 * n))
    np.testing.assert_allclose(used, longer(times[6 * n :]), rtol=1e-12)
    assert used[20 * n] == 0.1 > used[-1] > 0
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


def test_the_order_is_watched_at_the_first_step_alone() -> None:
    late = lr_scheduler.CosineAnnealingLR(some_optimizer(), 10)
    rates(late, 1)
    late.step()  # without an update: a warning would be an error here
    with pytest.warns(UserWarning, match="before `optimizer.step"):
        lr_scheduler.CosineAnnealingLR(some_optimizer(), 10).step()


def test_get_lr_may_cut_twice() -> None:
    scheduler = lr_scheduler.StepLR(some_optimizer(), 3)
    rates(scheduler, 3)
    assert scheduler.get_last_lr() == [0.1]
    with pytest.warns(UserWarning, match="get_last_lr"):
        np.testing.assert_allclose(scheduler.get_lr(), [0.01], rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (line(10), 0.7),
        (lambda optimizer: ScheduleLR(optimizer, LinearDecay(1.0, total_epochs=10)), 0.7),
        (lambda optimizer: lr_scheduler.StepLR(optimizer, 3), 0.7),
        (cosine(6), 7 * (1 + np.cos(np.pi / 2)) / (1 + np.cos(np.pi / 3))),
    ],
)
def test_a_rate_of_ones_own(make, expected) -> None:
    scheduler = make(some_optimizer())
    rates(scheduler, 2)
    scheduler.optimizer.param_groups[0]["lr"] = 7.0
    rates(scheduler, 1)
    np.testing.assert_allclose(scheduler.get_last_lr(), [expected], rtol=1e-12)


def test_one_cycle_overwrites_a_rate_of_ones_own() -> None:
    used = []
    for own in (0.1, 7.0):
        scheduler = lr_scheduler.OneCycleLR(some_optimizer(), 1.0, 10)
        scheduler.optimizer.param_groups[0]["lr"] = own
        used.append(rates(scheduler, 3)[1:])
    assert used[0] == used[1]


def test_a_range_test_leaves_the_model_alone(page) -> None:
    model, optimizer = page.names["model"], page.names["optimizer"]
    before = deepcopy((model.state_dict(), optimizer.state_dict(), torch.get_rng_state()))
    page.run("q-range-test")
    suggestions = page.names["found"].suggestions()
    assert page.names["first"] == suggestions["minimum_tenth"]
    assert set(suggestions) == {"steepest", "minimum_tenth", "valley"}
    assert len(set(suggestions.values())) == 3
    after = (model.state_dict(), optimizer.state_dict(), torch.get_rng_state())
    assert all(torch.equal(after[0][name], value) for name, value in before[0].items())
    assert after[1] == before[1]
    assert torch.equal(after[2], before[2])


def test_the_norm_is_that_before_clipping(page) -> None:
    model = page.names["model"]
    before = torch.nn.utils.parameters_to_vector(model.parameters()).detach()
    page.run("q-clip", changes={"1.0)": "1e-3)"})
    moved = torch.nn.utils.parameters_to_vector(model.parameters()).detach() - before
    np.testing.assert_allclose(moved.norm() / 0.1, 1e-3, rtol=1e-3)
    assert page.names["norm"] > 0.01


def test_a_rule_watches_after_a_ramp(page) -> None:
    losses = [2.3, 2.3, 2.3, 2.0, 1.9, 1.9, 1.9, 1.9, 1.9, 1.9, 1.9]
    page.run("q-plateau-plain")
    plain = []
    for epoch, loss in enumerate(losses):
        plain.append(page.names["optimizer"].param_groups[0]["lr"])
        page.names["optimizer"].step()
        page.names["end_epoch"](epoch, loss)
    expected = [0.01, 0.04, 0.07, *[0.1] * 5, *[0.05] * 3]
    np.testing.assert_allclose(plain, expected, rtol=1e-12)
    page.run("q-plateau")
    scheduler, ours = page.names["scheduler"], [0.01]
    for loss in losses[1:]:
        ours.append(scheduler.get_last_lr()[0])
        scheduler.optimizer.step()
        scheduler.step(loss)
    np.testing.assert_allclose(ours, expected, rtol=1e-12)


LAMBDA = "scheduler = LambdaLR(optimizer, factor)\n"
RAMPED = "scheduler = ScheduleLR(optimizer, ramped, steps_per_epoch=n)  # or this\n"


@pytest.mark.parametrize("left_out", [LAMBDA, RAMPED])
def test_a_ramp_and_a_cosine_are_one_function(page, left_out) -> None:
    page.run("q-warmup", changes={left_out: ""})
    scheduler = page.names["scheduler"]
    used = np.ravel(rates(scheduler, 30 * 8))
    times = np.arange(240) / 8
    ramp, cosine = 0.01 + 0.03 * times, 0.05 * (1 + np.cos(np.pi * (times - 3) / 27))
    np.testing.assert_allclose(used, np.where(times < 3, ramp, cosine), rtol=1e-9)


def test_a_line_and_then_a_cosine_is_right_in_a_chain() -> None:
    optimizer = some_optimizer()
    parts = [lr_scheduler.LinearLR(optimizer, 0.1, total_iters=3), cosine(27)(optimizer)]
    used = np.ravel(rates(lr_scheduler.SequentialLR(optimizer, parts, [3]), 30))
    expected = warmup(CosineDecay(1.0, total_epochs=27), 3, begin_lr=0.1)(np.arange(30))
    np.testing.assert_allclose(used, expected, rtol=1e-9)


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


COSINE = "scheduler = CosineAnnealingLR(optimizer, T_max=epochs)\n"
OURS = "scheduler = ScheduleLR(optimizer, schedule)  # or this\n"


@pytest.mark.parametrize("left_out", [COSINE, OURS])
def test_groups_keep_the_ratio_of_their_first_rates(page, left_out) -> None:
    page.run("q-layers", changes={left_out: ""})
    whole = page.names["schedule"](np.arange(30))
    used = rates(page.names["scheduler"], 30)
    np.testing.assert_allclose(used, np.stack([whole, 0.1 * whole], axis=1), rtol=1e-9)


@pytest.mark.parametrize(
    ("make", "ratio"),
    [
        (lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, 10), 0.1),
        (lambda optimizer: lr_scheduler.OneCycleLR(optimizer, 1.0, 10), 1),
        (lambda optimizer: lr_scheduler.OneCycleLR(optimizer, [1.0, 0.1], 10), 0.1),
        (lambda optimizer: lr_scheduler.CyclicLR(optimizer, 0.1, 1.0, 3), 1),
        (lambda optimizer: lr_scheduler.CyclicLR(optimizer, [0.1, 0.01], [1.0, 0.1], 3), 0.1),
    ],
)
def test_one_max_lr_is_that_of_all_groups(make, ratio) -> None:
    used = np.array(rates(make(some_optimizer((1.0, 0.1))), 9))
    np.testing.assert_allclose(used[:, 1] / used[:, 0], ratio, rtol=1e-9)


def test_a_group_that_comes_later_has_its_share(page) -> None:
    page.run("q-thaw")
    whole = page.names["schedule"](np.arange(1, 30))
    used = rates(page.names["scheduler"], 29)
    np.testing.assert_allclose(used, np.stack([whole, 0.1 * whole], axis=1), rtol=1e-12)

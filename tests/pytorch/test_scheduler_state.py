"""A scheduler's state gives back the clock, the types and the tensors of the one that it is of."""

import copy
import io

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lrlab import Constant, ExponentialDecay, LinearDecay
from lrlab.pytorch import ScheduleLR
from tests.support.schedule_samples import any_schedule
from tests.support.strategies import examples

GROUPS = [{}, {"lr": 0.25}, {"lr_scale": 3.0}]


def scheduled(schedule, steps_per_epoch=1, *, lr=1.0, **options):
    groups = [{"params": [torch.zeros(1, requires_grad=True)], **group} for group in GROUPS]
    optimizer = torch.optim.SGD(groups, lr=lr)
    return ScheduleLR(optimizer, schedule, steps_per_epoch=steps_per_epoch, **options)


def saved(value):
    """What torch.save and a load that allows no pickled code make of a value."""
    content = io.BytesIO()
    torch.save(value, content)
    content.seek(0)
    return torch.load(content, weights_only=True)


def what_counts(scheduler):
    """All that a later step or a reader of the scheduler can see, types included."""
    values = [scheduler.last_epoch, *scheduler.get_last_lr()]
    for group in scheduler.optimizer.param_groups:
        values += [group["lr"], group["momentum"]]
    return [(type(value), float(value)) for value in values]


def go_on(scheduler, steps):
    seen = []
    for _ in range(steps):
        scheduler.optimizer.step()
        scheduler.step()
        seen.append(what_counts(scheduler))
    return seen


@given(
    any_schedule(), st.integers(1, 7), st.integers(0, 20), st.booleans(), st.sampled_from([1, 3])
)
@examples(60)
def test_it_goes_on_as_if_undisturbed(schedule, steps_per_epoch, at, tensor, courses):
    schedules = schedule if courses == 1 else [schedule, Constant(0.5), schedule]
    options = {"lr": torch.tensor(1.0) if tensor else 1.0, "momentum": Constant(0.5)}
    whole = scheduled(schedules, steps_per_epoch, **copy.deepcopy(options))
    go_on(whole, at)
    other = scheduled(schedules, steps_per_epoch, **copy.deepcopy(options))
    go_on(other, 1)
    other.load_state_dict(saved(whole.state_dict()))
    assert what_counts(other) == what_counts(whole)
    assert go_on(other, 5) == go_on(whole, 5)


@pytest.mark.parametrize("k", [0, 0.5, 2.5, 3, 7.0])
@pytest.mark.filterwarnings("ignore:The epoch parameter in `scheduler.step:UserWarning")
def test_a_clock_that_was_set_comes_back_with_its_fraction(k):
    schedule = ExponentialDecay(0.8, gamma=0.5)
    whole, other = scheduled(schedule, 2), scheduled(schedule, 2)
    whole.optimizer.step()
    whole.step(k)
    assert whole.get_last_lr()[0] == schedule(k / 2)
    other.load_state_dict(saved(whole.state_dict()))
    assert what_counts(other) == what_counts(whole)
    assert type(other.last_epoch) is type(k)
    assert go_on(other, 3) == go_on(whole, 3)


@pytest.mark.parametrize("k", [-1, -0.5, float("nan"), float("inf"), "2", True])
def test_a_clock_is_never_set_to_what_is_no_time(k):
    scheduler = scheduled(LinearDecay(1.0, total_epochs=4))
    go_on(scheduler, 2)
    before = what_counts(scheduler)
    with pytest.raises(ValueError, match="epoch must be"):
        scheduler.step(k)
    assert what_counts(scheduler) == before


def test_a_resumed_scheduler_still_sees_that_it_is_stepped_too_early():
    """As a new one does, and torch's own: before the optimizer has made its first step."""
    fresh, begun = (scheduled(Constant(0.5)) for _ in range(2))
    go_on(begun, 1)
    half = {**fresh.state_dict(), "last_epoch": 0.5}
    for state, warned in ((fresh.state_dict(), True), (begun.state_dict(), False), (half, False)):
        other = scheduled(Constant(0.5))
        other.load_state_dict(state)
        if warned:
            with pytest.warns(UserWarning, match="before `optimizer.step"):
                other.step()
        else:
            other.step()


def test_a_deep_copy_goes_on_by_itself():
    whole = scheduled(LinearDecay(1.0, total_epochs=8), lr=torch.tensor(1.0))
    go_on(whole, 2)
    other = copy.deepcopy(whole)
    before = what_counts(whole)
    course = go_on(other, 3)
    assert what_counts(whole) == before
    assert go_on(whole, 3) == course


def test_a_skipped_update_is_no_call_of_step():
    """A scaler skips an update whose gradient overflows: the rate waits for the next one made."""
    weight = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    schedule = LinearDecay(1.0, total_epochs=8)
    scheduler = ScheduleLR(optimizer, schedule)
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0, growth_interval=100)
    gradients = [1.0, 1.0, float("inf"), 1.0, float("inf"), float("inf"), 1.0]
    moved = []
    for gradient in gradients:
        before, optimizer_before = weight.item(), scaler.get_scale()
        optimizer.zero_grad()
        scaler.scale((weight * gradient).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        if scaler.get_scale() >= optimizer_before:  # the scale falls where a step was skipped
            moved.append(before - weight.item())
            scheduler.step()
        else:
            assert weight.item() == before
    assert moved == pytest.approx([schedule(k) for k in range(4)])
    assert scheduler.last_epoch == 4

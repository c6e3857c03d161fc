"""Any schedule as a torch scheduler: rates, parameter groups, saving and resuming."""

import io

import numpy as np
import pytest
import torch
from torch.optim.lr_scheduler import LambdaLR

from lrlab import CosineDecay, ExponentialDecay, StepDecay, warmup
from lrlab.pytorch.schedulers import ScheduleLR, rates_of

SCHEDULE = warmup(CosineDecay(0.3, total_epochs=4, final_lr=0.01), 2, begin_lr=0.05)


def make(schedule=SCHEDULE, steps_per_epoch=1, **group):
    parameter = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.SGD([{"params": [parameter], **group}], lr=9.0)
    return optimizer, ScheduleLR(optimizer, schedule, steps_per_epoch=steps_per_epoch)


def advance(optimizer, scheduler, steps):
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


@pytest.mark.parametrize("steps", [1, 7])
def test_rates_are_the_schedules(steps):
    expected = [SCHEDULE(i / steps) for i in range(8 * steps)]
    assert advance(*make(steps_per_epoch=steps), 8 * steps) == expected


def test_the_rate_is_set_before_the_first_update():
    optimizer, scheduler = make()
    assert optimizer.param_groups[0]["lr"] == SCHEDULE(0) == 0.05
    assert scheduler.get_last_lr() == [0.05]


def test_each_group_takes_its_share():
    parameters = [torch.zeros(1, requires_grad=True) for _ in range(2)]
    groups = [{"params": parameters[:1]}, {"params": parameters[1:], "lr_scale": 0.1}]
    optimizer = torch.optim.SGD(groups, lr=1.0)
    scheduler = ScheduleLR(optimizer, ExponentialDecay(0.8, gamma=0.5))
    optimizer.step()
    scheduler.step()
    assert [group["lr"] for group in optimizer.param_groups] == [0.4, 0.4 * 0.1]
    assert scheduler.get_last_lr() == [0.4, 0.4 * 0.1]


def saved(value):
    """What torch.save and a load that allows no pickled code make of a value."""
    buffer = io.BytesIO()
    torch.save(value, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


@pytest.mark.parametrize("at", [0, 1, 5])
def test_resuming_continues_the_rates(at):
    whole = advance(*make(steps_per_epoch=3), 12)
    optimizer, scheduler = make(steps_per_epoch=3)
    begun = advance(optimizer, scheduler, at)
    state = saved(scheduler.state_dict())
    optimizer, scheduler = make(steps_per_epoch=3)
    scheduler.load_state_dict(state)
    assert begun + advance(optimizer, scheduler, 12 - at) == whole
    assert scheduler.last_epoch == 12


@pytest.mark.parametrize(
    ("schedule", "steps", "message"),
    [
        (CosineDecay(0.3, total_epochs=4), 3, "schedule"),
        (SCHEDULE, 4, "steps_per_epoch 3, this scheduler 4"),
    ],
)
def test_a_state_of_another_scheduler_is_refused(schedule, steps, message):
    state = make(steps_per_epoch=3)[1].state_dict()
    optimizer, scheduler = make(schedule, steps)
    with pytest.raises(ValueError, match=message):
        scheduler.load_state_dict(state)
    assert optimizer.param_groups[0]["lr"] == schedule(0)


def test_a_torch_state_is_refused():
    optimizer, scheduler = make()
    with pytest.raises(ValueError, match="the saved state has schedule None"):
        scheduler.load_state_dict(LambdaLR(optimizer, lambda epoch: 1.0).state_dict())


def test_the_state_of_a_scheduler_that_knows_more_is_refused():
    state = make()[1].state_dict()
    with pytest.raises(ValueError, match="the saved state has first_epoch, plateau of another"):
        make()[1].load_state_dict({**state, "first_epoch": 0, "plateau": {}})


@pytest.mark.parametrize("steps", [0, -1, 2.0, True])
def test_steps_per_epoch_must_be_a_positive_integer(steps):
    with pytest.raises(ValueError, match="steps_per_epoch must be a positive integer"):
        make(steps_per_epoch=steps)


def test_something_else_than_a_schedule_is_refused():
    with pytest.raises(ValueError, match="schedule must be a schedule of lrlab"):
        make(0.1)


def test_rates_of_drives_any_scheduler():
    schedule = StepDecay(0.8, gamma=0.5, step_epochs=2)
    rates = rates_of(lambda optimizer: ScheduleLR(optimizer, schedule), lr=1.0, steps=5)
    np.testing.assert_array_equal(rates, schedule(np.arange(5)))


@pytest.mark.parametrize("last_epoch", [None, -5, 1.5])
def test_an_incomplete_state_is_refused_and_changes_nothing(last_epoch):
    optimizer, scheduler = make()
    advance(optimizer, scheduler, 2)
    with pytest.raises(ValueError, match="last_epoch"):
        scheduler.load_state_dict({**scheduler.state_dict(), "last_epoch": last_epoch})
    assert scheduler.last_epoch == 2


def test_a_negative_share_of_the_rate_is_refused():
    with pytest.raises(ValueError, match="lr_scale must be"):
        make(lr_scale=-1.0)

"""Schedules and policies as torch schedulers: rates, parameter groups, saving and resuming."""

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim.lr_scheduler import LambdaLR, LinearLR, ReduceLROnPlateau, SequentialLR

from lrlab import Constant, CosineDecay, ExponentialDecay, ReduceOnPlateau, StepDecay, warmup
from lrlab.pytorch.schedulers import PlateauLR, ScheduleLR, rates_of
from tests.support.strategies import examples

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


@pytest.mark.parametrize("last_epoch", [None, -5, -0.5, float("nan"), "2", True])
def test_an_incomplete_state_is_refused_and_changes_nothing(last_epoch):
    optimizer, scheduler = make()
    advance(optimizer, scheduler, 2)
    with pytest.raises(ValueError, match="last_epoch"):
        scheduler.load_state_dict({**scheduler.state_dict(), "last_epoch": last_epoch})
    assert scheduler.last_epoch == 2


def test_a_negative_share_of_the_rate_is_refused():
    with pytest.raises(ValueError, match="lr_scale must be"):
        make(lr_scale=-1.0)


# --- lowered by a policy; what Keras promises as well is in tests/backends/test_plateau.py --------

POLICY = ReduceOnPlateau(0.5, convention="pytorch", factor=0.5, patience=0, cooldown=1)
RAMP = warmup(Constant(0.5), 3, begin_lr=0.125)


def watched(policy=POLICY, groups=({},), **arguments):
    parameters = [{"params": [torch.zeros(1, requires_grad=True)], **group} for group in groups]
    optimizer = torch.optim.SGD(parameters, lr=9.0)
    return optimizer, PlateauLR(optimizer, policy, **arguments)


def advance_with(optimizer, scheduler, metrics):
    rates = []
    for metric in metrics:
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step(metric)
    return rates


# What both call by the same name.
arguments = st.fixed_dictionaries(
    {
        "factor": st.floats(0.1, 0.9),
        "patience": st.integers(0, 3),
        "cooldown": st.integers(0, 3),
        "mode": st.sampled_from(["min", "max"]),
        "threshold_mode": st.sampled_from(["rel", "abs"]),
        "eps": st.sampled_from([0.0, 1e-8, 0.01]),
    }
)
metric_lists = st.lists(
    st.sampled_from([1.0, 0.9999, 0.95, 0.9, 2.0, float("nan")]), min_size=20, max_size=30
)


@given(st.floats(1e-3, 10), st.sampled_from([0, 0.3]), arguments, metric_lists)
@examples(50)
def test_by_itself_it_is_torchs_own(lr, floor, own, metrics):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    theirs = ReduceLROnPlateau(optimizer, threshold=0.01, min_lr=floor * lr, **own)
    expected = advance_with(optimizer, theirs, metrics)
    policy = ReduceOnPlateau(lr, convention="pytorch", min_delta=0.01, min_lr=floor * lr, **own)
    for schedule in (None, Constant(lr)):
        assert advance_with(*watched(policy, schedule=schedule), metrics) == expected


def test_every_group_follows_the_policy_at_its_own_scale():
    # Epoch 3 sets the best; 4 is bad, a cut, and 5 does not count; 6 is bad again, another.
    groups = [{}, {"lr_scale": 0.5}]
    optimizer, scheduler = watched(groups=groups, schedule=RAMP, first_epoch=3)
    used = []
    for metric in [1.0, 1.0, 1.0, 5.0, 5.0, 5.0, 5.0, 5.0]:
        used.append([group["lr"] for group in optimizer.param_groups])
        assert scheduler.get_last_lr() == used[-1]
        optimizer.step()
        scheduler.step(metric)
    expected = [0.125, 0.25, 0.375, 0.5, 0.5, 0.25, 0.25, 0.125]
    assert used == [[lr, lr / 2] for lr in expected]


def test_torch_cannot_put_a_warmup_in_front_of_its_own():
    """pytorch#68978: a chain gives its pieces no metric."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    pieces = [LinearLR(optimizer, 0.25, total_iters=3), ReduceLROnPlateau(optimizer)]
    with pytest.raises(ValueError, match="does not support `ReduceLROnPlateau`"):
        SequentialLR(optimizer, pieces, [3])


WAITING = replace(POLICY, patience=2, cooldown=2, min_delta=0.1)
# Improvements, ties, improvements too small to count, a number that is none.
METRICS = [9.0, 9.0, 9.0, 5.0, 4.9, 4.8, 4.7, 3.0, 3.0, float("nan"), 3.0, 3.0, 2.9, 3.0, 3.0]
STEPS = 2


def training(policy=WAITING):
    """A model, its optimiser and its scheduler, always the same."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=9.0, momentum=0.9)
    arguments = {"schedule": RAMP, "first_epoch": 3, "steps_per_epoch": STEPS}
    return model, optimizer, PlateauLR(optimizer, policy, **arguments)


def train(model, optimizer, scheduler, first=0, save=lambda: None):
    """Make the updates from number ``first`` on; rates and weights of each."""
    course = []
    for update in range(first, len(METRICS) * STEPS):
        save()
        course.append(optimizer.param_groups[0]["lr"])
        optimizer.zero_grad()
        model(torch.arange(3.0) * (update % 4 - 1)).square().sum().backward()
        optimizer.step()
        scheduler.step(*[METRICS[update // STEPS]] * (update % STEPS == STEPS - 1))
        course.append([p.tolist() for p in model.parameters()])
    return course


def test_interrupted_anywhere_it_goes_on_bit_for_bit():
    parts, kept, seen = training(), [], []

    def save():
        buffer = io.BytesIO()
        torch.save([part.state_dict() for part in parts], buffer)
        kept.append(buffer.getvalue())
        seen.append(parts[-1].state)

    whole = train(*parts, save=save)
    assert sum(state.wait > 0 for state in seen) > 2 * STEPS
    assert sum(state.cooldown_left > 0 for state in seen) > 2 * STEPS
    assert len({state.lr for state in seen}) == 3
    for update, saved in enumerate(kept):
        fresh = training()
        states = torch.load(io.BytesIO(saved), weights_only=True)
        for part, state in zip(fresh, states, strict=True):
            part.load_state_dict(state)
        assert fresh[-1].state == seen[update]
        assert train(*fresh, first=update) == whole[2 * update :]
    assert len(kept) == len(METRICS) * STEPS


def test_loading_sets_the_rates_by_itself():
    optimizer, scheduler = watched(groups=[{}, {"lr_scale": 0.5}])
    advance_with(optimizer, scheduler, [1.0, 1.0])
    resumed, other = watched(groups=[{}, {"lr_scale": 0.5}])
    other.load_state_dict(scheduler.state_dict())
    assert [group["lr"] for group in resumed.param_groups] == [0.25, 0.125]
    assert other.get_last_lr() == [0.25, 0.125]


STATE = training()[-1].state_dict()


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (STATE | {"steps_per_epoch": 1}, "has steps_per_epoch 1, this scheduler 2"),
        (STATE | {"last_epoch": None}, "last_epoch must be an integer of at least 0, received No"),
        (
            ScheduleLR(training()[1], RAMP, steps_per_epoch=STEPS).state_dict(),
            "has first_epoch None, this scheduler 3",
        ),
        ({}, "the saved state has schedule None"),
    ],
    ids=["steps", "k", "ScheduleLR", "{}"],
)
def test_a_state_that_does_not_fit_leaves_the_optimizers_rates(state, message):
    _, optimizer, scheduler = training()
    for update in range(13):
        optimizer.step()
        scheduler.step(*[1.0] * (update % STEPS == STEPS - 1))
    before, rates = scheduler.state_dict(), scheduler.get_last_lr()
    with pytest.raises(ValueError, match=message):
        scheduler.load_state_dict(state)
    assert scheduler.state_dict() == before != STATE
    assert [group["lr"] for group in optimizer.param_groups] == scheduler.get_last_lr() == rates


@pytest.mark.parametrize(
    ("steps", "before", "metric", "message"),
    [
        (1, [], None, "to no other, received None with step 1 of 1"),
        (3, [None, None], None, "ends an epoch and to no other, received None with step 3 of 3"),
        (3, [None], 0.5, "ends an epoch and to no other, received 0.5 with step 2 of 3"),
        (3, [None, None, 0.5], 0.5, "to no other, received 0.5 with step 1 of 3"),
        (1, [], "low", "metric must be a real number, .* received 'low'"),
    ],
)
def test_a_metric_belongs_to_the_end_of_an_epoch(steps, before, metric, message):
    optimizer, scheduler = watched(steps_per_epoch=steps)
    optimizer.step()
    for earlier in before:
        scheduler.step(earlier)
    state = scheduler.state_dict()
    with pytest.raises(ValueError, match=message):
        scheduler.step(metric)
    assert scheduler.state_dict() == state

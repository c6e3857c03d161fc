"""The policy as a torch scheduler: against torch's own, after a warm-up, interrupted, misused."""

import dataclasses
import io

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim.lr_scheduler import LinearLR, ReduceLROnPlateau, SequentialLR

from lrlab import Constant, CosineDecay, ReduceOnPlateau, warmup
from lrlab.pytorch.schedulers import PlateauLR, ScheduleLR
from tests.support.strategies import examples

POLICY = ReduceOnPlateau(0.5, convention="pytorch", factor=0.5, patience=0, cooldown=1)
RAMP = warmup(Constant(0.5), 3, begin_lr=0.125)


def make(policy=POLICY, groups=({},), **arguments):
    parameters = [{"params": [torch.zeros(1, requires_grad=True)], **group} for group in groups]
    optimizer = torch.optim.SGD(parameters, lr=9.0)
    return optimizer, PlateauLR(optimizer, policy, **arguments)


def advance(optimizer, scheduler, metrics, steps=1):
    """The rate of each update; an epoch's metric comes with its last step."""
    rates = []
    for metric in metrics:
        for step in range(steps):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step(*[metric] * (step == steps - 1))
    return rates


# --- rates ---------------------------------------------------------------------------------------

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
@examples(100)
def test_by_itself_it_is_torchs_own(lr, floor, own, metrics) -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    theirs = ReduceLROnPlateau(optimizer, threshold=0.01, min_lr=floor * lr, **own)
    expected = advance(optimizer, theirs, metrics)
    policy = ReduceOnPlateau(lr, convention="pytorch", min_delta=0.01, min_lr=floor * lr, **own)
    for schedule in (None, Constant(lr)):
        assert advance(*make(policy, schedule=schedule), metrics) == expected


def test_a_warmup_and_then_the_policy_by_hand() -> None:
    # Epoch 3 sets the best; 4 is bad, a cut, and 5 does not count; 6 is bad again, another.
    metrics = [1.0, 1.0, 1.0, 5.0, 5.0, 5.0, 5.0, 5.0]
    groups = [{}, {"lr_scale": 0.5}]
    optimizer, scheduler = make(groups=groups, schedule=RAMP, watch_from=3)
    used = []
    for metric in metrics:
        used.append([group["lr"] for group in optimizer.param_groups])
        assert scheduler.get_last_lr() == used[-1]
        optimizer.step()
        scheduler.step(metric)
    expected = [0.125, 0.25, 0.375, 0.5, 0.5, 0.25, 0.25, 0.125]
    assert used == [[lr, lr / 2] for lr in expected]
    watched_from_4 = [0.125, 0.25, 0.375, 0.5, 0.5, 0.5, 0.25, 0.25]
    assert advance(*make(schedule=RAMP, watch_from=4), metrics) == watched_from_4


def test_within_epochs_the_schedule_goes_on() -> None:
    ramp = warmup(CosineDecay(0.5, total_epochs=4), 2, begin_lr=0.1)
    rates = advance(*make(schedule=ramp, watch_from=2, steps_per_epoch=3), [1.0] * 7, steps=3)
    factors = np.repeat([1, 1, 1, 1, 0.5, 0.5, 0.25], 3)
    assert rates == pytest.approx(factors * ramp(np.arange(21) / 3), rel=1e-15)
    assert len(set(rates)) > 15


def test_a_rate_given_as_an_integer() -> None:
    assert advance(*make(ReduceOnPlateau(1, patience=1, factor=0.5)), [1, 1, 1]) == [1, 1, 0.5]


def test_a_policy_of_keras_convention_keeps_its_own_rates() -> None:
    policy = ReduceOnPlateau(0.1, factor=0.5, patience=1)
    first = float(np.float32(0.1))
    assert advance(*make(policy), [1.0] * 4) == [first, first, first / 2, first / 4]


def test_torch_cannot_put_a_warmup_in_front_of_its_own() -> None:
    """pytorch#68978: a chain gives its pieces no metric."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    pieces = [LinearLR(optimizer, 0.25, total_iters=3), ReduceLROnPlateau(optimizer)]
    with pytest.raises(ValueError, match="does not support `ReduceLROnPlateau`"):
        SequentialLR(optimizer, pieces, [3])


# --- interrupted ---------------------------------------------------------------------------------

WAITING = dataclasses.replace(POLICY, patience=2, cooldown=2, min_delta=0.1)
# Improvements, ties, improvements too small to count, a number that is none.
METRICS = [9.0, 9.0, 9.0, 5.0, 4.9, 4.8, 4.7, 3.0, 3.0, float("nan"), 3.0, 3.0, 2.9, 3.0, 3.0]
STEPS = 2


def training(policy=WAITING):
    """A model, its optimiser and its scheduler, always the same."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=9.0, momentum=0.9)
    arguments = {"schedule": RAMP, "watch_from": 3, "steps_per_epoch": STEPS}
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


def test_interrupted_anywhere_it_goes_on_bit_for_bit() -> None:
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


def test_loading_sets_the_rates_by_itself() -> None:
    optimizer, scheduler = make(groups=[{}, {"lr_scale": 0.5}])
    advance(optimizer, scheduler, [1.0, 1.0])
    resumed, other = make(groups=[{}, {"lr_scale": 0.5}])
    other.load_state_dict(scheduler.state_dict())
    assert [group["lr"] for group in resumed.param_groups] == [0.25, 0.125]
    assert other.get_last_lr() == [0.25, 0.125]


STATE = training()[-1].state_dict()


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (
            training(dataclasses.replace(WAITING, patience=3))[-1].state_dict(),
            "state must be one of .*'patience': 2.* received one of .*'patience': 3",
        ),
        (STATE | {"schedule": Constant(0.5).to_config()}, "has schedule {.*Constant.*, this sched"),
        (STATE | {"watch_from": 4}, "has watch_from 4, this scheduler 3"),
        (STATE | {"steps_per_epoch": 1}, "has steps_per_epoch 1, this scheduler 2"),
        (STATE | {"last_epoch": None}, "last_epoch must be an integer of at least 0, received No"),
        (STATE | {"plateau": None}, "state must be a dict as to_dict.. gives it, received None"),
        (
            ScheduleLR(training()[1], RAMP, steps_per_epoch=STEPS).state_dict(),
            "has watch_from None, this scheduler 3",
        ),
        ({}, "the saved state has schedule None"),
        (None, "state_dict must be what state_dict.. gives, received None"),
    ],
    ids=["policy", "schedule", "watch_from", "steps", "k", "plateau", "ScheduleLR", "{}", "None"],
)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(state, message: str) -> None:
    _, optimizer, scheduler = training()
    for update in range(13):
        optimizer.step()
        scheduler.step(*[1.0] * (update % STEPS == STEPS - 1))
    before, rates = scheduler.state_dict(), scheduler.get_last_lr()
    with pytest.raises(ValueError, match=message):
        scheduler.load_state_dict(state)
    assert scheduler.state_dict() == before != STATE
    assert [group["lr"] for group in optimizer.param_groups] == scheduler.get_last_lr() == rates
    scheduler.load_state_dict(STATE)
    assert scheduler.state_dict() == STATE


# --- misused -------------------------------------------------------------------------------------


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
def test_a_metric_belongs_to_the_end_of_an_epoch(steps, before, metric, message: str) -> None:
    optimizer, scheduler = make(steps_per_epoch=steps)
    optimizer.step()
    for earlier in before:
        scheduler.step(earlier)
    state = scheduler.state_dict()
    with pytest.raises(ValueError, match=message):
        scheduler.step(metric)
    assert scheduler.state_dict() == state


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"policy": 0.5}, "policy must be a ReduceOnPlateau, received 0.5"),
        ({"schedule": 0.5}, "schedule must be a schedule of lrlab, received 0.5"),
        ({"watch_from": 1.5}, "watch_from must be an integer of at least 0, received 1.5"),
        ({"watch_from": 2}, r"policy.lr must be the rate .*, schedule\(2\) = 0.375, received 0.5"),
        ({"steps_per_epoch": 0}, "steps_per_epoch must be a positive integer, received 0"),
    ],
    ids=str,
)
def test_arguments_that_break_a_rule_are_named(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**{"schedule": RAMP, "watch_from": 3} | changes)

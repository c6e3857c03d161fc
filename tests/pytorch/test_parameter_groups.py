"""What a scheduler does with parameter groups: shares of a rate, own schedules, tensors."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import SGD, Adam
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau

from lrlab import Constant, LinearDecay, ReduceOnPlateau, warmup
from lrlab.pytorch import PlateauLR, ScheduleLR
from tests.support.strategies import examples, positive_rates

PEAK = 0.01
FALLING = LinearDecay(PEAK, total_epochs=4)


def weight():
    return [torch.zeros(1, requires_grad=True)]


def made(*groups, cls=SGD, **arguments):
    """An optimizer with groups of one weight each."""
    return cls([{"params": weight(), **group} for group in groups], **arguments)


def rates(optimizer):
    return [float(group["lr"]) for group in optimizer.param_groups]


def go_on(optimizer, scheduler, steps=1):
    for _ in range(steps):
        optimizer.step()
        scheduler.step()
    return rates(optimizer)


# --- the ratio that the groups were made with -----------------------------------------------------


@given(positive_rates, st.lists(positive_rates, min_size=2, max_size=4, unique=True))
@examples(30)
def test_groups_keep_their_ratios_as_under_torchs_own(own, of_groups):
    groups = [{"lr": lr} for lr in of_groups] + [{}]
    ours, theirs = made(*groups, lr=own), made(*groups, lr=own)
    schedulers = ScheduleLR(ours, FALLING), LambdaLR(theirs, lambda k: FALLING(k) / own)
    for _ in range(4):
        assert rates(ours) == pytest.approx(rates(theirs), rel=1e-12)
        go_on(ours, schedulers[0])
        go_on(theirs, schedulers[1])


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        (made({"lr": 1e-4}, {}, lr=1e-2), [1e-4, 1e-2]),
        (made({"lr": 1e-4}, {"lr": 1e-3}, lr=1e-2), [1e-4, 1e-3]),  # given, although no group's
        (made({"lr": 1e-4}, {"lr": 1e-3}, lr=torch.tensor(1e-2)), [1e-4, 1e-3]),
        (made({"lr": 1e-3}, {"lr": 1e-2}, cls=Adam), [1e-2, 1e-1]),  # Adam's default, and a group's
        (made({"lr": 1e-5}, {"lr": 1e-4}, cls=Adam), [1e-3, 1e-2]),  # Adam's default, nobody's
        (made({"lr": 1e-4}, {"lr": 1e-4}, lr=1e-2), [1e-2, 1e-2]),
        (made({"lr": 1e-4}, lr=1e-2), [1e-2]),
        (made({"lr": 0}, {}, lr=1e-2), [0, 1e-2]),
        (made({}, {}, lr=0), [1e-2, 1e-2]),
        (made({"lr": 1e-4, "lr_scale": 0.5}, {}, lr=1e-2), [5e-3, 1e-2]),
        (made({"lr_scale": 0.5}, {"lr": 1e-3}, lr=1e-2), [5e-3, 1e-3]),
        (made({"lr": 1e-4, "lr_scale": 0.5}, {"lr_scale": 2.0}, lr=0), [5e-3, 2e-2]),
    ],
)
def test_a_groups_share(optimizer, expected):
    """At the peak of 0.01, and at half of it two epochs later."""
    scheduler = ScheduleLR(optimizer, FALLING)
    assert rates(optimizer) == pytest.approx(expected)
    assert go_on(optimizer, scheduler, 2) == pytest.approx([lr / 2 for lr in expected])
    assert scheduler.get_last_lr() == rates(optimizer)


def test_without_a_rate_of_the_optimizers_own_the_share_has_to_be_said():
    with pytest.raises(ValueError, match=r"lr_scale must be given in .* rate 0\.0001 without"):
        ScheduleLR(made({"lr": 1e-4}, {}, lr=0), FALLING)


class Ownless(SGD):
    """An optimizer that asks every group for its rate."""

    def __init__(self, groups):
        super().__init__(groups, lr=0.0)
        del self.defaults["lr"]


def test_an_optimizer_without_a_rate_of_its_own():
    optimizer = made({"lr": 1e-4}, {"lr": 1e-3}, cls=Ownless)
    ScheduleLR(optimizer, FALLING)
    assert rates(optimizer) == pytest.approx([1e-3, 1e-2])


def test_a_second_scheduler_keeps_them_too():
    optimizer = made({"lr": 1e-4}, {}, lr=1e-2)
    go_on(optimizer, ScheduleLR(optimizer, FALLING), 3)
    ScheduleLR(optimizer, Constant(1.0))
    assert rates(optimizer) == pytest.approx([1e-2, 1])
    LambdaLR(optimizer, lambda k: 0.5)
    ScheduleLR(optimizer, Constant(1.0))
    assert rates(optimizer) == pytest.approx([1e-2, 1])


@pytest.mark.parametrize("own", [1e-2, 0.5])
@pytest.mark.parametrize("first", [True, False])
def test_an_optimizer_that_goes_on_from_a_saved_state_keeps_them(first, own):
    """Whether its state comes before the scheduler or after, and whatever rate it is made with."""
    optimizer = made({"lr": 1e-4}, {}, lr=1e-2)
    scheduler = ScheduleLR(optimizer, FALLING)
    go_on(optimizer, scheduler, 3)
    saved = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))
    other = made({}, {}, lr=own)
    if first:
        other.load_state_dict(saved[0])
    resumed = ScheduleLR(other, FALLING)
    if not first:
        other.load_state_dict(saved[0])
    resumed.load_state_dict(saved[1])
    assert rates(other) == rates(optimizer) == pytest.approx([PEAK / 400, PEAK / 4])
    assert go_on(other, resumed) == go_on(optimizer, scheduler)


@pytest.mark.parametrize(
    ("groups", "added", "share"),
    [
        ([{}, {}], {}, 1),
        ([{}, {}], {"lr": 1e-3}, 0.1),
        ([{}, {"lr": 1e-4}], {"lr": 1e-3}, 0.1),
        ([{}, {"lr": 1e-4}], {"lr_scale": 3.0}, 3),
        ([{"lr": 1e-3}, {"lr": 1e-3}], {}, 10),
    ],
)
def test_a_group_that_comes_later_has_its_share_and_changes_no_others(groups, added, share):
    optimizer = made(*groups, lr=1e-2)
    scheduler = ScheduleLR(optimizer, FALLING)
    before = go_on(optimizer, scheduler)
    optimizer.add_param_group({"params": weight(), **added})
    expected = [lr * 2 / 3 for lr in before] + [share * PEAK / 2]
    assert go_on(optimizer, scheduler) == pytest.approx(expected)
    go_on(optimizer, scheduler)
    assert rates(optimizer) == pytest.approx([lr / 2 for lr in expected])


def test_under_a_policy_they_are_those_of_torchs_own():
    losses = [1.0, 2.0, 2.0, 0.5, 3.0]
    ours, theirs = (made({"lr": 1e-4}, {}, lr=1e-2) for _ in range(2))
    policy = ReduceOnPlateau(1e-2, convention="pytorch", factor=0.5, patience=0, eps=0)
    schedulers = PlateauLR(ours, policy), ReduceLROnPlateau(theirs, factor=0.5, patience=0, eps=0)
    for loss in losses:
        assert rates(ours) == pytest.approx(rates(theirs), rel=1e-12)
        ours.step()
        schedulers[0].step(loss)
        schedulers[1].step(loss)
    assert rates(ours) == pytest.approx([1e-4 / 8, 1e-2 / 8])


# --- a schedule for each group --------------------------------------------------------------------

WEIGHTS, BIASES = warmup(Constant(0.01), 4), warmup(Constant(0.01), 4, begin_lr=0.1)


@pytest.mark.parametrize("steps", [1, 5])
def test_each_group_follows_its_own(steps):
    optimizer = made({}, {"lr": 0.5, "momentum": 0.9}, lr=1.0)
    scheduler = ScheduleLR(optimizer, [WEIGHTS, BIASES], steps_per_epoch=steps)
    for k in range(5 * steps):
        assert rates(optimizer) == [WEIGHTS(k / steps), BIASES(k / steps)]
        go_on(optimizer, scheduler)


def test_a_share_that_is_said_counts_with_them_and_a_ratio_does_not():
    optimizer = made({"lr": 1e-4}, {"lr_scale": 0.5}, lr=1e-2)
    ScheduleLR(optimizer, FALLING)
    ScheduleLR(optimizer, (Constant(1.0), Constant(3.0)))
    assert rates(optimizer) == [1.0, 1.5]


def test_their_state_comes_back_and_no_others():
    optimizer = made({}, {})
    scheduler = ScheduleLR(optimizer, [WEIGHTS, BIASES])
    go_on(optimizer, scheduler, 2)
    state = scheduler.state_dict()
    other = made({}, {})
    ScheduleLR(other, (WEIGHTS, BIASES)).load_state_dict(state)
    assert rates(other) == rates(optimizer) == pytest.approx([0.005, 0.055])
    for schedule in ([BIASES, WEIGHTS], WEIGHTS):
        with pytest.raises(ValueError, match="the saved state has schedule"):
            ScheduleLR(other, schedule).load_state_dict(state)


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ([WEIGHTS], "schedule must be one for each of .* 2 parameter groups, received 1"),
        ([WEIGHTS] * 3, "schedule must be one for each of .* 2 parameter groups, received 3"),
        ([], "2 parameter groups, received 0"),
        ([WEIGHTS, 0.1], r"schedule\[1\] must be a schedule of lrlab, received 0\.1"),
        ({0: WEIGHTS, 1: BIASES}, "schedule must be a schedule of lrlab, received {0:"),
    ],
)
def test_one_schedule_for_each_group(schedule, message):
    optimizer = made({}, {"lr": 0.5}, lr=1.0)
    with pytest.raises(ValueError, match=message):
        ScheduleLR(optimizer, schedule)
    assert rates(optimizer) == [1.0, 0.5]


def test_a_group_that_comes_without_a_schedule_stops_the_scheduler_where_it_is():
    optimizer = made({}, {})
    scheduler = ScheduleLR(optimizer, [WEIGHTS, BIASES])
    go_on(optimizer, scheduler)
    optimizer.add_param_group({"params": weight()})
    with pytest.raises(ValueError, match="each of the optimizer's 3 parameter groups, received 2"):
        scheduler.step()
    with pytest.raises(ValueError, match="3 parameter groups, received 2"):
        scheduler.load_state_dict({**scheduler.state_dict(), "last_epoch": 3})
    assert scheduler.last_epoch == 1


# --- rates held in tensors ------------------------------------------------------------------------


def test_a_rate_stays_in_its_tensor_whether_it_is_stepped_or_loaded():
    held = torch.tensor(1.0)
    optimizer = made({}, {"lr": 0.5}, lr=held)
    scheduler = ScheduleLR(optimizer, FALLING)
    state = scheduler.state_dict()
    go_on(optimizer, scheduler, 2)
    assert optimizer.param_groups[0]["lr"] is held
    assert rates(optimizer) == pytest.approx([PEAK / 2, PEAK / 4])
    scheduler.load_state_dict(state)
    assert optimizer.param_groups[0]["lr"] is held
    assert rates(optimizer) == pytest.approx([PEAK, PEAK / 2])
    first, second = scheduler.get_last_lr()
    assert isinstance(first, torch.Tensor)
    assert isinstance(second, float)
    first.zero_()  # a copy, as torch gives it
    assert held.item() == pytest.approx(PEAK)


@pytest.mark.parametrize(
    ("groups", "schedule", "shared", "expected"),
    [
        ([{}, {}], FALLING, True, [PEAK, PEAK]),
        ([{}, {"lr_scale": 0.5}], FALLING, False, [PEAK, PEAK / 2]),
        ([{}, {}], [FALLING, Constant(PEAK)], False, [PEAK, PEAK]),  # the same for now
        ([{}, {}], [FALLING, FALLING], True, [PEAK, PEAK]),
    ],
)
def test_groups_share_a_tensor_as_long_as_they_share_a_course(groups, schedule, shared, expected):
    held = torch.tensor(1.0)
    optimizer = made(*groups, lr=held)
    scheduler = ScheduleLR(optimizer, schedule)
    first, second = optimizer.param_groups
    assert first["lr"] is held
    assert (second["lr"] is held) == shared
    assert rates(optimizer) == pytest.approx(expected)
    optimizer.add_param_group({"params": weight(), "lr_scale": 3.0})  # takes the first's tensor
    if not isinstance(schedule, list):
        assert go_on(optimizer, scheduler)[::2] == pytest.approx([0.75 * PEAK, 2.25 * PEAK])


# --- which optimizer it is ------------------------------------------------------------------------


class Hands(SGD):
    """Hands the training on to another optimizer, whose groups are its own or copies."""

    def __init__(self, inner, name="optimizer", shared=True):
        super().__init__(weight(), lr=1.0)
        setattr(self, name, inner)
        groups = inner.param_groups
        self.param_groups = groups if shared else copy.deepcopy(groups)

    def step(self, closure=None):
        inner = getattr(self, "optimizer", None) or self.base_optimizer
        return inner.step(closure)


@pytest.mark.parametrize("name", ["optimizer", "base_optimizer"])
def test_a_wrapper_with_the_groups_of_the_one_that_trains_sets_its_rate(name):
    inner = made({})
    outer = Hands(inner, name)
    scheduler = ScheduleLR(outer, FALLING)
    (moved,) = inner.param_groups[0]["params"]
    for k in range(3):
        moved.grad, before = torch.ones(1), moved.item()
        outer.step()
        scheduler.step()
        assert before - moved.item() == pytest.approx(FALLING(k))


@pytest.mark.parametrize("name", ["optimizer", "base_optimizer"])
def test_a_wrapper_with_other_groups_is_refused(name):
    outer = Hands(made({}), name, shared=False)
    message = "received Hands with groups of its own; give the one that it wraps"
    with pytest.raises(ValueError, match=message):
        ScheduleLR(outer, FALLING)


def test_a_wrapper_whose_groups_part_from_the_others_later_is_noticed():
    """Torch's ``load_state_dict`` gives the outer one new groups; the inner one keeps its own."""
    outer = Hands(made({}))
    scheduler = ScheduleLR(outer, FALLING)
    outer.load_state_dict(outer.state_dict())
    with pytest.raises(ValueError, match="with groups of its own"):
        scheduler.step()
    assert scheduler.last_epoch == 0


class Wraps:
    def __init__(self, optimizer):
        self.optimizer = optimizer
        self.param_groups = optimizer.param_groups


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (Wraps(made({})), r"torch\.optim\.Optimizer, received Wraps; give the one that it wraps"),
        ([made({}), made({})], r"optimizer must be a torch\.optim\.Optimizer, received list$"),
        (None, "received NoneType$"),
        (made({}, {"lr": None}), "a rate lr in every parameter group, received SGD without"),
    ],
)
def test_what_is_no_optimizer_is_refused(optimizer, message):
    with pytest.raises(ValueError, match=message):
        ScheduleLR(optimizer, FALLING)


def test_an_optimizer_that_asks_for_the_loss_again_and_again_makes_one_step():
    """L-BFGS moves along the gradient at first, by the rate over the gradient's length."""
    moved = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.LBFGS([moved], max_iter=1)
    scheduler = ScheduleLR(optimizer, FALLING)

    def loss():
        optimizer.zero_grad()
        value = moved.sum()
        value.backward()
        return value

    optimizer.step(loss)
    assert moved.item() == pytest.approx(-PEAK)
    scheduler.step()
    assert rates(optimizer) == [FALLING(1)]

"""A momentum that follows a schedule: torch's own cycles, whose it is, its place in the state."""

import numpy as np
import pytest
import torch
from torch.optim import SGD, Adafactor, Adam, AdamW, RMSprop
from torch.optim.lr_scheduler import CyclicLR, OneCycleLR, SequentialLR

from lrlab import Constant, CosineDecay, LinearDecay, OneCycle, join
from lrlab.pytorch import ScheduleLR

FALLING = LinearDecay(0.01, total_epochs=4)


def made(*groups, cls=SGD, **arguments):
    """An optimizer with groups of one weight each."""
    weights = [torch.zeros(1, requires_grad=True) for _ in groups]
    return cls([{"params": [w], **g} for w, g in zip(weights, groups, strict=True)], **arguments)


def momenta(optimizer):
    return [g["betas"][0] if "betas" in g else g["momentum"] for g in optimizer.param_groups]


def go_on(optimizer, scheduler, steps=1):
    """The rates and momenta of some updates."""
    seen = []
    for _ in range(steps):
        seen.append([*(group["lr"] for group in optimizer.param_groups), *momenta(optimizer)])
        optimizer.step()
        scheduler.step()
    return np.array(seen)


CLASSES = [SGD, RMSprop, Adam, AdamW]


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("options", [{}, {"three_phase": True}, {"anneal_strategy": "linear"}])
def test_one_cycle_is_torchs_with_its_momentum(cls, options):
    """Torch counts the steps, 20 of them; ours the time from the first to the last."""
    theirs, ours = made({}, {}, cls=cls), made({}, {}, cls=cls)
    limits = {"base_momentum": 0.7, "max_momentum": 0.9}
    their = OneCycleLR(theirs, 0.4, total_steps=20, pct_start=0.3, **limits, **options)
    shape = {"shape": "linear"} if "anneal_strategy" in options else options
    schedule = OneCycle(0.4, total_epochs=19, warmup_fraction=5 / 19, **shape)
    our = ScheduleLR(ours, schedule, momentum=schedule.momentum(low=0.7, high=0.9))
    expected = go_on(theirs, their, 19)
    assert np.ptp(expected[:, 2]) == pytest.approx(0.2)
    np.testing.assert_allclose(go_on(ours, our, 19), expected, rtol=1e-12)


@pytest.mark.parametrize("cls", CLASSES)
def test_triangles_are_torchs_with_their_momentum(cls):
    theirs, ours = made({}, cls=cls), made({}, cls=cls)
    their = CyclicLR(theirs, 0.1, 0.5, step_size_up=3, step_size_down=5)

    def course(low, high):
        up, down = (LinearDecay(a, total_epochs=n, final_lr=b) for a, b, n in
                    ((low, high, 3), (high, low, 5)))  # fmt: skip
        return join([up, down, up, down], at=[3, 8, 11])

    our = ScheduleLR(ours, course(0.1, 0.5), momentum=course(0.9, 0.8))
    np.testing.assert_allclose(go_on(ours, our, 16), go_on(theirs, their, 16), rtol=1e-12)


def test_it_is_on_the_clock_of_the_rate():
    optimizer = made({})
    scheduler = ScheduleLR(optimizer, FALLING, steps_per_epoch=3, momentum=FALLING)
    seen = go_on(optimizer, scheduler, 12)
    assert seen.tolist() == [[FALLING(k / 3)] * 2 for k in range(12)]


@pytest.mark.filterwarnings("ignore:The epoch parameter in `scheduler.step:UserWarning")
def test_a_chain_of_torchs_sets_it_as_well():
    optimizer = made({})
    pieces = [ScheduleLR(optimizer, Constant(lr), momentum=Constant(1 - lr)) for lr in (0.1, 0.2)]
    scheduler = SequentialLR(optimizer, pieces, [2])
    assert go_on(optimizer, scheduler, 4).tolist() == [[0.1, 0.9]] * 2 + [[0.2, 0.8]] * 2


@pytest.mark.parametrize("cls", [Adafactor, torch.optim.Adagrad])
def test_an_optimizer_without_momentum_has_none_to_set(cls):
    optimizer = made({}, cls=cls)
    with pytest.raises(ValueError, match="neither momentum nor betas, received one for a group of"):
        ScheduleLR(optimizer, FALLING, momentum=Constant(0.9))


@pytest.mark.parametrize(
    ("momentum", "message"),
    [
        (0.9, r"momentum must be a schedule of lrlab, received 0\.9"),
        (Constant(1.0), r"momentum must be .* in \[0, 1\), received 1\.0"),
    ],
)
def test_a_momentum_is_a_schedule_below_1(momentum, message):
    with pytest.raises(ValueError, match=message):
        ScheduleLR(made({}), FALLING, momentum=momentum)


def test_a_momentum_in_a_tensor_stays_in_it():
    beta, optimizer = torch.tensor(0.9), made({}, cls=Adam)
    optimizer.param_groups[0]["betas"] = (beta, 0.99)
    scheduler = ScheduleLR(optimizer, FALLING, momentum=LinearDecay(0.8, total_epochs=2))
    go_on(optimizer, scheduler)
    betas = optimizer.param_groups[0]["betas"]
    assert betas[0] is beta
    assert [float(b) for b in betas] == pytest.approx([0.4, 0.99])


@pytest.mark.parametrize("cls", [SGD, RMSprop, Adam])
def test_a_momentum_is_part_of_the_state(cls):
    course = LinearDecay(0.8, total_epochs=4, final_lr=0.5)

    def scheduled(momentum=course):
        optimizer = made({}, {}, cls=cls)
        return optimizer, ScheduleLR(optimizer, FALLING, steps_per_epoch=2, momentum=momentum)

    optimizer, scheduler = scheduled()
    go_on(optimizer, scheduler, 3)
    other, resumed = scheduled()
    resumed.load_state_dict(scheduler.state_dict())
    assert momenta(other) == momenta(optimizer) == [course(1.5)] * 2
    for momentum in (None, CosineDecay(0.8, total_epochs=4)):
        with pytest.raises(ValueError, match="the saved state has momentum"):
            scheduled(momentum)[1].load_state_dict(scheduler.state_dict())
    with pytest.raises(ValueError, match="has momentum None, this scheduler"):
        resumed.load_state_dict(scheduled(None)[1].state_dict())
    assert momenta(other) == [course(1.5)] * 2

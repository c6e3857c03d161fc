"""The range test in PyTorch: what it measures, and that nothing is left of it."""

import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss
from torch.utils.data import DataLoader, TensorDataset

from lrlab import Constant, Recipe
from lrlab.data import load
from lrlab.optimizers import Adam, Momentum
from lrlab.pytorch import Training, range_test, range_test_of
from lrlab.pytorch.snapshots import bare
from tests.support.backends import PyTorch

DIGITS = load("digits", 300, test_limit=10)
RECIPE = Recipe(Constant(9), epochs=1, batch_size=100, optimizer=Adam(), seed=3)
SGD = replace(RECIPE, optimizer=Momentum())
STEPS = 10
GENERATOR = torch.Generator().manual_seed(5)
X, Y = torch.randn(50, 6, generator=GENERATOR), torch.randint(3, (50,), generator=GENERATOR)


class Noise(nn.Module):
    """Draws from every generator, and can call for an end."""

    ends_at = None
    calls = 0

    def forward(self, x):
        random.random(), np.random.rand()  # noqa: NPY002
        type(self).calls += 1
        if self.calls == self.ends_at:
            raise KeyboardInterrupt
        return x + 0.01 * torch.randn_like(x)


@pytest.fixture(autouse=True)
def ends_at(monkeypatch):
    def at(call):
        monkeypatch.setattr(Noise, "calls", 0)
        monkeypatch.setattr(Noise, "ends_at", call)

    at(None)
    return at


def network(inputs=6, classes=3):
    """Frozen and free weights, modes of both kinds, gradients, statistics of batches seen."""
    torch.manual_seed(0)
    body = [nn.Linear(inputs, 5), nn.BatchNorm1d(5), Noise(), nn.Dropout(0.3), nn.BatchNorm1d(5)]
    model = nn.Sequential(nn.Flatten(), *body, nn.Linear(5, classes))
    model[1].bias.requires_grad_(False)
    return model


def mid_training():
    """A model in the middle of a training of one's own: model, optimizer, loader."""
    model = network()
    optimizer = torch.optim.Adam(
        [{"params": model[:3].parameters()}, {"params": model[3:].parameters(), "lr": 0.03}],
        lr=0.01,
    )
    generator = torch.Generator().manual_seed(1)
    loader = DataLoader(TensorDataset(X, Y), batch_size=16, shuffle=True, generator=generator)
    for batch in loader:
        optimizer.zero_grad()
        loss_of(model, batch).backward()
        optimizer.step()
    model[5].eval()
    return model, optimizer, loader


def loss_of(model, batch):
    return cross_entropy(model(batch[0]), batch[1])


def bits(value):
    if value is None or not isinstance(value, torch.Tensor):
        return value
    place = (id(value), value.data_ptr(), value.stride(), value.device, value.requires_grad)
    return (*place, value.detach().contiguous().numpy().tobytes())


def all_of(model, optimizer=None, loader=None):
    """All that a range test must leave alone, to the last bit and to the very object."""
    seen = {f"weight {n}": (bits(w), bits(w.grad)) for n, w in model.named_parameters()}
    seen |= {f"buffer {name}": bits(b) for name, b in model.named_buffers()}
    seen |= {f"mode {name}": module.training for name, module in model.named_modules()}
    seen |= {f"hooks {n}": len(module._forward_pre_hooks) for n, module in model.named_modules()}
    seen["torch"] = torch.get_rng_state().numpy().tobytes()
    seen["numpy"] = str(np.random.get_state(legacy=False))  # noqa: NPY002
    seen["python"] = random.getstate()
    if optimizer is not None:
        seen["groups"] = [
            {**g, "params": list(map(id, g["params"]))} for g in optimizer.param_groups
        ]
        for number, state in enumerate(optimizer.state.values()):
            seen |= {f"state {number} {name}": bits(value) for name, value in state.items()}
        seen["attributes"] = {name: id(value) for name, value in vars(optimizer).items()}
    if loader is not None:
        seen["loader"] = loader.generator.get_state().numpy().tobytes()
    return seen


def test_the_check_notices_every_change():
    """Seen failing: each part of what `all_of` looks at is changed by a training."""
    model, optimizer, loader = mid_training()
    before = all_of(model, optimizer, loader)
    model.train()
    for batch in loader:
        loss_of(model, batch).backward()
        optimizer.step()
    optimizer.param_groups[0]["lr"] = 1.0
    model.register_forward_pre_hook(lambda *_: None)
    after = all_of(model, optimizer, loader)
    changed = {name.split()[0] for name in before if before[name] != after[name]}
    assert changed == {name.split()[0] for name in before} - {"attributes"}


# --- nothing is left of it -----------------------------------------------------------------------


@pytest.mark.parametrize("call", [None, *range(1, STEPS + 1)])
def test_a_training_of_ones_own_goes_on_as_if_nothing_had_been(call, ends_at):
    model, optimizer, loader = mid_training()
    before = all_of(model, optimizer, loader)
    ends_at(call)
    if call is None:
        found = range_test_of(model, optimizer, loader, loss_of, steps=STEPS)
        assert len(found.lr) == STEPS
    else:
        with pytest.raises(KeyboardInterrupt):
            range_test_of(model, optimizer, loader, loss_of, steps=STEPS)
        assert Noise.calls == call
    assert all_of(model, optimizer, loader) == before


@pytest.mark.parametrize("call", [1, 5])
@pytest.mark.parametrize("place", ["__iter__", "backward", "step"])
def test_wherever_it_is_interrupted(call, place, monkeypatch):
    model, optimizer, loader = mid_training()
    before, calls = all_of(model, optimizer, loader), [0]

    def interrupting(do):
        def wrapped(*args, **kwargs):
            done = do(*args, **kwargs)  # after the harm is done
            calls[0] += 1
            if calls[0] == call:
                raise KeyboardInterrupt
            return done

        return wrapped

    owner = {"__iter__": DataLoader, "backward": torch.Tensor, "step": torch.optim.Adam}[place]
    monkeypatch.setattr(owner, place, interrupting(getattr(owner, place)))
    with pytest.raises(KeyboardInterrupt):
        range_test_of(model, optimizer, loader, loss_of, steps=30)
    assert all_of(model, optimizer, loader) == before


@pytest.mark.parametrize("call", [None, *range(2, STEPS + 2)])  # the first call looks at the shape
def test_on_a_data_set_too(call, ends_at):
    model = network(64, 10)
    model[5].eval()
    model(torch.rand(4, 64)).sum().backward()
    before = all_of(model)
    ends_at(call)
    if call is None:
        range_test(model, DIGITS, RECIPE, steps=STEPS, device="cpu")
    else:
        with pytest.raises(KeyboardInterrupt):
            range_test(model, DIGITS, RECIPE, steps=STEPS, device="cpu")
        assert Noise.calls == call
    assert all_of(model) == before


def test_a_model_without_shapes_keeps_having_none():
    model = nn.Sequential(nn.Flatten(), nn.LazyLinear(10))
    assert range_test(model, DIGITS, RECIPE, steps=STEPS, device="cpu").lr
    assert isinstance(model[1].weight, nn.UninitializedParameter)


def test_a_scheduler_of_ones_own_goes_on():
    model, optimizer, loader = mid_training()
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    before = all_of(model, optimizer, loader)
    range_test_of(model, optimizer, loader, loss_of, steps=STEPS)
    assert all_of(model, optimizer, loader) == before
    optimizer.step()
    scheduler.step()
    assert [group["lr"] for group in optimizer.param_groups] == [0.005, 0.015]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_on_a_gpu():
    model = network(64, 10)
    before, state = all_of(model), torch.cuda.get_rng_state()
    range_test(model, DIGITS, RECIPE, steps=STEPS)
    assert all_of(model) == before
    assert torch.equal(torch.cuda.get_rng_state(), state)


# --- what it measures ----------------------------------------------------------------------------


def by_hand(model, batches, optimizer, rates):
    losses = []
    for lr, batch in zip(rates, batches, strict=True):
        optimizer.param_groups[0]["lr"] = lr
        loss = loss_of(model, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_rates_and_losses_are_those_of_a_loop_by_hand():
    """From the optimizer's state on, over more than one pass through the batches."""
    model, batches = nn.Linear(6, 3), [(X[:20], Y[:20]), (X[20:], Y[20:])]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    by_hand(model, batches, optimizer, [0.1, 0.1])
    found = range_test_of(model, optimizer, batches, loss_of, low=1e-3, high=1, steps=13)
    rates = [10 ** (-3 + k / 4) for k in range(13)]
    np.testing.assert_allclose(found.lr, rates, rtol=1e-12)
    passes = [*batches * 6, batches[0]]
    np.testing.assert_allclose(found.loss, by_hand(model, passes, optimizer, rates), rtol=1e-6)
    assert (found.steps, found.beta, found.stopped) == (13, 0.98, None)


def test_a_data_set_and_its_batches_give_the_same():
    recipe = replace(RECIPE, optimizer=Momentum(momentum=0.5))
    plan = {"low": 1e-4, "high": 0.1, "steps": 12, "beta": 0.5}
    model = PyTorch.linear()
    found = range_test(model, DIGITS, recipe, **plan, device="cpu")
    training = Training(PyTorch.linear(), DIGITS, recipe, device="cpu")
    orders = [order for o in PyTorch.orders(3, 300, 4) for order in np.split(o, 3)]
    batches = [tuple(part[order] for part in training.train) for order in orders]
    optimizer = torch.optim.SGD(model.parameters(), momentum=0.5)
    own = range_test_of(model, optimizer, batches, loss_of, **plan)
    np.testing.assert_allclose(own.lr, found.lr, rtol=1e-12)
    np.testing.assert_allclose(own.loss, found.loss, rtol=1e-5)
    assert found.lr[0] == 1e-4
    assert found.lr[-1] == pytest.approx(0.1, rel=1e-15)


def test_clipping_counts_and_the_recipes_schedule_does_not():
    clipped, free = (
        range_test(PyTorch.linear(), DIGITS, replace(SGD, clip_norm=c), low=0.01, device="cpu")
        for c in (1e-3, None)
    )
    assert clipped.loss[-1] > 100 * free.loss[-1]
    other = replace(RECIPE, schedule=Constant(1), epochs=7, per="step")
    runs = [
        range_test(PyTorch.linear(), DIGITS, r, steps=10, device="cpu") for r in (RECIPE, other)
    ]
    assert runs[0] == runs[1]


@pytest.mark.parametrize("tensors", [False, True])
def test_groups_keep_the_ratios_of_their_rates(tensors):
    seen = []

    class Seen(torch.optim.SGD):
        def step(self):
            seen.append([float(group["lr"]) for group in self.param_groups])
            super().step()

    model = nn.Linear(6, 3)
    groups = [{"params": [model.weight], "lr": 0.5}, {"params": [model.bias], "lr": 0.05}]
    if tensors:
        groups = [{**group, "lr": torch.tensor(group["lr"])} for group in groups]
    found = range_test_of(model, Seen(groups, lr=0.5), [(X, Y)], loss_of, steps=10, high=1)
    whole, small = np.transpose(seen)
    np.testing.assert_allclose(whole, found.lr, rtol=1e-6)
    np.testing.assert_allclose(small, np.array(found.lr) / 10, rtol=1e-6)


def test_it_stops_where_the_loss_explodes_and_says_so():
    found = range_test(PyTorch.linear(), DIGITS, SGD, high=1e4, device="cpu")
    assert found.stopped.startswith("diverged: the smoothed loss exceeds 4 times its minimum")
    assert len(found.lr) < 100
    assert found.smoothed[-1] > 4 * found.smoothed.min() >= found.smoothed[-2]
    assert 1e-4 < found.steepest() < 1


def test_a_loss_that_overflows():
    def overflowing(model, batch):
        return mse_loss(model(batch[0]), batch[0]) * 1e38

    model = nn.Linear(6, 6)
    optimizer = torch.optim.SGD(model.parameters())
    found = range_test_of(model, optimizer, [(X,)], overflowing, low=1e-40, high=10, stop_at=1e30)
    assert found.stopped.startswith("diverged: the loss is no longer finite after an update at")
    assert np.isfinite(found.loss).all()


# --- which models and optimizers it takes --------------------------------------------------------


@pytest.mark.parametrize("wrap", [lambda m: torch.compile(m, backend="aot_eager"), nn.DataParallel])
def test_a_wrapped_model(wrap):
    plain = range_test(PyTorch.linear(), DIGITS, RECIPE, steps=10, device="cpu")
    model = wrap(PyTorch.linear())
    before = all_of(bare(model))
    found = range_test(model, DIGITS, RECIPE, steps=10, device="cpu")
    np.testing.assert_allclose(found.loss, plain.loss, rtol=1e-5)
    assert all_of(bare(model)) == before


def test_an_optimizer_with_attributes_of_its_own():
    class Slower(torch.optim.SGD):
        def __init__(self, parameters):
            super().__init__(parameters)
            self.kept = [parameter for group in self.param_groups for parameter in group["params"]]

        def step(self):
            for parameter in self.kept:
                parameter.grad *= 0.5
            super().step()

    model = PyTorch.linear((6,), 3)
    half, whole = (
        range_test_of(model, make(model.parameters()), [(X, Y)], loss_of, low=0.01, high=1)
        for make in (Slower, torch.optim.SGD)
    )
    assert half.loss[-1] > whole.loss[-1]


def refusing(told, model=None, *, optimizer=None, batches=((X, Y),), loss_of=loss_of):
    model = model or nn.Linear(6, 3)
    optimizer = optimizer or torch.optim.SGD(model.parameters())
    with pytest.raises(ValueError, match=told):
        range_test_of(model, optimizer, batches, loss_of, steps=10)


def test_refused():
    refusing("batches must give 10, begun anew .+ received 0: are the data fewer", batches=[])
    small = DataLoader(TensorDataset(X, Y), batch_size=64, drop_last=True)
    refusing("are the data fewer than a batch, and drop_last on", batches=small)
    refusing("begun anew where they end, received 3", batches=iter([(X, Y)] * 3))
    refusing("model must be in training mode", nn.Linear(6, 3).eval())
    others = torch.optim.SGD(nn.Linear(1, 1).parameters())
    refusing("optimizer must hold weights of the model that require", optimizer=others)
    frozen = nn.Linear(6, 3).requires_grad_(False)
    refusing("optimizer must hold weights of the model that require", frozen)
    refusing("optimizer must be a torch.optim.Optimizer, received str", optimizer="adam")
    for wrong in (
        lambda model, batch: 3.0,
        lambda model, batch: model(batch[0]),
        lambda model, batch: loss_of(model, batch).detach(),
    ):
        refusing("loss_of must return the loss of a batch, a scalar", loss_of=wrong)


def test_a_loss_that_is_not_a_number_from_the_beginning():
    told = "finite before the first update of a range test, received nan: look"
    refusing(told, batches=[(X * np.nan, Y)])
    model = PyTorch.linear()
    model[-1].weight.data[:] = np.nan
    before = all_of(model)
    with pytest.raises(ValueError, match=told):
        range_test(model, DIGITS, RECIPE, device="cpu")
    assert all_of(model) == before


def test_a_data_set_smaller_than_a_batch():
    told = r"recipe.batch_size must be at most the 300 training examples .+, received 301"
    with pytest.raises(ValueError, match=told):
        range_test(PyTorch.linear(), DIGITS, replace(RECIPE, batch_size=301), device="cpu")
    whole = replace(RECIPE, batch_size=300)
    assert len(range_test(PyTorch.linear(), DIGITS, whole, steps=10, device="cpu").lr) == 10


def test_an_interval_the_wrong_way_round():
    with pytest.raises(ValueError, match=r"low must be less than high, received 1 and 0\.1"):
        range_test_of(*mid_training(), loss_of, low=1, high=0.1)


def test_the_original_must_not_be_called():
    """A loss that closes over the model would train nothing, and change its statistics."""
    model, optimizer, loader = mid_training()
    before = all_of(model, optimizer, loader)
    told = "loss_of must call the model that it is handed, a copy"
    for wrong in (model, model[1:]):
        refusing(told, model, optimizer=optimizer, loss_of=lambda _, b, m=wrong: loss_of(m, b))
    assert all_of(model, optimizer, loader) == before


def test_a_model_that_cannot_be_copied():
    model = nn.Linear(6, 3)
    model.seen = model(X)  # with its graph
    refusing(r"model must be one that copy.deepcopy can copy, .+ received Linear: Only", model)

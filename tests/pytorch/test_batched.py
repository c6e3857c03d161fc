"""Many models at once: each as `fit` trains it alone, on a GPU as well where there is one."""

import gc
import math
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from lrlab import Constant, LinearDecay, Recipe, ReduceOnPlateau
from lrlab.data import load
from lrlab.optimizers import SGD, Adam, Momentum
from lrlab.pytorch import batched, fit, fit_many
from lrlab.pytorch.device import pick_device, sees_cuda
from lrlab.training import Watch, lr_deviation

DIGITS = load("digits", 150, test_limit=60)
DEVICES = ["cpu", "cuda"] if sees_cuda() else ["cpu"]
PLAIN = Recipe(Constant(0.1), epochs=2, batch_size=64)  # 3 updates an epoch, the last with 22
VARIED = {
    "plain": PLAIN,
    "another rate": replace(PLAIN, schedule=Constant(0.3)),
    "falling per step": replace(PLAIN, schedule=LinearDecay(0.3, total_epochs=2), per="step"),
    "decay": replace(PLAIN, optimizer=SGD(weight_decay=0.1)),
    "momentum": replace(PLAIN, optimizer=Momentum(momentum=0.9, weight_decay=0.02)),
    "dampened": replace(PLAIN, optimizer=Momentum(momentum=0.9, dampening=0.7)),
    "nesterov": replace(PLAIN, optimizer=Momentum(momentum=0.8, nesterov=True)),
    "clipped": replace(PLAIN, clip_norm=0.2),
    "hardly clipped": replace(PLAIN, clip_norm=1e6),
}


@pytest.fixture(autouse=True)
def whole_floats(monkeypatch):
    """On a GPU, where convolutions may otherwise round their inputs to 10 bits."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


def network(seed=0, *, smooth=True):
    """A convolution with normalisation; where it has no kinks, rounding errors stay small."""
    torch.manual_seed(seed)
    bend, pool = (
        (nn.Tanh(), nn.AvgPool2d(2)) if smooth else (nn.ReLU(inplace=True), nn.MaxPool2d(2))
    )
    first = [nn.Conv2d(1, 3, 3, stride=1, padding=1, bias=False), nn.BatchNorm2d(3), bend, pool]
    return nn.Sequential(*first, nn.Conv2d(3, 4, (3, 2)), nn.Flatten(), nn.Linear(24, 10))


def alone(models, recipes, device="cpu"):
    """What `fit` makes of the models, one after another."""
    return [fit(m, DIGITS, r, device=device) for m, r in zip(models, recipes, strict=True)]


def assert_alike(found, expected, **tolerance):
    """Compare trained models, their buffers included."""
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.state_dict(), other.state_dict(), **tolerance)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("seeds", ["one", "several"])
def test_each_model_is_trained_as_alone(device, seeds):
    """Rates, momentum, clipping, decay, initial weights and order of images, all at once."""
    recipes = list(VARIED.values())
    if seeds == "several":
        recipes = [recipe.seeded(number // 2) for number, recipe in enumerate(recipes)]
    together = [network(seed) for seed in range(len(recipes))]
    one_by_one = [network(seed) for seed in range(len(recipes))]
    histories = fit_many(together, DIGITS, recipes, device=device)
    expected = alone(one_by_one, recipes, device)
    for found, wanted in zip(histories, expected, strict=True):
        assert found.recipe == wanted.recipe
        assert (found.lr, found.lr_changes) == (wanted.lr, wanted.lr_changes)
        assert lr_deviation(found) == 0
        np.testing.assert_allclose(found.train_loss, wanted.train_loss, rtol=2e-5)
        np.testing.assert_allclose(found.test_loss, wanted.test_loss, rtol=2e-5)
        assert found.test_accuracy == wanted.test_accuracy
        assert found.identity() == wanted.identity()
    assert_alike(together, one_by_one, rtol=1e-3, atol=2e-5)
    assert len({history.train_loss[-1] for history in histories}) == len(recipes)
    assert not any(model.training for model in together)


def test_what_hardly_clips_does_not_clip():
    names = ["plain", "hardly clipped"]
    models = [network(), network()]
    fit_many(models, DIGITS, [VARIED[name] for name in names], device="cpu")
    assert_alike(models[:1], models[1:], rtol=0, atol=1e-7)


def test_relu_and_max_pooling_in_the_first_step():
    """Later a rounding error may decide which pixel of a pool is the largest."""
    recipes = [replace(PLAIN, epochs=1, batch_size=150).seeded(seed) for seed in (0, 1)]
    together, one_by_one = ([network(s, smooth=False) for s in (4, 5)] for _ in range(2))
    fit_many(together, DIGITS, recipes, device="cpu")
    alone(one_by_one, recipes)
    assert_alike(together, one_by_one, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("seeds", [(0, 0, 0), (0, 1, 2)])
def test_a_model_that_diverges_ends_and_the_others_go_on(seeds):
    rates = (0.1, 1e38, 0.2)
    recipes = [
        replace(PLAIN, schedule=Constant(lr), epochs=3).seeded(seed)
        for lr, seed in zip(rates, seeds, strict=True)
    ]
    together, one_by_one = ([network(7) for _ in rates] for _ in range(2))
    histories = fit_many(together, DIGITS, recipes, device="cpu")
    expected = alone(one_by_one, recipes)
    assert [h.epochs for h in histories] == [h.epochs for h in expected] == [3, 1, 3]
    assert [h.stopped for h in histories] == [h.stopped for h in expected]
    assert "no longer finite in epoch 0" in histories[1].stopped
    assert not math.isfinite(histories[1].train_loss[0])
    for kept in (0, 2):
        np.testing.assert_allclose(histories[kept].test_loss, expected[kept].test_loss, rtol=2e-5)


def test_nothing_is_trained_when_all_have_diverged(monkeypatch):
    epochs, own = [], batched._Together.train
    monkeypatch.setattr(
        batched._Together, "train", lambda self, epoch: epochs.append(epoch) or own(self, epoch)
    )
    recipes = [replace(PLAIN, schedule=Constant(1e38), epochs=5)] * 2
    fit_many([network(1), network(2)], DIGITS, recipes, device="cpu")
    assert epochs == [0]


def test_frozen_weights_stay():
    def frozen():
        model = network(3)
        model[0].weight.requires_grad_(False)
        return model

    together, one_by_one, recipes = [frozen(), frozen()], [frozen(), frozen()], [PLAIN] * 2
    fit_many(together, DIGITS, recipes, device="cpu")
    alone(one_by_one, recipes)
    torch.testing.assert_close(together[0][0].weight, network(3)[0].weight, rtol=0, atol=0)
    assert_alike(together, one_by_one, rtol=1e-4, atol=1e-5)


# --- what is said of it ---------------------------------------------------------------------------


def test_provenance_tells_how_many_were_trained_at_once():
    pair = fit_many([network(), network(1)], DIGITS, [PLAIN] * 2, device="cpu")
    (single,) = fit_many([network()], DIGITS, [PLAIN], device="cpu")
    assert {h.provenance["device"].endswith(", 2 models at once") for h in pair} == {True}
    assert single.provenance == fit(network(), DIGITS, PLAIN, device="cpu").provenance
    assert all(seconds > 0 for history in pair for seconds in history.seconds)


def test_a_cpu_has_to_be_asked_for_by_name(monkeypatch):
    monkeypatch.setattr(batched, "pick_device", lambda device: pick_device("cpu"))
    with pytest.raises(ValueError, match="device must be a GPU, and there is none here"):
        fit_many([network()], DIGITS, [PLAIN])


@pytest.mark.parametrize(
    ("models", "recipes", "message"),
    [
        ([], [], "one for each of one or more models, received 0 for 0"),
        ([network()], [PLAIN] * 2, "one for each of one or more models, received 2 for 1"),
        ([network()], [Constant(0.1)], "recipes must be a Recipe"),
        ([network()], [replace(PLAIN, optimizer=Adam())], r"SGD or Momentum.*received Adam\("),
        (
            [network()],
            [replace(PLAIN, watch=Watch(ReduceOnPlateau(0.1)))],
            "watched by no policy, received Watch",
        ),
        (
            [network(), network()],
            [PLAIN, replace(PLAIN, epochs=3)],
            r"in epochs, received \[2, 3\]",
        ),
        (
            [network(), network()],
            [PLAIN, replace(PLAIN, batch_size=9)],
            r"in batch_size, received \[9, 64\]",
        ),
        ([network(), network(smooth=False)], [PLAIN] * 2, "model 1 has other layers than model 0"),
        ([nn.Sequential(nn.Flatten(), nn.Linear(64, 9))], [PLAIN], r"logits of shape \(N, 10\)"),
    ],
)
def test_what_cannot_be_trained_together_is_refused(models, recipes, message):
    before = [p.clone() for model in models for p in model.parameters()]
    with pytest.raises(ValueError, match=message):
        fit_many(models, DIGITS, recipes, device="cpu")
    after = [p for model in models for p in model.parameters()]
    assert all(torch.equal(*pair) for pair in zip(before, after, strict=True))


def test_one_model_twice_is_refused():
    model = network()
    with pytest.raises(ValueError, match="received one of them twice"):
        fit_many([model, model], DIGITS, [PLAIN] * 2, device="cpu")


# --- the graph ------------------------------------------------------------------------------------


class Graph:
    """Stands for a CUDA graph: notes what the step does while it is captured, and replays it."""

    captured = None

    def replay(self):
        self.captured()


@pytest.fixture
def graphs(monkeypatch):
    """A CPU that passes for a GPU; the steps that are captured, and those that are run plainly."""

    class Capture:
        def __init__(self, graph):
            self.graph = graph

        def __enter__(self):
            Capture.now = self.graph

        def __exit__(self, *_):
            Capture.now = None

    Capture.now = None
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", Capture)
    for name in ("current_stream", "set_stream", "synchronize"):
        monkeypatch.setattr(torch.cuda, name, lambda *_: None)
    return Capture


def test_a_step_is_captured_after_some_plain_calls_and_then_replayed(graphs):
    log = []

    def step(value):
        if graphs.now is not None:
            graphs.now.captured = lambda: log.append(("replayed", value.item()))
        else:
            log.append(("plain", value.item()))

    replay = batched._Replay(torch.device("cuda"))
    given = [torch.tensor(number) for number in range(6)]
    for value in given:
        replay(step, value)
    plain = batched.PLAIN_CALLS
    assert log == [("plain" if n < plain else "replayed", n) for n in range(6)]
    assert [value.item() for value in given] == list(range(6)), "inputs are copied, not kept"


def test_a_step_that_cannot_be_captured_goes_on_plainly(graphs):
    calls = []

    def step(value):
        if graphs.now is not None:
            raise RuntimeError("operation not permitted when stream is capturing")
        calls.append(value.item())

    replay = batched._Replay(torch.device("cuda"))
    for number in range(batched.PLAIN_CALLS):
        replay(step, torch.tensor(number))
    with pytest.warns(UserWarning, match="without a CUDA graph: operation not permitted"):
        replay(step, torch.tensor(7))
    replay(step, torch.tensor(8))
    assert calls == [*range(batched.PLAIN_CALLS), 7, 8]


def test_the_memory_of_a_program_is_free_when_it_ends():
    """Without waiting for the garbage collector, which does not see how large it is."""
    seen = weakref.WeakSet()

    class Watched(batched._Together):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            seen.add(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batched, "_Together", Watched)
        gc.disable()
        try:
            fit_many([network()], DIGITS, [PLAIN], device="cpu")
            assert len(seen) == 0
        finally:
            gc.enable()

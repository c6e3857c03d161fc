"""Training: learns, repeats, and records the rates that the optimiser really used."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from lrlab import Constant, CosineDecay, ReduceOnPlateau, StepDecay, warmup
from lrlab.data import load
from lrlab.pytorch import fitting as training
from lrlab.pytorch.evaluation import evaluate
from lrlab.pytorch.fitting import fit
from lrlab.pytorch.networks import LeNet
from lrlab.pytorch.schedulers import PlateauLR, ScheduleLR

DIGITS = load("digits", 300, test_limit=100)


def network(seed=0, outputs=10):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, outputs))


def run(schedule=None, seed=0, **options):
    schedule = schedule or Constant(0.2)
    options = {"epochs": 3, "batch_size": 50, "device": "cpu", **options}
    return fit(network(seed), DIGITS, schedule=schedule, seed=seed, **options)


def test_it_learns():
    history = run(epochs=12)
    assert history.train_loss[-1] < 0.4 < 1.5 < history.train_loss[0]
    assert history.test_accuracy[-1] > 0.85
    assert history.stopped is None
    assert history.epochs == len(history.seconds) == 12


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("per", ["epoch", "step"])
@pytest.mark.parametrize("clip_norm", [None, 0.5])
def test_every_update_is_sgds(momentum, per, clip_norm):
    """A plain loop, written out, ends at the same weights."""
    schedule, epochs, size = CosineDecay(0.2, total_epochs=2), 2, 128
    trained = network()
    fit(trained, DIGITS, epochs=epochs, batch_size=size, schedule=schedule, momentum=momentum,
        per=per, clip_norm=clip_norm, seed=5, device="cpu")  # fmt: skip
    plain = network()
    x = torch.from_numpy(DIGITS.x_train).permute(0, 3, 1, 2) / 127.5 - 1
    y = torch.from_numpy(DIGITS.y_train)
    velocity = [torch.zeros_like(p) for p in plain.parameters()]
    generator = torch.Generator().manual_seed(5)
    clipped = []
    for epoch in range(epochs):
        order = torch.randperm(300, generator=generator)
        for step, first in enumerate(range(0, 300, size)):
            batch = order[first : first + size]
            loss = functional.cross_entropy(plain(x[batch]), y[batch])
            gradients = torch.autograd.grad(loss, list(plain.parameters()))
            norm = torch.cat([g.ravel() for g in gradients]).norm()
            if clip_norm is not None:
                clipped.append(bool(norm > clip_norm))
                gradients = [g * min(1.0, clip_norm / norm) for g in gradients]
            lr = schedule(epoch + (step / 3 if per == "step" else 0))
            with torch.no_grad():
                for p, v, g in zip(plain.parameters(), velocity, gradients, strict=True):
                    v.mul_(momentum).add_(g)
                    p.sub_(lr * v)
    torch.testing.assert_close(trained.state_dict(), plain.state_dict(), rtol=1e-4, atol=1e-6)
    assert set(clipped) in (set(), {True, False}), "both sides of the bound"


def test_the_training_loss_is_the_mean_over_images():
    """At a rate of 0 nothing moves, so it is the loss of the untrained network, short batch
    included."""
    history = run(Constant(0), epochs=1, batch_size=128)
    x, y = training.to_device(DIGITS.x_train, DIGITS.y_train, torch.device("cpu"))
    loss, _ = evaluate(network(), x, y)
    assert history.train_loss[0] == pytest.approx(loss, rel=1e-6)


def test_evaluate_in_batches_is_the_mean_over_all(monkeypatch):
    x, y = training.to_device(DIGITS.x_test, DIGITS.y_test, torch.device("cpu"))
    logits = network().eval()(x)
    monkeypatch.setattr(training, "EVALUATION_BATCH", 33)
    loss, accuracy = evaluate(network(), x, y)
    assert loss == pytest.approx(functional.cross_entropy(logits, y).item(), rel=1e-5)
    assert accuracy == pytest.approx((logits.argmax(1) == y).double().mean().item())


def test_pixels_are_scaled_to_plus_minus_one():
    images = np.array([0, 255], np.uint8).reshape(2, 1, 1, 1)
    x, _ = training.to_device(images, np.zeros(2, np.int64), torch.device("cpu"))
    assert x.flatten().tolist() == [-1.0, 1.0]


def test_same_seed_same_bits():
    first, again = run(momentum=0.9), run(momentum=0.9)
    assert first.train_loss == again.train_loss
    assert first.test_loss == again.test_loss


@pytest.mark.parametrize(("argument", "value"), [("seed", 1), ("batch_size", 60)])
def test_seed_and_batch_size_change_the_run(argument, value):
    assert run(**{argument: value}).train_loss != run().train_loss


@pytest.mark.parametrize("per", ["epoch", "step"])
def test_the_used_rate_is_the_intended_one(per):
    schedule = CosineDecay(0.2, total_epochs=3)
    history = run(schedule, per=per)
    assert history.lr_deviation() == 0
    assert history.lr == schedule(np.arange(3)).tolist()
    assert len(history.lr_changes) == (3 if per == "epoch" else 18)


class LateLR(ScheduleLR):
    """A bridge broken on purpose: every rate comes one step late, as in the document's loop."""

    def get_lr(self):
        return [self.schedule(max(self.last_epoch - 1, 0) / self.steps_per_epoch)]


@pytest.mark.parametrize("per", ["epoch", "step"])
def test_a_broken_bridge_is_noticed(monkeypatch, per):
    monkeypatch.setattr(training, "ScheduleLR", LateLR)
    history = run(StepDecay(0.2, gamma=0.5, step_epochs=1), per=per)
    assert history.lr_deviation() == pytest.approx(0.5)


# Nothing but a loss that was halved, or an accuracy half as high again, is better.
PLATEAU = ReduceOnPlateau(0.2, convention="pytorch", factor=0.5, patience=2, min_delta=0.5)


@pytest.mark.parametrize(
    ("monitor", "mode"), [("train_loss", "min"), ("test_loss", "min"), ("test_accuracy", "max")]
)
def test_a_plateau_policy_cuts_where_torchs_own_does(monitor, mode):
    policy = dataclasses.replace(PLATEAU, mode=mode)
    history = run(epochs=12, plateau=policy, monitor=monitor)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.2)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, mode=mode, factor=0.5, patience=2, threshold=0.5
    )
    expected = []
    for metric in getattr(history, monitor):
        expected.append(optimizer.param_groups[0]["lr"])
        theirs.step(metric)
    assert history.lr == expected
    assert history.lr_deviation() == 0
    cuts = [t for t, _ in history.lr_changes[1:]]
    assert history.cut_epochs == cuts
    assert 0 < len(cuts) < 5
    assert history.train_loss != run(epochs=12).train_loss


@pytest.mark.parametrize("per", ["epoch", "step"])
def test_a_warmup_and_then_a_plateau(per):
    ramp = warmup(Constant(0.2), 3)
    options = {"epochs": 12, "schedule": ramp, "per": per, "plateau": PLATEAU}
    history, later = (run(watch_from=w, **options) for w in (3, 6))
    assert history.lr_deviation() == later.lr_deviation() == 0
    assert history.lr[:4] == pytest.approx([0, 0.2 / 3, 0.4 / 3, 0.2], rel=1e-15)
    assert 4 < min(history.cut_epochs) < min(later.cut_epochs)
    # 6 updates an epoch, of which the first 18 climb
    changes = (18 if per == "step" else 3) + 1 + len(history.cut_epochs)
    assert len(history.lr_changes) == changes


class DeafLR(PlateauLR):
    """A bridge broken on purpose: the policy hears of an epoch only after the next."""

    def step(self, metric=None):
        if metric is not None:
            metric, self.last = getattr(self, "last", 1e9), metric
        super().step(metric)


@pytest.mark.parametrize("per", ["epoch", "step"])
def test_a_cut_that_comes_late_is_noticed(monkeypatch, per):
    monkeypatch.setattr(training, "PlateauLR", DeafLR)
    history = run(epochs=12, plateau=PLATEAU, per=per)
    assert len(history.cut_epochs) > 0
    assert history.lr_deviation() > 0.05


@pytest.mark.parametrize("batch_size", [10, 150])
def test_nothing_waits_for_the_device_within_an_epoch(monkeypatch, batch_size):
    """Numbers are fetched three times an epoch (two losses, one count), however many batches."""
    fetched = []
    item = torch.Tensor.item
    monkeypatch.setattr(torch.Tensor, "item", lambda tensor: fetched.append(1) or item(tensor))
    run(epochs=2, batch_size=batch_size)
    assert len(fetched) == 2 * 3


@pytest.mark.parametrize("plateau", [None, ReduceOnPlateau(1e9)])
def test_divergence_ends_the_run_and_says_so(plateau):
    history = run(Constant(1e9), epochs=8, plateau=plateau)
    assert history.epochs < 8
    assert (
        history.stopped == f"diverged: the loss is no longer finite in epoch {history.epochs - 1}"
    )


def test_the_model_is_trained_in_train_mode_and_left_in_eval_mode():
    modes = []
    model = network()
    model.register_forward_hook(lambda module, *_: modes.append(module.training))
    fit(model, DIGITS, epochs=2, batch_size=300, schedule=Constant(0.1), device="cpu")
    # One look at the outputs; then an update and an evaluation in each epoch.
    assert modes == [False, True, False, True, False]


def test_the_record_can_be_repeated_from_its_config():
    options = {"momentum": 0.5, "per": "step", "seed": 4, "plateau": PLATEAU, "watch_from": 0}
    history = run(CosineDecay(0.2, total_epochs=3), monitor="train_loss", **options)
    config = history.config
    assert config["train_images"] == 300
    repeated = fit(
        network(4),
        DIGITS,
        schedule=history.schedule,
        device="cpu",
        plateau=ReduceOnPlateau.from_config(config["plateau"]),
        **{name: config[name] for name in ("epochs", "batch_size", "momentum", "per", "seed")},
        **{name: config[name] for name in ("monitor", "watch_from")},
    )
    assert repeated.train_loss == history.train_loss


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("epochs", 0, "epochs"),
        ("batch_size", 0, "batch_size"),
        ("momentum", 1, "momentum"),
        ("per", "batch", "per"),
        ("schedule", 0.1, "schedule"),
        ("clip_norm", 0, "clip_norm must be a finite real number greater than 0, received 0"),
        ("seed", -1, "seed"),
        ("device", "abacus", "device 'abacus' is not to be had here"),
        ("monitor", "val_loss", "monitor must be one of train_loss, test_loss, test_accuracy, rec"),
        ("watch_from", 0.5, "watch_from must be an integer of at least 0, received 0.5"),
        ("plateau", ReduceOnPlateau(0.1), "policy.lr must be the rate of the schedule .* 0.1"),
        ("plateau", ReduceOnPlateau(0.2, mode="max"), "plateau.mode must be 'min' where test_loss"),
    ],
)
def test_bad_arguments(argument, value, message):
    with pytest.raises(ValueError, match=message):
        run(**{argument: value})


def test_too_few_outputs():
    with pytest.raises(ValueError, match=r"logits of shape \(N, 10\).* gives \(N, 9\)"):
        fit(network(outputs=9), DIGITS, epochs=1, schedule=Constant(0.1), device="cpu")


def test_deterministic_is_set_back():
    run(deterministic=True, epochs=1)
    assert not torch.are_deterministic_algorithms_enabled()


def test_one_thread_is_set_back():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with training.one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_lenet_trains_on_images_of_its_size():
    images = np.random.default_rng(0).integers(0, 256, (40, 28, 28, 1), dtype=np.uint8)
    from lrlab.data import Dataset

    labels = np.arange(40) % 2
    noise = Dataset("noise", images, labels, images[:10], labels[:10], ("a", "b"), "made here")
    history = fit(LeNet(classes=2), noise, epochs=1, batch_size=20, schedule=Constant(0.1))
    assert history.config["model"] == "LeNet"
    assert np.isfinite(history.train_loss).all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_gpu_repeats_with_the_flag_and_agrees_with_the_cpu():
    first, again = (run(device="cuda", deterministic=True) for _ in range(2))
    assert first.train_loss == again.train_loss
    np.testing.assert_allclose(first.train_loss, run(device="cpu").train_loss, rtol=1e-3)

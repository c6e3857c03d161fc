"""Sharpness: against all eigenvalues of a whole Hessian, and against what descent does at 2/η."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.nn import functional

from lrlab import Constant, Recipe, data
from lrlab.optimizers import Adam, Lion
from lrlab.pytorch import SharpnessMeter, fit, initialise, sharpness, to_device
from lrlab.pytorch.weight_rates import weight_rates

BLOBS = data.load("blobs")


def seeded(make):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make()


def batch(*shape, seed=1):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(60, *shape, generator=generator, dtype=torch.float64)
    return x, torch.randint(3, (60,), generator=generator)


def dense(width=12):
    return nn.Sequential(nn.Linear(6, width), nn.Tanh(), nn.Linear(width, 3))


def with_corners():
    layers = [nn.Conv2d(1, 4, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(16, 3))


def normalised():
    return nn.Sequential(nn.Linear(6, 10), nn.BatchNorm1d(10), nn.Tanh(), nn.Linear(10, 3))


NETWORKS = {"tanh": (dense, (6,)), "ReLU and maxima": (with_corners, (1, 6, 6))}


def hessian(model, x, y):
    """The whole Hessian of the mean loss, an entry for each pair of weights."""
    parts = dict(model.named_parameters())
    flat = torch.cat([part.detach().ravel() for part in parts.values()])
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}

    def loss_of(vector):
        pieces = vector.split([part.numel() for part in parts.values()])
        weights = {n: p.view_as(parts[n]) for n, p in zip(parts, pieces, strict=True)}
        return functional.cross_entropy(torch.func.functional_call(model, weights | buffers, x), y)

    return torch.autograd.functional.hessian(loss_of, flat)


def trained(model, x, y, optimizer, *, steps):
    for _ in range(steps):
        optimizer.zero_grad()
        functional.cross_entropy(model(x), y).backward()
        optimizer.step()


@pytest.mark.parametrize("chunk", [60, 25])
@pytest.mark.parametrize(("make", "shape"), NETWORKS.values(), ids=NETWORKS)
def test_it_is_the_largest_of_all_eigenvalues_at_three_moments(make, shape, chunk) -> None:
    model, (x, y) = seeded(make).double(), batch(*shape)
    assert 70 < sum(weight.numel() for weight in model.parameters()) < 300
    optimizer, values = torch.optim.SGD(model.parameters(), lr=0.3), []
    for _ in range(3):
        values.append(sharpness(model, x, y, chunk=chunk))
        matrix = hessian(model, x, y)
        top = torch.linalg.eigvalsh(matrix)[-1].item()
        assert values[-1].value == pytest.approx(top, rel=1e-4), "and so within 1 %"
        vector = values[-1].vector
        residual = matrix @ vector - values[-1].value * vector
        assert residual.norm() < 2e-3 * top
        assert vector.norm().item() == pytest.approx(1)
        trained(model, x, y, optimizer, steps=60)
    assert len({round(each.value, 3) for each in values}) == 3


OPTIMIZERS = {
    "Adam": (torch.optim.Adam, {"lr": 0.01}),
    "AMSGrad": (torch.optim.AdamW, {"lr": 0.01, "amsgrad": True, "betas": (0.8, 0.95)}),
    "RMSprop": (torch.optim.RMSprop, {"lr": 0.003, "momentum": 0.5}),
    "AdaDelta": (torch.optim.Adadelta, {"lr": 0.5}),
    "momentum": (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}),
}


@pytest.mark.parametrize(("kind", "options"), OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_with_an_optimizers_memory_it_is_that_of_the_preconditioned_hessian(kind, options) -> None:
    model, (x, y) = seeded(dense).double(), batch(6)
    optimizer, values = kind(model.parameters(), **options), []
    for _ in range(3):
        trained(model, x, y, optimizer, steps=20)
        # By what the step divides each gradient, from the rates that tests have checked.
        rates = torch.cat([rates.ravel() for rates in weight_rates(optimizer)])
        root = (options["lr"] / rates) ** -0.5
        matrix = root[:, None] * hessian(model, x, y) * root
        found = sharpness(model, x, y, optimizer=optimizer, chunk=35).value
        assert found == pytest.approx(torch.linalg.eigvalsh(matrix)[-1].item(), rel=1e-4)
        values.append(found)
    plain = sharpness(model, x, y).value
    assert (plain == pytest.approx(values[-1])) == (kind is torch.optim.SGD)


def test_adams_divisor_is_its_corrected_root() -> None:
    """One weight, of curvature 6, after two gradients of known size."""
    model = nn.Linear(1, 1, bias=False)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.0, betas=(0.9, 0.5), eps=0.25)
    for gradient in (2.0, 4.0):
        model.weight.grad = torch.tensor([[gradient]])
        optimizer.step()
    corrected = math.sqrt((0.25 * 4 + 0.5 * 16) / (1 - 0.5**2))
    found = sharpness(model, *bowl([6.0]), loss=parabolas, optimizer=optimizer).value
    assert found == pytest.approx(6 / (corrected + 0.25), rel=1e-6)


def bowl(curvatures):
    """Images and labels for which the loss of one output a weight has these curvatures."""
    return torch.eye(len(curvatures)), torch.tensor(curvatures)


def parabolas(outputs, labels):
    return (labels * outputs[:, 0] ** 2 / 2).mean() * len(labels)


@pytest.mark.parametrize(
    "curvatures",
    [
        [1.0, -10.0, 0.5, -3.0],
        [-1.0, -5.0, -2.0],
        [2.0, 2.0, 2.0],
        [3.0, 0.0],
        [0.0, 0.0, 0.0],
        [-4.0],
        [*np.linspace(-100, 3, 60).tolist()],
        [*np.linspace(0, 1, 60).tolist(), 1.05],
    ],
    ids=["a saddle", "a hill", "round", "flat on one side", "flat", "one", "steep hill", "close"],
)
def test_the_largest_is_meant_and_not_the_largest_in_size(curvatures) -> None:
    model = nn.Linear(len(curvatures), 1, bias=False)
    found = sharpness(model, *bowl(curvatures), loss=parabolas)
    assert found.value == pytest.approx(max(curvatures), rel=1e-3, abs=1e-6)
    assert found.vector.shape == (len(curvatures),)


def test_where_it_begins_changes_nothing_of_the_value() -> None:
    curvatures = [5.0, 4.9, *np.linspace(-8, 3, 30).tolist()]
    model = nn.Linear(len(curvatures), 1, bias=False)
    second = torch.eye(len(curvatures))[1]
    for start in (None, second, -7 * second, torch.ones(len(curvatures))):
        found = sharpness(model, *bowl(curvatures), loss=parabolas, start=start, seed=3)
        assert found.value == pytest.approx(5, rel=1e-3)
        assert abs(found.vector[0].item()) > 0.95
        again = sharpness(model, *bowl(curvatures), loss=parabolas, start=start, seed=3)
        assert again.vector.equal(found.vector)


def test_a_start_nearby_saves_products() -> None:
    curvatures = np.linspace(-1, 1, 150).tolist()
    model, products = nn.Linear(len(curvatures), 1, bias=False), []

    def counted(outputs, labels):
        products.append(1)
        return parabolas(outputs, labels) * len(curvatures) / len(labels)

    counts, start = [], None
    for _ in range(2):
        products.clear()
        found = sharpness(model, *bowl(curvatures), loss=counted, chunk=75, start=start)
        start = found.vector
        counts.append(len(products))
        assert found.value == pytest.approx(1, rel=1e-3)
    assert counts[1] < 0.8 * counts[0]


def test_it_repeats_and_leaves_everything_as_it_was() -> None:
    def make():
        return nn.Sequential(normalised(), nn.Dropout(0.5), nn.Linear(3, 3))

    model, (x, y) = seeded(make).double(), batch(6)
    functional.cross_entropy(model(x), y).backward()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    grads = [weight.grad.clone() for weight in model.parameters()]
    state = torch.random.get_rng_state()
    first, again = (sharpness(model, x, y, seed=2) for _ in range(2))
    assert first.value == again.value
    assert first.vector.equal(again.vector)
    assert sharpness(model, x, y, seed=3).value != pytest.approx(first.value, rel=1e-3), "dropout"
    assert torch.random.get_rng_state().equal(state)
    assert model.training
    for name, value in model.state_dict().items():
        assert value.equal(before[name]), name
    for weight, grad in zip(model.parameters(), grads, strict=True):
        assert weight.grad.equal(grad)


def test_the_mode_of_normalisation_counts() -> None:
    model, (x, y) = seeded(normalised).double(), batch(6)
    found = {}
    for mode in (True, False):
        model.train(mode)
        found[mode] = sharpness(model, x, y).value
        top = torch.linalg.eigvalsh(hessian(model, x, y))[-1].item()
        assert found[mode] == pytest.approx(top, rel=1e-4)
    assert found[True] != pytest.approx(found[False], rel=0.05)


def test_frozen_weights_are_left_out() -> None:
    model, (x, y) = seeded(dense).double(), batch(6)
    matrix = hessian(model, x, y)
    model[0].requires_grad_(False)
    found = sharpness(model, x, y)
    assert found.value == pytest.approx(
        torch.linalg.eigvalsh(matrix[84:, 84:])[-1].item(), rel=1e-4
    )
    assert found.vector.shape == (39,)


def test_what_is_not_finite_has_none(capfd) -> None:
    model, (x, y) = dense(), batch(6)
    with torch.no_grad():
        model[0].weight[0, 0] = math.nan
    assert math.isnan(sharpness(model, x.float(), y).value)
    assert capfd.readouterr() == ("", ""), "ARPACK would have complained on the terminal"


# --- during a training ---------------------------------------------------------------------------


def deep():
    layers = [layer for _ in range(2) for layer in (nn.Linear(12, 12), nn.Tanh())]
    model = nn.Sequential(nn.Flatten(), nn.Linear(2, 12), nn.Tanh(), *layers, nn.Linear(12, 3))
    initialise(model, "kaiming_uniform", seed=0)
    return model


@pytest.mark.parametrize("lr", [0.7, 1.0])
def test_descent_on_all_images_climbs_to_the_edge_and_stays(lr) -> None:
    meter = SharpnessMeter(every=20)
    recipe = Recipe(Constant(lr), epochs=261, batch_size=500)
    fit(deep(), BLOBS, recipe, observers=[meter], device="cpu")
    table = pd.DataFrame(meter.rows)
    assert table.step.tolist() == list(range(0, 261, 20))
    assert table.sharpness[0] < 0.5 * 2 / lr
    assert table.sharpness[8:].between(0.9 * 2 / lr, 1.2 * 2 / lr).all()
    assert table.loss.iloc[-1] < table.loss[0]


def test_the_meter_notes_what_is_there_and_disturbs_nothing() -> None:
    def network():
        model = nn.Sequential(nn.Flatten(), nn.Linear(2, 6), nn.BatchNorm1d(6), nn.Linear(6, 3))
        initialise(model, "kaiming_uniform", seed=1)
        return model

    def run(observers):
        model = network()
        recipe = Recipe(Constant(0.05), epochs=3, batch_size=200, optimizer=Adam(), seed=4)
        fit(model, BLOBS, recipe, observers=observers, device="cpu")
        return model

    plain = SharpnessMeter(every=2, images=150)
    scaled = SharpnessMeter(every=2, preconditioned=True, chunk=500)
    measured, untouched = run([plain, scaled]), run([])
    torch.testing.assert_close(measured.state_dict(), untouched.state_dict(), rtol=0, atol=0)
    assert [row["step"] for row in plain.rows] == [0, 2, 4, 6, 8]
    assert all(list(row) == ["step", "lr", "loss", "sharpness"] for row in plain.rows)
    assert {row["lr"] for row in plain.rows} == {0.05}
    values = [row["sharpness"] for row in scaled.rows]
    assert math.isnan(values[0]), "no memory yet"
    plain_values = [row["sharpness"] for row in plain.rows]
    assert all(ours > 3 * other for ours, other in zip(values[1:], plain_values[1:], strict=True))
    images, labels = to_device(BLOBS.x_train[:150], BLOBS.y_train[:150], torch.device("cpu"))
    alone = sharpness(network(), images, labels).value
    assert plain.rows[0]["sharpness"] == pytest.approx(alone, rel=1e-5)


def test_an_optimizer_without_a_known_divisor_is_told_before_the_first_step() -> None:
    model = deep()
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    recipe = Recipe(Constant(0.1), epochs=1, batch_size=500, optimizer=Lion())
    meter = SharpnessMeter(every=100, preconditioned=True)
    with pytest.raises(ValueError, match=r"optimizer must be one of SGD, .*, received Lion"):
        fit(model, BLOBS, recipe, observers=[meter], device="cpu")
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)


def test_the_meter_begins_where_it_was(monkeypatch) -> None:
    starts, found = [], []

    def spy(*arguments, start, **options):
        starts.append(start)
        found.append(sharpness(*arguments, start=start, **options))
        return found[-1]

    monkeypatch.setattr("lrlab.pytorch.meters.sharpness", spy)
    recipe = Recipe(Constant(0.1), epochs=2, batch_size=500)
    fit(deep(), BLOBS, recipe, observers=[SharpnessMeter()], device="cpu")
    assert starts[0] is None
    assert starts[1] is found[0].vector


MODEL, (X, Y) = dense().double(), batch(6)
REFUSED = [
    (lambda: sharpness(MODEL, X[:0], Y[:0]), "images and labels must be equally many, .* 0 and 0"),
    (lambda: sharpness(MODEL, X, Y[1:]), "equally many, one or more, received 60 and 59"),
    (lambda: sharpness(nn.Flatten(), X, Y), "model must have a weight that requires a gradient"),
    (lambda: sharpness(MODEL, X, Y, chunk=0), "chunk must be a positive integer, received 0"),
    (lambda: sharpness(MODEL, X, Y, seed=-1), "seed must be .* received -1"),
    (lambda: sharpness(MODEL, X, Y, start=X[0]), "start must be a finite vector, .* 123 weights"),
    (lambda: sharpness(MODEL, X, Y, start=torch.zeros(123)), "start must be .* not 0"),
    (
        lambda: sharpness(MODEL, X, Y, optimizer=torch.optim.Adam(MODEL.parameters())),
        "optimizer must have made a step, received Adam",
    ),
    (lambda: SharpnessMeter(every=0), "every must be a positive integer, received 0"),
    (lambda: SharpnessMeter(images=0), "images must be a positive integer, received 0"),
    (lambda: SharpnessMeter(preconditioned=1), "preconditioned must be True or False"),
    (lambda: SharpnessMeter(chunk=0), "chunk must be a positive integer"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_what_makes_no_sense_is_refused(make, message) -> None:
    with pytest.raises(ValueError, match=message):
        make()

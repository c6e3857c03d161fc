"""Averages and distances of snapshots against NumPy, lines between them against their points."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from lrlab.data import load
from lrlab.pytorch import averaging
from lrlab.pytorch.averaging import Line, along_line, average_weights, weight_distances
from lrlab.pytorch.evaluation import evaluate
from lrlab.pytorch.snapshots import _save, load_snapshot
from lrlab.training import SnapshotError, snapshot_path

DIGITS = load("digits", 90, test_limit=40)
IMAGES, LABELS = DIGITS.x_train, DIGITS.y_train
TRAIN = replace(DIGITS, x_test=IMAGES, y_test=LABELS)  # to evaluate on them


def network(seed=0, normed=False):
    """Weights that lie pixel by pixel, as `fit` puts them."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        norm = [nn.BatchNorm2d(3)] if normed else []
        layers = [nn.Conv2d(1, 3, 3), *norm, nn.ReLU(), nn.Flatten(), nn.Linear(108, 10)]
        model = nn.Sequential(*layers).to(memory_format=torch.channels_last)
        with torch.no_grad():
            for buffer in model.buffers():  # statistics of its own for each seed
                buffer.add_(seed + 1)
    return model


def snapshots(folder, count, **options):
    paths = [snapshot_path(folder, k + 1, ".pt") for k in range(count)]
    for k, path in enumerate(paths):
        _save(network(k, **options).state_dict(), path, {})
    return paths


def weights(model):
    values = [p.detach().double().numpy().ravel() for p in model.parameters()]
    return np.concatenate(values)


def assert_state(model, other):
    assert model.state_dict().keys() == other.state_dict().keys()
    for name, value in other.state_dict().items():
        assert torch.equal(model.state_dict()[name], value), name


# --- the average of weights -----------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_average_is_numpys_mean(tmp_path, count):
    model = network(9)
    average = average_weights(snapshots(tmp_path, count), model)
    mean = np.mean([weights(network(k)) for k in range(count)], axis=0)
    np.testing.assert_allclose(weights(average), mean, rtol=1e-5, atol=1e-8)
    assert average is not model
    assert not average.training
    assert_state(model, network(count - 1))


@pytest.mark.parametrize(
    "wrap", [partial(torch.compile, backend="eager"), nn.DataParallel, AveragedModel]
)
def test_a_wrapped_network_is_averaged_as_the_one_inside_of_it(tmp_path, wrap):
    paths = snapshots(tmp_path, 3)
    average = average_weights(paths, wrap(network(9)))
    assert type(average) is nn.Sequential
    assert_state(average, average_weights(paths, network(8)))


def test_statistics_are_those_of_the_averaged_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(averaging, "EVALUATION_BATCH", 30)
    average = average_weights(snapshots(tmp_path, 3, normed=True), network(9, normed=True), IMAGES)
    kernel = np.mean([network(k, normed=True)[0].weight.detach().numpy() for k in range(3)], axis=0)
    bias = np.mean([network(k, normed=True)[0].bias.detach().numpy() for k in range(3)], axis=0)
    pixels = DIGITS.x_train[..., 0] / 127.5 - 1
    windows = np.lib.stride_tricks.sliding_window_view(pixels, (3, 3), axis=(1, 2))
    maps = np.einsum("nijab,cab->cnij", windows, kernel[:, 0]) + bias[:, None, None, None]
    batches = maps.reshape(3, 3, -1)  # maps, batches of 30 images, values
    norm = average[1]
    np.testing.assert_allclose(norm.running_mean, batches.mean(axis=2).mean(axis=1), rtol=1e-4)
    variances = batches.var(axis=2, ddof=1).mean(axis=1)
    np.testing.assert_allclose(norm.running_var, variances, rtol=1e-4)
    assert (norm.momentum, average.training) == (0.1, False)


def test_what_cannot_be_averaged_is_refused(tmp_path):
    with pytest.raises(ValueError, match="paths must name one or more snapshots, received none"):
        average_weights([], network())
    with pytest.raises(ValueError, match="images must be given for a network with batch norm"):
        average_weights(snapshots(tmp_path, 2, normed=True), network(normed=True))
    with pytest.raises(SnapshotError, match=r"snapshot-1\.pt is of another network"):
        average_weights(snapshots(tmp_path, 2), network(normed=True))


# --- distances ------------------------------------------------------------------------------------


@pytest.mark.parametrize("normed", [False, True])
def test_distances_are_those_of_the_trained_weights(tmp_path, normed):
    found = weight_distances(snapshots(tmp_path, 3, normed=normed), network(9, normed=normed))
    points = [weights(network(k, normed=normed)) for k in range(3)]
    expected = [[np.sqrt(((a - b) ** 2).sum()) for b in points] for a in points]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_array_equal(np.diag(found), 0)
    np.testing.assert_array_equal(found, found.T)
    assert found[0, 1] > 1


# --- the line between two -------------------------------------------------------------------------


@pytest.mark.parametrize("normed", [False, True])
def test_the_line_begins_and_ends_at_the_networks_and_passes_their_middle(tmp_path, normed):
    paths = snapshots(tmp_path, 2, normed=normed)
    line = along_line(*paths, network(9, normed=normed), IMAGES, LABELS, points=5)
    assert line.position.tolist() == [0, 0.25, 0.5, 0.75, 1]
    for where, k in ((0, 0), (-1, 1)):
        own = evaluate(load_snapshot(paths[k], network(9, normed=normed)), TRAIN)
        assert (line.loss[where], line.accuracy[where]) == own
    one, other = (network(k, normed=normed).state_dict() for k in range(2))
    for where, u in enumerate((0.25, 0.5, 0.75), start=1):
        middle = network(9, normed=normed)
        between = {name: (1 - u) * one[name] + u * other[name] for name in one}
        middle.load_state_dict(between)
        loss, accuracy = evaluate(middle, TRAIN)
        assert line.loss[where] == pytest.approx(loss, rel=1e-5)
        assert line.accuracy[where] == pytest.approx(accuracy, abs=0.02)
    assert len(set(line.loss)) == 5


def test_the_way_back_is_the_same(tmp_path):
    paths = snapshots(tmp_path, 2)
    there = along_line(*paths, network(), IMAGES, LABELS)
    back = along_line(*paths[::-1], network(), IMAGES, LABELS)
    assert len(there.position) == 11
    np.testing.assert_allclose(there.loss, back.loss[::-1], rtol=1e-5)


@pytest.mark.parametrize(
    ("loss", "barrier"),
    [
        ([1, 3, 2], 1.5),
        ([1, 1.5, 2], 0),
        ([2, 0, 1], 0),  # a valley is no barrier
        ([4, 3.5, 0], 1.5),  # though lower than where it starts
        ([0, 1, 5, 4], 5 - 8 / 3),
    ],
)
def test_a_barrier_rises_above_the_straight_line_between_the_losses(loss, barrier):
    position = np.linspace(0, 1, len(loss))
    line = Line(position, np.array(loss, float), np.zeros(len(loss)))
    assert line.barrier == pytest.approx(barrier, rel=1e-12, abs=0)
    assert isinstance(line.barrier, float)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (1, "points must be at least 2, received 1"),
        (2.5, "points must be a positive integer, received 2.5"),
    ],
)
def test_a_line_has_two_ends(tmp_path, points, message):
    with pytest.raises(ValueError, match=message):
        along_line(*snapshots(tmp_path, 2), network(), IMAGES, LABELS, points=points)


def test_a_line_to_nowhere_is_refused(tmp_path):
    (path,) = snapshots(tmp_path, 1)
    with pytest.raises(SnapshotError, match=r"snapshot-2\.pt does not exist"):
        along_line(path, tmp_path / "snapshot-2.pt", network(), IMAGES, LABELS)
